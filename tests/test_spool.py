"""With the ledger down nothing is shown, and live care goes on: what happened waits on disk and is appended once."""

import json
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit import ledger, spool, tasks
from audit.ledger import Actor, LedgerUnavailable, Line
from audit.models import Action, Entry
from consultations.models import Participant, RecordingConsent
from recordings import capture, pipeline
from recordings.models import RecorderLease, Recording
from recordings.pipeline.evidence import Mismatch
from tests.cast import Cast
from tests.ledgers import EARLY, ledger_down
from tests.visits import CANVAS, PATIENT, Visit, recorded_visit

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("ledger_places")]
LATER = EARLY + timedelta(minutes=5)


def said(number: int) -> Line:
    return Line(Action.CONSENTED, "consultation", uuid.UUID(int=number), reason="audio", detail={"n": number})


def spool_some(count: int = 3) -> Actor:
    actor = Actor(uuid.uuid4(), "s" * 64, "r1")
    with ledger_down():
        for number in range(count):
            spool.append_or_spool(actor, said(number), now=EARLY + timedelta(seconds=number))
        assert not Entry.objects.exists()
    return actor


def numbers() -> list[int]:
    return [entry.detail["n"] for entry in Entry.objects.order_by("seq")]


def test_with_a_sound_ledger_nothing_is_spooled() -> None:
    spool.append_or_spool(ledger.PORTAL, said(1), now=EARLY)
    assert numbers() == [1] and spool.waiting() == []


def test_what_was_spooled_is_appended_in_order_and_says_when_it_happened() -> None:
    actor = spool_some()
    assert [path.stat().st_mode & 0o777 for path in spool.waiting()] == [0o600] * 3
    assert spool.drain(now=LATER) == 3
    assert (numbers(), spool.waiting(), ledger.first_fault()) == ([0, 1, 2], [], None)
    last = Entry.objects.latest("seq")
    assert (last.actor, last.session_hash, last.request_id) == (actor.id, "s" * 64, "r1")
    assert (last.action, last.object_id, last.reason) == (Action.CONSENTED, uuid.UUID(int=2), "audio")
    assert (last.at, last.detail["spooled_at"]) == (LATER, (EARLY + timedelta(seconds=2)).isoformat())
    assert spool.drain(now=LATER) == 0


def test_while_the_ledger_is_down_the_lines_stay() -> None:
    spool_some()
    with ledger_down():
        assert spool.drain(now=LATER) == 0
    assert len(spool.waiting()) == 3
    tasks.drain_spool()
    assert numbers() == [0, 1, 2]


def test_a_worker_killed_between_append_and_removal_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException): ...

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    spool_some()
    with monkeypatch.context() as dying, pytest.raises(Killed):
        dying.setattr(Path, "unlink", die)
        spool.drain(now=LATER)
    assert (numbers(), len(spool.waiting())) == ([0], 3)
    assert spool.drain(now=LATER) == 2
    assert (numbers(), spool.waiting()) == ([0, 1, 2], [])


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_double_nothing() -> None:
    spool_some(10)
    start, counts = threading.Barrier(3), []

    def work() -> None:
        start.wait(30)
        counts.append(spool.drain(now=LATER))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(numbers()) == list(range(10)) and sum(counts) == 10


def test_a_spooled_line_is_one_line_whatever_is_in_it(ledger_places: Path) -> None:
    evil = "a\r\nb\x1b[31m\u2028\u202e\x00" + "x" * 100_000
    with ledger_down():
        spool.append_or_spool(Actor(request_id=evil), Line(Action.CONSENTED, detail={evil: [evil]}), now=EARLY)
    (path,) = spool.waiting()
    text = path.read_bytes()
    assert text.count(b"\n") == 1 and text.isascii() and json.loads(text)
    assert spool.drain(now=LATER) == 1
    assert len(str(Entry.objects.get().detail)) < 2000


def test_with_neither_ledger_nor_disk_it_says_so(ledger_places: Path, settings: Any) -> None:
    (ledger_places / "file").write_text("")
    settings.LEDGER_SPOOL_DIR = ledger_places / "file"
    with ledger_down(), pytest.raises(LedgerUnavailable):
        spool.append_or_spool(ledger.PORTAL, said(1), now=EARLY)


