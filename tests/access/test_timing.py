"""How long a refusal takes tells nothing: somebody else's and what never existed are asked in turns and compared."""

import statistics
import time

import pytest

from tests.access.knocking import Browser, ask, knock
from tests.access.table import table
from tests.access.world import Matrix
from tests.figures import record

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.isolation, pytest.mark.long]
TIMES = 400
# Generous, for a machine that does other things too; asking one more table is far less than that.
MEDIANS, SLOWEST = 1.5, 3.0
DOORS = ("/consultations/<pk>/", "/consultations/<pk>/call/", "/recordings/<pk>/", "/recordings/<pk>/media/")


def ninety_fifth(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def ratio(one: float, other: float) -> float:
    return max(one, other) / min(one, other)


@pytest.mark.parametrize("name", DOORS)
def test_a_refusal_takes_as_long_whether_or_not_there_is_something(name: str, matrix: Matrix, briskly) -> None:
    door, person = table().doors[name], matrix.people["neighbour"]
    browser = Browser(person.cookies)
    asked = {
        relation: ask(matrix, person, door, "GET", matrix.target(person, door.of, relation))
        for relation in ("other", "never")
    }
    took: dict[str, list[float]] = {relation: [] for relation in asked}
    for _ in range(TIMES):
        for relation, request in asked.items():
            began = time.perf_counter()
            assert knock(browser, request).outcome() == "absent"
            took[relation].append(time.perf_counter() - began)
    medians = [statistics.median(times) for times in took.values()]
    slowest = [ninety_fifth(times) for times in took.values()]
    found = f"{ratio(*medians):.2f} × the median, {ratio(*slowest):.2f} × the 95th percentile"
    record(f"{name}: how long a refusal takes, of something against of nothing", found, f"{MEDIANS} ×, {SLOWEST} ×")
    assert ratio(*medians) < MEDIANS and ratio(*slowest) < SLOWEST
