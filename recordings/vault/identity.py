"""Who an object and a key belong to, as the bytes bound into their encryption."""

from dataclasses import dataclass
from uuid import UUID

Stored = bytes | memoryview
"""Bytes as a database column gives them."""

_MAX_VERSION = 2**32 - 1


def require_uuid(value: UUID) -> UUID:
    # SECURITY: text in place of an id could carry a path or another spelling of the same id.
    if not isinstance(value, UUID):
        raise TypeError("an id must be a uuid.UUID")
    return value


def _version_bytes(version: int) -> bytes:
    if not isinstance(version, int) or isinstance(version, bool):
        raise TypeError("a key version must be an int")
    if not 1 <= version <= _MAX_VERSION:
        raise ValueError("a key version is between 1 and 2**32 - 1")
    return version.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class ObjectIdentity:
    """One stored object: whose, of which recording, which one, under which key version."""

    patient: UUID
    recording: UUID
    object: UUID
    version: int

    def __post_init__(self) -> None:
        for value in (self.patient, self.recording, self.object):
            require_uuid(value)
        _version_bytes(self.version)

    def associated_data(self) -> bytes:
        """Shape: b"tp1|" + patient, recording, object (16 each) + version (4, big-endian)."""
        ids = self.patient.bytes + self.recording.bytes + self.object.bytes
        return b"tp1|" + ids + _version_bytes(self.version)


def keyset_associated_data(patient: UUID, version: int) -> bytes:
    """Shape: b"tp1-keyset|" + patient (16) + key version (4, big-endian)."""
    return b"tp1-keyset|" + require_uuid(patient).bytes + _version_bytes(version)


def small_associated_data(associated_data: bytes) -> bytes:
    """Shape: b"tp1-small|" + the caller's bytes."""
    # SECURITY: without a prefix of its own, a wrapped secret could be passed off as an object.
    return b"tp1-small|" + associated_data
