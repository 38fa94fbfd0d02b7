"""Consultations as calendar files: when and with whom, never why; a private address, renewed and withdrawn."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar, Event

from accounts.models import User
from audit.ledger import PORTAL
from audit.models import Action, Entry
from consultations import booking, calendars
from consultations.models import Consultation
from consultations.schedule import CalendarFeed
from tests.cast import FIFTEEN, Cast
from tests.lines import session_of

pytestmark = [pytest.mark.database, pytest.mark.django_db]
PAGE = "/consultations/calendar/"


def events(answer: Any) -> dict[str, Event]:
    assert answer.status_code == 200 and answer["Content-Type"] == "text/calendar; charset=utf-8"
    calendar = Calendar.from_ical(answer.content)
    return {str(event["uid"]).split("@")[0]: event for event in calendar.walk("VEVENT")}


def make_address(client: Client) -> str:
    page = client.post(PAGE, {"act": "make"}, follow=True)
    return page.context["address"].removeprefix("http://testserver")


@pytest.fixture
def secret(cast: Cast) -> Consultation:
    """A consultation two days ahead with much that a calendar must not hold."""
    at = timezone.now().replace(microsecond=0) + timedelta(days=2)
    return booking.book(
        cast.ada.patient, cast.ada.clinician, starts_at=at, ends_at=at + FIFTEEN, reason="Something private",
        adjustments="An interpreter", now=timezone.now(),
    )  # fmt: skip


@pytest.mark.parametrize("who", ["patient", "clinician"])
def test_a_file_says_when_and_with_whom_and_nothing_else(cast: Cast, secret: Consultation, who: str) -> None:
    reader = session_of(getattr(cast.ada, who).user)
    answer = reader.get(reverse("consultations:calendar-file", args=[secret.pk]))
    assert answer["Content-Disposition"] == 'attachment; filename="appointment.ics"'
    (event,) = events(answer).values()
    assert event["summary"] == "Appointment" and event["status"] == "CONFIRMED"
    assert (event.start, event.end) == (secret.starts_at, secret.ends_at)
    assert event["url"] == f"http://testserver/consultations/{secret.pk}/" and event["url"] in event["description"]
    text = answer.content.decode().replace("\r\n ", "")
    for private in ("Something private", "interpreter", cast.ada.patient.name):
        assert private not in text
    assert (cast.ada.clinician.display_name in text) == (who == "patient")


def test_nobody_else_gets_the_file(cast: Cast, secret: Consultation) -> None:
    address = reverse("consultations:calendar-file", args=[secret.pk])
    for name in ("ben.patient", "ben.clinician", "ada.colleague", "staff"):
        assert session_of(cast.actors()[name]).get(address).status_code == 404
    assert Client().get(address).status_code == 302


def test_moving_and_cancelling_change_the_same_entry(cast: Cast, secret: Consultation) -> None:
    ada, pk, now = session_of(cast.ada.patient.user), str(secret.pk), timezone.now()
    address = make_address(ada)
    first = events(Client().get(address))[pk]
    starts_at = secret.starts_at + timedelta(days=1)
    booking.move(secret, starts_at=starts_at, ends_at=starts_at + FIFTEEN, by=None, now=now)
    moved = events(Client().get(address))[pk]
    booking.cancel(secret, by=None, actor=PORTAL, now=now)
    gone = events(Client().get(address))[pk]
    assert first["uid"] == moved["uid"] == gone["uid"]
    assert [int(event["sequence"]) for event in (first, moved, gone)] == [0, 1, 2]
    assert [str(event["status"]) for event in (first, moved, gone)] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert moved.start == starts_at == gone.start


def test_a_feed_holds_ones_own_and_nobody_elses(cast: Cast, secret: Consultation) -> None:
    found = events(Client().get(make_address(session_of(cast.ada.patient.user))))
    assert set(found) == {str(one.pk) for one in Consultation.objects.filter(patient=cast.ada.patient)}
    assert str(secret.pk) not in events(Client().get(make_address(session_of(cast.ben.patient.user))))


def test_what_is_long_over_is_left_out(cast: Cast) -> None:
    old = cast.ada.held
    address = make_address(session_of(cast.ada.patient.user))
    Consultation.objects.filter(pk=old.pk).update(
        starts_at=old.starts_at - timedelta(days=31), ends_at=old.ends_at - timedelta(days=31)
    )
    assert str(old.pk) not in events(Client().get(address))


def test_a_new_address_closes_the_old_one_and_withdrawing_closes_it(cast: Cast) -> None:
    ada = session_of(cast.ada.patient.user)
    old, new = make_address(ada), make_address(ada)
    assert (Client().get(old).status_code, Client().get(new).status_code) == (404, 200)
    for _ in range(2):
        assert ada.post(PAGE, {"act": "withdraw"})["Location"] == PAGE
    assert Client().get(new).status_code == 404
    lines = Entry.objects.filter(object_type="calendarfeed", actor=cast.ada.patient.user_id)
    assert [line.action for line in lines.order_by("seq")] == [Action.GRANTED, Action.GRANTED, Action.REVOKED]


def test_the_address_is_shown_once_and_stored_nowhere(cast: Cast) -> None:
    ada = session_of(cast.ada.patient.user)
    token = make_address(ada).split("/")[-1].removesuffix(".ics")
    assert len(token) >= 43
    assert token not in ada.get(PAGE).content.decode() and token not in str(dict(ada.session))
    feed = CalendarFeed.objects.get()
    assert token not in {str(value) for value in vars(feed).values()}
    assert feed.token_hash == calendars.hash_of(token)


def test_loading_the_page_again_leaves_the_address_as_it_was_copied(cast: Cast) -> None:
    ada = session_of(cast.ada.patient.user)
    page = ada.post(PAGE, {"act": "make"}, follow=True)
    assert page.redirect_chain == [(PAGE, 302)], "what is loaded again is no press"
    address = page.context["address"].removeprefix("http://testserver")
    assert ada.get(PAGE).context["address"] == "" and Client().get(address).status_code == 200


def test_a_wrong_address_is_nothing_and_fills_no_ledger(cast: Cast) -> None:
    address = make_address(session_of(cast.ada.patient.user))
    before = Entry.objects.count()
    wrong = [Client().get(one) for one in ("/calendar/x.ics", address.swapcase(), address + "x")]
    assert [answer.status_code for answer in wrong] == [404] * 3
    assert wrong[0].content == wrong[1].content
    assert Entry.objects.count() == before


def test_the_address_of_somebody_who_left_is_nothing(cast: Cast) -> None:
    patients, clinicians = (make_address(session_of(person.user)) for person in (cast.ada.patient, cast.ada.clinician))
    User.objects.filter(pk=cast.ada.patient.user_id).update(is_active=False)
    type(cast.ada.clinician).objects.filter(pk=cast.ada.clinician.pk).update(is_active=False)
    assert Client().get(patients).status_code == 404
    assert events(Client().get(clinicians)) == {}


def test_who_asks_too_often_finds_nothing_until_the_hour_is_over(cast: Cast) -> None:
    token = calendars.make_address(cast.ada.patient.user, actor=calendars.ledger.PORTAL, now=cast.now)
    read = [calendars.reader_of(token, now=cast.now) for _ in range(calendars.READS_PER_HOUR + 2)]
    assert [reader is None for reader in read] == [False] * calendars.READS_PER_HOUR + [True] * 2
    assert calendars.reader_of(token, now=cast.now + timedelta(minutes=59)) is None
    assert calendars.reader_of(token, now=cast.now + timedelta(hours=1)) == cast.ada.patient.user


def test_a_long_feed_takes_a_fixed_number_of_queries(cast: Cast, django_assert_num_queries: Any) -> None:
    for day in range(3, 9):
        at = timezone.now() + timedelta(days=day)
        consultation = booking.book(
            cast.ada.patient, cast.ada.clinician, starts_at=at, ends_at=at + FIFTEEN, reason="x", now=timezone.now()
        )
        booking.cancel(consultation, by=None, actor=PORTAL, now=timezone.now())
    user = cast.ada.patient.user
    with django_assert_num_queries(2):
        own = calendars.of(user, now=timezone.now())
        assert calendars.written(own, reader=user, address=str).count(b"BEGIN:VEVENT") == 8
