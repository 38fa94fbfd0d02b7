"""Stored objects that were damaged, named otherwise or exchanged: not one byte of them leaves the file store.

Read as the media view reads them (`intact.open_verified`); tests/vault has every single kind.
"""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

from patients.models import Patient
from recordings import intact, safe
from recordings.models import Recording, Rendition
from recordings.vault import Damaged, KeyRefused, Missing, NotThisObject, ObjectIdentity, VaultError
from recordings.vault.wire import FIRST_CAPACITY, SEGMENT_CAPACITY
from tests.cast import Cast
from tests.figures import record
from tests.replays import Viewer, noise, path_of, put_replay
from tests.vault.damage import FIFTEEN
from tests.vault.samples import relabelled

pytestmark = pytest.mark.django_db
MANY = [3, pytest.param(100, marks=[pytest.mark.long, pytest.mark.isolation])]
FOUR_SEGMENTS = FIRST_CAPACITY + 2 * SEGMENT_CAPACITY + 1


@dataclass(frozen=True)
class Kept:
    """One object in the file store, and the row that describes it."""

    row: Rendition
    patient: Patient
    content: bytes

    @property
    def path(self) -> Path:
        folder = settings.DATA_DIR / "storage" / "vaults" / str(self.patient.vault_id)
        return folder / str(self.row.recording_id) / str(self.row.pk)

    def put(self, ciphertext: bytes) -> None:
        """Put other bytes in the object's place, as a new file: nobody has verified this one yet."""
        other = self.path.with_name("other")
        other.write_bytes(ciphertext)
        other.rename(self.path)

    def read(self, stop: int | None = None) -> bytes:
        with intact.open_verified(self.row, self.patient.vault_id) as reader:
            return reader.read_range(0, stop or len(self.content))

    def first_byte(self) -> bytes:
        return self.read(1)


def keep(patient: Patient, number: int) -> Kept:
    """Store an object of a recording of its own; no two have the same length."""
    content = random.Random(number).randbytes(FOUR_SEGMENTS + 2_600 * number)
    recording = Recording(id=uuid.uuid4(), patient=patient)
    keyset = safe.active_keyset(patient)
    row = Rendition(id=uuid.uuid4(), recording=recording, patient=patient, key_version=keyset.version)
    sealed = safe.vault().write(safe.identity_of(row), patient.vault_id, keyset, [content])
    row.byte_length, row.sha256, row.header = sealed.plaintext_length, sealed.sha256, sealed.header
    return Kept(row, patient, content)


def refused(read: Callable[..., bytes], *arguments: object, by: tuple[type[VaultError], ...] = (NotThisObject,)) -> int:
    """Return 1, to be counted; fails if as much as a byte is given."""
    with pytest.raises(by):
        read(*arguments)
    return 1


@pytest.mark.parametrize("files", MANY)
def test_fifteen_kinds_of_damage_give_no_byte(cast: Cast, files: int) -> None:
    found = 0
    for number in range(files):
        kept = keep(cast.ada.patient, number)
        sound = kept.path.read_bytes()
        assert kept.read() == kept.content
        for damage in FIFTEEN.values():
            kept.put(damage(sound))
            found += refused(kept.first_byte, by=(Damaged, NotThisObject))
        kept.put(sound)
        assert kept.read() == kept.content
        kept.path.unlink()
    assert found == 15 * files
    if files == 100:
        record("damaged objects refused before their first byte", f"{found} of {15 * files}", "1500 of 1500")


def other_identities(own: ObjectIdentity, other: ObjectIdentity) -> list[ObjectIdentity]:
    """Return five others: each fact of `other` in turn, two facts changed round, and the next version."""
    return [
        ObjectIdentity(other.patient, own.recording, own.object, own.version),
        ObjectIdentity(own.patient, other.recording, own.object, own.version),
        ObjectIdentity(own.patient, own.recording, other.object, own.version),
        ObjectIdentity(own.patient, own.object, own.recording, own.version),
        ObjectIdentity(own.patient, own.recording, own.object, own.version + 1),
    ]


