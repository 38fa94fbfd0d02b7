"""Reading a stored file at a position, whatever kind of file it is."""

import io
import os
from typing import BinaryIO

from .errors import storage_errors

Version = tuple[object, ...]
"""Changes when other bytes are stored in a file's place, and when the same ones are written again."""


class RemoteFile(io.RawIOBase):
    """A seekable file that is not on this machine, so that each read of it is a request."""

    version: Version

    def expect(self, start: int, stop: int) -> None:
        """Be told that this range is read next, from its start to its end."""
        raise NotImplementedError


class PositionedFile:
    """A seekable binary file or a descriptor, which is closed with it.

    A file with a descriptor is read by position and its own position stays untouched; one without
    (an object of a remote storage, io.BytesIO) is sought.
    """

    __slots__ = ("_descriptor", "_file")

    def __init__(self, source: int | BinaryIO) -> None:
        self._file = None if isinstance(source, int) else source
        self._descriptor = source if isinstance(source, int) else _descriptor_of(source)

    def length(self) -> int:
        with storage_errors():
            if self._descriptor is not None:
                return os.fstat(self._descriptor).st_size
            return self._open_file().seek(0, os.SEEK_END)

    def version(self) -> Version:
        if isinstance(self._file, RemoteFile):
            return self._file.version
        if self._descriptor is None:
            raise ValueError("this file has no version")
        with storage_errors():
            found = os.fstat(self._descriptor)
        return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def expect(self, start: int, stop: int) -> None:
        """Say which range is read next: a remote storage is then asked once for many pieces."""
        if isinstance(self._file, RemoteFile):
            self._file.expect(start, stop)

    def read_into(self, target: memoryview, offset: int) -> int:
        """Fill the target from an offset; return how much was there."""
        filled = 0
        with storage_errors():
            while filled < len(target):
                count = self._read_some(target[filled:], offset + filled)
                if not count:
                    break
                filled += count
        return filled

    def _read_some(self, target: memoryview, offset: int) -> int:
        if self._descriptor is not None:
            return os.preadv(self._descriptor, [target], offset)
        file = self._open_file()
        file.seek(offset)
        data = file.read(len(target))
        target[: len(data)] = data
        return len(data)

    def _open_file(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("the file is closed")
        return self._file

    def close(self) -> None:
        # A descriptor's number is used again by the next file: forget it with the close.
        file, descriptor = self._file, self._descriptor
        self._file = self._descriptor = None
        if file is not None:
            file.close()
        elif descriptor is not None:
            os.close(descriptor)


def _descriptor_of(file: BinaryIO) -> int | None:
    try:
        return file.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return None
