"""A pytest plugin: collects once, then runs the tests against each mutant in a fork of its own, on SQLite.

In the environment: MUTANTS_OF, a module's name; SURVIVORS, a file for the numbers of the mutants that nothing killed.
"""

import json
import os
import sys
from pathlib import Path

import pytest


def pytest_runtestloop(session: pytest.Session) -> bool:
    from tests.mutation.forks import survivors_of  # not before tests/conftest.py has made Django ready

    survivors = survivors_of(sys.modules[os.environ["MUTANTS_OF"]], session.items)
    Path(os.environ["SURVIVORS"]).write_text(json.dumps(survivors))
    return True
