"""Runs collected tests against each mutant in a fork, which finds Django, the database and the people ready."""

import copy
import gc
import os
import shutil
import sys
import traceback
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import FunctionType, ModuleType

import pytest
from django.conf import settings
from django.db import connections
from django.db.models import Q
from pytest_django.plugin import blocking_manager_key

from accounts.models import User
from tests import cast, conftest
from tests.mutation.changes import mutants_of

PASSED, FAILED, BROKEN = 0, 1, 2
STORAGE, STORAGE_KEPT = settings.DATA_DIR / "storage", settings.DATA_DIR / "storage-kept"


def survivors_of(module: ModuleType, collected: list[pytest.Item]) -> list[int]:
    """Return the numbers of the mutants that no test fails with. Errors: UsageError when tests fail by themselves."""
    source, items = Path(str(module.__file__)).read_text(), one_of_each_first(collected)
    for asked in {item.getparent(pytest.Module) for item in items} - {None}:
        # One cast for all is made below; a module's own would keep its transaction open across the forks.
        asked.own_markers = [mark for mark in asked.own_markers if mark.name != "one_cast"]
    _make_database(*items[:2])
    # A fork shares what nobody touches; the collector would touch everything.
    gc.freeze()
    gc.disable()
    _demand_passed(_outcome_of("unchanged", module, source, items))
    mutants = mutants_of(source)
    outcomes = [_outcome_of(str(number), module, mutant.source, items) for number, mutant in enumerate(mutants)]
    # Once more: nothing that a run left behind has killed a mutant.
    _demand_passed(_outcome_of("unchanged", module, source, items))
    if broken := [number for number, outcome in enumerate(outcomes) if outcome not in (PASSED, FAILED)]:
        raise pytest.UsageError(f"The tests do not run with the mutants {broken}.")
    return [number for number, outcome in enumerate(outcomes) if outcome == PASSED]


def _demand_passed(outcome: int) -> None:
    if outcome != PASSED:
        raise pytest.UsageError("The tests fail without any change.")


def one_of_each_first(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the items with one of each parametrized test in front: most mutants are killed there."""
    firsts = list({item.nodeid.split("[")[0]: item for item in reversed(items)}.values())[::-1]
    return firsts + [item for item in items if item not in firsts]


def _make_database(item: pytest.Item, following: pytest.Item) -> None:
    """Run one test here, so that the forks find everything migrated; the session's fixtures stay for what follows.

    Then make the cast, once for all tests: that is most of what each of them would do.
    """
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    with item.config.stash[blocking_manager_key].unblock():
        kept = cast.make_cast()
        connections.close_all()
    shutil.copytree(STORAGE, STORAGE_KEPT)

    def kept_cast() -> cast.Cast:
        is_there = User.objects.filter(pk=kept.staff.pk).exists()  # not once a test has emptied the tables
        return copy.deepcopy(kept) if is_there else cast.make_cast()

    conftest.make_cast = kept_cast


def _outcome_of(name: str, module: ModuleType, source: str, items: list[pytest.Item]) -> int:
    """Run the tests in a process and on a database of its own, until one fails."""
    own = settings.DATA_DIR / f"mutant-{name}.sqlite3"
    if pid := os.fork():
        _, status = os.waitpid(pid, 0)
        own.unlink(missing_ok=True)
        shutil.rmtree(STORAGE)
        shutil.copytree(STORAGE_KEPT, STORAGE)
        outcome = os.waitstatus_to_exitcode(status)
        print(f"[{name}: {'survived' if outcome == PASSED else 'killed'}]", file=sys.__stderr__, flush=True)
        return outcome
    outcome = BROKEN
    try:
        database = connections["default"].settings_dict
        shutil.copy(database["NAME"], own)
        database["NAME"] = str(own)
        become(module, source)
        outcome = _run(items)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(outcome)


def _run(items: list[pytest.Item]) -> int:
    session = items[0].session
    for item, following in pairwise([*items, items[0]]):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return FAILED
    return PASSED


def become(module: ModuleType, source: str) -> None:
    """Make the module do what this source says. What others imported of it stays the same object."""
    before = dict(vars(module))
    exec(compile(source, str(module.__file__), "exec"), vars(module))  # noqa: S102
    for name, old in before.items():
        new = vars(module)[name]
        if isinstance(old, str | bytes | int | float | tuple | frozenset | timedelta | None):
            continue  # a plain value, which may be what was changed
        if isinstance(old, Q):
            vars(old).update(vars(new))
        elif getattr(old, "__module__", "") == module.__name__:
            _become_same(old, new)
        setattr(module, name, old)


def _become_same(old: FunctionType | type, new: FunctionType | type) -> None:
    if isinstance(old, type):
        _become_class(old, new)
    else:
        old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__


def _become_class(old: type, new: type) -> None:
    own = {"__dict__", "__weakref__", "__doc__", "__module__"}
    for name in vars(old).keys() - vars(new).keys() - own:
        delattr(old, name)
    for name, value in vars(new).items():
        if name not in own:
            setattr(old, name, value)
