"""What people are written to about, and what no letter ever says."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.ledger import Actor
from audit.models import Alert, AlertKind
from consultations import booking, policy, reminders
from consultations.models import Participant
from notices import outbox
from notices.models import Kind, Notice
from recordings import playback, sharing
from recordings.models import Recording, Share
from tests.cast import FIFTEEN, Cast
from tests.owed import A_DAY, AN_HOUR, CLINICAL, at_any_hour, clinician_comes, deliver, everything_happens, plan
from tests.shares import HOLDER, share

pytestmark = [pytest.mark.database, pytest.mark.django_db]


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
    at_any_hour(*(one.grantee for one in Share.objects.all()))
    for _ in range(2):
        everything = deliver(now + timedelta(seconds=5))
    assert everything == 0, "the second round has nothing left"
    sent = Notice.objects.filter(sent_at__isnull=False)
    assert set(sent.values_list("kind", flat=True)) == set(Kind.values)
    assert len(mail.outbox) == sent.count()
    assert len({one.extra_headers["Message-ID"] for one in mail.outbox}) == len(mail.outbox)
    assert {address for one in mail.outbox for address in one.to} == {
        cast.ada.patient.user.email, cast.ada.clinician.user.email, HOLDER,
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
    booking.cancel(consultation, by=patient, now=now)
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
    booking.cancel(consultation, by=None, now=later - 2 * AN_HOUR)
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


def test_whose_grant_is_gone_is_told_nothing(cast: Cast, now: datetime) -> None:
    consultation = plan(cast.ada, starts_at=now + 3 * A_DAY, booked_at=now)
    policy.revoke_place(consultation.participants.get(role=Participant.Role.PATIENT))
    assert deliver(now) == 1 and sent_to(cast.ada.patient.user) == []


def test_a_leak_that_the_policy_lets_through_writes_to_nobody_and_alerts(
    cast: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybodys = Recording.objects.filter(patient__user=cast.ada.patient.user)
    monkeypatch.setattr("recordings.policy.playable_by", lambda user: everybodys)
    monkeypatch.setattr("recordings.guard._own", lambda *_: set())
    outbox.post(outbox.notice(Kind.REPLAY_READY, cast.ada.patient.user_id, cast.ada.recording, now=now))
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
