"""The ledger: tampering is found at its first bad row, writers make no fork, without it nothing is shown."""

import hashlib
import json
import threading
import uuid
from collections.abc import Callable
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
from tests.ledgers import LINES, TAMPERINGS, edit, ledger_down, write_lines

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("ledger_places")]


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
    assert said.getvalue().startswith(f"{LINES} entries, the chain holds. ")


def test_the_command_names_the_first_bad_line_and_fails() -> None:
    entries = write_lines()
    with triggers.lifted(connection):
        edit(entries)
    with pytest.raises(CommandError, match="Entry 3 was changed"):
        call_command("verify_ledger", stdout=StringIO())


EVIL = ["a\r\nb", "\x1b[2J\x1b[31mred", "\x00", "\ud800", "\u2028\u202e", "é\x7f", "x" * 100_000]


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
def test_whatever_a_line_is_given_it_is_one_line_on_any_screen(evil: str) -> None:
    line = Line(Action.REFUSED, reason=evil, detail={"said": [evil, {evil: evil}]})
    ledger.append(Actor(request_id=evil), line)
    entry = Entry.objects.get()
    shown = ledger.canonical(entry).decode()
    assert shown.isprintable() and len(shown) < 4000
    assert len(entry.reason) <= 64 and len(entry.request_id) <= 64
    assert ledger.first_fault() is None


def test_a_request_id_from_outside_is_kept_harmless(cast: Cast, client: Client) -> None:
    client.force_login(cast.ben.patient.user)
    hostile = "\x1b[31m" + "é" * 1000
    assert (
        client.get(reverse("recordings:detail", args=[uuid.uuid4()]), headers={"X-Request-ID": hostile}).status_code
        == 404
    )
    assert Entry.objects.get().request_id.startswith("\\x1b[31m") and ledger.first_fault() is None


@pytest.mark.skipif(connection.vendor != "postgresql", reason="is about PostgreSQL; `make test` runs it there")
def test_a_writer_that_hangs_makes_the_ledger_unavailable_to_the_others_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ledger.POSTGRESQL_WAITS == "10s"
    monkeypatch.setattr(ledger, "POSTGRESQL_WAITS", "50ms")
    hanging = connection.copy()
    with hanging.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ledger.POSTGRESQL_LOCK])
        with pytest.raises(ledger.LedgerUnavailable):
            ledger.append(ledger.PORTAL, Line(Action.LISTED))
        cursor.execute("SELECT pg_advisory_unlock(%s)", [ledger.POSTGRESQL_LOCK])
    hanging.close()
    ledger.append(ledger.PORTAL, Line(Action.LISTED))
    assert Entry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_writers_at_once_make_one_chain() -> None:
    writers, lines_each = 64, 4
    start, failures = threading.Barrier(writers), []

    def write(number: int) -> None:
        try:
            start.wait(60)
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
        thread.join(120)
    assert failures == []
    assert ledger.first_fault() is None
    entries = list(Entry.objects.order_by("seq"))
    assert len(entries) == writers * lines_each
    for number in range(writers):
        assert [e.detail["line"] for e in entries if e.detail["writer"] == number] == list(range(lines_each))
    assert len({entry.detail["writer"] for entry in entries[:20]}) > 1, "they wrote one after the other"


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
