"""What was swapped, rolled back or damaged gives no byte of itself."""

import os
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from recordings.vault import (
    Damaged,
    NotThisObject,
    ObjectIdentity,
    PatientKeyset,
    SeekableReader,
    VaultError,
    ciphertext_length,
)
from recordings.vault.wire import FIRST_CAPACITY, HEADER_LENGTH, SEGMENT_CAPACITY, SEGMENT_SIZE

from .conftest import Person
from .damage import FIFTEEN, ON_OPENING, ON_READING, flipped, segments
from .samples import FIVE_SEGMENTS, SealedFile, open_as, plaintext_of, relabelled, seal

Damage = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def sealed(ada: Person) -> SealedFile:
    return seal(ada.keyset, ada.object(), plaintext_of(FIVE_SEGMENTS))


def served(file: SealedFile) -> bytes:
    """What a client would have got before the refusal; fails if there is none."""
    got = bytearray()
    with pytest.raises(VaultError):
        for piece in file.open().iter_range(0, len(file.plaintext), block=1_000):
            got += piece
    return bytes(got)


def forged_length(file: SealedFile) -> SealedFile:
    """The row's length changed to what the damaged file's length implies, if any."""
    for segment_count in range(1, 9):
        length = len(file.ciphertext) - HEADER_LENGTH - 16 * segment_count
        if length >= 0 and ciphertext_length(length) == len(file.ciphertext):
            return replace(file, sealed=replace(file.sealed, plaintext_length=length))
    return file


@pytest.mark.parametrize("damage", ON_OPENING.values(), ids=ON_OPENING.keys())
def test_this_damage_is_refused_on_opening(sealed: SealedFile, damage: Damage) -> None:
    changed = sealed.with_bytes(damage(sealed.ciphertext))
    assert changed.ciphertext != sealed.ciphertext
    with pytest.raises((Damaged, NotThisObject)):
        changed.open()
    assert sealed.open().read_range(0, 10) == sealed.plaintext[:10]


@pytest.mark.parametrize("damage", ON_OPENING.values(), ids=ON_OPENING.keys())
def test_this_damage_is_refused_on_opening_even_if_the_rows_length_was_forged(
    sealed: SealedFile, damage: Damage
) -> None:
    changed = forged_length(sealed.with_bytes(damage(sealed.ciphertext)))
    with pytest.raises((Damaged, NotThisObject)):
        changed.open()


@pytest.mark.parametrize("damage", ON_READING.values(), ids=ON_READING.keys())
def test_this_damage_yields_nothing_of_the_damaged_segment(sealed: SealedFile, damage: Damage) -> None:
    changed = sealed.with_bytes(damage(sealed.ciphertext))
    assert served(changed) == sealed.plaintext[:FIRST_CAPACITY]
    with pytest.raises(Damaged):
        changed.open().read_range(FIRST_CAPACITY - 1, FIRST_CAPACITY + 1)
    with pytest.raises(Damaged):
        next(changed.open().iter_range(FIRST_CAPACITY + 5_000, FIRST_CAPACITY + 5_001))


@pytest.mark.parametrize("damage", ON_READING.values(), ids=ON_READING.keys())
def test_a_reader_that_met_damage_still_serves_the_sound_segments(sealed: SealedFile, damage: Damage) -> None:
    reader = sealed.with_bytes(damage(sealed.ciphertext)).open()
    with pytest.raises(Damaged):
        reader.read_range(FIRST_CAPACITY, FIRST_CAPACITY + 1)
    start = FIRST_CAPACITY + 2 * SEGMENT_CAPACITY
    assert reader.read_range(start, start + 10) == sealed.plaintext[start : start + 10]
    with pytest.raises(Damaged):
        reader.read_range(FIRST_CAPACITY, FIRST_CAPACITY + 1)


def test_fifteen_kinds_of_damage_on_a_hundred_files_serve_nothing_altered(ada: Person) -> None:
    refused = 0
    assert len(FIFTEEN) == 15
    for seed in range(100):
        length = FIRST_CAPACITY + 2 * SEGMENT_CAPACITY + 1 + seed * 2_600
        file = seal(ada.keyset, ada.object(), plaintext_of(length, seed=seed))
        for kind, damage in FIFTEEN.items():
            got = served(file.with_bytes(damage(file.ciphertext)))
            assert got == (file.plaintext[:FIRST_CAPACITY] if kind in ON_READING else b"")
            refused += 1
    assert refused == 1_500


def test_every_flipped_byte_of_a_short_file_is_refused_on_opening(ada: Person) -> None:
    file = seal(ada.keyset, ada.object(), b"said in confidence")
    for position in range(len(file.ciphertext)):
        with pytest.raises(VaultError):
            file.with_bytes(flipped(file.ciphertext, position)).open()


@pytest.mark.parametrize("length", [0, 1, FIRST_CAPACITY, FIRST_CAPACITY + SEGMENT_CAPACITY])
def test_a_file_cut_at_any_segment_border_is_refused_on_opening(ada: Person, length: int) -> None:
    file = seal(ada.keyset, ada.object(), plaintext_of(length + SEGMENT_CAPACITY))
    for count in range(len(segments(file.ciphertext))):
        cut = file.with_bytes(file.ciphertext[: count * SEGMENT_SIZE])
        for candidate in (cut, forged_length(cut)):
            with pytest.raises(VaultError):
                candidate.open()


def test_damage_in_the_last_segment_of_the_right_object_is_told_apart(sealed: SealedFile) -> None:
    with pytest.raises(Damaged):
        sealed.with_bytes(flipped(sealed.ciphertext, len(sealed.ciphertext) - 1)).open()


