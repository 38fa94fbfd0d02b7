import ast
import hashlib
import io
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

import recordings.vault as vault_package
from recordings.vault import (
    AlreadyStored,
    Damaged,
    FileStore,
    KeyRefused,
    MasterKey,
    Missing,
    NotThisObject,
    ObjectIdentity,
    PatientKeyset,
    Sealed,
    SeekableReader,
    StoreFull,
    Vault,
    VaultError,
    encrypt,
    unwrap,
)
from recordings.vault.cache import KeysetCache

from .conftest import Person, make_person
from .damage import FIFTEEN
from .samples import FIVE_SEGMENTS, plaintext_of

PLAINTEXT = plaintext_of(FIVE_SEGMENTS)


def write(vault: Vault, person: Person, identity: ObjectIdentity, plaintext: bytes = PLAINTEXT) -> Sealed:
    return vault.write(identity, person.vault_id, person.keyset, [plaintext])


def open_object(vault: Vault, person: Person, identity: ObjectIdentity, row: Sealed) -> SeekableReader:
    return vault.open(
        identity,
        person.vault_id,
        person.keyset,
        plaintext_length=row.plaintext_length,
        header=row.header,
    )


def verify(vault: Vault, person: Person, identity: ObjectIdentity, row: Sealed) -> None:
    vault.verify(
        identity,
        person.vault_id,
        person.keyset,
        plaintext_length=row.plaintext_length,
        header=row.header,
        sha256=row.sha256,
    )


def path_of(root: Path, person: Person, identity: ObjectIdentity) -> Path:
    vault = root / "vaults" / str(person.vault_id)
    return vault / str(identity.recording) / str(identity.object)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_patients_object_comes_back_whole_and_in_ranges(vault: Vault, master: MasterKey) -> None:
    patient, vault_id = uuid4(), uuid4()
    keyset = vault.keyset(patient, 1, vault.new_key(patient, 1))
    identity = ObjectIdentity(patient, uuid4(), uuid4(), 1)
    row = vault.write(identity, vault_id, keyset, io.BytesIO(PLAINTEXT))
    assert row.sha256 == hashlib.sha256(PLAINTEXT).digest()
    with vault.open(identity, vault_id, keyset, plaintext_length=len(PLAINTEXT), header=row.header) as reader:
        assert len(reader) == len(PLAINTEXT)
        assert reader.read_range(0, len(reader)) == PLAINTEXT
        assert reader.read_range(300_000, 300_007) == PLAINTEXT[300_000:300_007]


def test_no_plaintext_reaches_the_disk(root: Path, vault: Vault, ada: Person) -> None:
    identity = ada.object()
    write(vault, ada, identity, b"said in confidence " * 40_000)
    [file] = [path for path in root.rglob("*") if path.is_file()]
    assert b"confidence" not in file.read_bytes()


def test_leaving_the_reader_closes_the_file(vault: Vault, ada: Person) -> None:
    identity = ada.object()
    row = write(vault, ada, identity)
    before = open_descriptors()
    with open_object(vault, ada, identity, row) as reader:
        assert open_descriptors() == before + 1
        reader.read_range(0, 1)
    assert open_descriptors() == before


def test_a_refused_opening_leaves_no_file_open(vault: Vault, ada: Person, ben: Person, root: Path) -> None:
    identity = ada.object()
    row = write(vault, ada, identity)
    before = open_descriptors()
    with pytest.raises(NotThisObject):
        vault.open(
            identity,
            ada.vault_id,
            ben.keyset,
            plaintext_length=row.plaintext_length,
            header=row.header,
        )
    path_of(root, ada, identity).write_bytes(b"")
    with pytest.raises(Damaged):
        open_object(vault, ada, identity, row)
    assert open_descriptors() == before


def test_swapped_files_of_two_patients_on_disk_are_both_refused(
    root: Path, vault: Vault, ada: Person, ben: Person
) -> None:
    rows = [(person, identity := person.object(), write(vault, person, identity)) for person in (ada, ben)]
    one, two = (path_of(root, person, identity) for person, identity, _ in rows)
    for person, identity, row in rows:
        open_object(vault, person, identity, row).close()
    one.rename(root / "aside")
    two.rename(one)
    (root / "aside").rename(two)
    for person, identity, row in rows:
        with pytest.raises(NotThisObject):
            open_object(vault, person, identity, row)


