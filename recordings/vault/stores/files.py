"""Objects as files of a directory, reached one name at a time so that no link leads elsewhere."""

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar
from uuid import UUID

from ..durable import TEMPORARY_PREFIX, write_once
from ..errors import AlreadyStored, Missing, NotThisObject, StoreUnavailable, storage_errors
from ..identity import require_uuid

T = TypeVar("T")

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK a named pipe in an object's place would block the opener for ever.
_OBJECT = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FileStore:
    """Objects as files: <root>/vaults/<vault_id>/<recording>/<object>."""

    def __init__(self, root: Path) -> None:
        """The root must exist: a volume that is not mounted must not be replaced silently."""
        self._root = root

    def put(self, vault_id: UUID, recording: UUID, object: UUID, write: Callable[[BinaryIO], T]) -> T:
        name = str(require_uuid(object))
        with self._directory(vault_id, recording, make=True) as directory:
            if _status(directory, name) is not None:
                raise AlreadyStored
            return write_once(directory, name, write)

    def open(self, vault_id: UUID, recording: UUID, object: UUID) -> BinaryIO:
        name = str(require_uuid(object))
        with self._directory(vault_id, recording) as directory, storage_errors():
            descriptor = os.open(name, _OBJECT, dir_fd=directory)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise NotThisObject
        return os.fdopen(descriptor, "rb", buffering=0)

    def exists(self, vault_id: UUID, recording: UUID, object: UUID) -> bool:
        name = str(require_uuid(object))
        try:
            with self._directory(vault_id, recording) as directory:
                status = _status(directory, name)
        except Missing:
            return False
        return status is not None and stat.S_ISREG(status.st_mode)

    def delete(self, vault_id: UUID, recording: UUID, object: UUID) -> bool:
        name = str(require_uuid(object))
        try:
            with self._directory(vault_id, recording) as directory, storage_errors():
                os.unlink(name, dir_fd=directory)
                os.fsync(directory)
        except Missing:
            return False
        return True

    def delete_recording(self, vault_id: UUID, recording: UUID) -> bool:
        name = str(require_uuid(recording))
        try:
            with self._directory(vault_id) as directory, storage_errors():
                shutil.rmtree(name, dir_fd=directory)
                os.fsync(directory)
        except Missing:
            return False
        return True

    def check(self) -> None:
        os.close(self._walk([], make=False))

    def sweep(self, older_than_s: float) -> int:
        """Units: older_than_s counts from the last write, so that a slow writer is left alone."""
        removed = 0
        vaults = self._root / "vaults"
        for _, _, names, directory in os.fwalk(vaults) if vaults.is_dir() else ():
            for name in names:
                if name.startswith(TEMPORARY_PREFIX):
                    removed += _remove_if_stale(directory, name, time.time() - older_than_s)
        return removed

    @contextmanager
    def _directory(self, *ids: UUID, make: bool = False) -> Iterator[int]:
        descriptor = self._walk(["vaults", *(str(require_uuid(value)) for value in ids)], make)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _walk(self, names: list[str], make: bool) -> int:
        """Return the descriptor of a directory, reached one name at a time."""
        try:
            current = os.open(self._root, _DIRECTORY)
        except OSError as error:
            raise StoreUnavailable from error
        for name in names:
            try:
                with storage_errors():
                    following = _step(current, name, make)
            finally:
                os.close(current)
            current = following
        return current


def _step(directory: int, name: str, make: bool) -> int:
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=directory)
        # RACE: also when the directory was there: its maker may not have got this far yet.
        os.fsync(directory)
    # SECURITY: a link in place of a directory would lead into another patient's vault.
    return os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)


def _status(directory: int, name: str) -> os.stat_result | None:
    try:
        with storage_errors():
            return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except Missing:
        return None


def _remove_if_stale(directory: int, name: str, before: float) -> bool:
    status = _status(directory, name)
    if status is None or status.st_mtime > before:
        return False
    try:
        with storage_errors():
            os.unlink(name, dir_fd=directory)
    except Missing:
        return False
    return True
