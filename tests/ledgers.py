"""Ledgers for tests: lines to write, ways to tamper with them, and a database that refuses new ones."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connection

from audit import ledger
from audit.ledger import Actor, Fault, Line
from audit.models import Action, Entry

LINES = 6
EARLY = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def write_lines(count: int = LINES) -> list[Entry]:
    for number in range(count):
        line = Line(Action.LISTED, "recording", uuid.uuid4(), uuid.uuid4(), detail={"n": number, "name": "Zoë"})
        ledger.append(Actor(uuid.uuid4(), "s" * 64, "r1"), line, now=EARLY + timedelta(seconds=number))
    return list(Entry.objects.order_by("seq"))


def edit(entries: list[Entry]) -> None:
    Entry.objects.filter(seq=3).update(reason="nothing to see here")


def edit_of_the_detail(entries: list[Entry]) -> None:
    Entry.objects.filter(seq=3).update(detail={"n": 99})


def edit_with_a_new_hash(entries: list[Entry]) -> None:
    entry = entries[2]
    entry.actor = uuid.uuid4()
    Entry.objects.filter(seq=3).update(actor=entry.actor, hash=ledger.hash_of(entry))


def delete(entries: list[Entry]) -> None:
    Entry.objects.filter(seq=3).delete()


def delete_and_close_the_gap(entries: list[Entry]) -> None:
    Entry.objects.filter(seq=3).delete()
    for seq in range(4, LINES + 1):
        Entry.objects.filter(seq=seq).update(seq=seq - 1)


def delete_the_first(entries: list[Entry]) -> None:
    Entry.objects.filter(seq=1).delete()


def insert(entries: list[Entry]) -> None:
    for seq in range(LINES, 2, -1):
        Entry.objects.filter(seq=seq).update(seq=seq + 1)
    forged = Entry(seq=3, at=EARLY, action=Action.LISTED, prev_hash=entries[1].hash)
    forged.hash = ledger.hash_of(forged)
    Entry.objects.bulk_create([forged])


def swap(entries: list[Entry]) -> None:
    Entry.objects.filter(seq=3).update(seq=100)
    Entry.objects.filter(seq=4).update(seq=3)
    Entry.objects.filter(seq=100).update(seq=4)


def re_date(entries: list[Entry]) -> None:
    Entry.objects.filter(seq=3).update(at=EARLY)


def re_number_all(entries: list[Entry]) -> None:
    for seq in range(LINES, 0, -1):
        Entry.objects.filter(seq=seq).update(seq=seq + 1)


TAMPERINGS: dict[str, tuple[Callable[[list[Entry]], None], Fault]] = {
    "a line was edited": (edit, Fault(3, "was changed")),
    "a detail was edited": (edit_of_the_detail, Fault(3, "was changed")),
    "a line was edited and hashed anew": (edit_with_a_new_hash, Fault(4, "does not follow the one before")),
    "a line was deleted": (delete, Fault(3, "is missing")),
    "a line was deleted and the gap closed": (delete_and_close_the_gap, Fault(3, "does not follow the one before")),
    "the first line was deleted": (delete_the_first, Fault(1, "is missing")),
    "a line was slipped in": (insert, Fault(4, "does not follow the one before")),
    "two lines were swapped": (swap, Fault(3, "does not follow the one before")),
    "a line was re-dated": (re_date, Fault(3, "was changed")),
    "all lines were numbered anew": (re_number_all, Fault(1, "is missing")),
}


@contextmanager
def ledger_down() -> Iterator[None]:
    """The database refuses every new line, as a full disk would."""
    is_sqlite = connection.vendor == "sqlite"
    down = (
        "CREATE TRIGGER ledger_is_down BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        if is_sqlite
        else "CREATE FUNCTION ledger_is_down() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'disk full'; END $$;"
        "CREATE TRIGGER ledger_is_down BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION ledger_is_down()"
    )
    with connection.cursor() as cursor:
        cursor.execute(down)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER ledger_is_down" + ("" if is_sqlite else " ON audit_entry"))
            if not is_sqlite:
                cursor.execute("DROP FUNCTION ledger_is_down")


def rewrite_from(seq: int, **changed: object) -> None:
    """Change a line and compute the chain anew from there, as somebody with the whole database can."""
    before = Entry.objects.filter(seq__lt=seq).order_by("-seq").first()
    previous = before.hash if before else ledger.GENESIS
    for entry in Entry.objects.filter(seq__gte=seq).order_by("seq"):
        facts = changed if entry.seq == seq else {}
        for name, value in facts.items():
            setattr(entry, name, value)
        entry.prev_hash = previous
        previous = entry.hash = ledger.hash_of(entry)
        Entry.objects.filter(seq=entry.seq).update(prev_hash=entry.prev_hash, hash=entry.hash, **facts)
