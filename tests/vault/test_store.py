"""What is particular to a directory: privacy, links and strange files, and what survives a power cut."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from unittest.mock import create_autospec
from uuid import UUID, uuid4

import pytest

from recordings.vault import (
    AlreadyStored,
    FileStore,
    NotThisObject,
    StoreFull,
    StoreUnavailable,
)

Ids = tuple[UUID, UUID, UUID]


def writing(content: bytes) -> Callable[[BinaryIO], int]:
    return lambda file: file.write(content)


def place(root: Path, ids: Ids) -> Path:
    vault_id, recording, object = ids
    return root / "vaults" / str(vault_id) / str(recording) / str(object)


def files_below(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if not path.is_dir()]


@pytest.fixture
def ids() -> Ids:
    return uuid4(), uuid4(), uuid4()


@pytest.fixture
def stored(store: FileStore, ids: Ids) -> Ids:
    store.put(*ids, writing(b"sealed"))
    return ids


def test_objects_and_directories_are_private(root: Path, stored: Ids) -> None:
    path = place(root, stored)
    assert path.stat().st_mode & 0o7777 == 0o600
    for directory in list(path.parents)[:3]:
        assert directory.stat().st_mode & 0o7777 == 0o700


def test_nothing_is_visible_while_writing_or_after_a_failed_write(root: Path, store: FileStore, ids: Ids) -> None:
    def failing(file: BinaryIO) -> None:
        file.write(b"half")
        assert not store.exists(*ids)
        [temporary] = files_below(root)
        assert temporary.stat().st_mode & 0o7777 == 0o600
        raise ConnectionResetError("the source's own error")

    with pytest.raises(ConnectionResetError):
        store.put(*ids, failing)
    assert files_below(root) == []
    assert store.put(*ids, writing(b"again")) == 5


def test_file_name_and_directories_are_synced_in_order_before_the_ack(
    root: Path, store: FileStore, ids: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    sync, link = create_autospec(os.fsync), create_autospec(os.link)
    real_sync, real_link = os.fsync, os.link

    def synced(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        events.append("file" if path.is_file() else str(path.relative_to(root)))
        real_sync(descriptor)

    def linked(*names: str, **options: object) -> None:
        events.append("link")
        real_link(*names, **options)  # type: ignore[arg-type]

    sync.side_effect, link.side_effect = synced, linked
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "link", link)
    store.put(*ids, writing(b"sealed"))
    vault, recording = f"vaults/{ids[0]}", f"vaults/{ids[0]}/{ids[1]}"
    assert events == [".", "vaults", vault, "file", "link", recording]


def test_a_deletion_is_synced_before_it_is_acknowledged(
    root: Path, store: FileStore, stored: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bool, bool]] = []

    def sync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        there = (place(root, stored).exists(), place(root, stored).parent.exists())
        synced.append((path.name, *there))

    monkeypatch.setattr(os, "fsync", create_autospec(os.fsync, side_effect=sync))
    store.delete(*stored)
    store.delete_recording(*stored[:2])
    assert synced == [(str(stored[1]), False, True), (str(stored[0]), False, False)]


@pytest.mark.parametrize(("number", "refusal"), [(errno.ENOSPC, StoreFull), (errno.EIO, StoreUnavailable)])
def test_no_ack_and_no_object_when_the_sync_fails(
    root: Path,
    store: FileStore,
    ids: Ids,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    refusal: type[Exception],
) -> None:
    (place(root, ids).parent).mkdir(parents=True)
    spy = create_autospec(os.fsync, side_effect=[None, None, None, OSError(number, "disk")])
    monkeypatch.setattr(os, "fsync", spy)
    with pytest.raises(refusal):
        store.put(*ids, writing(b"sealed"))
    assert files_below(root) == []


def test_a_symlink_in_place_of_an_object_is_refused(root: Path, store: FileStore, stored: Ids) -> None:
    other = (stored[0], stored[1], uuid4())
    place(root, other).symlink_to(place(root, stored))
    with pytest.raises(NotThisObject):
        store.open(*other)
    assert not store.exists(*other)
    with pytest.raises(AlreadyStored):
        store.put(*other, writing(b"through the link"))
    assert place(root, stored).read_bytes() == b"sealed"


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_symlink_in_place_of_a_directory_is_refused(root: Path, store: FileStore, stored: Ids, depth: int) -> None:
    directory = list(place(root, stored).parents)[depth - 1]
    moved = root / "elsewhere"
    directory.rename(moved)
    directory.symlink_to(moved)
    calls: list[Callable[[], object]] = [
        lambda: store.open(*stored),
        lambda: store.exists(*stored),
        lambda: store.delete(*stored),
        lambda: store.put(*stored, writing(b"through the link")),
        lambda: store.put(stored[0], stored[1], uuid4(), writing(b"through the link")),
    ]
    for call in calls:
        with pytest.raises(NotThisObject):
            call()
    assert [path.read_bytes() for path in moved.rglob("*") if path.is_file()] == [b"sealed"]


def test_a_directory_or_a_pipe_in_place_of_an_object_is_refused_at_once(
    root: Path, store: FileStore, stored: Ids
) -> None:
    directory, pipe = ((stored[0], stored[1], uuid4()) for _ in range(2))
    place(root, directory).mkdir()
    os.mkfifo(place(root, pipe))
    before = len(os.listdir("/proc/self/fd"))
    for ids in (directory, pipe):
        with pytest.raises(NotThisObject):
            store.open(*ids)
        assert not store.exists(*ids)
    assert len(os.listdir("/proc/self/fd")) == before


def test_deleting_a_recording_leaves_the_other_recording_and_patient(root: Path, store: FileStore, stored: Ids) -> None:
    others = [(stored[0], uuid4(), stored[2]), (uuid4(), stored[1], stored[2])]
    for ids in others:
        store.put(*ids, writing(b"neighbour"))
    place(root, stored).with_name(".part-left").write_bytes(b"half")
    assert store.delete_recording(*stored[:2]) is True
    assert store.delete_recording(*stored[:2]) is False
    assert not store.exists(*stored)
    assert sorted(files_below(root)) == sorted(place(root, ids) for ids in others)


def test_deleting_a_recording_does_not_follow_a_symlink(root: Path, store: FileStore, stored: Ids) -> None:
    other = (uuid4(), uuid4(), uuid4())
    place(root, other).parent.parent.mkdir()
    place(root, other).parent.symlink_to(place(root, stored).parent)
    with pytest.raises(StoreUnavailable):
        store.delete_recording(*other[:2])
    assert store.exists(*stored)


def test_the_sweep_takes_old_leftovers_and_nothing_else(root: Path, store: FileStore, stored: Ids) -> None:
    directory = place(root, stored).parent
    old, fresh = directory / ".part-old", directory / ".part-fresh"
    for path in (old, fresh):
        path.write_bytes(b"half")
    hour_ago = time.time() - 3_600
    for path in (old, place(root, stored)):
        os.utime(path, (hour_ago, hour_ago))
    assert store.sweep(600) == 1
    assert sorted(files_below(root)) == sorted([fresh, place(root, stored)])
    assert store.sweep(0) == 1
    assert files_below(root) == [place(root, stored)]


def test_a_killed_writers_leftover_is_swept(root: Path, store: FileStore, ids: Ids) -> None:
    def dying(file: BinaryIO) -> None:
        file.write(b"half")
        os._exit(9)

    child = os.fork()
    if not child:
        store.put(*ids, dying)
    os.waitpid(child, 0)
    assert len(files_below(root)) == 1
    assert not store.exists(*ids)
    assert store.sweep(3_600) == 0
    assert store.sweep(-1) == 1
    assert files_below(root) == []
