"""Each notice is sent once: whatever workers, retries, quiet hours and mail servers do."""

import threading
from datetime import UTC, datetime, time, timedelta
from smtplib import SMTPRecipientsRefused, SMTPResponseException
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit.ledger import PORTAL
from consultations import booking
from notices import delivery, outbox, preferences
from notices.models import Kind, Mute, Notice, Preferences
from tests.cast import FIFTEEN, Cast
from tests.owed import A_DAY, AN_HOUR, at_any_hour, deliver, plan

pytestmark = [pytest.mark.database, pytest.mark.django_db]
# Ten in the evening in London in winter: quiet by default.
EVENING = datetime(2027, 1, 11, 22, tzinfo=UTC)
MORNING = datetime(2027, 1, 12, 8, tzinfo=UTC)


class LetterBox:
    """A mail server that does what `fault` says."""

    fault: Exception | None = None

    def __init__(self, **_: object) -> None: ...

    def send_messages(self, letters: list[EmailMessage]) -> int:
        if self.fault is not None:
            raise self.fault
        mail.outbox.extend(letters)
        return len(letters)


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> type[LetterBox]:
    settings.EMAIL_BACKEND = f"{__name__}.LetterBox"
    monkeypatch.setattr(LetterBox, "fault", None)
    return LetterBox


def owe(cast: Cast, *, now: datetime, starts_at: datetime | None = None) -> Notice:
    """Book something, and return the one notice that is owed then: to the patient."""
    Notice.objects.all().delete()
    plan(cast.ada, starts_at=starts_at or now + 5 * A_DAY, booked_at=now)
    Notice.objects.exclude(user=cast.ada.patient.user_id).delete()
    return Notice.objects.get()


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_sends_it(cast: Cast) -> None:
    now = cast.now
    notice = owe(cast, now=now)
    start, claimed = threading.Barrier(6), list[Notice]()

    def work() -> None:
        start.wait(30)
        claimed.extend(filter(None, [delivery.claim(notice.pk, now=now)]))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one.pk for one in claimed] == [notice.pk]


@pytest.mark.django_db(transaction=True)
def test_many_who_owe_the_same_owe_it_once(cast: Cast) -> None:
    Notice.objects.all().delete()
    start = threading.Barrier(4)

    def work() -> None:
        start.wait(30)
        outbox.post(outbox.notice(Kind.BOOKED, cast.ada.patient.user_id, cast.ada.planned, now=cast.now))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Notice.objects.count() == 1


def test_what_a_worker_holds_nobody_else_sends_until_its_claim_runs_out(cast: Cast) -> None:
    at_any_hour(cast.ada.patient.user)
    notice = owe(cast, now=cast.now)
    assert delivery.claim(notice.pk, now=cast.now)  # and its worker dies
    assert deliver(cast.now + delivery.CLAIM - timedelta(seconds=1)) == 0
    assert deliver(cast.now + delivery.CLAIM) == 1 and deliver(cast.now + A_DAY) == 0
    assert Notice.objects.get().tries == 2 and len(mail.outbox) == 1


def test_one_that_kills_every_worker_is_given_up(cast: Cast) -> None:
    at_any_hour(cast.ada.patient.user)
    notice, now = owe(cast, now=cast.now), cast.now
    for _ in range(delivery.MOST_TRIES):
        assert delivery.claim(notice.pk, now=now)
        now += delivery.CLAIM
    assert deliver(now) == 0 and Notice.objects.get().failed_at == now


def test_what_was_sent_stays_sent_and_to_whom_never_changes(cast: Cast) -> None:
    at_any_hour(cast.ada.patient.user)
    owe(cast, now=cast.now)
    deliver(cast.now)
    for change in ({"sent_at": None}, {"user": cast.ben.patient.user}, {"kind": "moved"}, {"occasion": "again"}):
        with pytest.raises(Exception, match="never change|stay as they are"), transaction.atomic():
            Notice.objects.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Notice.objects.update(failed_at=cast.now)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (ConnectionRefusedError(), "ConnectionRefusedError"),
        (SMTPResponseException(451, b"ada.lovell@cast.test: later"), "SMTPResponseException 451"),
        (SMTPRecipientsRefused({"ada.lovell@cast.test": (550, b"no such box")}), "SMTPRecipientsRefused"),
    ],
)
def test_a_server_that_refuses_is_asked_again_with_longer_pauses_and_then_staff_see_it(
    cast: Cast, server: type[LetterBox], fault: Exception, said: str
) -> None:
    at_any_hour(cast.ada.patient.user)
    owe(cast, now=cast.now, starts_at=cast.now + 20 * A_DAY)
    server.fault, now, pauses = fault, cast.now, []
    for _ in range(delivery.MOST_TRIES):
        assert deliver(now) == 0
        notice = Notice.objects.get()
        assert notice.fault == said
        pauses.append(notice.due_at - now)
        now = notice.due_at
    assert notice.failed_at and pauses[0] == timedelta(minutes=1)
    assert all(later == 4 * sooner for sooner, later in zip(pauses[:-2], pauses[1:-1], strict=True))
    assert deliver(now + A_DAY) == 0, "it has had its tries"
    server.fault = None
    staff, administrator = Client(), Client()
    staff.force_login(cast.staff)
    administrator.force_login(cast.administrator)
    page, press = "/admin/notices/notice/", {"action": "send_again", "_selected_action": str(notice.pk)}
    for client, buttons in ((staff, 0), (administrator, 1)):
        text = client.get(page).content.decode()
        assert said in text and cast.ada.patient.user.email in text
        assert text.count("Send again what failed") == buttons
        assert str(notice.object_id) not in text + client.get(f"{page}{notice.pk}/change/").content.decode()
    staff.post(page, press)
    assert Notice.objects.get().failed_at
    assert "1 notice is on its way again." in administrator.post(page, press, follow=True).content.decode()
    assert deliver(timezone.now()) == 1 and len(mail.outbox) == 1
    administrator.post(page, press)
    assert deliver(timezone.now()) == 0, "what was sent is not sent again"


