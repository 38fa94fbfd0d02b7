"""Clinicians say when they work and see their week; staff do it for everybody, and move and cancel with a reason."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from consultations import week
from consultations.booking import book
from consultations.models import Consultation, ConsultationChange
from consultations.schedule import Availability, TimeOff
from tests.bookings import LONG_BEFORE, MONDAY, at, make_hours
from tests.cast import FIFTEEN, Cast, make_user
from tests.lines import session_of

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
CLINIC, STAFF = "/clinic/consultations", "/admin/consultations"
HOURS = {
    "weekday": "1", "starts": "09:00", "ends": "12:00", "time_zone": "Europe/London", "slot_minutes": "20",
    "valid_from": "2026-01-01", "valid_until": "",
}  # fmt: skip


@pytest.fixture
def osei(cast: Cast) -> Client:
    return session_of(cast.ada.clinician.user)


@pytest.fixture
def clerk(cast: Cast) -> Client:
    return session_of(cast.staff)


def two_days_ahead(cast: Cast) -> Consultation:
    starts_at = timezone.now().replace(second=0, microsecond=0) + timedelta(days=2)
    facts = {"starts_at": starts_at, "ends_at": starts_at + FIFTEEN, "reason": "Something private"}
    return book(cast.ada.patient, cast.ada.clinician, **facts, now=timezone.now())


# Clinicians.


def test_a_clinician_says_when_they_work(cast: Cast, osei: Client) -> None:
    assert osei.post(f"{CLINIC}/availability/add/", HOURS).status_code == 302
    rule = Availability.objects.get()
    assert (rule.clinician, rule.slot_minutes, rule.for_new_patients) == (cast.ada.clinician, 20, False)
    page = session_of(cast.ada.patient.user).get("/book/").content.decode()
    assert page.count("at=") >= 9 * 2


def test_whose_hours_they_are_is_never_taken_from_the_form(cast: Cast, osei: Client) -> None:
    theirs = {"clinician": str(cast.ben.clinician.pk)}
    osei.post(f"{CLINIC}/availability/add/", HOURS | theirs)
    assert Availability.objects.get().clinician == cast.ada.clinician
    osei.post(f"{CLINIC}/availability/{Availability.objects.get().pk}/change/", HOURS | theirs)
    assert Availability.objects.get().clinician == cast.ada.clinician


@pytest.mark.parametrize("model", ["availability", "timeoff"])
def test_a_clinician_neither_sees_nor_changes_a_colleagues_time(cast: Cast, osei: Client, model: str) -> None:
    hours = make_hours(cast.ada.colleague)
    off = TimeOff.objects.create(clinician=cast.ada.colleague, starts_at=at(9), ends_at=at(10), note="Private matter")
    row = {"availability": hours, "timeoff": off}[model]
    assert str(row.pk) not in osei.get(f"{CLINIC}/{model}/").content.decode()
    for page in ("change", "delete", "history"):
        address = f"{CLINIC}/{model}/{row.pk}/{page}/"
        for answer in (osei.get(address), osei.post(address, HOURS)):
            assert answer["Location"] == "/clinic/"
    assert type(row).objects.filter(pk=row.pk).exists()
    hours.refresh_from_db()
    assert hours.slot_minutes == 15


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"ends": "08:00"}, "The end must be after the start."),
        ({"valid_until": "2025-12-31"}, "The last day must not be before the first."),
        ({"slot_minutes": "2"}, "greater than or equal to 5"),
        ({"time_zone": "Mars/Olympus"}, "Select a valid choice"),
    ],
)
def test_hours_that_make_no_sense_are_said_in_words(osei: Client, wrong: dict[str, str], says: str) -> None:
    page = osei.post(f"{CLINIC}/availability/add/", HOURS | wrong)
    assert page.status_code == 200 and says in page.content.decode()
    assert not Availability.objects.exists()


def test_time_off_says_what_stands_in_the_way_and_leaves_it(cast: Cast, osei: Client) -> None:
    planned = two_days_ahead(cast)
    local = planned.starts_at
    User.objects.filter(pk=cast.ada.clinician.user_id).update(time_zone="UTC")
    day = f"{local:%Y-%m-%d}"
    form = {"starts_at_0": day, "starts_at_1": "00:00", "ends_at_0": f"{local + timedelta(days=1):%Y-%m-%d}",
            "ends_at_1": "00:00", "note": "Holiday"}  # fmt: skip
    page = osei.post(f"{CLINIC}/timeoff/add/", form, follow=True).content.decode()
    assert "1 consultation is planned in this time and stays so until the clinic" in page
    planned.refresh_from_db()
    assert planned.status == "planned" and TimeOff.objects.get().clinician == cast.ada.clinician


def test_hours_are_removed(cast: Cast, osei: Client) -> None:
    hours = make_hours(cast.ada.clinician)
    assert osei.post(f"{CLINIC}/availability/{hours.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Availability.objects.exists()


@pytest.fixture
def busy_week(cast: Cast) -> None:
    make_hours(cast.ada.clinician)
    make_hours(cast.ada.clinician, weekday="2", valid_until=date(2027, 1, 11))
    TimeOff.objects.create(clinician=cast.ada.clinician, starts_at=at(9, days=2), ends_at=at(9, days=4), note="Holiday")
    own, colleague = cast.ada.clinician, cast.ada.colleague
    for starts_at, clinician in ((at(9), own), (at(23, days=6), own), (at(9), colleague)):
        book(
            cast.ada.patient, clinician, starts_at=starts_at, ends_at=starts_at + FIFTEEN, reason="A visit",
            now=LONG_BEFORE,
        )  # fmt: skip


def test_a_week_holds_hours_plans_and_time_off_of_ones_own(cast: Cast, busy_week: None) -> None:
    days = week.days(cast.ada.clinician.user, MONDAY.date(), now=LONG_BEFORE)
    assert [day["date"].isoformat() for day in days] == [f"2027-01-{number}" for number in range(11, 18)]
    assert [len(day["hours"]) for day in days] == [1, 0, 0, 0, 0, 0, 0]
    assert [len(day["rows"]) for day in days] == [1, 0, 0, 0, 0, 0, 1]
    assert [len(day["off"]) for day in days] == [0, 0, 1, 1, 1, 0, 0]


def test_a_week_is_that_of_the_clinicians_zone(cast: Cast, busy_week: None) -> None:
    """Sunday 23:00 in London is Monday in Kolkata."""
    with timezone.override("Asia/Kolkata"):
        days = week.days(cast.ada.clinician.user, MONDAY.date(), now=LONG_BEFORE)
        assert [len(day["rows"]) for day in days] == [1, 0, 0, 0, 0, 0, 0]


def test_a_week_takes_four_queries(cast: Cast, busy_week: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(4):
        week.days(cast.ada.clinician.user, MONDAY.date(), now=LONG_BEFORE)


@pytest.mark.parametrize("asked", ["", "2027-01-13", "0001-01-01", "9999-12-31", "soon", "2027-13-01"])
def test_the_page_of_a_week_opens_whatever_day_is_asked_for(osei: Client, busy_week: None, asked: str) -> None:
    page = osei.get(f"/clinic/week/?day={asked}")
    assert page.status_code == 200
    assert ("11 January – 17 January 2027" in page.content.decode()) == (asked == "2027-01-13")


# Staff.


def test_staff_say_when_anybody_works(cast: Cast, clerk: Client) -> None:
    form = HOURS | {"clinician": str(cast.ben.clinician.pk), "for_new_patients": "on"}
    assert clerk.post(f"{STAFF}/availability/add/", form).status_code == 302
    rule = Availability.objects.get()
    assert rule.clinician == cast.ben.clinician and rule.for_new_patients
    assert clerk.post(f"{STAFF}/availability/{rule.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Availability.objects.exists()


def test_staff_move_a_consultation_with_a_reason_that_the_patient_reads(cast: Cast, clerk: Client) -> None:
    planned = two_days_ahead(cast)
    page = f"{STAFF}/consultation/{planned.pk}/move/"
    assert "Something private" not in clerk.get(page).content.decode()
    new = planned.starts_at + timedelta(hours=3)
    User.objects.filter(pk=cast.staff.pk).update(time_zone="UTC")
    form = {"starts_at": f"{new:%Y-%m-%dT%H:%M}", "why": "The clinician is away."}
    assert clerk.post(page, form)["Location"] == f"{STAFF}/consultation/desk/{planned.patient_id}/"
    moved = Consultation.objects.get(pk=planned.pk)
    assert (moved.starts_at, moved.ends_at - moved.starts_at) == (new, FIFTEEN)
    detail = session_of(cast.ada.patient.user).get(reverse("consultations:detail", args=[planned.pk])).content.decode()
    assert "by the clinic. The clinician is away." in detail
    assert "The clinician is away." in clerk.get(f"{STAFF}/consultation/{planned.pk}/change/").content.decode()


def test_staff_cancel_a_consultation_with_a_reason(cast: Cast, clerk: Client) -> None:
    planned = two_days_ahead(cast)
    page = f"{STAFF}/consultation/{planned.pk}/cancel/"
    assert "This field is required." in clerk.post(page, {"why": " "}).content.decode()
    planned.refresh_from_db()
    assert planned.status == "planned"
    clerk.post(page, {"why": "The clinician is ill."})
    planned.refresh_from_db()
    change = ConsultationChange.objects.get()
    assert (planned.status, change.why, change.by) == ("cancelled", "The clinician is ill.", cast.staff)


def test_a_time_that_is_taken_is_said_in_words_and_nothing_moves(cast: Cast, clerk: Client) -> None:
    planned = two_days_ahead(cast)
    User.objects.filter(pk=cast.staff.pk).update(time_zone="UTC")
    later = planned.starts_at + timedelta(hours=1)
    facts = {"starts_at": later, "ends_at": later + FIFTEEN, "reason": "x", "now": timezone.now()}
    book(cast.ben.patient, cast.ada.clinician, **facts)
    form = {"starts_at": f"{later:%Y-%m-%dT%H:%M}", "why": "x"}
    page = clerk.post(f"{STAFF}/consultation/{planned.pk}/move/", form).content.decode()
    assert "The clinician has another consultation at that time." in page
    assert Consultation.objects.get(pk=planned.pk).starts_at == planned.starts_at


def test_what_is_over_is_not_moved(cast: Cast, clerk: Client) -> None:
    form = {"starts_at": "2027-01-11T09:00", "why": "x"}
    for page in ("move", "cancel"):
        answer = clerk.post(f"{STAFF}/consultation/{cast.ada.held.pk}/{page}/", form, follow=True)
        assert "This consultation cannot be changed any more." in answer.content.decode()
    assert not ConsultationChange.objects.exists()


def test_an_account_of_the_site_without_the_right_moves_nothing(cast: Cast) -> None:
    planned = two_days_ahead(cast)
    helper = session_of(make_user("New Helper", is_staff=True))
    for page in ("move", "cancel"):
        form = {"why": "x", "starts_at": "2027-01-11T09:00"}
        answer = helper.post(f"{STAFF}/consultation/{planned.pk}/{page}/", form)
        assert answer["Location"] == "/landing/"
    assert not ConsultationChange.objects.exists()
    assert helper.get(f"{STAFF}/availability/").status_code == 403
