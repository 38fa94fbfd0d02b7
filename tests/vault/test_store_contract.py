"""What holds for every store, in a directory and in a bucket alike."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import pytest

from recordings.vault import (
    AlreadyStored,
    Damaged,
    Missing,
    NotThisObject,
    ObjectIdentity,
    Sealed,
    SeekableReader,
    Store,
    StoreUnavailable,
    Vault,
)
from recordings.vault.master import MasterKey

from .conftest import Person
from .damage import FIFTEEN, ON_OPENING
from .samples import FIVE_SEGMENTS, plaintext_of
from .shelves import SMALLEST_PART, Ids, Shelf, file_shelf, s3_shelf

PLAINTEXT = plaintext_of(FIVE_SEGMENTS)
LARGE = b"sealed" * (SMALLEST_PART // 5)  # two parts of an upload


@pytest.fixture(params=["directory", "bucket"])
def shelf(request: pytest.FixtureRequest, root: Path) -> Shelf:
    return file_shelf(root) if request.param == "directory" else s3_shelf(request.getfixturevalue("aws"))


@pytest.fixture
def store(shelf: Shelf) -> Store:
    return shelf.store


@pytest.fixture
def ids() -> Ids:
    return uuid4(), uuid4(), uuid4()


@pytest.fixture
def stored(store: Store, ids: Ids) -> Ids:
    store.put(*ids, writing(b"sealed"))
    return ids


def writing(content: bytes) -> Callable[[BinaryIO], int]:
    def write(file: BinaryIO) -> int:
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]
        return len(content)

    return write


@pytest.mark.parametrize("content", [b"", b"s", b"sealed" * 20, LARGE])
def test_an_object_lies_at_the_place_computed_from_its_ids(shelf: Shelf, ids: Ids, content: bytes) -> None:
    assert shelf.store.put(*ids, writing(content)) == len(content)
    assert shelf.contents() == {shelf.name_of(ids): content}
    with shelf.store.open(*ids) as file:
        assert file.seek(0, 2) == len(content)
        file.seek(0)
        assert file.read(len(content) + 1) == content


def test_a_stored_object_is_never_overwritten(shelf: Shelf, stored: Ids) -> None:
    called: list[BinaryIO] = []
    with pytest.raises(AlreadyStored):
        shelf.store.put(*stored, called.append)
    assert called == []
    assert shelf.contents() == {shelf.name_of(stored): b"sealed"}


@pytest.mark.parametrize("second", [b"second", LARGE])
def test_of_two_writers_at_once_one_wins_and_the_other_is_told(shelf: Shelf, ids: Ids, second: bytes) -> None:
    def slow(file: BinaryIO) -> None:
        shelf.store.put(*ids, writing(b"first"))
        writing(second)(file)

    with pytest.raises(AlreadyStored):
        shelf.store.put(*ids, slow)
    assert shelf.contents() == {shelf.name_of(ids): b"first"}
    assert shelf.store.sweep(-60) == 0


def test_many_writers_of_one_object_leave_one_whole_object(shelf: Shelf, ids: Ids) -> None:
    results: list[object] = []
    start = threading.Barrier(8)

    def write(n: int) -> None:
        def wait_and_write(file: BinaryIO) -> int:
            start.wait(30)
            return writing(bytes([n]) * 1_000)(file)

        try:
            results.append(shelf.store.put(*ids, wait_and_write))
        except AlreadyStored as refusal:
            results.append(refusal)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (results.count(1_000), len(results)) == (1, 8)
    [content] = shelf.contents().values()
    assert len(content) == 1_000 and len(set(content)) == 1


@pytest.mark.parametrize("half", [b"half", LARGE])
def test_nothing_is_visible_while_writing_or_after_a_failed_write(shelf: Shelf, ids: Ids, half: bytes) -> None:
    def failing(file: BinaryIO) -> None:
        writing(half)(file)
        assert not shelf.store.exists(*ids)
        assert shelf.name_of(ids) not in shelf.contents()
        raise ConnectionResetError("the source's own error")

    with pytest.raises(ConnectionResetError):
        shelf.store.put(*ids, failing)
    assert shelf.contents() == {}
    assert shelf.store.sweep(-60) == 0, "nor is there anything to sweep"
    assert shelf.store.put(*ids, writing(b"again")) == 5


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("value", ["../../etc", "/etc/passwd", "3f2b8c1e-5a4d-4e6f-9b70-1c2d3e4f5a6b", b"x", None])
def test_an_id_that_is_no_uuid_is_a_type_error_everywhere(shelf: Shelf, ids: Ids, position: int, value: object) -> None:
    store, wrong = shelf.store, list(ids)
    wrong[position] = value  # type: ignore[call-overload]
    calls: list[Callable[[], object]] = [
        lambda: store.put(*wrong, writing(b"sealed")),  # type: ignore[call-arg, arg-type]
        lambda: store.open(*wrong),
        lambda: store.exists(*wrong),
        lambda: store.delete(*wrong),
    ]
    if position < 2:
        calls.append(lambda: store.delete_recording(*wrong[:2]))
    for call in calls:
        with pytest.raises(TypeError):
            call()
    assert shelf.contents() == {}


def test_what_is_not_stored_is_missing(store: Store, stored: Ids) -> None:
    neighbours = [(uuid4(), stored[1], stored[2]), (stored[0], uuid4(), stored[2]), (stored[0], stored[1], uuid4())]
    for ids in neighbours:
        assert not store.exists(*ids)
        assert store.delete(*ids) is False
        with pytest.raises(Missing):
            store.open(*ids)
    assert store.exists(*stored)


def test_deleting_one_object_leaves_its_neighbour(store: Store, stored: Ids) -> None:
    neighbour = (stored[0], stored[1], uuid4())
    store.put(*neighbour, writing(b"neighbour"))
    assert store.delete(*stored) is True
    assert store.delete(*stored) is False
    assert (store.exists(*stored), store.exists(*neighbour)) == (False, True)


def test_deleting_a_recording_leaves_the_other_recording_and_patient(shelf: Shelf, stored: Ids) -> None:
    others = [(stored[0], uuid4(), stored[2]), (uuid4(), stored[1], stored[2])]
    for ids in others:
        shelf.store.put(*ids, writing(b"neighbour"))
    assert shelf.store.delete_recording(*stored[:2]) is True
    assert shelf.store.delete_recording(*stored[:2]) is False
    assert set(shelf.contents()) == {shelf.name_of(ids) for ids in others}


def test_an_empty_store_answers_and_has_nothing_to_sweep(store: Store) -> None:
    store.check()
    assert store.sweep(0) == 0


# The vault on either store.


@pytest.fixture
def vault(shelf: Shelf, master: MasterKey) -> Vault:
    return Vault(shelf.store, master)


def write(vault: Vault, person: Person, plaintext: bytes = PLAINTEXT) -> tuple[ObjectIdentity, Sealed]:
    identity = person.object()
    return identity, vault.write(identity, person.vault_id, person.keyset, [plaintext])


def opened(vault: Vault, person: Person, identity: ObjectIdentity, row: Sealed) -> SeekableReader:
    return vault.open(
        identity, person.vault_id, person.keyset, plaintext_length=row.plaintext_length, header=row.header
    )


def name(shelf: Shelf, person: Person, identity: ObjectIdentity) -> str:
    return shelf.name_of((person.vault_id, identity.recording, identity.object))


def test_an_object_comes_back_whole_and_in_ranges(vault: Vault, ada: Person) -> None:
    identity, row = write(vault, ada)
    with opened(vault, ada, identity, row) as reader:
        assert reader.read_range(0, len(reader)) == PLAINTEXT
        assert reader.read_range(300_000, 300_007) == PLAINTEXT[300_000:300_007]
        assert reader.read_range(len(reader) - 5, len(reader)) == PLAINTEXT[-5:]
        assert reader.read_range(5, 5) == b""


@pytest.mark.parametrize("kind", FIFTEEN)
def test_no_byte_of_a_damaged_object_passes(shelf: Shelf, vault: Vault, ada: Person, kind: str) -> None:
    identity, row = write(vault, ada)
    place = name(shelf, ada, identity)
    shelf.replace(place, FIFTEEN[kind](shelf.contents()[place]))
    if kind in ON_OPENING:
        with pytest.raises((Damaged, NotThisObject)):
            opened(vault, ada, identity, row)
    else:
        with opened(vault, ada, identity, row) as reader, pytest.raises(Damaged):
            reader.demand_whole(row.sha256)


def test_swapped_objects_of_two_patients_are_both_refused(shelf: Shelf, vault: Vault, ada: Person, ben: Person) -> None:
    rows = [(person, *write(vault, person)) for person in (ada, ben)]
    one, two = (name(shelf, person, identity) for person, identity, _ in rows)
    before = shelf.contents()
    shelf.replace(one, before[two])
    shelf.replace(two, before[one])
    for person, identity, row in rows:
        with pytest.raises(NotThisObject):
            opened(vault, person, identity, row)


def test_other_bytes_in_an_objects_place_are_another_version(shelf: Shelf, vault: Vault, ada: Person) -> None:
    identity, row = write(vault, ada)
    with opened(vault, ada, identity, row) as reader:
        before = reader.version()
    with opened(vault, ada, identity, row) as reader:
        assert reader.version() == before
    place = name(shelf, ada, identity)
    content = bytearray(shelf.contents()[place])
    content[len(content) // 2] ^= 1
    shelf.replace(place, bytes(content))
    with opened(vault, ada, identity, row) as reader:
        assert reader.version() != before


def test_a_storage_that_is_not_there_is_unavailable_and_not_empty(request, root: Path, ids: Ids) -> None:
    aws = request.getfixturevalue("aws")
    gone = [file_shelf(root / "unmounted").store, s3_shelf(aws).store]
    aws.s3.delete_bucket(Bucket=aws.bucket)
    for store in gone:
        calls: list[Callable[[], object]] = [
            lambda store=store: store.put(*ids, writing(b"sealed")),
            lambda store=store: store.open(*ids),
            lambda store=store: store.exists(*ids),
            lambda store=store: store.delete(*ids),
            store.check,
        ]
        for call in calls:
            with pytest.raises(StoreUnavailable):
                call()
    assert list(root.iterdir()) == []
