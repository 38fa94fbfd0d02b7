"""Who knocks on which database: all of them on SQLite, on both those whose answers come from the most different rows.

`make isolation-report` lets all of them knock on both.
"""

from collections.abc import Iterable

import pytest
from _pytest.mark import ParameterSet

ON_BOTH = frozenset({"patient", "clinician", "revoked", "share-holder", "staff"})


def each(names: Iterable[str]) -> list[ParameterSet]:
    return [pytest.param(name, marks=[pytest.mark.database] if name in ON_BOTH else []) for name in names]
