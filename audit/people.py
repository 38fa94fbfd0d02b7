"""Whom the ledger's ids belong to: upper apps say which ids a person goes by. The ledger knows no models of theirs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Known:
    """One person: every id that lines may name them by, and which of these is a patient's."""

    ids: frozenset[UUID]
    patient: UUID | None = None


# Takes an id, an address or a number as staff would type it; answers whom it belongs to.
Finder = Callable[[str], Iterable[Known]]
_finders: list[Finder] = []


def register(finder: Finder) -> None:
    if finder not in _finders:
        _finders.append(finder)


def found(term: str) -> list[Known]:
    """Return the people whom this term names exactly; nobody is found by a part of their name."""
    return [person for finder in _finders for person in finder(term)]


def as_id(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None
