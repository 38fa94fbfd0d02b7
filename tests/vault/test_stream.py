import errno
import hashlib
import io
import os
import random
import threading
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from recordings.vault import (
    Damaged,
    NotThisObject,
    SeekableReader,
    StoreFull,
    StoreUnavailable,
    ciphertext_length,
    encrypt,
)
from recordings.vault.source import PositionedFile
from recordings.vault.wire import FIRST_CAPACITY, SEGMENT_CAPACITY, SEGMENT_SIZE

from .conftest import Person
from .samples import BORDERS, FIVE_SEGMENTS, SealedFile, plaintext_of, seal


@pytest.fixture(scope="module")
def sealed(ada: Person) -> SealedFile:
    return seal(ada.keyset, ada.object(), plaintext_of(FIVE_SEGMENTS))


def test_the_length_of_the_file_follows_from_the_length_of_the_plaintext() -> None:
    assert ciphertext_length(0) == 40 + 16
    assert ciphertext_length(FIRST_CAPACITY) == SEGMENT_SIZE
    assert ciphertext_length(FIRST_CAPACITY + 1) == SEGMENT_SIZE + 17
    assert ciphertext_length(FIRST_CAPACITY + SEGMENT_CAPACITY) == 2 * SEGMENT_SIZE
    with pytest.raises(ValueError, match="negative"):
        ciphertext_length(-1)


@pytest.mark.parametrize("size", [1, 4096, SEGMENT_SIZE, FIRST_CAPACITY, 10**6, 10**9])
def test_the_cutting_of_the_source_does_not_matter(ada: Person, size: int) -> None:
    plaintext = plaintext_of(5_000 if size == 1 else FIVE_SEGMENTS)
    chunks = [plaintext[n : n + size] for n in range(0, len(plaintext), size)]
    identity, file = ada.object(), io.BytesIO()
    sealed = encrypt(ada.keyset, identity, [b"", *chunks, b""], file)
    again = SealedFile(ada.keyset, identity, plaintext, file.getvalue(), sealed)
    assert again.open().read_range(0, len(plaintext)) == plaintext


def test_a_file_full_of_newlines_is_a_source_too(ada: Person) -> None:
    plaintext = b"\n" * 600_000
    identity, file = ada.object(), io.BytesIO()
    sealed = encrypt(ada.keyset, identity, io.BytesIO(plaintext), file)
    assert sealed.sha256 == hashlib.sha256(plaintext).digest()
    again = SealedFile(ada.keyset, identity, plaintext, file.getvalue(), sealed)
    assert again.open().read_range(0, len(plaintext)) == plaintext


def test_text_or_bare_bytes_are_no_source(ada: Person) -> None:
    for source in ("text", b"bytes", io.StringIO("text")):
        with pytest.raises(TypeError):
            encrypt(ada.keyset, ada.object(), source, io.BytesIO())  # type: ignore[arg-type]


def test_the_same_content_twice_shares_no_header_and_no_ciphertext(ada: Person) -> None:
    identity = ada.object()
    one, two = (seal(ada.keyset, identity, b"the same") for _ in range(2))
    assert one.sealed.header[1:33] != two.sealed.header[1:33]
    assert one.sealed.header[33:] != two.sealed.header[33:]
    assert one.ciphertext[40:] != two.ciphertext[40:]


def test_a_writer_refuses_anothers_keyset_before_a_byte(ada: Person, ben: Person) -> None:
    file = io.BytesIO()
    with pytest.raises(NotThisObject):
        encrypt(ben.keyset, ada.object(), [b"said in confidence"], file)
    assert file.getvalue() == b""


def test_a_destination_that_takes_little_at_a_time_gets_everything(ada: Person) -> None:
    class Slow(io.BytesIO):
        def write(self, data: object) -> int:
            return super().write(bytes(data)[:1_000])  # type: ignore[call-overload]

    identity, file, plaintext = ada.object(), Slow(), plaintext_of(300_000)
    sealed = encrypt(ada.keyset, identity, [plaintext], file)
    again = SealedFile(ada.keyset, identity, plaintext, file.getvalue(), sealed)
    assert again.open().read_range(0, len(plaintext)) == plaintext


