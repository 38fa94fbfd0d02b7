"""Plaintexts, sealed files in memory, and a way to open them again."""

import io
import random
from dataclasses import dataclass, replace

from recordings.vault import ObjectIdentity, PatientKeyset, Sealed, SeekableReader, encrypt
from recordings.vault.wire import FIRST_CAPACITY, SEGMENT_CAPACITY

BORDERS = [
    0,
    1,
    FIRST_CAPACITY - 1,
    FIRST_CAPACITY,
    FIRST_CAPACITY + 1,
    FIRST_CAPACITY + 2 * SEGMENT_CAPACITY - 1,
    FIRST_CAPACITY + 2 * SEGMENT_CAPACITY,
    FIRST_CAPACITY + 2 * SEGMENT_CAPACITY + 1,
]
"""Plaintext lengths around the borders of segments."""

FIVE_SEGMENTS = FIRST_CAPACITY + 3 * SEGMENT_CAPACITY + 1_000


def plaintext_of(length: int, *, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


@dataclass(frozen=True)
class SealedFile:
    """A sealed object in memory: its bytes and what its row would keep."""

    keyset: PatientKeyset
    identity: ObjectIdentity
    plaintext: bytes
    ciphertext: bytes
    sealed: Sealed

    def with_bytes(self, ciphertext: bytes) -> "SealedFile":
        return replace(self, ciphertext=ciphertext)

    def open(self, *, identity: ObjectIdentity | None = None) -> SeekableReader:
        return open_as(self, self.keyset, identity or self.identity)


def seal(keyset: PatientKeyset, identity: ObjectIdentity, plaintext: bytes) -> SealedFile:
    file = io.BytesIO()
    sealed = encrypt(keyset, identity, [plaintext], file)
    return SealedFile(keyset, identity, plaintext, file.getvalue(), sealed)


def open_as(file: SealedFile, keyset: PatientKeyset, identity: ObjectIdentity) -> SeekableReader:
    return SeekableReader(
        io.BytesIO(file.ciphertext),
        keyset,
        identity,
        expected_length=file.sealed.plaintext_length,
        expected_header=file.sealed.header,
    )


def relabelled(keyset: PatientKeyset, identity: ObjectIdentity) -> PatientKeyset:
    """The same key under another person's name: what remains if the name check were gone."""
    return PatientKeyset(identity.patient, identity.version, keyset._material)
