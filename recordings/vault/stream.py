"""Writing an object and reading ranges of it. Knows nothing of where objects are kept."""

import hashlib
import hmac
import io
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag

from . import wire
from .errors import Damaged, NotThisObject, storage_errors
from .identity import ObjectIdentity, Stored
from .keys import PatientKeyset
from .source import PositionedFile, Version

Chunks = Iterable[bytes | bytearray | memoryview]


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the object's row keeps, so that no other bytes can stand in for these."""

    header: bytes
    plaintext_length: int
    ciphertext_length: int
    sha256: bytes
    ciphertext_sha256: bytes


def encrypt(keyset: PatientKeyset, identity: ObjectIdentity, source: Chunks | BinaryIO, dest: BinaryIO) -> Sealed:
    """Write the source, encrypted for this identity, to `dest`, which stays open.

    Errors: NotThisObject when the keyset is another patient's or version's; StoreFull and
    StoreUnavailable for `dest`; what reading the source raises passes unchanged.
    """
    header = wire.new_header()
    cipher = keyset.object_cipher(header, identity)
    plain, sealed = hashlib.sha256(), hashlib.sha256(header)
    plaintext_length = 0
    _write_all(dest, header)
    for index, (plaintext, last) in enumerate(_segments(source)):
        ciphertext = cipher.seal(index, plaintext, last=last)
        plaintext_length += len(plaintext)
        plain.update(plaintext)
        sealed.update(ciphertext)
        _write_all(dest, ciphertext)
    return Sealed(
        header=header,
        plaintext_length=plaintext_length,
        ciphertext_length=wire.ciphertext_length(plaintext_length),
        sha256=plain.digest(),
        ciphertext_sha256=sealed.digest(),
    )


def _segments(source: Chunks | BinaryIO) -> Iterator[tuple[bytearray, bool]]:
    """Yield each segment's plaintext in one buffer, used again, and whether it is the last."""
    buffer = bytearray()
    capacity = wire.FIRST_CAPACITY
    for chunk in _chunks(source):
        rest = memoryview(chunk).cast("B")
        while rest:
            if len(buffer) == capacity:
                yield buffer, False
                buffer.clear()
                capacity = wire.SEGMENT_CAPACITY
            taken = rest[: capacity - len(buffer)]
            buffer += taken
            rest = rest[len(taken) :]
    yield buffer, True


def _chunks(source: Chunks | BinaryIO) -> Chunks:
    read = getattr(source, "read", None)
    return iter(lambda: read(wire.SEGMENT_SIZE), b"") if read else source


def _write_all(dest: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    with storage_errors():
        while rest:
            rest = rest[dest.write(rest) :]


class SeekableReader:
    """Ranges of one object's plaintext; every byte handed out was authenticated.

    Opening checks length, header and last segment against what the object's row says. The
    file is closed with the reader, and stays the caller's when opening fails. Segments are read
    into one kept buffer: a fresh one per segment costs glibc a page fault per page.
    Errors: Damaged, NotThisObject, StoreUnavailable; ValueError for a range outside the
    plaintext and for a closed reader.
    """

    def __init__(
        self,
        source: int | BinaryIO,
        keyset: PatientKeyset,
        identity: ObjectIdentity,
        *,
        expected_length: int,
        expected_header: Stored,
    ) -> None:
        """Units: expected_length is the plaintext's, in bytes."""
        header = bytes(expected_header)
        if not wire.is_header(header):
            raise Damaged("The header on record is none.")
        self._cipher = keyset.object_cipher(header, identity)
        self._file: PositionedFile | None = PositionedFile(source)
        self._plaintext_length = expected_length
        self._file_length = wire.ciphertext_length(expected_length)
        self._last = wire.segment_count(expected_length) - 1
        self._buffer = memoryview(bytearray(min(wire.SEGMENT_SIZE, self._file_length)))
        # RACE: two threads in one reader would fill the buffer under each other's hands.
        self._lock = threading.Lock()
        self._check_frame(self._file, header)
        self._check_last_segment()

    def __len__(self) -> int:
        return self._plaintext_length

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        # RACE: a thread that still reads finishes its segment before the descriptor goes.
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                file.close()

    def read_range(self, start: int, stop: int) -> bytes:
        """Return the plaintext from start up to, not including, stop. To send much, iterate."""
        collected = io.BytesIO()
        collected.writelines(self.iter_range(start, stop))
        return collected.getvalue()

    def iter_range(self, start: int, stop: int, block: int = wire.SEGMENT_CAPACITY) -> Iterator[bytes]:
        """Yield the range in pieces of at most `block` bytes, none crossing a segment.

        A damaged segment raises Damaged in place of its first piece.
        """
        if not 0 <= start <= stop <= self._plaintext_length:
            raise ValueError("the range is outside the plaintext")
        if block < 1:
            raise ValueError("a block has at least one byte")
        return self._pieces(start, stop, block)

    def demand_whole(self, sha256: Stored) -> None:
        """Read everything and compare it with the SHA-256 on record. Errors: Damaged, StoreUnavailable."""
        digest = hashlib.sha256()
        for piece in self.iter_range(0, self._plaintext_length):
            digest.update(piece)
        if not hmac.compare_digest(digest.digest(), bytes(sha256)):
            raise Damaged("The object's content is not what was recorded.")

    def version(self) -> Version:
        """Return which stored version this is, so that a check of it need not be repeated."""
        with self._lock:
            return self._open_file().version()

    def _pieces(self, start: int, stop: int, block: int) -> Iterator[bytes]:
        if start < stop:
            self._expect(wire.segment_at(start), wire.segment_at(stop - 1))
        while start < stop:
            index = wire.segment_at(start)
            offset = wire.segment_start(index)
            plaintext = self._segment(index)
            end = min(stop - offset, len(plaintext))
            for position in range(start - offset, end, block):
                yield plaintext[position : min(position + block, end)]
            start = offset + end

    def _expect(self, first: int, last: int) -> None:
        begin, end = wire.segment_span(first, self._file_length)[0], wire.segment_span(last, self._file_length)[1]
        with self._lock:
            self._open_file().expect(begin, end)

    def _open_file(self) -> PositionedFile:
        if self._file is None:
            raise ValueError("the reader is closed")
        return self._file

    def _segment(self, index: int) -> bytes:
        try:
            return self._decrypted(index)
        except InvalidTag as error:
            raise Damaged from error

    def _decrypted(self, index: int) -> bytes:
        start, stop = wire.segment_span(index, self._file_length)
        ciphertext = self._buffer[: stop - start]
        with self._lock:
            if self._open_file().read_into(ciphertext, start) != stop - start:
                raise Damaged("The stored object became shorter.")
            return self._cipher.open(index, ciphertext, last=index == self._last)

    def _check_frame(self, file: PositionedFile, header: bytes) -> None:
        if file.length() != self._file_length:
            raise Damaged("The stored object has another length.")
        found = self._buffer[: wire.HEADER_LENGTH]
        # SECURITY: an older or foreign object, valid in itself, has another header.
        if file.read_into(found, 0) != len(found) or not hmac.compare_digest(found, header):
            raise NotThisObject

    def _check_last_segment(self) -> None:
        # SECURITY: a file cut at a segment border would otherwise serve its first segments.
        try:
            self._decrypted(self._last)
        except InvalidTag as error:
            raise self._reason() from error

    def _reason(self) -> NotThisObject | Damaged:
        """Return Damaged if the first segment shows that object and key are the right ones."""
        try:
            self._decrypted(0)
        except InvalidTag:
            return NotThisObject()
        return Damaged()
