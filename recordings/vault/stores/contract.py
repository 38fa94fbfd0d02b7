"""What every store does, wherever it keeps its objects."""

from collections.abc import Callable
from typing import BinaryIO, Protocol, TypeVar
from uuid import UUID

T = TypeVar("T")


class Store(Protocol):
    """Keeps objects that are written once, read and deleted.

    Errors: Missing, AlreadyStored, NotThisObject, StoreFull, StoreUnavailable;
    TypeError for an id that is no uuid.UUID.
    """

    def put(self, vault_id: UUID, recording: UUID, object: UUID, write: Callable[[BinaryIO], T]) -> T:
        """Store what `write` writes; once this returns, it survives a power cut."""

    def open(self, vault_id: UUID, recording: UUID, object: UUID) -> BinaryIO:
        """Return the seekable file of an object."""

    def exists(self, vault_id: UUID, recording: UUID, object: UUID) -> bool: ...

    def delete(self, vault_id: UUID, recording: UUID, object: UUID) -> bool:
        """Delete for good; return whether there was something."""

    def delete_recording(self, vault_id: UUID, recording: UUID) -> bool:
        """Delete every object of a recording; return whether there was something."""

    def check(self) -> None:
        """Ask the storage for a sign of life. Errors: StoreUnavailable."""

    def sweep(self, older_than_s: float) -> int:
        """Remove what crashed writers left; return how many."""
