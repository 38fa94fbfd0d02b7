"""Of everything that decides who may see what, hardly a word can be changed without a test that fails."""

from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

from tests.figures import record
from tests.mutation.changes import mutants_of
from tests.mutation.forks import become
from tests.mutation.runs import ROOT, outcome_of
from tests.mutation.survivors import SURVIVORS

# What kills most comes first: a mutant's run ends with the first test that fails, and a survivor's with the last.
EDGES = "tests/test_policy_edges.py"
TESTS = {
    "recordings/policy.py": [EDGES, "tests/test_policy_shares.py"],
    "recordings/guard.py": ["tests/test_guard_edges.py", "tests/test_guard_shares.py"],
    "consultations/policy.py": [EDGES, "tests/test_policy_consultations.py"],
    "patients/policy.py": [EDGES, "tests/test_own_patients.py"],
}
TARGET = 0.95


@pytest.mark.long
@pytest.mark.isolation
@pytest.mark.parametrize("path", TESTS)
def test_hardly_a_word_can_be_changed_without_a_test_that_fails(path: str, tmp_path: Path) -> None:
    outcome = outcome_of(path, TESTS[path], tmp_path)
    known = SURVIVORS[path]
    found = {(mutant.function, mutant.becomes) for mutant in outcome.survivors}
    record(f"mutants of {path} killed", f"{outcome.killed} of {len(outcome.mutants)}", "95 %")
    new, gone = sorted(map(str, found - known.keys())), sorted(map(str, known.keys() - found))
    assert not new, "\n".join(["these survive: write a test, or list them with a reason", *new])
    assert not gone, "\n".join(["these are killed by now, or are no more: take them off the list", *gone])
    assert outcome.killed >= TARGET * len(outcome.mutants)


SOURCE = '''
NAME = "word"

def rule(user, rows):
    """Say who."""
    if user is None:
        raise Nobody
    log.info("asked")
    return rows.filter(Q(owner=user) | Q(kind="own"), alive=True).values("pk")
'''
CHANGED = {
    ("NAME", "NAME = 'word_x'"),
    ("rule", "no if user is None:"),
    ("rule", "if user is not None:"),
    ("rule", "no raise Nobody"),
    ("rule", "no return rows.filter(Q(owner=user) | Q(kind='own'), alive=True).values('pk')"),
    ("rule", "return rows.filter(alive=True).values('pk')"),
    ("rule", "return rows.filter(Q(owner=user) | Q(kind='own')).values('pk')"),
    ("rule", "return rows.filter(Q(owner=user) & Q(kind='own'), alive=True).values('pk')"),
    ("rule", "return rows.filter(Q(owner=user), alive=True).values('pk')"),
    ("rule", "return rows.filter(Q(kind='own'), alive=True).values('pk')"),
    ("rule", "return rows.filter(Q() | Q(kind='own'), alive=True).values('pk')"),
    ("rule", "return rows.filter(Q(owner=user) | Q(), alive=True).values('pk')"),
    ("rule", "return rows.filter(Q(owner=user) | Q(kind='own_x'), alive=True).values('pk')"),
    ("rule", "return rows.filter(Q(owner=user) | Q(kind='own'), alive=False).values('pk')"),
}


def test_conditions_arguments_statements_and_words_are_changed_one_at_a_time() -> None:
    mutants = mutants_of(SOURCE)
    assert {(mutant.function, mutant.becomes) for mutant in mutants} == CHANGED
    assert len({mutant.source for mutant in mutants}) == len(CHANGED)


@pytest.mark.parametrize("path", TESTS)
def test_every_mutant_has_a_name_of_its_own(path: str) -> None:
    mutants = mutants_of((ROOT / path).read_text())
    assert len({(mutant.function, mutant.becomes) for mutant in mutants}) == len(mutants)


def test_a_border_is_turned_round_and_moved_by_one() -> None:
    mutants = mutants_of("def rule(at, end):\n    return at < end")
    assert {mutant.becomes for mutant in mutants} == {"no return at < end", "return at >= end", "return at <= end"}


def test_every_condition_of_a_query_is_met_by_everything_once() -> None:
    mutants = mutants_of('SQL = """\nSELECT id FROM a\nWHERE a.owner = %s AND (\n  a.x = \'y\' OR a.z = b.z)\n"""')
    assert {mutant.becomes for mutant in mutants} == {
        "WHERE a.owner = %s OR (",
        "a.x = 'y' AND a.z = b.z)",
        "WHERE %s IS NOT NULL AND (",
        "a.x IS NOT NULL OR a.z = b.z)",
        "a.x = 'y' OR a.z IS NOT NULL)",
    }


def test_borders_and_absences_in_a_query_are_dropped_turned_round_and_moved_by_one() -> None:
    mutants = mutants_of('SQL = """\nSELECT id FROM a\nWHERE a.ends > %s\nAND (a.x IS NULL)\n"""')
    assert {mutant.becomes for mutant in mutants} == {
        "WHERE %s IS NOT NULL",
        "WHERE a.ends >= %s",
        "WHERE a.ends <= %s",
        "OR (a.x IS NULL)",
        "AND (1 = 1)",
        "AND (a.x IS NOT NULL)",
    }


FEW = "from datetime import timedelta\nFEW = timedelta(minutes=%s)\ndef rule(at, *, most=%s):\n    return at < most"


def test_a_mutant_changes_what_a_function_takes_for_granted_and_values_of_a_module() -> None:
    module = ModuleType("rules")
    module.__file__ = "rules.py"
    exec(FEW % (1, 1), vars(module))  # noqa: S102
    imported = module.rule
    become(module, FEW % (2, 2))
    assert module.rule is imported and imported(1)
    assert timedelta(minutes=2) == module.FEW


def test_a_survivor_is_listed_with_a_reason() -> None:
    assert SURVIVORS.keys() == TESTS.keys()
    assert all(len(why) > 20 for known in SURVIVORS.values() for why in known.values())
