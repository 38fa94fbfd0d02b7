"""Of everything that decides who may see what, hardly a word can be changed without a test that fails."""

from pathlib import Path

import pytest

from tests.figures import record
from tests.mutation.changes import mutants_of
from tests.mutation.runs import ROOT, outcome_of
from tests.mutation.survivors import SURVIVORS

# What kills most comes first: a mutant's run ends with the first test that fails.
EDGES = "tests/test_policy_edges.py"
TESTS = {
    "recordings/policy.py": [
        EDGES, "tests/test_shares.py", "tests/test_share_rows.py", "tests/test_revocations.py",
        "tests/test_suspensions.py", "tests/test_two_keys.py", "tests/test_missing.py",
    ],
    "recordings/guard.py": [
        "tests/test_guard_edges.py", "tests/test_guard_shares.py", "tests/test_guard.py", "tests/test_guard_socket.py",
        "tests/test_quarantine_pages.py", "tests/test_revocation_pages.py",
    ],
    "consultations/policy.py": [
        EDGES, "tests/test_next_appointment.py", "tests/test_notes.py", "tests/test_note_pages.py", "tests/test_day.py",
        "tests/test_booking.py",
    ],
    "patients/policy.py": [EDGES, "tests/test_own_patients.py"],
}  # fmt: skip
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


def test_every_condition_of_a_query_is_met_by_everything_once() -> None:
    mutants = mutants_of('SQL = """\nSELECT id FROM a\nWHERE a.owner = %s AND (\n  a.x = \'y\' OR a.z = b.z)\n"""')
    assert {mutant.becomes for mutant in mutants} == {
        "WHERE a.owner = %s OR (",
        "a.x = 'y' AND a.z = b.z)",
        "WHERE %s IS NOT NULL AND (",
        "a.x IS NOT NULL OR a.z = b.z)",
        "a.x = 'y' OR a.z IS NOT NULL)",
    }


def test_a_survivor_is_listed_with_a_reason() -> None:
    assert SURVIVORS.keys() == TESTS.keys()
    assert all(len(why) > 20 for known in SURVIVORS.values() for why in known.values())
