"""The ledger: tampering is found at its first bad row, writers make no fork, without it nothing is shown."""

import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import AsyncClient, Client
from django.urls import reverse

from audit import ledger, triggers
from audit.ledger import Actor, Fault, Line
from audit.models import Action, Entry
from recordings import playback
from recordings.models import PlaybackSession
from tests.cast import Cast

pytestmark = [pytest.mark.database, pytest.mark.django_db]
LINES = 6
EARLY = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def write_lines(count: int = LINES) -> list[Entry]:
    for number in range(count):
        line = Line(Action.LISTED, "recording", uuid.uuid4(), uuid.uuid4(), detail={"n": number, "name": "Zoë"})
        ledger.append(Actor(uuid.uuid4(), "s" * 64, "r1"), line, now=EARLY + timedelta(seconds=number))
    return list(Entry.objects.order_by("seq"))


def test_an_untouched_chain_holds() -> None:
    entries = write_lines()
    assert [entry.seq for entry in entries] == list(range(1, LINES + 1))
    assert entries[0].prev_hash == ledger.GENESIS
    assert [entry.prev_hash for entry in entries[1:]] == [entry.hash for entry in entries[:-1]]
    assert ledger.first_fault() is None


def test_an_empty_ledger_holds() -> None:
    assert ledger.first_fault() is None


def test_lines_appended_together_stand_together_or_not_at_all() -> None:
    good, impossible = Line(Action.LISTED), Line("danced")
    with pytest.raises(ledger.LedgerUnavailable):
        ledger.append(ledger.PORTAL, good, impossible)
    assert not Entry.objects.exists()
    ledger.append(ledger.PORTAL, good, good)
    assert [entry.seq for entry in Entry.objects.order_by("seq")] == [1, 2]


def test_the_hash_is_the_one_that_the_documents_describe() -> None:
    """Computed here by hand: whoever verifies a copy of the ledger needs no code of ours."""
    (entry,) = write_lines(1)
    facts = {
        "seq": 1, "at": "2026-01-02T03:04:05.000678+00:00", "actor": str(entry.actor), "action": "listed",
        "object_type": "recording", "object_id": str(entry.object_id), "patient": str(entry.patient), "reason": "",
        "detail": {"n": 0, "name": "Zoë"}, "session_hash": "s" * 64, "request_id": "r1", "prev_hash": "0" * 64,
    }  # fmt: skip
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert entry.hash == hashlib.sha256(b"\x00" + text.encode()).hexdigest()


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
    "a line was deleted": (delete, Fault(3, "missing")),
    "a line was deleted and the gap closed": (delete_and_close_the_gap, Fault(3, "does not follow the one before")),
    "the first line was deleted": (delete_the_first, Fault(1, "missing")),
    "a line was slipped in": (insert, Fault(4, "does not follow the one before")),
    "two lines were swapped": (swap, Fault(3, "does not follow the one before")),
    "a line was re-dated": (re_date, Fault(3, "was changed")),
    "all lines were numbered anew": (re_number_all, Fault(1, "missing")),
}


