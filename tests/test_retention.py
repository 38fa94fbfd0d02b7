"""For how long recordings are kept: administrators set it, nobody loses what they were told unseen, nights erase."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format

from accounts.models import User
from audit import ledger
from audit.ledger import Actor
from audit.models import Action, Entry
from recordings import erasure, expiry, holds, retention, tasks
from recordings.holds import CannotHold, Why
from recordings.models import (
    AccessReport,
    DeletionRequest,
    Expiry,
    LegalHold,
    ProcessingJob,
    Recording,
    RetentionPeriod,
)
from recordings.retention import GRACE, CannotSet
from recordings.suspensions import Scope, suspend
from tests.cast import Cast, World
from tests.replays import Viewer
from tests.visits import stored_files

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
DAY = timedelta(days=1)
PAGE = "/admin/retention/"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def who(person: User, now: datetime) -> dict[str, Any]:
    return {"by": person, "actor": Actor(person.pk), "now": now}


def reads(user: User, page: str) -> str:
    return " ".join(signed_in(user).get(page).content.decode().split())


def keeping(world: World) -> str:
    return f"/recordings/{world.recording.pk}/keeping/"


def until(world: World) -> datetime | None:
    return Recording.objects.get(pk=world.recording.pk).retain_until


def ends(world: World, at: datetime) -> None:
    Recording.objects.filter(pk=world.recording.pk).update(retain_until=at)


def is_erased(world: World) -> bool:
    return Recording.objects.get(pk=world.recording.pk).status == "erased"


def day(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j F Y")


def test_what_has_no_day_gets_the_one_of_the_setting_and_a_lower_setting_takes_nothing(cast: Cast, settings) -> None:
    started = cast.ada.recording.started_at
    Recording.objects.filter(pk=cast.ben.recording.pk).update(status="capturing")
    retention.apply(now=cast.now)
    assert until(cast.ada) == started + 365 * DAY and until(cast.ben) is None
    settings.RECORDING_RETENTION_DAYS = 60
    retention.apply(now=cast.now)
    assert until(cast.ada) == started + 365 * DAY
    assert not Entry.objects.filter(action=Action.CHANGED).exists(), "a first day is no change"


def test_a_longer_period_holds_at_once_and_puts_off_every_day(cast: Cast) -> None:
    retention.apply(now=cast.now)
    what = retention.consequences(400, now=cast.now)
    assert (what.lengthened, what.shortened, what.since) == (2, 0, cast.now)
    retention.set_period(400, reason="A law.", **who(cast.administrator, cast.now))
    assert retention.told(cast.now) == retention.Told(400, None)
    for _ in range(2):
        retention.apply(now=cast.now)
    assert until(cast.ada) == cast.ada.recording.started_at + 400 * DAY
    told = Entry.objects.filter(action=Action.CHANGED).order_by("seq").values_list("object_type", "reason")
    assert list(told) == [("retentionperiod", "longer"), ("recording", "kept_longer"), ("recording", "kept_longer")]
    assert "put off the day until which it is kept" in reads(
        cast.ada.patient.user, f"/recordings/{cast.ada.recording.pk}/access/"
    )


def test_a_shorter_period_takes_no_day_before_everybody_could_read_it(cast: Cast) -> None:
    retention.apply(now=cast.now)
    Recording.objects.filter(pk=cast.ben.recording.pk).update(started_at=cast.now - 300 * DAY)
    ends(cast.ben, cast.now + 65 * DAY)
    before, since = until(cast.ada), cast.now + GRACE
    what = retention.consequences(40, now=cast.now)
    assert (what.shortened, what.ends_at_once, what.since, what.lengthened) == (2, 1, since, 0)
    retention.set_period(40, reason="Less is enough.", **who(cast.administrator, cast.now))
    retention.apply(now=since - DAY)
    assert until(cast.ada) == before and retention.days_at(since - DAY) == 365
    for page in (keeping(cast.ada), f"/recordings/{cast.ada.recording.pk}/"):
        assert f"this one until {day(cast.ada.recording.started_at + 40 * DAY)} only" in reads(
            cast.ada.patient.user, page
        )
    assert f"this one until {day(since)} only" in reads(cast.ben.patient.user, keeping(cast.ben))
    assert f"From {day(since)} on they are kept for at least 40 days" in reads(cast.ada.patient.user, "/recordings/")
    for _ in range(2):
        retention.apply(now=since)
    assert (until(cast.ada), until(cast.ben)) == (cast.ada.recording.started_at + 40 * DAY, since)
    assert Entry.objects.filter(reason="kept_shorter").count() == 2


def test_only_an_announced_period_brings_a_day_forward(cast: Cast, settings) -> None:
    settings.RECORDING_RETENTION_DAYS = 730
    retention.apply(now=cast.now)
    settings.RECORDING_RETENTION_DAYS = 365
    retention.set_period(400, reason="A law.", **who(cast.administrator, cast.now))
    retention.apply(now=cast.now)
    assert until(cast.ada) == cast.ada.recording.started_at + 730 * DAY


def test_what_is_ready_late_can_be_watched_for_a_while(cast: Cast) -> None:
    for world in (cast.ada, cast.ben):
        Recording.objects.filter(pk=world.recording.pk).update(started_at=cast.now - 400 * DAY)
    ends(cast.ben, cast.now + 90 * DAY)
    retention.apply(now=cast.now)
    assert until(cast.ada) == cast.now + GRACE
    retention.set_period(40, reason="Less is enough.", **who(cast.administrator, cast.now))
    since = cast.now + GRACE
    job(cast.ben, since)
    ProcessingJob.objects.filter(recording=cast.ben.recording).update(status="done", finished_at=since)
    retention.apply(now=since)
    assert until(cast.ben) == cast.now + 90 * DAY, "it was prepared under the period, with the day it had"


def test_a_shorter_period_that_waits_is_taken_back_by_the_one_of_today(cast: Cast) -> None:
    retention.apply(now=cast.now)
    at = who(cast.administrator, cast.now)
    with pytest.raises(CannotSet, match="period of today"):
        retention.set_period(365, reason="Why not", **at)
    retention.set_period(40, reason="Less is enough.", **at)
    later = who(cast.administrator, cast.now + DAY)
    with pytest.raises(CannotSet, match="waits already"):
        retention.set_period(50, reason="Less is enough.", **later)
    retention.set_period(365, reason="A mistake.", **later)
    long_after = cast.now + 2 * GRACE
    retention.apply(now=long_after)
    assert retention.told(long_after) == retention.Told(365, None)
    assert until(cast.ada) == cast.ada.recording.started_at + 365 * DAY


def test_a_period_stays_as_it_was_said(cast: Cast) -> None:
    retention.set_period(400, reason="A law.", **who(cast.administrator, cast.now))
    for act in (lambda rows: rows.update(days=1), lambda rows: rows.delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act(RetentionPeriod.objects.all())


def test_an_administrator_reads_what_a_period_would_do_before_it_is_set(cast: Cast, settings) -> None:
    retention.apply(now=cast.now)
    administrator = signed_in(cast.administrator)

    def says(act: str, days: int, **more: Any) -> str:
        said = {"act": act, "days": days, "reason": "Less is enough.", **more}
        return " ".join(administrator.post(PAGE, said, follow=True).content.decode().split())

    assert "Set another period" not in reads(cast.staff, PAGE)
    assert signed_in(cast.staff).post(PAGE, {"act": "set", "days": 40, "reason": "x"}).status_code == 403
    assert "kept for 30 to 36500 days" in says("preview", 29)
    assert "2 recordings end sooner than their people were told; 0 of them on" in says("preview", 40)
    # What was shown is not what would happen: it is shown once more.
    assert "2 recordings end sooner" in says("set", 40, shortened=1) and "2 recordings end" in says("set", 40)
    assert not RetentionPeriod.objects.exists()
    assert "The period is set" in says("set", 40, shortened=2)
    assert "40 days from" in reads(cast.staff, PAGE) and "Less is enough." in reads(cast.staff, PAGE)
    line = Entry.objects.get(object_type="retentionperiod")
    assert (line.actor, line.reason, line.detail["was"]) == (cast.administrator.pk, "shorter", 365)


def test_a_night_erases_what_is_past_its_day_once_and_its_bytes_after_it(cast: Cast) -> None:
    ends(cast.ada, cast.now - DAY)
    ends(cast.ben, cast.now + 5 * DAY)
    files = stored_files(cast.ada.recording)
    assert expiry.counts(cast.now) == expiry.Counts(0, 0, 2, 0, 0)
    assert [expiry.erase_due(now=cast.now) for _ in range(2)] == [1, 0]
    assert (is_erased(cast.ada), is_erased(cast.ben)) == (True, False)
    for user in (cast.ada.patient.user, cast.ada.clinician.user):
        assert Viewer(user).get(cast.ada.recording.pk).status_code == 404
    (waits,) = erasure.waiting()
    for _ in range(2):
        tasks.empty_discarded(str(waits))
    assert files and stored_files(cast.ada.recording) == set() and stored_files(cast.ben.recording)
    assert Expiry.objects.get().emptied_at and erasure.waiting() == []
    line = Entry.objects.get(action=Action.DISCARDED)
    assert (line.actor, line.object_id, line.reason) == (None, cast.ada.recording.pk, "day_has_come")
    assert ledger.first_fault() is None
    page = reads(cast.ada.patient.user, keeping(cast.ada))
    assert "It is deleted" in page and "the time for which it is kept was over" in page
    assert expiry.counts(cast.now) == expiry.Counts(1, 1, 1, 0, 0)
    assert "1 in all, 1 in the last 30 days" in reads(cast.staff, PAGE)


def test_the_nightly_task_lengthens_before_it_erases(cast: Cast) -> None:
    ends(cast.ada, cast.now - DAY)
    tasks.erase_expired()
    assert not is_erased(cast.ada)


def report(world: World, now: datetime) -> None:
    AccessReport.objects.create(
        recording=world.recording, patient=world.patient, line=1, reported_by=world.patient.user, reported_at=now
    )


def request(world: World, now: datetime, **answer: Any) -> None:
    DeletionRequest.objects.create(
        recording=world.recording, patient=world.patient, asked_by=world.patient.user, asked_at=now, **answer
    )


def refused(world: World, now: datetime) -> None:
    answer = {"answered_by": world.colleague.user, "answered_at": now, "why": "A rule.", "answer": "refused"}
    request(world, now, kept_until=now.date(), **answer)


def job(world: World, now: datetime) -> None:
    ProcessingJob.objects.create(recording=world.recording, patient=world.patient, not_before=now)


def held_back(world: World, now: datetime) -> None:
    Recording.objects.filter(pk=world.recording.pk).update(status="quarantined")


def prepared(world: World, now: datetime) -> None:
    Recording.objects.filter(pk=world.recording.pk).update(status="processing")


def paused(world: World, now: datetime) -> None:
    suspend(Scope.PATIENT, world.patient.pk, reason="We look into it.", actor=ledger.PORTAL, now=now)


def on_hold(world: World, now: datetime) -> None:
    Recording.objects.filter(pk=world.recording.pk).update(legal_hold=True)


KEEPS = (report, request, refused, job, held_back, prepared, paused, on_hold)


@pytest.mark.parametrize("keeps", KEEPS, ids=lambda one: one.__name__)
def test_what_somebody_still_looks_into_is_not_erased(keeps: Any, cast: Cast) -> None:
    for world in (cast.ada, cast.ben):
        ends(world, cast.now - DAY)
    keeps(cast.ada, cast.now)
    assert expiry.erase_due(now=cast.now) == 1
    assert (is_erased(cast.ada), is_erased(cast.ben)) == (False, True)
    assert expiry.counts(cast.now).kept_back == (0 if keeps in (held_back, prepared) else 1)


def test_what_happens_to_it_since_the_list_was_made_keeps_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    for world in (cast.ada, cast.ben):
        ends(world, cast.now - DAY)
    erase = expiry._erase

    def after_a_hold(pk: Any, *, now: datetime) -> bool:
        on_hold(cast.ada, now)
        return erase(pk, now=now)

    monkeypatch.setattr(expiry, "_erase", after_a_hold)
    assert expiry.erase_due(now=cast.now) == 1 and not is_erased(cast.ada)


def test_a_night_erases_no_more_than_so_many(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    for world in (cast.ada, cast.ben):
        ends(world, cast.now - DAY)
    monkeypatch.setattr(expiry, "MOST_A_NIGHT", 1)
    assert [expiry.erase_due(now=cast.now) for _ in range(3)] == [1, 1, 0]


def test_without_the_ledger_nothing_is_erased(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    ends(cast.ada, cast.now - DAY)

    def down(*_: Any, **__: Any) -> None:
        raise ledger.LedgerUnavailable

    monkeypatch.setattr(ledger, "append", down)
    with pytest.raises(ledger.LedgerUnavailable):
        expiry.erase_due(now=cast.now)
    assert not is_erased(cast.ada) and not Expiry.objects.exists()


def test_a_legal_hold_keeps_it_until_it_is_lifted_and_both_people_read_why(cast: Cast) -> None:
    ends(cast.ada, cast.now - DAY)
    page = f"/admin/recordings/recording/{cast.ada.recording.pk}/hold/"
    administrator = signed_in(cast.administrator)
    assert "Why it must be kept" in reads(cast.administrator, page)
    assert signed_in(cast.staff).post(page, {"why": "complaint", "note": "x"}).status_code == 403
    administrator.post(page, {"why": "complaint", "note": "Their letter of May."})
    assert LegalHold.objects.get().set_by == cast.administrator and expiry.erase_due(now=cast.now) == 0
    for user in (cast.ada.patient.user, cast.ada.clinician.user):
        words = reads(user, keeping(cast.ada))
        assert "it may not be deleted, whatever the day: a complaint" in words and "letter of May" not in words
    with pytest.raises(CannotHold, match="already"):
        holds.put(cast.ada.recording.pk, why=Why.INCIDENT, note="x", **who(cast.administrator, cast.now))
    assert "Their letter of May." in reads(cast.administrator, page)
    administrator.post(page, {"note": "It was settled."})
    assert LegalHold.objects.get().lifted_note == "It was settled."
    assert expiry.erase_due(now=cast.now) == 1
    told = Entry.objects.filter(action=Action.CHANGED).order_by("seq").values_list("actor", "reason")
    assert list(told) == [(cast.administrator.pk, "hold_set"), (cast.administrator.pk, "hold_lifted")]
    with pytest.raises(CannotHold, match="erased"):
        holds.put(cast.ada.recording.pk, why=Why.INCIDENT, note="x", **who(cast.administrator, cast.now))


@pytest.mark.parametrize("why", ["no right", "was there"])
def test_who_may_not_decide_puts_no_hold_and_lifts_none(why: str, cast: Cast) -> None:
    holds.put(cast.ada.recording.pk, why=Why.COMPLAINT, note="A letter.", **who(cast.administrator, cast.now))
    person = cast.staff
    if why == "was there":
        person = cast.ada.clinician.user
        User.objects.filter(pk=person.pk).update(is_staff=True)
        person.groups.add(*cast.administrator.groups.all())
    for act in (
        lambda: holds.lift(cast.ada.recording.pk, note="x", **who(person, cast.now)),
        lambda: holds.put(cast.ada.recording.pk, why=Why.COMPLAINT, note="x", **who(person, cast.now)),
    ):
        with pytest.raises(CannotHold, match="You may look|You took part"):
            act()
    assert LegalHold.objects.get().lifted_at is None and Recording.objects.get(pk=cast.ada.recording.pk).legal_hold
