"""The key that signs the ledger's checkpoints: Ed25519, in a file that should not lie on the database's machine."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from django.conf import settings

from audit.files import path_of, write_once


class KeyUnusable(Exception):
    """A key cannot be read or is of another kind; the text says what to do."""


def signing_key() -> Ed25519PrivateKey:
    """Errors: KeyUnusable, also when there is none."""
    path = path_of(settings.LEDGER_SIGNING_KEY)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("LEDGER_SIGNING_KEY names no readable private key in PEM.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable("LEDGER_SIGNING_KEY must name an Ed25519 key.")
    return key


def make_signing_key() -> None:
    """Make the key unless it is there. Idempotent because its file is written once."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = path_of(settings.LEDGER_SIGNING_KEY)
    if not path.exists():
        write_once(path, pem)


def public_pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_key(pem: bytes) -> Ed25519PublicKey:
    """Errors: KeyUnusable."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("This is no public key in PEM.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnusable("The ledger's public key is an Ed25519 key.")
    return key


def public_key_of_file(path: Path) -> Ed25519PublicKey:
    """Errors: KeyUnusable."""
    try:
        return public_key(path.read_bytes())
    except OSError as error:
        raise KeyUnusable(f"The public key cannot be read: {error.strerror}.") from error
