"""What the vault refuses, as facts. No text names a person, a recording or a path."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class VaultError(Exception):
    """Base of every refusal; the text is meant for a log, never for a client."""

    fact: ClassVar[str] = "The vault refused."

    def __init__(self, fact: str | None = None) -> None:
        super().__init__(fact or self.fact)


class NotThisObject(VaultError):
    """The bytes belong to another object, version or key, or were altered beyond telling."""

    fact = "The stored bytes are not those of this object."


class Damaged(VaultError):
    """The bytes are this object's, but some are missing, added or altered."""

    fact = "The stored object is damaged."


class Missing(VaultError):
    """Nothing is stored at the object's place."""

    fact = "The object is not stored."


class AlreadyStored(VaultError):
    """Something is stored at that place; stored objects are never overwritten."""

    fact = "Something is stored there already."


class StoreUnavailable(VaultError):
    """The storage did not do what it was asked; trying again later may help."""

    fact = "The storage is not available."


class StoreFull(StoreUnavailable):
    """There is no space left."""

    fact = "The storage is full."


class StoreUnusable(VaultError):
    """The storage is named in a way that cannot work; the text says what to change."""

    fact = "The storage cannot be used."


class KeyRefused(VaultError):
    """A wrapped keyset is not this patient's and version's, or not of the vault's kind."""

    fact = "The patient's keyset could not be unwrapped."


class MasterKeyUnusable(VaultError):
    """The master key cannot be loaded; the text says what to change."""

    fact = "The master key cannot be used."


_BY_ERRNO: dict[int, type[VaultError]] = {
    errno.ENOENT: Missing,
    errno.EEXIST: AlreadyStored,
    errno.ELOOP: NotThisObject,
    errno.ENOTDIR: NotThisObject,
    errno.EISDIR: NotThisObject,
    errno.ENXIO: NotThisObject,
    errno.ENOSPC: StoreFull,
    errno.EDQUOT: StoreFull,
}


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn an OSError of the storage into the fact it stands for."""
    try:
        yield
    except OSError as error:
        raise _BY_ERRNO.get(error.errno or 0, StoreUnavailable)() from error
