"""Two patients side by side: every test of the vault has a neighbour at hand."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from recordings.vault import (
    FileStore,
    MasterKey,
    ObjectIdentity,
    PatientKeyset,
    Vault,
    create_master_key_file,
    new_wrapped_keyset,
    unwrap,
)


@dataclass(frozen=True)
class Person:
    patient: UUID
    vault_id: UUID
    wrapped: bytes
    keyset: PatientKeyset

    def object(self, *, recording: UUID | None = None) -> ObjectIdentity:
        return ObjectIdentity(self.patient, recording or uuid4(), uuid4(), self.keyset.version)


def make_master(directory: Path) -> MasterKey:
    path = directory / f"{uuid4()}.master"
    create_master_key_file(path)
    return MasterKey.load(f"file://{path}")


def make_person(master: MasterKey) -> Person:
    patient = uuid4()
    wrapped = new_wrapped_keyset(master, patient, 1)
    return Person(patient, uuid4(), wrapped, unwrap(master, wrapped, patient, 1))


@pytest.fixture(scope="session")
def master(tmp_path_factory: pytest.TempPathFactory) -> MasterKey:
    return make_master(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def ada(master: MasterKey) -> Person:
    return make_person(master)


@pytest.fixture(scope="session")
def ben(master: MasterKey) -> Person:
    return make_person(master)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


@pytest.fixture
def store(root: Path) -> FileStore:
    return FileStore(root)


@pytest.fixture
def vault(store: FileStore, master: MasterKey) -> Vault:
    return Vault(store, master)