def test_while_the_server_is_away_the_others_keep_their_tries(cast: Cast, server: type[LetterBox]) -> None:
    at_any_hour(cast.ada.patient.user, cast.ada.clinician.user)
    Notice.objects.all().delete()
    for days in (3, 4, 5):
        plan(cast.ada, starts_at=cast.now + days * A_DAY, booked_at=cast.now)
    server.fault = TimeoutError()
    deliver(cast.now)
    assert sorted(Notice.objects.values_list("tries", flat=True)) == [0] * 5 + [1]
    server.fault = None
    assert deliver(cast.now + AN_HOUR) == 6


def test_a_mail_that_failed_undoes_nothing_of_what_it_tells_of(cast: Cast, server: type[LetterBox]) -> None:
    server.fault = ConnectionRefusedError()
    owe(cast, now=cast.now)
    deliver(cast.now)
    assert cast.ada.patient.consultations.filter(status="planned").count() == 2


def test_quiet_hours_wait_for_the_morning_but_not_for_what_is_near(cast: Cast) -> None:
    notice = owe(cast, now=EVENING)
    assert deliver(EVENING) == 0
    notice.refresh_from_db()
    assert (notice.due_at, notice.tries, notice.sent_at) == (MORNING, 0, None)
    assert deliver(MORNING - timedelta(seconds=1)) == 0 and deliver(MORNING) == 1
    owe(cast, now=EVENING, starts_at=EVENING + 2 * AN_HOUR)
    assert deliver(EVENING) == 1


def test_a_consultation_of_tonight_that_is_called_off_is_told_at_once(cast: Cast) -> None:
    tonight = plan(cast.ada, starts_at=EVENING + AN_HOUR, booked_at=EVENING - 5 * A_DAY)
    far = plan(cast.ada, starts_at=EVENING + 5 * A_DAY, booked_at=EVENING - 5 * A_DAY)
    Notice.objects.all().delete()
    booking.cancel(tonight, by=None, actor=PORTAL, now=EVENING)
    soon = EVENING + AN_HOUR
    booking.move(far, starts_at=soon + AN_HOUR, ends_at=soon + AN_HOUR + FIFTEEN, by=None, now=EVENING)
    assert deliver(EVENING) == 4, "both people of both"


def test_quiet_hours_are_those_of_the_persons_own_zone_and_choice(cast: Cast) -> None:
    user = cast.ada.patient.user
    User.objects.filter(pk=user.pk).update(time_zone="America/New_York")  # five in the afternoon
    owe(cast, now=EVENING)
    assert deliver(EVENING) == 1
    Preferences.objects.create(user=user, quiet_from=time(16), quiet_until=time(18))
    owe(cast, now=EVENING, starts_at=EVENING + 6 * A_DAY)
    assert deliver(EVENING) == 0 and Notice.objects.get().due_at == EVENING + AN_HOUR


def test_a_closed_account_and_what_somebody_does_without_get_nothing(cast: Cast) -> None:
    user = cast.ada.patient.user
    at_any_hour(user)
    for fault, happens in {
        "muted": lambda: Mute.objects.create(user=user, kind=Kind.REPLAY_READY),
        "account_closed": lambda: User.objects.filter(pk=user.pk).update(is_active=False),
    }.items():
        happens()
        Notice.objects.all().delete()
        outbox.post(outbox.notice(Kind.REPLAY_READY, user.pk, cast.ada.recording, now=cast.now))
        assert deliver(cast.now) == 0 and Notice.objects.get().fault == fault
    assert mail.outbox == []


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in preferences.OPTIONAL])
def test_the_database_lets_nobody_do_without_what_changes_an_appointment(kind: Kind, cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="mute_kind_is_known"), transaction.atomic():
        Mute.objects.create(user=cast.ada.patient.user, kind=kind)


def test_committing_rings_and_the_worker_sends(
    cast: Cast, work_at_once: None, django_capture_on_commit_callbacks: Any
) -> None:
    at_any_hour(cast.ada.patient.user)
    with django_capture_on_commit_callbacks(execute=True):
        owe(cast, now=timezone.now())
    assert [one.to for one in mail.outbox] == [[cast.ada.patient.user.email]]