def test_an_object_is_not_found_in_the_neighbours_place(vault: Vault, ada: Person, ben: Person) -> None:
    identity = ada.object()
    row = write(vault, ada, identity)
    with pytest.raises(Missing):
        vault.open(
            identity,
            ben.vault_id,
            ada.keyset,
            plaintext_length=row.plaintext_length,
            header=row.header,
        )


def test_an_object_is_written_once(vault: Vault, ada: Person) -> None:
    identity = ada.object()
    row = write(vault, ada, identity)
    with pytest.raises(AlreadyStored):
        write(vault, ada, identity, b"another content")
    verify(vault, ada, identity, row)


def test_nothing_is_stored_under_anothers_keyset(root: Path, vault: Vault, ada: Person, ben: Person) -> None:
    with pytest.raises(NotThisObject):
        vault.write(ada.object(), ada.vault_id, ben.keyset, [PLAINTEXT])
    assert [path for path in root.rglob("*") if path.is_file()] == []


def test_a_disk_that_fills_up_leaves_nothing_behind_and_a_retry_works(
    root: Path, vault: Vault, ada: Person, store: FileStore
) -> None:
    identity = ada.object()

    def filling(file: io.BufferedIOBase) -> None:
        file.write(b"a part")
        with open("/dev/full", "wb", buffering=0) as full:
            encrypt(ada.keyset, identity, [PLAINTEXT], full)

    with pytest.raises(StoreFull):
        store.put(ada.vault_id, identity.recording, identity.object, filling)  # type: ignore[arg-type]
    assert [path for path in root.rglob("*") if path.is_file()] == []
    verify(vault, ada, identity, write(vault, ada, identity))


@pytest.mark.parametrize("damage", FIFTEEN.values(), ids=FIFTEEN.keys())
def test_verifying_refuses_every_kind_of_damage(
    root: Path, vault: Vault, ada: Person, damage: Callable[[bytes], bytes]
) -> None:
    identity = ada.object()
    row = write(vault, ada, identity)
    verify(vault, ada, identity, row)
    path = path_of(root, ada, identity)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises((Damaged, NotThisObject)):
        verify(vault, ada, identity, row)


def test_verifying_refuses_a_content_that_is_not_the_one_on_record(vault: Vault, ada: Person) -> None:
    identity = ada.object()
    row = write(vault, ada, identity)
    with pytest.raises(Damaged):
        vault.verify(
            identity,
            ada.vault_id,
            ada.keyset,
            plaintext_length=row.plaintext_length,
            header=row.header,
            sha256=hashlib.sha256(b"another content").digest(),
        )


def test_an_object_of_an_older_key_version_stays_readable_with_that_version(vault: Vault, ada: Person) -> None:
    identity = ada.object()
    row = write(vault, ada, identity)
    second = vault.keyset(ada.patient, 2, vault.new_key(ada.patient, 2))
    verify(vault, ada, identity, row)
    with pytest.raises(NotThisObject):
        vault.verify(
            identity,
            ada.vault_id,
            second,
            plaintext_length=row.plaintext_length,
            header=row.header,
            sha256=row.sha256,
        )


class Counting:
    """An AEAD that counts how often it is asked to unwrap."""

    def __init__(self, master: MasterKey) -> None:
        self.aead = master.aead
        self.asked = 0

    def encrypt(self, plaintext: bytes, associated_data: bytes) -> bytes:
        return self.aead.encrypt(plaintext, associated_data)

    def decrypt(self, ciphertext: bytes, associated_data: bytes) -> bytes:
        self.asked += 1
        return self.aead.decrypt(ciphertext, associated_data)


@pytest.fixture
def counting(master: MasterKey) -> Counting:
    return Counting(master)


@pytest.fixture
def cached(store: FileStore, counting: Counting) -> Vault:
    return Vault(store, MasterKey(counting), cached_keysets=2)


