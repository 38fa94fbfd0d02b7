import copy
import os
import pickle
from pathlib import Path

import pytest

from recordings.vault import (
    AlreadyStored,
    MasterKey,
    MasterKeyUnusable,
    Missing,
    create_master_key_file,
    master_aead,
)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "master.key"
    create_master_key_file(path)
    return path


def test_a_master_key_file_is_private_and_loads(key_file: Path) -> None:
    assert key_file.stat().st_mode & 0o7777 == 0o600
    aead = master_aead(f"file://{key_file}")
    assert aead.decrypt(aead.encrypt(b"secret", b"for"), b"for") == b"secret"


def test_nothing_but_the_key_file_is_left_in_its_directory(key_file: Path) -> None:
    assert list(key_file.parent.iterdir()) == [key_file]


def test_a_master_key_is_never_made_twice(key_file: Path) -> None:
    before = key_file.read_bytes()
    with pytest.raises(AlreadyStored):
        create_master_key_file(key_file)
    assert key_file.read_bytes() == before


def test_a_master_key_is_not_written_through_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "master.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AlreadyStored):
        create_master_key_file(tmp_path / "master.key")
    assert not (tmp_path / "elsewhere").exists()


def test_a_master_key_needs_its_directory(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        create_master_key_file(tmp_path / "nowhere" / "master.key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o610, 0o644])
def test_a_key_file_that_others_may_use_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(MasterKeyUnusable, match=f"{mode:04o}.*0600"):
        MasterKey.load(f"file://{key_file}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_file_of_another_user_is_refused(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(key_file, 12345, -1)
    with pytest.raises(MasterKeyUnusable, match="another user"):
        MasterKey.load(f"file://{key_file}")


def test_a_key_file_behind_a_link_loads_as_mounted_secrets_do(key_file: Path) -> None:
    link = key_file.with_name("link")
    link.symlink_to(key_file)
    assert MasterKey.load(f"file://{link}")


def test_a_path_with_spaces_loads_when_quoted(tmp_path: Path) -> None:
    path = tmp_path / "my master.key"
    create_master_key_file(path)
    assert MasterKey.load(path.as_uri())


def test_a_missing_key_file_says_so_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyUnusable, match="No such file") as refusal:
        MasterKey.load(f"file://{tmp_path}/none")
    assert str(tmp_path) not in str(refusal.value)


def test_a_directory_in_place_of_the_key_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyUnusable, match="regular file"):
        MasterKey.load(f"file://{tmp_path}")


def test_a_named_pipe_in_place_of_the_key_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(MasterKeyUnusable, match="regular file"):
        MasterKey.load(f"file://{tmp_path}/pipe")


@pytest.mark.parametrize("content", [b"", b"\0" * 32, b"not a keyset", b"\xff" * 100])
def test_a_file_that_holds_no_keyset_is_refused(key_file: Path, content: bytes) -> None:
    key_file.write_bytes(content)
    with pytest.raises(MasterKeyUnusable, match="no Tink AEAD keyset"):
        MasterKey.load(f"file://{key_file}")


@pytest.mark.parametrize("uri", ["gcp-kms://projects/x", "", "/etc/key", "FILES:///x"])
def test_an_unknown_scheme_is_told_which_schemes_work(uri: str) -> None:
    with pytest.raises(MasterKeyUnusable, match="file://"):
        MasterKey.load(uri)


@pytest.mark.parametrize("uri", ["file://relative/key", "file:key", "file://host/key", "file://"])
def test_a_key_file_is_named_by_its_absolute_path(uri: str) -> None:
    with pytest.raises(MasterKeyUnusable, match="absolute"):
        MasterKey.load(uri)


def test_a_master_key_shows_nothing_and_is_not_copied(key_file: Path) -> None:
    master = MasterKey.load(f"file://{key_file}")
    assert repr(master) == str(master) == "<MasterKey>"
    for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            duplicate(master)
