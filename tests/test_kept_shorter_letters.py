"""A shorter period is announced by letter to whom it takes something, once, and not after it was taken back."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from audit.ledger import Actor
from notices.models import Kind, Notice
from recordings import retention
from recordings.models import Recording
from tests.cast import Cast
from tests.owed import at_any_hour, deliver

pytestmark = [pytest.mark.database, pytest.mark.django_db]
A_DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def adas_would_end_sooner(cast: Cast) -> None:
    long, short = cast.now + 4000 * A_DAY, cast.now + 40 * A_DAY
    Recording.objects.filter(pk=cast.ada.recording.pk).update(retain_until=long)
    Recording.objects.filter(pk=cast.ben.recording.pk).update(retain_until=short)
    at_any_hour(cast.ada.patient.user, cast.ben.patient.user)


def shorten(cast: Cast, days: int) -> None:
    chief = cast.administrator
    facts = {"reason": "Storage", "by": chief, "actor": Actor(chief.pk), "now": timezone.now()}
    retention.set_period(days, **facts)


def letters() -> list[tuple[list[str], str]]:
    deliver(timezone.now())
    return [(one.to, one.subject) for one in mail.outbox if "less time" in one.subject]


def test_whose_recording_ends_sooner_is_written_to_and_nobody_else(cast: Cast) -> None:
    shorten(cast, retention.days_at(timezone.now()) - 10)
    assert letters() == letters() == [([cast.ada.patient.user.email], "Your recordings are kept for less time")]
    (letter,) = mail.outbox
    assert "/recordings/" in letter.body and cast.ada.clinician.display_name not in letter.body


def test_what_was_taken_back_before_it_was_sent_is_told_to_nobody(cast: Cast) -> None:
    today = retention.days_at(timezone.now())
    shorten(cast, retention.days_at(timezone.now()) - 10)
    shorten(cast, today)
    assert letters() == []
    assert Notice.objects.get(kind=Kind.KEPT_SHORTER).dropped_at is not None


def test_a_longer_period_is_no_news_of_that_kind(cast: Cast) -> None:
    shorten(cast, retention.days_at(timezone.now()) + 100)
    assert not Notice.objects.filter(kind=Kind.KEPT_SHORTER).exists()