# Live care.


@pytest.fixture
def visit(cast: Cast) -> Visit:
    return Visit(cast.ada, at=timezone.now() - timedelta(minutes=1), consultation=cast.ada.planned)


def in_force(visit: Visit) -> int:
    places = Participant.objects.filter(consultation=visit.consultation)
    return RecordingConsent.objects.filter(participant__in=places, withdrawn_at=None).count()


def live_leases(visit: Visit) -> int:
    return RecorderLease.objects.filter(recording__call=visit.call, revoked_at=None).count()


def test_with_the_ledger_down_a_call_begins_is_recorded_and_consent_is_given_and_withdrawn(visit: Visit) -> None:
    with ledger_down(), transaction.atomic():
        visit.begin()
        assert (in_force(visit), live_leases(visit)) == (2, 1)
        visit.open()
        visit.after(5)
        visit.withdraw()
        assert (in_force(visit), live_leases(visit)) == (1, 0)
    assert not Entry.objects.exists()
    assert spool.drain(now=LATER) == 3
    lines = Entry.objects.order_by("seq").values_list("action", "actor", "object_id")
    patient, clinician = visit.place(PATIENT).user_id, visit.world.clinician.user_id
    assert list(lines) == [
        (Action.CONSENTED, patient, visit.consultation.pk),
        (Action.CONSENTED, clinician, visit.consultation.pk),
        (Action.WITHDREW, patient, visit.consultation.pk),
    ]
    assert Entry.objects.latest("seq").detail["spooled_at"] == visit.now.isoformat()


def test_with_neither_ledger_nor_disk_nobody_starts_to_be_recorded_but_everybody_can_stop_it(
    visit: Visit, ledger_places: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    visit.begin()
    (ledger_places / "file").write_text("")
    settings.LEDGER_SPOOL_DIR = ledger_places / "file"
    lines = Entry.objects.count()
    with ledger_down():
        visit.withdraw()
        assert (in_force(visit), live_leases(visit)) == (1, 0)
        with pytest.raises(LedgerUnavailable):
            visit.allow(PATIENT)
        assert (in_force(visit), live_leases(visit)) == (1, 0)
    assert Entry.objects.count() == lines
    assert [record.levelname for record in caplog.records][-1] == "ERROR"
    assert "stands in no ledger" in caplog.text


def test_a_misused_token_is_refused_just_the_same(cast: Cast, visit: Visit) -> None:
    opened, now = visit.begin().open(), timezone.now()
    with ledger_down(), pytest.raises(capture.CaptureRefused) as refused:
        capture.segment_of_token(opened.upload_token, uuid.uuid4(), now=now)
    assert refused.value.status == 403
    spool.drain(now=LATER)
    assert Entry.objects.filter(action=Action.MISUSED).count() == 1


@pytest.fixture
def past_visit(cast: Cast, settings: Any) -> Iterator[Visit]:
    settings.RECORDING_CANVAS = CANVAS
    yield recorded_visit(cast.ada, at=cast.now - timedelta(hours=6))


def test_what_does_not_match_is_held_back_without_the_ledger_too(
    past_visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mismatch(*_: Any, **__: Any) -> None:
        raise Mismatch("chunk_digest")

    monkeypatch.setattr(import_module("recordings.pipeline.process"), "_make_replay", mismatch)
    with ledger_down():
        pipeline.process(past_visit.job.pk)
    assert past_visit.recording.status == Recording.Status.QUARANTINED
    spool.drain(now=LATER)
    assert Entry.objects.get(action=Action.QUARANTINED).object_id == past_visit.recording.pk


def test_without_the_ledger_nothing_is_published_and_a_next_try_waits(past_visit: Visit) -> None:
    with ledger_down():
        pipeline.process(past_visit.job.pk)
    assert past_visit.recording.status == Recording.Status.PROCESSING
    assert not past_visit.recording.renditions.exists()
    assert (past_visit.job.status, past_visit.job.fault) == ("queued", "LedgerUnavailable")
    assert spool.waiting() == []
