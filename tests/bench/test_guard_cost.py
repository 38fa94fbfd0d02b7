"""What the leak guard adds to a request, as a figure of the isolation report. A busy machine decides nothing here."""

import pytest

from tests.bench.guard import measure, requests_of
from tests.cast import Cast
from tests.figures import record

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.long, pytest.mark.isolation]
ROUNDS = 200


def test_what_the_guard_costs(cast: Cast) -> None:
    for name, ask in requests_of(cast.ada).items():
        assert ask().status_code in {200, 206}
        guarded, bare, ratio = measure(ask, ROUNDS)
        found = f"{100 * (ratio - 1):+.1f} % ({1000 * guarded:.1f} ms against {1000 * bare:.1f} ms)"
        record(f"what the guard adds to a request, median of {ROUNDS}: {name}", found, "5 % at most")
