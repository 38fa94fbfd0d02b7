"""A master key that never leaves HashiCorp Vault's Transit engine: hcvault://host[:port]/mount/keys/name[?tls=off]

Tink's own client of it takes no associated data. This one has Transit bind it, so that a keyset moved to another
patient's row is refused; a Vault that does not bind it is refused at the start.
"""

import base64
import re
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address

import requests
from tink import TinkError

from . import hashicorp
from .errors import MasterKeyUnusable
from .master import Aead

_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_URI = re.compile(
    rf"hcvault://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{{1,5}})?/({_NAME}(?:/{_NAME})*)/keys/({_NAME})(\?tls=off)?"
)
_CIPHERTEXT = re.compile(rb"vault:v[1-9][0-9]*:[A-Za-z0-9+/]+={0,2}")
_PROOF, _PROOF_CONTEXT, _OTHER_CONTEXT = b"telehealth", b"tp1-master-key-proof", b"tp1-another-proof"
# What a ciphertext of other associated data, another key or another origin is answered with.
_NOT_THIS_KEYSET = ("message authentication failed", "invalid ciphertext")
_STRANGE = "Vault does not answer as it should. Try again later."
# By Vault's own words where it has said why, otherwise by the status.
_BY_WORDS = {
    "version is too new": "Vault lacks the version of the master key that was used. Restore it.",
    "too old": "Vault opens no more with that version of the master key. Lower its min_decryption_version.",
    "encryption key not found": "Vault knows no such master key. Check the name, or make the key.",
    "associated_data": "The master key's type binds no associated data. Use a key of type aes256-gcm96.",
    "key derivation": "The master key is a derived one. Use a key made with derived=false.",
}
_BY_STATUS: dict[int, str] = {
    HTTPStatus.FORBIDDEN: "Vault refuses: the token is wrong or has expired, or lacks update on the key's paths.",
    HTTPStatus.NOT_FOUND: "Vault knows no Transit engine there. Check the mount and VAULT_NAMESPACE.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Vault is sealed or not ready. Unseal it.",
}


def transit_aead(uri: str) -> Aead:
    """Return the AEAD of a key in Transit, proved to seal, to open and to bind. Errors: MasterKeyUnusable."""
    aead = TransitAead(_key_of(uri))
    aead.prove()
    return aead


@dataclass(frozen=True, slots=True)
class TransitKey:
    """One key: https://host[:port] of the Vault, the path its engine is mounted at, the key's name."""

    address: str
    mount: str
    name: str


class TransitAead:
    """One key in Transit, which binds the associated data.

    Errors: TinkError for a ciphertext that is not of this key and associated data; MasterKeyUnusable.
    """

    def __init__(self, key: TransitKey) -> None:
        self._key = key

    def encrypt(self, plaintext: bytes, associated_data: bytes) -> bytes:
        with hashicorp.client(self._key.address) as client:
            response = client.secrets.transit.encrypt_data(
                self._key.name, _text(plaintext), associated_data=_text(associated_data), mount_point=self._key.mount
            )
        ciphertext = _result_of(response, "ciphertext").encode("ascii", "replace")
        if not _CIPHERTEXT.fullmatch(ciphertext):
            raise MasterKeyUnusable(_STRANGE)
        return ciphertext

    def decrypt(self, ciphertext: bytes, associated_data: bytes) -> bytes:
        if not _CIPHERTEXT.fullmatch(ciphertext):
            raise TinkError("not a ciphertext of Transit")
        return self._opened(ciphertext.decode("ascii"), associated_data)

    def prove(self) -> None:
        """Try the key. Errors: MasterKeyUnusable."""
        # Asked to seal with a key that is not there, Vault may make one; asked to open, it says so.
        if not self._refuses("no ciphertext", _PROOF_CONTEXT):
            raise MasterKeyUnusable(_STRANGE)
        # A key that seals but does not open would lose everything that is recorded from now on.
        sealed = self.encrypt(_PROOF, _PROOF_CONTEXT).decode("ascii")
        if self._refuses(sealed, _PROOF_CONTEXT):
            raise MasterKeyUnusable("Vault does not open what it has just sealed.")
        # SECURITY: Vault overlooks what it does not know, and would then open one patient's keyset for another.
        if not self._refuses(sealed, _OTHER_CONTEXT):
            raise MasterKeyUnusable("This Vault binds no associated data. Use version 1.13 or later.")

    def _refuses(self, ciphertext: str, associated_data: bytes) -> bool:
        try:
            return self._opened(ciphertext, associated_data) != _PROOF
        except TinkError:
            return True

    def _opened(self, ciphertext: str, associated_data: bytes) -> bytes:
        with hashicorp.client(self._key.address) as client:
            response = client.secrets.transit.decrypt_data(
                self._key.name, ciphertext, associated_data=_text(associated_data), mount_point=self._key.mount
            )
        try:
            return base64.b64decode(_result_of(response, "plaintext"), validate=True)
        except ValueError as error:
            raise MasterKeyUnusable(_STRANGE) from error


def _key_of(uri: str) -> TransitKey:
    named = _URI.fullmatch(uri)
    if named is None:
        raise MasterKeyUnusable(
            "A key in Vault is named as hcvault://host[:port]/mount/keys/name; the token comes from VAULT_TOKEN_FILE."
        )
    host, port, mount, name, is_plain = named.groups()
    # SECURITY: token and keysets would cross the network for everybody to read.
    if is_plain and not _is_loopback(host):
        raise MasterKeyUnusable("Vault is asked over TLS; tls=off is for an address of this machine only.")
    return TransitKey(f"{'http' if is_plain else 'https'}://{host}{port or ''}", mount, name)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _result_of(response: requests.Response, name: str) -> str:
    """Errors: TinkError for what is not of this key and associated data; MasterKeyUnusable."""
    answer = hashicorp.answer_of(response)
    if response.status_code == HTTPStatus.OK:
        data = answer.get("data")
        if isinstance(data, dict) and isinstance(data.get(name), str):
            return str(data[name])
        raise MasterKeyUnusable(_STRANGE)
    if response.status_code not in (HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR):
        raise MasterKeyUnusable(_BY_STATUS.get(response.status_code, _STRANGE))
    said = str(answer.get("errors"))
    for words, sentence in _BY_WORDS.items():
        if words in said:
            raise MasterKeyUnusable(sentence)
    if any(words in said for words in _NOT_THIS_KEYSET):
        raise TinkError("Transit does not open it as this key's and associated data's.")
    raise MasterKeyUnusable(_STRANGE)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