def test_a_keyset_is_unwrapped_once_and_again_after_forgetting(
    cached: Vault, counting: Counting, ada: Person, ben: Person
) -> None:
    for _ in range(3):
        cached.keyset(ada.patient, 1, ada.wrapped)
        cached.keyset(ben.patient, 1, memoryview(ben.wrapped))
    assert counting.asked == 2
    cached.forget(ada.patient)
    cached.keyset(ben.patient, 1, ben.wrapped)
    assert counting.asked == 2
    cached.keyset(ada.patient, 1, ada.wrapped)
    assert counting.asked == 3


def test_the_cache_keeps_only_the_keysets_used_last(cached: Vault, counting: Counting, master: MasterKey) -> None:
    people = [make_person(master) for _ in range(3)]
    for n, asked in ((0, 1), (1, 2), (0, 2), (2, 3), (0, 3), (2, 3), (1, 4)):
        cached.keyset(people[n].patient, 1, people[n].wrapped)
        assert counting.asked == asked


def test_a_replaced_row_is_refused_although_the_patients_keyset_is_cached(
    cached: Vault, ada: Person, ben: Person
) -> None:
    cached.keyset(ada.patient, 1, ada.wrapped)
    cached.keyset(ben.patient, 1, ben.wrapped)
    for wrapped in (ben.wrapped, b"", ada.wrapped + b"\0", ada.wrapped[:-1]):
        with pytest.raises(KeyRefused):
            cached.keyset(ada.patient, 1, wrapped)
    with pytest.raises(KeyRefused):
        cached.keyset(ada.patient, 2, ada.wrapped)


def test_a_patient_forgotten_during_an_unwrapping_does_not_come_back(master: MasterKey, ada: Person) -> None:
    cache, asked = KeysetCache(10), []

    def unwrap_while_erased() -> PatientKeyset:
        cache.forget(ada.patient)
        return unwrap(master, ada.wrapped, ada.patient, 1)

    def unwrap_again() -> PatientKeyset:
        asked.append(1)
        return ada.keyset

    cache.get(ada.patient, 1, ada.wrapped, unwrap_while_erased)
    cache.get(ada.patient, 1, ada.wrapped, unwrap_again)
    assert asked == [1]


def test_the_cache_gives_each_thread_its_own_patient(cached: Vault, master: MasterKey) -> None:
    people, wrong = [make_person(master) for _ in range(4)], []

    def ask(person: Person) -> None:
        for _ in range(300):
            if cached.keyset(person.patient, 1, person.wrapped).patient != person.patient:
                wrong.append(person)

    threads = [threading.Thread(target=ask, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_patient_id_that_is_no_uuid_is_a_type_error(vault: Vault, ada: Person) -> None:
    patient: UUID = str(ada.patient)  # type: ignore[assignment]
    with pytest.raises(TypeError):
        vault.keyset(patient, 1, ada.wrapped)
    with pytest.raises(TypeError):
        vault.new_key(patient, 1)


def test_no_refusal_of_the_vault_names_an_id(vault: Vault, ada: Person, ben: Person) -> None:
    identity = ada.object()
    row = write(vault, ada, identity)
    refusals: list[Callable[[], object]] = [
        lambda: write(vault, ada, identity),
        lambda: open_object(vault, ada, ada.object(), row),
        lambda: open_object(vault, ben, identity, row),
        lambda: vault.keyset(ada.patient, 1, ben.wrapped),
    ]
    for refuse in refusals:
        with pytest.raises(VaultError) as refusal:
            refuse()
        text = str(refusal.value)
        for value in (identity.patient, identity.recording, identity.object, ada.vault_id):
            assert str(value) not in text
            assert value.hex not in text


def test_the_vault_imports_nothing_but_cryptography_and_clients_of_its_places() -> None:
    package, found = Path(vault_package.__file__).parent, set()
    for path in package.rglob("*.py"):
        depth = len(path.relative_to(package).parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").split(".")[0])
            elif isinstance(node, ast.ImportFrom):
                assert node.level <= depth, f"{path.name} reaches out of the package"
    assert found - sys.stdlib_module_names == {"boto3", "botocore", "cryptography", "hvac", "requests", "tink"}
