"""Each barrier is knocked out in turn, and no door of the portal gives a stranger what is another's."""

from collections.abc import Iterator

import pytest
from django.db import connection

from audit import triggers
from tests.access.table import table
from tests.access.test_matrix import GIVES, cells, strays
from tests.access.world import make_matrix
from tests.babylon.barriers import BARRIERS
from tests.figures import record

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.long, pytest.mark.isolation]
# None of them has anything of Ada's; one watches what somebody else shared, one runs the place.
STRANGERS = ("neighbour", "colleague", "share-holder", "staff")


@pytest.fixture(autouse=True)
def rules_are_put_back(db: None) -> Iterator[None]:
    yield
    triggers.install(connection)


def learned() -> tuple[list[str], int]:
    """Return what strangers were given or shown that the table does not give them, and how many cells were tried."""
    matrix, found, tried = make_matrix(), [], 0
    for person in (matrix.people[name] for name in STRANGERS):
        for door, method, relation, _, asked, answer in cells(matrix, person, all_of_them=False):
            where, tried = f"{method} {door.name} as {person.name} ({relation})", tried + 1
            found += [f"{where} shows the {stray}" for stray in strays(matrix, person, asked, answer)]
            expected, came = table().outcome(door.rules[method], person.name, relation), answer.outcome()
            if came in GIVES and expected not in GIVES:
                found.append(f"{where} gives {came}")
    return found, tried


@pytest.mark.parametrize("name", BARRIERS)
def test_without_one_barrier_no_door_gives_anything_away(name: str, monkeypatch: pytest.MonkeyPatch, briskly) -> None:
    BARRIERS[name].knock_out(monkeypatch)
    found, tried = learned()
    record(f"doors that give something away without the barrier “{name}”", f"{len(found)} of {tried} cells", "0")
    assert not found, "\n".join(found)


def test_without_two_barriers_doors_do_give_something_away(monkeypatch: pytest.MonkeyPatch, briskly) -> None:
    """Such that the same strangers before the same doors would be found out."""
    for name in ("list", "guard"):
        BARRIERS[name].knock_out(monkeypatch)
    found, _ = learned()
    assert any("GET /recordings/ as neighbour" in one for one in found)
