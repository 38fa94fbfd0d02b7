"""Thousands of random attempts at the ledger, each found at its first bad line. Says how many of how many."""

import random
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection, transaction

from audit import checkpoints, ledger, triggers, verification
from audit.models import Action, Entry
from tests.figures import record
from tests.ledgers import EARLY, write_lines

pytestmark = [
    pytest.mark.long,
    pytest.mark.isolation,
    pytest.mark.django_db,
    pytest.mark.usefixtures("ledger_places"),
]
ROWS, ATTEMPTS, CUTS = 1000, 5000, 100
Tampering = Callable[[int, random.Random], int]


def of(seq: int) -> Entry:
    return Entry.objects.get(seq=seq)


def edit(seq: int, chance: random.Random) -> int:
    """Each returns the first line that can be seen to be wrong."""
    field = chance.choice(["actor", "object_id", "patient", "reason", "action", "session_hash", "detail", "request_id"])
    value = {"action": Action.WATCHED, "reason": "x", "detail": {"n": -1}, "session_hash": "0", "request_id": "r2"}
    Entry.objects.filter(seq=seq).update(**{field: value.get(field, uuid.uuid4())})
    return seq


def edit_and_hash(seq: int, chance: random.Random) -> int:
    entry = of(min(seq, ROWS - 1))
    entry.reason = "nothing to see here"
    Entry.objects.filter(seq=entry.seq).update(reason=entry.reason, hash=ledger.hash_of(entry))
    return entry.seq + 1


def delete(seq: int, chance: random.Random) -> int:
    Entry.objects.filter(seq=min(seq, ROWS - 1)).delete()
    return min(seq, ROWS - 1)


def insert(seq: int, chance: random.Random) -> int:
    """Slip a line in after another one, well hashed, and number those behind it anew."""
    seq = min(seq, ROWS - 1)
    before, behind = of(seq), list(Entry.objects.filter(seq__gt=seq).order_by("seq"))
    Entry.objects.filter(seq__gt=seq).delete()
    forged = Entry(seq=seq + 1, at=EARLY, action=Action.LISTED, prev_hash=before.hash)
    forged.hash = ledger.hash_of(forged)
    for entry in behind:
        entry.seq += 1
    Entry.objects.bulk_create([forged, *behind])
    return seq + 2


def swap(seq: int, chance: random.Random) -> int:
    other = chance.choice([n for n in range(1, ROWS + 1) if n != seq])
    aside = ROWS * 2
    for old, new in ((seq, aside), (other, seq), (aside, other)):
        Entry.objects.filter(seq=old).update(seq=new)
    return min(seq, other)


def re_date(seq: int, chance: random.Random) -> int:
    entry = of(seq)
    Entry.objects.filter(seq=seq).update(at=entry.at + timedelta(microseconds=chance.choice([-1, 1, 10**9])))
    return seq


@pytest.fixture
def rows() -> Iterator[None]:
    write_lines(ROWS)
    with triggers.lifted(connection):
        yield


def attempts(count: int, deed: Callable[[random.Random], bool]) -> int:
    """Return how many of the deeds were found; each is undone before the next."""
    chance, found = random.Random(6962), 0
    for _ in range(count):
        with transaction.atomic():
            found += deed(chance)
            transaction.set_rollback(True)
    return found


def test_every_tampering_is_found_at_its_first_bad_line(rows: None) -> None:
    kinds: list[Tampering] = [edit, edit_and_hash, delete, insert, swap, re_date]

    def deed(chance: random.Random) -> bool:
        first_bad = chance.choice(kinds)(chance.randint(1, ROWS), chance)
        fault = ledger.first_fault()
        return fault is not None and fault.seq == first_bad

    assert ledger.first_fault() is None
    found = attempts(ATTEMPTS, deed)
    record(
        "edits, deletions, insertions, swaps and new dates found at the first bad line", f"{found} of {ATTEMPTS}", "all"
    )
    assert found == ATTEMPTS


def test_every_cut_behind_a_checkpoint_is_found(rows: None) -> None:
    checkpoints.write(now=EARLY)

    def deed(chance: random.Random) -> bool:
        cut = chance.randint(1, ROWS)
        Entry.objects.filter(seq__gt=ROWS - cut).delete()
        return any(f"at least {cut} entries were cut off" in fault for fault in verification.verify().faults)

    assert verification.verify().faults == []
    found = attempts(CUTS, deed)
    record("ledgers cut off behind a checkpoint / found", f"{found} of {CUTS}", "all")
    assert found == CUTS