def other_identities(identity: ObjectIdentity) -> dict[str, ObjectIdentity]:
    return {
        "patient": replace(identity, patient=uuid4()),
        "recording": replace(identity, recording=uuid4()),
        "object": replace(identity, object=uuid4()),
        "version": replace(identity, version=identity.version + 1),
        "recording and object changed round": replace(identity, recording=identity.object, object=identity.recording),
    }


@pytest.mark.parametrize("fact", sorted(other_identities(ObjectIdentity(*(uuid4(),) * 3, 1))))
def test_one_other_fact_in_the_identity_and_the_object_is_refused(sealed: SealedFile, fact: str) -> None:
    other = other_identities(sealed.identity)[fact]
    with pytest.raises(NotThisObject):
        sealed.open(identity=other)
    # The same key under the other name: the binding into the encryption alone refuses too.
    with pytest.raises(NotThisObject):
        open_as(sealed, relabelled(sealed.keyset, other), other)
    assert sealed.open().read_range(0, 10) == sealed.plaintext[:10]


def test_bens_keyset_opens_nothing_of_ada(sealed: SealedFile, ben: Person) -> None:
    with pytest.raises(NotThisObject):
        open_as(sealed, ben.keyset, sealed.identity)
    with pytest.raises(NotThisObject):
        open_as(sealed, relabelled(ben.keyset, sealed.identity), sealed.identity)


def swapped(one: SealedFile, two: SealedFile) -> list[SealedFile]:
    """Each row with the other's bytes, and once more with the other's header forged into it."""
    return [
        kind
        for row, bytes_of in ((one, two), (two, one))
        for kind in (
            row.with_bytes(bytes_of.ciphertext),
            replace(row.with_bytes(bytes_of.ciphertext), sealed=bytes_of.sealed),
        )
    ]


@pytest.mark.parametrize("length", [0, 18, FIVE_SEGMENTS])
def test_swapped_files_of_two_patients_are_both_refused(ada: Person, ben: Person, length: int) -> None:
    adas, bens = (seal(person.keyset, person.object(), plaintext_of(length)) for person in (ada, ben))
    for file in swapped(adas, bens):
        with pytest.raises(NotThisObject):
            file.open()


@pytest.mark.parametrize("length", [0, 18, FIVE_SEGMENTS])
def test_swapped_files_of_one_patients_recordings_are_both_refused(ada: Person, length: int) -> None:
    one, two = (seal(ada.keyset, ada.object(), plaintext_of(length)) for _ in range(2))
    for file in swapped(one, two):
        with pytest.raises(NotThisObject):
            file.open()


def test_a_segment_of_another_object_is_refused(ada: Person) -> None:
    one, two = (seal(ada.keyset, ada.object(), plaintext_of(FIVE_SEGMENTS, seed=n)) for n in (1, 2))
    pieces = segments(one.ciphertext)
    pieces[1] = segments(two.ciphertext)[1]
    assert served(one.with_bytes(b"".join(pieces))) == one.plaintext[:FIRST_CAPACITY]


def test_an_older_file_of_the_same_identity_and_length_is_refused_by_its_header(
    ada: Person,
) -> None:
    identity = ada.object()
    old, new = (seal(ada.keyset, identity, plaintext_of(FIVE_SEGMENTS, seed=seed)) for seed in (1, 2))
    assert old.open().read_range(0, 10) == old.plaintext[:10]
    with pytest.raises(NotThisObject):
        new.with_bytes(old.ciphertext).open()


@pytest.mark.parametrize("header", [b"", b"\x28" + bytes(38), b"\x28" + bytes(40), b"\x18" + bytes(39)])
def test_a_row_without_a_proper_header_opens_nothing(sealed: SealedFile, header: bytes) -> None:
    row = replace(sealed, sealed=replace(sealed.sealed, header=header))
    with pytest.raises(Damaged):
        row.open()


def test_no_refusal_names_an_id(sealed: SealedFile, ben: Person) -> None:
    refusals: list[Callable[[], object]] = [
        lambda: open_as(sealed, ben.keyset, sealed.identity),
        lambda: sealed.with_bytes(sealed.ciphertext[:-1]).open(),
        lambda: sealed.with_bytes(flipped(sealed.ciphertext, 0)).open(),
        lambda: sealed.with_bytes(flipped(sealed.ciphertext, 50)).open().read_range(0, 1),
    ]
    ids = (sealed.identity.patient, sealed.identity.recording, sealed.identity.object)
    for refuse in refusals:
        with pytest.raises(VaultError) as refusal:
            refuse()
        for value in ids:
            assert str(value) not in str(refusal.value)
            assert value.hex not in str(refusal.value)


def test_the_last_segment_is_read_before_the_first_is_served(
    sealed: SealedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    offsets: list[int] = []
    real = os.preadv

    def watched(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        offsets.append(offset)
        return real(descriptor, buffers, offset)

    descriptor = os.memfd_create("object")
    os.write(descriptor, sealed.ciphertext)
    monkeypatch.setattr(os, "preadv", watched)
    keyset: PatientKeyset = sealed.keyset
    with SeekableReader(
        descriptor,
        keyset,
        sealed.identity,
        expected_length=len(sealed.plaintext),
        expected_header=sealed.sealed.header,
    ) as reader:
        assert offsets == [0, 4 * SEGMENT_SIZE]
        reader.read_range(0, 1)
    assert offsets == [0, 4 * SEGMENT_SIZE, HEADER_LENGTH]
