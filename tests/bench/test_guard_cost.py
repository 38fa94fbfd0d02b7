"""What the leak guard adds to a request: a figure of the isolation report, and a bound in the long run."""

import pytest

from tests.bench.guard import measure, requests_of
from tests.cast import Cast
from tests.figures import record

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.long, pytest.mark.isolation]
ROUNDS = 200
# Noise only ever adds: one quiet try of three is enough to show what it costs, and none of three what it does not.
MOST, TRIES = 0.05, 3


def test_what_the_guard_costs(cast: Cast) -> None:
    for name, ask in requests_of(cast.ada).items():
        assert ask().status_code in {200, 206}
        for _ in range(TRIES):
            guarded, bare, ratio = measure(ask, ROUNDS)
            if ratio - 1 < MOST:
                break
        found = f"{100 * (ratio - 1):+.1f} % ({1000 * guarded:.1f} ms against {1000 * bare:.1f} ms)"
        target = f"5 % at most, once in {TRIES} tries"
        record(f"what the guard adds to a request, median of {ROUNDS}: {name}", found, target)
        assert ratio - 1 < MOST, found
