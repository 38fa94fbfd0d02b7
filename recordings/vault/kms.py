"""A master key that never leaves AWS KMS: aws-kms://arn:aws:kms:<region>:<account>:key/<id>[?endpoint_url=…]

The associated data is bound as KMS' encryption context, so that a keyset moved to another patient's row is refused.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from tink import TinkError
from tink.integration import awskms

from . import aws
from .endpoint import is_endpoint
from .errors import MasterKeyUnusable
from .master import Aead

_KEY = re.compile(r"aws-kms://arn:aws:kms:([a-z0-9-]+):\d{12}:key/[A-Za-z0-9-]+")
_PROOF, _PROOF_CONTEXT = b"telehealth", b"tp1-master-key-proof"
# What a ciphertext of another context, key or origin is answered with; Tink's error says the same.
_NOT_THIS_KEYSET = {"InvalidCiphertextException", "IncorrectKeyException"}
_SENTENCES = {
    "AccessDeniedException": "KMS refuses: the portal's role needs kms:Encrypt and kms:Decrypt on the master key.",
    "DisabledException": "The master key is disabled in KMS. Enable it.",
    "KMSInvalidStateException": "The master key is to be deleted or not ready in KMS. Cancel its deletion.",
    "NotFoundException": "KMS knows no such master key. Check account, region and id.",
}


def kms_aead(uri: str) -> Aead:
    """Return the AEAD of a key in KMS, proved to encrypt and decrypt. Errors: MasterKeyUnusable."""
    key_uri, _, query = uri.partition("?")
    named, options = _KEY.fullmatch(key_uri), parse_qsl(query, keep_blank_values=True)
    if named is None or urlsplit(uri).fragment or [name for name, _ in options] not in ([], ["endpoint_url"]):
        raise MasterKeyUnusable(
            "A KMS key is named as aws-kms://arn:aws:kms:<region>:<account>:key/<id>, with endpoint_url at most; "
            "boto3 finds credentials in its own places."
        )
    endpoint_url = options[0][1] if options else None
    if endpoint_url is not None and not is_endpoint(endpoint_url):
        raise MasterKeyUnusable("The master key's endpoint_url must be https://host, without credentials.")
    aead = KmsAead(key_uri, region=named[1], endpoint_url=endpoint_url)
    # A key that encrypts but does not decrypt would lose everything that is recorded from now on.
    try:
        aead.decrypt(aead.encrypt(_PROOF, _PROOF_CONTEXT), _PROOF_CONTEXT)
    except TinkError as error:
        raise MasterKeyUnusable("KMS does not open what it has just sealed.") from error
    return aead


class KmsAead:
    """Tink's client of one KMS key, with our timeouts and errors.

    Errors: TinkError for a ciphertext that is not of this key and associated data; MasterKeyUnusable.
    """

    def __init__(self, key_uri: str, *, region: str, endpoint_url: str | None) -> None:
        self._key_uri, self._region, self._endpoint_url = key_uri, region, endpoint_url

    def encrypt(self, plaintext: bytes, associated_data: bytes) -> bytes:
        with _kms_errors():
            return bytes(self._aead().encrypt(plaintext, associated_data))

    def decrypt(self, ciphertext: bytes, associated_data: bytes) -> bytes:
        with _kms_errors():
            return bytes(self._aead().decrypt(ciphertext, associated_data))

    def _aead(self) -> Aead:
        client = aws.client("kms", region=self._region, endpoint_url=self._endpoint_url)
        aead: Aead = awskms.new_client(boto3_client=client, key_uri=self._key_uri).get_aead(self._key_uri)
        return aead


@contextmanager
def _kms_errors() -> Iterator[None]:
    try:
        yield
    except TinkError as error:
        code = _code_of(error)
        if code in _NOT_THIS_KEYSET:
            raise
        raise MasterKeyUnusable(_SENTENCES.get(code, "KMS does not answer as it should. Try again later.")) from error
    except NoCredentialsError as error:
        raise MasterKeyUnusable("boto3 finds no credentials for KMS.") from error
    except (BotoCoreError, OSError) as error:
        raise MasterKeyUnusable("KMS cannot be reached. Try again later.") from error


def _code_of(error: TinkError) -> str:
    """Return KMS' own word for what Tink's client wraps."""
    cause = error.args[0] if error.args else None
    return str(cause.response.get("Error", {}).get("Code", "")) if isinstance(cause, ClientError) else ""
