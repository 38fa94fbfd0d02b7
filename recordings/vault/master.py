"""The master key: a Tink AEAD that wraps the patients' keysets, named by a URI."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NoReturn, Protocol, Self
from urllib.parse import unquote, urlsplit

from tink import (
    TinkError,
    aead,
    new_keyset_handle,
    proto_keyset_format,
    secret_key_access,
)

from .durable import write_once
from .errors import AlreadyStored, MasterKeyUnusable, storage_errors

aead.register()

_LARGEST_KEY_FILE = 64 * 1024


class Aead(Protocol):
    """What the vault needs of tink.aead.Aead; a master key in a KMS is one, too."""

    def encrypt(self, plaintext: bytes, associated_data: bytes) -> bytes: ...

    def decrypt(self, ciphertext: bytes, associated_data: bytes) -> bytes: ...


class MasterKey:
    """Wraps and unwraps keysets; holds no key bytes that Python code could print."""

    __slots__ = ("aead",)

    def __init__(self, aead: Aead) -> None:
        self.aead = aead

    @classmethod
    def load(cls, uri: str) -> Self:
        """Errors: MasterKeyUnusable."""
        return cls(master_aead(uri))

    def __repr__(self) -> str:
        return "<MasterKey>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a master key cannot be pickled or copied")


def master_aead(uri: str) -> Aead:
    """Return the Tink AEAD a URI names; each scheme has its loader in MASTER_KEY_SCHEMES.

    Errors: MasterKeyUnusable.
    """
    scheme = urlsplit(uri).scheme
    if scheme not in MASTER_KEY_SCHEMES:
        known = ", ".join(f"{name}://" for name in sorted(MASTER_KEY_SCHEMES))
        raise MasterKeyUnusable(f"The master key URI must start with one of: {known}")
    return MASTER_KEY_SCHEMES[scheme](uri)


def create_master_key_file(path: Path) -> None:
    """Make a new master key in a file of mode 0600, which must not exist yet.

    Shape: a cleartext binary Tink keyset of one AES256_GCM key.
    Errors: AlreadyStored; Missing when the directory is not there; StoreFull, StoreUnavailable.
    """
    handle = new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    serialized: bytes = proto_keyset_format.serialize(handle, secret_key_access.TOKEN)

    def write(file: BinaryIO) -> None:
        with storage_errors():
            file.write(serialized)

    with storage_errors():
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        write_once(directory, path.name, write)
    except AlreadyStored as error:
        raise AlreadyStored("A master key file is there already.") from error
    finally:
        os.close(directory)


def _file_aead(uri: str) -> Aead:
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise MasterKeyUnusable("A master key file is named as file:///absolute/path")
    try:
        handle = proto_keyset_format.parse(_read_private_file(Path(unquote(parts.path))), secret_key_access.TOKEN)
        primitive: Aead = handle.primitive(aead.Aead)
    except TinkError as error:
        raise MasterKeyUnusable("The master key file holds no Tink AEAD keyset.") from error
    return primitive


def _read_private_file(path: Path) -> bytes:
    try:
        # Links are followed: a container's mounted secret is one. What counts is the file itself.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _refuse_unless_private(os.fstat(descriptor))
            return os.read(descriptor, _LARGEST_KEY_FILE)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise MasterKeyUnusable(f"The master key file cannot be read: {error.strerror}") from error


def _refuse_unless_private(status: os.stat_result) -> None:
    # SECURITY: whoever else can read this file can unwrap every patient's key.
    if not stat.S_ISREG(status.st_mode):
        raise MasterKeyUnusable("The master key is not a regular file.")
    if status.st_uid not in (os.geteuid(), 0):
        raise MasterKeyUnusable("The master key file belongs to another user.")
    if stat.S_IMODE(status.st_mode) & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise MasterKeyUnusable(
            f"The master key file has mode {mode:04o}: others than its owner may use it. Set it to 0600."
        )


def _kms_aead(uri: str) -> Aead:
    # Imported here: boto3 costs every process 20 MB and a fifth of a second; only who names a KMS pays.
    from .kms import kms_aead

    return kms_aead(uri)


def _transit_aead(uri: str) -> Aead:
    # Imported here for the same reason: hvac brings requests with it.
    from .transit import transit_aead

    return transit_aead(uri)


# Another KMS is added here: a scheme, and a function from the URI to an AEAD that binds the associated data.
MASTER_KEY_SCHEMES: dict[str, Callable[[str], Aead]] = {
    "aws-kms": _kms_aead,
    "file": _file_aead,
    "hcvault": _transit_aead,
}
