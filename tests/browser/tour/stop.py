"""What a stop of the tour is, and who takes part."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.browser.people import Somebody

ADA, BEN, CLEO = "ada@demo.test", "ben@demo.test", "cleo@demo.test"
OSEI, STAFF, ADMINISTRATOR, VISITOR = "dr.osei@demo.test", "staff@demo.test", "admin@demo.test", ""
People = Callable[[str], Somebody]


@dataclass(frozen=True)
class Stop:
    """One sheet. `address` may name ids in braces, and is empty where a person stays on the page they are on.

    `does` is what happens on the page before it is taken.
    """

    name: str
    person: str
    address: str
    title: str
    words: str
    does: Callable[[People], object] | None = None

    @property
    def picture(self) -> str:
        return f"{self.name}.webp"
