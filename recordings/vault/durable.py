"""A file that is there completely and for good, or not at all."""

import contextlib
import os
import secrets
from collections.abc import Callable
from typing import BinaryIO, TypeVar

from .errors import storage_errors

T = TypeVar("T")

TEMPORARY_PREFIX = ".part-"
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_once(directory: int, name: str, write: Callable[[BinaryIO], T]) -> T:
    """Let `write` fill a new file of mode 0600 in an open directory; return what it returns.

    When this returns, file and name survive a power cut. The file handed to `write` is
    unbuffered: its `write()` may take less than it was given.
    Errors: AlreadyStored, StoreFull, StoreUnavailable; what `write` raises passes unchanged.
    """
    temporary = TEMPORARY_PREFIX + secrets.token_hex(16)
    with storage_errors():
        descriptor = os.open(temporary, _NEW_FILE, 0o600, dir_fd=directory)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            result = write(file)
            with storage_errors():
                os.fsync(file.fileno())
        _publish(directory, temporary, name)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=directory)
    with storage_errors():
        os.fsync(directory)
    return result


def _publish(directory: int, temporary: str, name: str) -> None:
    # RACE: a rename would replace what another writer stored meanwhile; a link never does.
    with storage_errors():
        os.link(temporary, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