def test_a_full_disk_is_told_as_such(ada: Person) -> None:
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(StoreFull):
        encrypt(ada.keyset, ada.object(), [b"said in confidence"], full)


def test_a_failing_source_is_not_blamed_on_the_storage(ada: Person) -> None:
    def failing() -> Iterator[bytes]:
        yield b"first"
        raise ConnectionResetError(errno.ECONNRESET, "peer")

    with pytest.raises(ConnectionResetError):
        encrypt(ada.keyset, ada.object(), failing(), io.BytesIO())


def test_random_ranges_are_those_of_the_plaintext(sealed: SealedFile) -> None:
    reader, pick = sealed.open(), random.Random(7)
    for _ in range(300):
        start, stop = sorted(pick.randint(0, len(reader)) for _ in range(2))
        assert reader.read_range(start, stop) == sealed.plaintext[start:stop]


def test_ranges_that_touch_the_borders_are_exact(sealed: SealedFile) -> None:
    reader = sealed.open()
    edges = sorted({0, 1, *BORDERS, FIVE_SEGMENTS - 1, FIVE_SEGMENTS})
    for start in edges:
        for stop in (edge for edge in edges if edge >= start):
            assert reader.read_range(start, stop) == sealed.plaintext[start:stop]


@pytest.mark.parametrize("block", [1_000, 65_536, SEGMENT_CAPACITY, 10**9])
def test_pieces_are_small_and_add_up(sealed: SealedFile, block: int) -> None:
    pieces = list(sealed.open().iter_range(17, 700_001, block=block))
    assert b"".join(pieces) == sealed.plaintext[17:700_001]
    assert all(pieces)
    assert max(map(len, pieces)) <= min(block, SEGMENT_CAPACITY)


def test_a_piece_stays_as_it_was_while_reading_goes_on(sealed: SealedFile) -> None:
    pieces = list(sealed.open().iter_range(0, FIVE_SEGMENTS))
    borders = [0]
    for piece in pieces:
        borders.append(borders[-1] + len(piece))
    expected = [sealed.plaintext[start:stop] for start, stop in pairwise(borders)]
    assert pieces == expected


