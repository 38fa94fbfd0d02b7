"""The way to HashiCorp Vault: its token, TLS and time limits, from the places Vault's own tools read."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hvac
import requests

from .errors import MasterKeyUnusable

# Connecting, and each wait for bytes. Nothing is tried twice here: browsers and jobs come again by themselves.
TIMEOUTS_S = (2.0, 10.0)
_LONGEST_TOKEN = 8192
_TOKEN = re.compile(rb"[\x21-\x7e]{1,%d}" % _LONGEST_TOKEN)


@contextmanager
def client(address: str) -> Iterator[hvac.Client]:
    """Lend a client of the Vault at https://host; answers come as `requests.Response`, whatever their status.

    Errors: MasterKeyUnusable when there is no token, or when no answer comes.
    """
    # A connection for each use: keysets are cached, so it is seldom asked; nothing is shared by threads or over a fork.
    with requests.Session() as session:
        # SECURITY: a proxy or a .netrc named in the environment would see, or add, what is not theirs.
        session.trust_env = False
        session.verify = os.environ.get("VAULT_CACERT") or True
        with _no_answer():
            yield hvac.Client(
                url=address,
                token=_token(),
                session=session,
                timeout=TIMEOUTS_S,
                namespace=os.environ.get("VAULT_NAMESPACE"),
                # SECURITY: a redirect would carry token and keyset to another host, or out of TLS.
                allow_redirects=False,
                adapter=hvac.adapters.RawAdapter,
                ignore_exceptions=True,
            )


def answer_of(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object of an answer, or an empty one when it holds none."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


@contextmanager
def _no_answer() -> Iterator[None]:
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise MasterKeyUnusable("Vault's TLS cannot be believed. Name its authority in VAULT_CACERT.") from error
    except requests.Timeout as error:
        raise MasterKeyUnusable("Vault does not answer in time. Try again later.") from error
    except requests.RequestException as error:
        raise MasterKeyUnusable("Vault cannot be reached. Try again later.") from error
    except OSError as error:
        # What requests says of a bundle that is not there.
        raise MasterKeyUnusable("The certificates that VAULT_CACERT names cannot be read.") from error


def _token() -> str:
    """Read the token anew: a Vault agent renews it in its file while the portal runs."""
    path, given = os.environ.get("VAULT_TOKEN_FILE"), os.environ.get("VAULT_TOKEN")
    if bool(path) == bool(given):
        raise MasterKeyUnusable("Set VAULT_TOKEN_FILE, the file of a Vault agent's token, or else VAULT_TOKEN.")
    token = _content_of(path).strip() if path else os.fsencode(given or "")
    # SECURITY: requests would repeat in its error a token that no header can hold.
    if not _TOKEN.fullmatch(token):
        raise MasterKeyUnusable(f"{'VAULT_TOKEN_FILE' if path else 'VAULT_TOKEN'} holds no token.")
    return token.decode("ascii")


def _content_of(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _refuse_unless_private(os.fstat(descriptor))
            return os.read(descriptor, _LONGEST_TOKEN + 2)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise MasterKeyUnusable(f"The file VAULT_TOKEN_FILE names cannot be read: {error.strerror}") from error


def _refuse_unless_private(status: os.stat_result) -> None:
    # SECURITY: whoever else can read the token can ask Vault to unwrap every patient's key. A group may: an agent
    # runs as another user than the portal.
    if not stat.S_ISREG(status.st_mode):
        raise MasterKeyUnusable("VAULT_TOKEN_FILE is not a regular file.")
    if stat.S_IMODE(status.st_mode) & 0o007:
        mode = stat.S_IMODE(status.st_mode)
        raise MasterKeyUnusable(f"VAULT_TOKEN_FILE has mode {mode:04o}: anybody may use it. Set it to 0640.")