@pytest.mark.parametrize("files", MANY)
def test_a_wrong_identity_opens_nothing(cast: Cast, files: int) -> None:
    """Handed the right file itself: what refuses is the key's owner, and without that the encryption."""
    found = 0
    for number in range(files):
        kept, other = keep(cast.ada.patient, number), keep(cast.ben.patient, number)
        keyset, own = safe.active_keyset(kept.patient), safe.identity_of(kept.row)
        for identity in other_identities(own, safe.identity_of(other.row)):
            place = kept.path.parent.parent / str(identity.recording) / str(identity.object)
            place.parent.mkdir(exist_ok=True)
            if place != kept.path:
                place.hardlink_to(kept.path)
            for key in (keyset, relabelled(keyset, identity)):
                found += refused(opened, kept, key, identity)
        assert kept.read() == kept.content
    assert found == 10 * files
    if files == 100:
        record("objects asked for under a wrong identity, refused", f"{found} of {10 * files}", "1000 of 1000")


def opened(kept: Kept, keyset: object, identity: ObjectIdentity) -> bytes:
    header, length = kept.row.header, kept.row.byte_length
    with safe.vault().open(identity, kept.patient.vault_id, keyset, plaintext_length=length, header=header) as reader:
        return reader.read_range(0, 1)


@pytest.mark.parametrize("files", MANY)
def test_exchanged_objects_are_both_refused(cast: Cast, files: int) -> None:
    """Half of the pairs are two patients', half two recordings of one; once more with the rows' headers exchanged."""
    found = 0
    for number in range(files):
        one = keep(cast.ada.patient, 0)
        two = keep(cast.ben.patient if number % 2 else cast.ada.patient, 0)
        ciphertexts = one.path.read_bytes(), two.path.read_bytes()
        one.put(ciphertexts[1])
        two.put(ciphertexts[0])
        found += refused(one.first_byte) + refused(two.first_byte)
        one.row.header, two.row.header = two.row.header, one.row.header
        assert refused(one.first_byte) + refused(two.first_byte) == 2
        one.path.unlink()
        two.path.unlink()
    assert found == 2 * files
    if files == 100:
        record("exchanged objects refused, of patients and of recordings", f"{found} of {2 * files}", "200 of 200")


@pytest.mark.parametrize("fact", ["patient", "recording", "object"])
def test_a_row_that_names_another_owner_opens_nothing(cast: Cast, fact: str) -> None:
    kept, other = keep(cast.ada.patient, 0), keep(cast.ben.patient, 0)
    if fact == "object":
        kept.row.pk = other.row.pk
    else:
        setattr(kept.row, fact, getattr(other.row, fact))
    refused(kept.first_byte, by=(NotThisObject, KeyRefused, Missing))


@pytest.mark.parametrize("kind", FIFTEEN)
def test_the_media_view_gives_no_byte_of_what_is_damaged(cast: Cast, kind: str) -> None:
    replay, viewer = put_replay(cast.ada.recording, noise(FOUR_SEGMENTS)), Viewer(cast.ada.patient.user)
    assert viewer.get(replay.recording_id, Range="bytes=0-99").status_code == 206
    damaged = FIFTEEN[kind](path_of(replay).read_bytes())
    path_of(replay).unlink()
    path_of(replay).write_bytes(damaged)
    for headers in ({}, {"Range": "bytes=0-99"}):
        answer = viewer.get(replay.recording_id, **headers)
        assert (answer.status_code, answer.body) == (503, b"")


@pytest.mark.parametrize("owner", ["ada", "ben"])
def test_the_media_view_gives_no_byte_of_an_exchanged_object(cast: Cast, owner: str) -> None:
    mine = put_replay(cast.ada.recording, noise(FOUR_SEGMENTS))
    other = put_replay(getattr(cast, owner).recording, noise(FOUR_SEGMENTS + 1)[:-1])
    content = path_of(mine).read_bytes(), path_of(other).read_bytes()
    path_of(mine).write_bytes(content[1])
    path_of(other).write_bytes(content[0])
    answer = Viewer(cast.ada.patient.user).get(cast.ada.recording.pk)
    assert (answer.status_code, answer.body) == (503, b"")