@pytest.mark.parametrize(("start", "stop"), [(-1, 1), (2, 1), (0, FIVE_SEGMENTS + 1)])
def test_a_range_outside_is_refused_before_iterating(sealed: SealedFile, start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        sealed.open().iter_range(start, stop)


def test_a_block_of_nothing_is_refused(sealed: SealedFile) -> None:
    with pytest.raises(ValueError, match="block"):
        sealed.open().iter_range(0, 1, block=0)


@pytest.fixture
def on_disk(tmp_path: Path, sealed: SealedFile) -> Path:
    path = tmp_path / "object"
    path.write_bytes(sealed.ciphertext)
    return path


def open_disk(sealed: SealedFile, source: object) -> SeekableReader:
    return SeekableReader(
        source,  # type: ignore[arg-type]
        sealed.keyset,
        sealed.identity,
        expected_length=len(sealed.plaintext),
        expected_header=memoryview(sealed.sealed.header),
    )


def test_a_descriptor_is_read_and_closed_with_the_reader(sealed: SealedFile, on_disk: Path) -> None:
    descriptor = os.open(on_disk, os.O_RDONLY)
    with open_disk(sealed, descriptor) as reader:
        assert reader.read_range(5, 600_000) == sealed.plaintext[5:600_000]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_file_is_read_without_moving_it_and_closed_with_the_reader(sealed: SealedFile, on_disk: Path) -> None:
    with on_disk.open("rb") as file:
        with open_disk(sealed, file) as reader:
            assert reader.read_range(5, 600_000) == sealed.plaintext[5:600_000]
            assert file.tell() == 0
        assert file.closed


def test_a_closed_reader_reads_nothing_even_if_its_descriptor_number_is_used_again(
    sealed: SealedFile, on_disk: Path
) -> None:
    descriptor = os.open(on_disk, os.O_RDONLY)
    reader = open_disk(sealed, descriptor)
    pieces = reader.iter_range(0, FIVE_SEGMENTS)
    next(pieces)
    reader.close()
    reader.close()
    reused = os.open(on_disk, os.O_RDONLY)
    assert reused == descriptor
    with pytest.raises(ValueError, match="closed"):
        next(pieces)
    os.close(reused)


def test_a_file_stays_the_callers_when_opening_fails(sealed: SealedFile, on_disk: Path) -> None:
    on_disk.write_bytes(b"short")
    with on_disk.open("rb") as file:
        with pytest.raises(Damaged):
            open_disk(sealed, file)
        assert not file.closed


def test_a_file_cut_while_open_raises_in_place_of_the_missing_part(sealed: SealedFile, on_disk: Path) -> None:
    with open_disk(sealed, on_disk.open("rb")) as reader:
        pieces = reader.iter_range(0, FIVE_SEGMENTS)
        assert next(pieces) == sealed.plaintext[:FIRST_CAPACITY]
        os.truncate(on_disk, SEGMENT_SIZE + 5_000)
        with pytest.raises(Damaged, match="shorter"):
            next(pieces)


def test_a_storage_that_gives_little_at_a_time_is_read_to_the_end(
    sealed: SealedFile, on_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.preadv

    def little(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        return real(descriptor, [buffers[0][:10_000]], offset)

    monkeypatch.setattr(os, "preadv", little)
    with open_disk(sealed, on_disk.open("rb")) as reader:
        assert reader.read_range(0, FIVE_SEGMENTS) == sealed.plaintext


def test_a_closed_file_forgets_its_descriptor(on_disk: Path) -> None:
    descriptor = os.open(on_disk, os.O_RDONLY)
    file = PositionedFile(descriptor)
    file.close()
    with on_disk.open("rb") as reused:
        assert reused.fileno() == descriptor
        file.close()
        with pytest.raises(ValueError, match="closed"):
            file.read_into(memoryview(bytearray(1)), 0)
        assert reused.read(1)


def test_a_storage_that_fails_while_reading_is_told_as_such(sealed: SealedFile) -> None:
    class Failing(io.BytesIO):
        broken = False

        def read(self, size: int | None = -1) -> bytes:
            if self.broken:
                raise OSError(errno.EIO, "medium error")
            return super().read(size)

    file = Failing(sealed.ciphertext)
    reader = open_disk(sealed, file)
    file.broken = True
    with pytest.raises(StoreUnavailable):
        reader.read_range(0, 1)


def test_two_threads_in_one_reader_do_not_disturb_each_other(sealed: SealedFile, on_disk: Path) -> None:
    wrong: list[tuple[int, int]] = []

    def read(reader: SeekableReader, seed: int) -> None:
        pick = random.Random(seed)
        for _ in range(200):
            start = pick.randrange(FIVE_SEGMENTS)
            stop = min(start + 100_000, FIVE_SEGMENTS)
            if reader.read_range(start, stop) != sealed.plaintext[start:stop]:
                wrong.append((start, stop))

    with open_disk(sealed, on_disk.open("rb")) as reader:
        threads = [threading.Thread(target=read, args=(reader, n)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_reading_64_mib_by_ranges_keeps_one_buffer(ada: Person, tmp_path: Path) -> None:
    length, path, identity = 64 * 1024 * 1024, tmp_path / "large", ada.object()
    with path.open("wb") as file:
        sealed = encrypt(ada.keyset, identity, (bytes(2**20) for _ in range(64)), file)
    with SeekableReader(
        path.open("rb"),
        ada.keyset,
        identity,
        expected_length=length,
        expected_header=sealed.header,
    ) as reader:
        buffer = reader._buffer.obj
        tracemalloc.start()
        for start in range(0, length, 2**20):
            assert sum(map(len, reader.iter_range(start, start + 2**20))) == 2**20
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert reader._buffer.obj is buffer
    assert isinstance(buffer, bytearray)
    assert len(buffer) == SEGMENT_SIZE
    assert peak < 4 * SEGMENT_SIZE