@pytest.mark.parametrize(("tamper", "fault"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_tampering_is_found_at_its_first_bad_line(tamper: Callable[[list[Entry]], None], fault: Fault) -> None:
    entries = write_lines()
    with triggers.lifted(connection):
        tamper(entries)
    assert ledger.first_fault() == fault


def test_the_command_says_that_the_chain_holds() -> None:
    write_lines()
    said = StringIO()
    call_command("verify_ledger", stdout=said)
    assert said.getvalue() == f"{LINES} entries, the chain holds.\n"


def test_the_command_names_the_first_bad_line_and_fails() -> None:
    entries = write_lines()
    with triggers.lifted(connection):
        edit(entries)
    with pytest.raises(CommandError, match="Entry 3 was changed"):
        call_command("verify_ledger", stdout=StringIO())


@pytest.mark.django_db(transaction=True)
def test_many_writers_at_once_make_one_chain() -> None:
    writers, lines_each = 8, 20
    start, failures = threading.Barrier(writers), []

    def write(number: int) -> None:
        try:
            start.wait(20)
            for line in range(lines_each):
                ledger.append(ledger.PORTAL, Line(Action.LISTED, detail={"writer": number, "line": line}))
        except (ledger.LedgerUnavailable, threading.BrokenBarrierError) as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert ledger.first_fault() is None
    entries = list(Entry.objects.order_by("seq"))
    assert len(entries) == writers * lines_each
    for number in range(writers):
        assert [e.detail["line"] for e in entries if e.detail["writer"] == number] == list(range(lines_each))
    assert len({entry.detail["writer"] for entry in entries[:40]}) > 1, "they wrote one after the other"


@pytest.mark.django_db(transaction=True)
def test_a_line_whose_transaction_is_rolled_back_leaves_no_gap() -> None:
    write_lines(2)
    with transaction.atomic():
        ledger.append(ledger.PORTAL, Line(Action.OPENED))
        transaction.set_rollback(True)
    ledger.append(ledger.PORTAL, Line(Action.LISTED))
    assert [entry.seq for entry in Entry.objects.order_by("seq")] == [1, 2, 3]
    assert ledger.first_fault() is None


# Without the ledger nothing is shown.


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


SHOWN = {
    "home": lambda cast: reverse("home"),
    "list": lambda cast: reverse("recordings:list"),
    "player": lambda cast: reverse("recordings:detail", args=[cast.ada.recording.pk]),
}


@pytest.mark.parametrize("page", SHOWN)
def test_without_the_ledger_a_patient_is_shown_nothing_of_their_recordings(
    page: str, cast: Cast, client: Client
) -> None:
    client.force_login(cast.ada.patient.user)
    address, recording = SHOWN[page](cast), str(cast.ada.recording.pk).encode()
    with ledger_down():
        response = client.get(address)
        assert response.status_code == 503
        assert recording not in response.content
    assert not PlaybackSession.objects.exists() and not Entry.objects.exists()
    response = client.get(address)
    assert response.status_code == 200
    assert recording in response.content
    assert Entry.objects.filter(object_id=cast.ada.recording.pk, actor=cast.ada.patient.user_id).exists()


@pytest.mark.parametrize("page", ["clinic:index", "clinic:recordings_recording_changelist"])
def test_without_the_ledger_a_clinician_is_shown_nothing_either(page: str, cast: Cast, client: Client) -> None:
    client.force_login(cast.ada.clinician.user)
    recording = str(cast.ada.recording.pk).encode()
    with ledger_down():
        response = client.get(reverse(page))
        assert response.status_code == 503
        assert recording not in response.content
    response = client.get(reverse(page))
    assert response.status_code == 200 and recording in response.content
    assert Entry.objects.filter(object_id=cast.ada.recording.pk, action=Action.LISTED).exists()


def test_without_the_ledger_seconds_are_not_counted(cast: Cast, client: Client) -> None:
    client.force_login(cast.ada.patient.user)
    address = reverse("recordings:watched", args=[cast.ada.recording.pk])
    with ledger_down():
        assert client.post(address, {"seconds": 30}, content_type="application/json").status_code == 503
    assert not PlaybackSession.objects.filter(seconds_watched__gt=0).exists()
    assert client.post(address, {"seconds": 30}, content_type="application/json").status_code == 204
    assert PlaybackSession.objects.get().seconds_watched == 30


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_without_the_ledger_no_byte_leaves_over_asgi(cast: Cast) -> None:
    client = AsyncClient()
    await client.aforce_login(cast.ada.patient.user)
    address = reverse("recordings:media", args=[cast.ada.recording.pk])
    down = ledger_down()
    await sync_to_async(down.__enter__)()
    try:
        response = await client.get(address, headers={"Range": "bytes=0-"})
        assert response.status_code == 503
        assert cast.ada.canary not in response.content
    finally:
        await sync_to_async(down.__exit__)(None, None, None)
    response = await client.get(address, headers={"Range": "bytes=0-"})
    assert response.status_code == 206
    assert b"".join([piece async for piece in response]) == cast.ada.canary


def test_a_refusal_that_cannot_be_written_down_is_still_a_refusal(cast: Cast, client: Client) -> None:
    client.force_login(cast.ben.patient.user)
    with ledger_down():
        response = client.get(reverse("recordings:media", args=[cast.ada.recording.pk]))
        assert response.status_code in (404, 503)
        assert cast.ada.canary not in response.content


def test_every_refusal_stands_in_the_ledger_without_a_word_to_the_person(cast: Cast, client: Client) -> None:
    client.force_login(cast.ben.patient.user)
    response = client.get(reverse("recordings:detail", args=[cast.ada.recording.pk]))
    assert response.status_code == 404
    line = Entry.objects.get()
    assert (line.action, line.actor, line.object_id) == (
        Action.REFUSED, cast.ben.patient.user_id, cast.ada.recording.pk,
    )  # fmt: skip
    assert (line.patient, line.reason) == (cast.ada.patient.pk, "stranger")
    assert b"stranger" not in response.content


def test_an_opening_is_in_the_ledger_before_anything_is_returned(cast: Cast) -> None:
    opened = playback.open_replay(
        cast.ada.patient.user, cast.ada.recording.pk, actor=Actor(cast.ada.patient.user_id), now=cast.now
    )
    line = Entry.objects.get()
    assert (line.action, line.object_id, line.at) == (Action.OPENED, cast.ada.recording.pk, cast.now)
    assert line.detail == {"viewing": str(opened.viewing.pk)}
