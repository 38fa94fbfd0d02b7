"""What people are written to about, and what no letter ever says."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from accounts.models import ADMINISTRATORS, User
from audit.ledger import PORTAL, Actor
from audit.models import Alert, AlertKind, Entry
from consultations import attendance, booking, clinic_messages, policy, reminders
from consultations.models import Participant
from notices import outbox
from notices.models import Kind, Notice
from recordings import deletion, playback, sharing, suspensions, unrecognised
from recordings import letters as replay_letters
from recordings.models import AccessReport, Recording, RetentionPeriod, Share
from tests.cast import FIFTEEN, Cast
from tests.owed import (
    A_DAY,
    AN_HOUR,
    CLINICAL,
    NEWCOMER,
    at_any_hour,
    clinician_comes,
    deliver,
    everything_happens,
    plan,
)
from tests.shares import HOLDER, share

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]


@pytest.fixture
def now(cast: Cast) -> datetime:
    at_any_hour(cast.ada.patient.user, cast.ada.clinician.user)
    Notice.objects.all().delete()
    return cast.now + timedelta(seconds=1)


def sent_to(user: User | None, kind: Kind | None = None) -> list[EmailMessage]:
    assert user is not None
    ids = {f"<notice-{pk}@" for pk in Notice.objects.filter(kind=kind or "").values_list("pk", flat=True)}
    return [
        one for one in mail.outbox
        if one.to == [user.email] and (not kind or any(one.extra_headers["Message-ID"].startswith(id_) for id_ in ids))
    ]  # fmt: skip


def test_every_kind_reaches_its_person_once_and_none_says_why_somebody_came(cast: Cast, now: datetime) -> None:
    everything_happens(cast.ada, now=now)
    deciders = set(User.objects.filter(is_staff=True, groups__name=ADMINISTRATORS))
    at_any_hour(*(one.grantee for one in Share.objects.all()), *deciders)
    for _ in range(2):
        everything = deliver(now + timedelta(seconds=5))
    assert everything == 0, "the second round has nothing left"
    sent = Notice.objects.filter(sent_at__isnull=False)
    assert set(sent.values_list("kind", flat=True)) == set(Kind.values)
    assert len(mail.outbox) == sent.count()
    assert len({one.extra_headers["Message-ID"] for one in mail.outbox}) == len(mail.outbox)
    assert {address for one in mail.outbox for address in one.to} == {
        cast.ada.patient.user.email, cast.ada.clinician.user.email, HOLDER, NEWCOMER, *(one.email for one in deciders),
    }  # fmt: skip
    for letter in mail.outbox:
        text = f"{letter.subject}\n{letter.body}\n{letter.extra_headers}"
        for told in (CLINICAL, "Ada", "Lovell", "Ben", "Hana", "Second opinion", "General practice"):
            assert told not in text, f"{letter.subject}: {told}"
        assert "http://127.0.0.1:8000/account/notices/" in letter.body


def test_a_letter_speaks_of_the_readers_own_time_and_clinician(cast: Cast, now: datetime) -> None:
    User.objects.filter(pk=cast.ada.patient.user_id).update(time_zone="Asia/Kolkata")
    starts_at = (now + 3 * A_DAY).replace(hour=9, minute=0, second=0, microsecond=0)
    consultation = plan(cast.ada, starts_at=starts_at, booked_at=now)
    deliver(now)
    (letter,) = sent_to(cast.ada.patient.user)
    assert "with Dr Samuel Osei is on" in letter.body and "at 14:30 (Kolkata time)" in letter.body
    assert f"http://127.0.0.1:8000/consultations/{consultation.pk}/" in letter.body
    (theirs,) = sent_to(cast.ada.clinician.user)
    assert "(London time) is booked with you" in theirs.body


def test_of_a_change_the_last_word_is_told_and_whoever_made_it_as_clinician_is_not(cast: Cast, now: datetime) -> None:
    patient, clinician = cast.ada.patient.user, cast.ada.clinician.user
    consultation = plan(cast.ada, starts_at=now + 3 * A_DAY, booked_at=now)
    for hours in (1, 2):
        later = consultation.starts_at + hours * AN_HOUR
        booking.move(consultation, starts_at=later, ends_at=later + FIFTEEN, by=clinician, now=now)
        now += timedelta(seconds=1)
    deliver(now)
    assert [one.subject for one in mail.outbox] == ["Your consultation has a new time"]
    assert sent_to(patient) == mail.outbox
    booking.cancel(consultation, by=patient, actor=PORTAL, now=now)
    deliver(now)
    assert len(sent_to(patient)) == 2 and [one.subject for one in sent_to(clinician)] == [
        "A consultation of yours was cancelled"
    ]


def test_nothing_is_sent_of_what_was_rolled_back(cast: Cast, now: datetime) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        plan(cast.ada, starts_at=now + 3 * A_DAY, booked_at=now)
        raise ZeroDivisionError
    assert deliver(now) == 0 and not Notice.objects.exists()


def test_what_is_dated_into_the_past_is_told_to_nobody(cast: Cast, now: datetime) -> None:
    everything_happens(cast.ada, now=now - 6 * A_DAY - 5 * AN_HOUR)
    assert deliver(now) == 0 and mail.outbox == []


def reminded(cast: Cast, now: datetime) -> list[str]:
    """Return the kinds of reminders that were sent by now."""
    reminders.post_all(now=now)
    deliver(now)
    kinds = Notice.objects.filter(kind__in=[Kind.DAY_BEFORE, Kind.HOUR_BEFORE], sent_at__isnull=False)
    return list(kinds.order_by("sent_at").values_list("kind", flat=True))


def test_each_reminder_comes_once_at_its_time(cast: Cast, now: datetime) -> None:
    start = now + 5 * A_DAY
    plan(cast.ada, starts_at=start, booked_at=now)
    assert reminded(cast, start - A_DAY - timedelta(seconds=1)) == []
    assert reminded(cast, start - A_DAY) == ["day_before"]
    assert reminded(cast, start - 3 * AN_HOUR) == ["day_before"]
    for ahead in (AN_HOUR, AN_HOUR / 2):
        assert reminded(cast, start - ahead) == ["day_before", "hour_before"]
    assert len(sent_to(cast.ada.patient.user, Kind.DAY_BEFORE)) == 1


@pytest.mark.parametrize(
    ("back_at", "kinds"),
    [(20 * AN_HOUR, ["day_before"]), (AN_HOUR / 2, ["hour_before"]), (timedelta(0), [])],
    ids=["hours late", "shortly before", "after it began"],
)
def test_workers_that_come_back_send_what_still_helps(
    cast: Cast, now: datetime, back_at: timedelta, kinds: list[str]
) -> None:
    start = now + 5 * A_DAY
    plan(cast.ada, starts_at=start, booked_at=now)
    if not kinds:  # owed in time, and nobody sent it
        reminders.post_all(now=start - AN_HOUR)
    assert reminded(cast, start - back_at) == kinds


def test_a_new_time_is_reminded_of_and_the_old_one_is_not(cast: Cast, now: datetime) -> None:
    start = now + 5 * A_DAY
    consultation = plan(cast.ada, starts_at=start, booked_at=now)
    reminders.post_all(now=start - A_DAY)
    later = start + 4 * A_DAY
    booking.move(consultation, starts_at=later, ends_at=later + FIFTEEN, by=None, now=start - A_DAY)
    assert reminded(cast, start - A_DAY) == [] and reminded(cast, start - AN_HOUR) == []
    assert reminded(cast, later - A_DAY) == ["day_before"]
    booking.cancel(consultation, by=None, actor=PORTAL, now=later - 2 * AN_HOUR)
    assert reminded(cast, later - AN_HOUR) == ["day_before"]


def test_who_was_told_of_the_time_lately_is_not_reminded_of_it(cast: Cast, now: datetime) -> None:
    plan(cast.ada, starts_at=now + 30 * AN_HOUR, booked_at=now)
    assert reminded(cast, now + 20 * AN_HOUR) == []
    assert reminded(cast, now + 29 * AN_HOUR) == ["hour_before"]


def test_a_waiting_clinician_is_told_of_while_they_wait_and_the_patient_is_away(cast: Cast, now: datetime) -> None:
    def letters() -> int:
        reminders.post_all(now=now)
        deliver(now)
        return len(sent_to(cast.ada.patient.user, Kind.WAITING))

    assert letters() == 0
    clinician_comes(cast.ada.planned)
    places = Participant.objects.filter(consultation=cast.ada.planned)
    places.filter(role="patient").update(sid="s2", connected_at=now)
    assert letters() == 0
    places.filter(role="patient").update(disconnected_at=now)
    assert letters() == 1 and letters() == 1
    assert "Dr Samuel Osei is waiting for you" in sent_to(cast.ada.patient.user)[0].body


def test_a_replay_is_told_of_by_both_keys_and_past_the_guard(cast: Cast, now: datetime) -> None:
    recording, ben = cast.ada.recording, cast.ben.patient.user
    outbox.post(
        outbox.notice(Kind.REPLAY_READY, ben.pk if ben else None, recording, now=now),
        outbox.notice(Kind.NEW_VIEWER, ben.pk if ben else None, recording, now=now),
        outbox.notice(Kind.BOOKED, ben.pk if ben else None, cast.ada.planned, now=now - AN_HOUR),
        outbox.notice(Kind.NEW_VIEWER, cast.ada.colleague.user_id, recording, now=now),
    )
    at_any_hour(ben, cast.ada.colleague.user)
    assert deliver(now) == 0 and mail.outbox == []
    assert set(Notice.objects.values_list("fault", flat=True)) == {"over"}


def test_a_replay_that_is_paused_is_told_of_once_it_can_be_watched(cast: Cast, now: datetime) -> None:
    by, recording = Actor(cast.administrator.pk), cast.ada.recording
    replay_letters.post_replay_ready(recording, now=now)
    pause = suspensions.suspend(suspensions.Scope.CLINICIAN, recording.clinician_id, reason="R", actor=by, now=now)
    for days in range(5):
        assert deliver(now + days * A_DAY) == 0, "however long it takes"
    notice = Notice.objects.get()
    assert (notice.tries, notice.fault, notice.dropped_at) == (0, "", None) and notice.due_at > now + 4 * A_DAY
    suspensions.resume(pause, note="Looked at.", actor=by, now=now)
    assert deliver(notice.due_at) == 1 and mail.outbox[0].subject == "Your replay is ready"


def test_a_message_is_told_of_without_its_words_while_its_patient_is_expected(cast: Cast, now: datetime) -> None:
    planned, doctor = cast.ada.planned, cast.ada.clinician.user
    for words in ("First", "Second"):
        clinic_messages.send(planned, words, by=doctor, now=now)
        now += timedelta(seconds=1)
    deliver(now)
    (letter,) = sent_to(cast.ada.patient.user, Kind.TOLD)
    assert f"/consultations/{planned.pk}/" in letter.body and "Second" not in letter.body, "one for the last of them"
    for ends in ("read", "over"):
        message = clinic_messages.send(planned, "Third", by=doctor, now=now)
        if ends == "read":
            clinic_messages.mark_read(planned, upto=message.pk, now=now)
        else:
            booking.cancel(planned, by=None, actor=PORTAL, now=now)
        now += timedelta(seconds=1)
        deliver(now)
        assert Notice.objects.get(object_id=message.pk).fault == "over", ends
    assert sent_to(cast.ada.clinician.user, Kind.TOLD) == []


def test_who_was_missed_is_told_and_what_was_taken_back_at_once_is_not(cast: Cast, now: datetime) -> None:
    user, doctor = cast.ada.patient.user, cast.ada.clinician.user
    begun = plan(cast.ada, starts_at=now - AN_HOUR, booked_at=now - 5 * A_DAY)
    attendance.mark_missed(begun, by=doctor, now=now)
    attendance.expect_again(begun, by=doctor, now=now + timedelta(seconds=1))
    deliver(now + timedelta(seconds=2))
    assert sent_to(user, Kind.MISSED) == [] and len(sent_to(user, Kind.EXPECTED)) == 1
    attendance.mark_missed(begun, by=doctor, now=now + timedelta(seconds=3))
    deliver(now + timedelta(seconds=4))
    (letter,) = sent_to(user, Kind.MISSED)
    assert f"/consultations/{begun.pk}/" in letter.body
    attendance.expect_again(begun, by=doctor, now=now + timedelta(seconds=5))
    Participant.objects.filter(consultation=begun, user=user).update(sid="s1", connected_at=now)
    deliver(now + timedelta(seconds=6))
    assert len(sent_to(user, Kind.EXPECTED)) == 1, "they are there"


def test_a_request_to_delete_is_told_to_who_answers_it_and_its_answer_to_the_patient(cast: Cast, now: datetime) -> None:
    patient, admin = cast.ada.patient.user, cast.administrator
    at_any_hour(admin, cast.staff)
    shown = playback.held_or_404(patient, cast.ada.recording.pk, actor=Actor(patient.pk), now=now)
    facts = {"by": admin, "actor": Actor(admin.pk), "now": now, "why": CLINICAL}
    for answered_first in (False, True):
        Notice.objects.all().delete()
        request = deletion.ask(shown, actor=Actor(patient.pk), now=now)
        if answered_first:
            deletion.refuse(request.pk, kept_until=(now + A_DAY).date(), **facts)
        deliver(now)
        assert len(sent_to(admin)) == 1 and sent_to(cast.staff) == []
        if not answered_first:
            assert f"/admin/recordings/deletionrequest/{request.pk}/change/" in sent_to(admin)[0].body
            deletion.accept(request.pk, **facts)
            deliver(now)
            assert sent_to(patient) == [], "one of two is no answer"
            deletion.take_back(request.pk, by=admin, actor=Actor(admin.pk), now=now)
            deletion.withdraw(shown, actor=Actor(patient.pk), now=now)
    (letter,) = sent_to(patient)
    assert f"/recordings/{cast.ada.recording.pk}/keeping/" in letter.body


def test_the_answer_to_a_report_reaches_who_asked(cast: Cast, now: datetime) -> None:
    recording, patient, admin = cast.ada.recording, cast.ada.patient.user, cast.administrator
    playback.open_replay(cast.ada.clinician.user, recording.pk, actor=Actor(cast.ada.clinician.user.pk), now=now)
    line = Entry.objects.filter(object_id=recording.pk).latest("seq").seq
    facts = {"recording": recording, "patient": cast.ada.patient, "line": line, "reported_at": now}
    report = AccessReport.objects.create(reported_by=patient, **facts)
    outbox.post(outbox.notice(Kind.REPORT_ANSWERED, patient.pk, report, now=now, occasion="too early"))
    facts = {"note": CLINICAL, "by": admin, "actor": Actor(admin.pk), "now": now}
    deliver(now)
    assert sent_to(patient, Kind.REPORT_ANSWERED) == []
    unrecognised.answer(report.pk, outcome=unrecognised.Outcome.WRONG, **facts)
    strangers = outbox.notice(Kind.REPORT_ANSWERED, cast.ben.patient.user_id, report, now=now)
    outbox.post(strangers)
    at_any_hour(cast.ben.patient.user)
    deliver(now)
    (letter,) = sent_to(patient, Kind.REPORT_ANSWERED)
    assert f"/recordings/{recording.pk}/access/" in letter.body and sent_to(cast.ben.patient.user) == []


def test_whose_grant_is_gone_is_told_nothing(cast: Cast, now: datetime) -> None:
    consultation = plan(cast.ada, starts_at=now + 3 * A_DAY, booked_at=now)
    policy.revoke_place(consultation.participants.get(role=Participant.Role.PATIENT))
    assert deliver(now) == 1 and sent_to(cast.ada.patient.user) == []


@pytest.mark.parametrize("kind", [Kind.REPLAY_READY, Kind.NEW_VIEWER, Kind.PROPOSED, Kind.KEPT_SHORTER])
def test_a_leak_that_the_policy_lets_through_writes_to_nobody_and_alerts(
    kind: Kind, cast: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    about: Any = cast.ada.recording
    if kind == Kind.PROPOSED:
        about = share(cast.ada, by=cast.ada.clinician.user)
    if kind == Kind.KEPT_SHORTER:
        about = RetentionPeriod(pk=uuid4(), since=now)
        monkeypatch.setattr("recordings.retention.coming", lambda now: about)
        monkeypatch.setattr("recordings.retention.sooner", lambda one, period: now)
    Notice.objects.all().delete()
    everybodys = Recording.objects.filter(patient__user=cast.ada.patient.user)
    for rule in ("playable_by", "held_by"):
        monkeypatch.setattr(f"recordings.policy.{rule}", lambda user: everybodys)
    monkeypatch.setattr("recordings.guard._own", lambda *_: set())
    outbox.post(outbox.notice(kind, cast.ada.patient.user_id, about, now=now, occasion=uuid4()))
    assert deliver(now) == 0 and mail.outbox == []
    assert Alert.objects.filter(kind=AlertKind.FOREIGN_ROW).exists()


def test_a_share_that_ended_before_its_letter_went_lets_nobody_in(cast: Cast, now: datetime) -> None:
    shared = share(cast.ada)
    at_any_hour(shared.grantee)
    sharing.withdraw(shared.pk, by=cast.ada.patient.user, actor=Actor(cast.ada.patient.user.pk), now=timezone.now())
    assert deliver(timezone.now()) == 0 and mail.outbox == []


def test_a_letter_never_leads_where_a_request_said(cast: Cast, now: datetime, client: Any, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.PORTAL_URL = "https://portal.example"
    plan(cast.ada, starts_at=now + 3 * A_DAY, booked_at=now)
    client.force_login(cast.ada.patient.user)
    client.get("/", headers={"Host": "evil.example"})
    deliver(now)
    assert all("https://portal.example/" in one.body and "evil" not in one.body for one in mail.outbox) and mail.outbox


def test_somebody_new_is_told_of_once_however_often_they_look(cast: Cast, now: datetime) -> None:
    for user in (cast.ada.patient.user, cast.ada.clinician.user):
        for days in (0, 1):
            playback.open_replay(user, cast.ada.recording.pk, actor=Actor(user.pk), now=now + days * A_DAY)
    deliver(now + A_DAY)
    assert [one.subject for one in sent_to(cast.ada.patient.user)] == ["Somebody new opened your replay"]
    assert f"/recordings/{cast.ada.recording.pk}/access/" in mail.outbox[0].body
