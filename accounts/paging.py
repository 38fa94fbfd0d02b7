"""Long lists by pages. Whether there is more is seen by asking for one row too many: counting reads the whole list."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
LAST = 10_000  # whoever asks for more than that does not turn pages


@dataclass(frozen=True)
class Part(Generic[T]):
    """A page of a list, as `_pages.html` takes it; the first has the number 1."""

    rows: Sequence[T]
    number: int
    has_next: bool

    def __iter__(self) -> Iterator[T]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def has_previous(self) -> bool:
        return self.number > 1

    @property
    def has_other_pages(self) -> bool:
        return self.has_previous or self.has_next

    @property
    def previous_page_number(self) -> int:
        return self.number - 1

    @property
    def next_page_number(self) -> int:
        return self.number + 1


def part(said: str | None, per_page: int, rows_between: Callable[[slice], Iterable[T]]) -> Part[T]:
    """Return the page whose number somebody's address says; the first where it says none or one behind the end."""
    number = _number(said)
    first = (number - 1) * per_page
    rows = list(rows_between(slice(first, first + per_page + 1)))
    if number > 1 and not rows:
        return part(None, per_page, rows_between)
    return Part(rows[:per_page], number, len(rows) > per_page and number < LAST)


def _number(said: str | None) -> int:
    try:
        number = int(said or 1)
    except ValueError:
        return 1
    return number if 1 <= number <= LAST else 1
