"""The pages of the waiting list: leave a wish, take what is kept, or let the next one have it."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from consultations.models import Consultation, SlotOffer, WaitingListEntry
from consultations.schedule import Availability
from tests.bookings import make_hours, make_offer
from tests.cast import Cast
from tests.lines import session_of

pytestmark = [pytest.mark.database, pytest.mark.django_db]
FORM = {"reason": "A cough", "preferred_mode": "audio", "adjustments": "", "clinician": "first"}


def soon(days: int = 7) -> str:
    return f"{timezone.localdate() + timedelta(days=days)}"


def test_a_patient_leaves_a_wish_and_withdraws_it(cast: Cast) -> None:
    ada = session_of(cast.ada.patient.user)
    answer = ada.post("/book/wait/", FORM | {"until": soon(), "clinician": str(cast.ada.clinician.pk)}, follow=True)
    assert f"You are on the waiting list for {cast.ada.clinician.display_name}" in answer.content.decode()
    entry = WaitingListEntry.objects.get()
    assert (entry.patient, entry.clinician, entry.status) == (cast.ada.patient, cast.ada.clinician, "waiting")
    assert "Leave the waiting list" in ada.get("/book/wait/").content.decode()
    answer = ada.post("/book/wait/", {"act": "leave"}, follow=True)
    assert "You are no longer on the waiting list." in answer.content.decode()
    assert WaitingListEntry.objects.get().status == "left"


def test_a_wish_that_can_be_met_now_is_answered_with_the_times(cast: Cast) -> None:
    for day in Availability.Weekday.values:
        make_hours(cast.ada.clinician, weekday=day)
    ada = session_of(cast.ada.patient.user)
    answer = ada.post("/book/wait/", FORM | {"until": soon()}, follow=True)
    assert "There are free times until that day." in answer.content.decode()
    first = re.search(r'href="([^"]*at=[^"]+)"', answer.content.decode())
    assert first and FORM["reason"] in ada.get(first[1].replace("&amp;", "&")).content.decode()
    assert answer.redirect_chain[-1][0] == "/book/?with=first" and not WaitingListEntry.objects.exists()


@pytest.mark.parametrize("wrong", [{"until": ""}, {"until": soon(-1)}, {"until": soon(43)}, {"clinician": "x"}])
def test_a_wish_that_makes_no_sense_is_said_in_words(cast: Cast, wrong: dict[str, str]) -> None:
    page = session_of(cast.ada.patient.user).post("/book/wait/", FORM | {"until": soon()} | wrong)
    assert page.status_code == 200 and "<title>Error:" in page.content.decode()
    assert not WaitingListEntry.objects.exists()


def test_a_stranger_cannot_be_wished_for_by_name(cast: Cast) -> None:
    ada = session_of(cast.ada.patient.user)
    page = ada.post("/book/wait/", FORM | {"until": soon(), "clinician": str(cast.ben.clinician.pk)})
    assert page.status_code == 200 and not WaitingListEntry.objects.exists()


@pytest.fixture
def offer(cast: Cast) -> SlotOffer:
    _wish, offer = make_offer(cast.ada.patient, cast.ada.clinician)
    local = timezone.localtime(offer.starts_at)
    make_hours(
        cast.ada.clinician, starts=local.time(), ends=(local + timedelta(minutes=15)).time(), time_zone="UTC",
        weekday=str(local.isoweekday()),
    )  # fmt: skip
    return offer


def test_an_offer_stands_on_the_home_page_and_is_taken_there(cast: Cast, offer: SlotOffer) -> None:
    ada, page = session_of(cast.ada.patient.user), reverse("booking:offer", args=[offer.pk])
    assert page in ada.get("/").content.decode() and "Take this time" in ada.get(page).content.decode()
    for _ in range(2):
        assert ada.post(page, {"act": "take"})["Location"].startswith("/book/done/")
    assert Consultation.objects.get(starts_at=offer.starts_at).patient == cast.ada.patient
    assert "This offer is over" in ada.get(page).content.decode()


def test_an_offer_is_passed_on(cast: Cast, offer: SlotOffer) -> None:
    ada, page = session_of(cast.ada.patient.user), reverse("booking:offer", args=[offer.pk])
    assert "You stay on the waiting list." in ada.post(page, {"act": "pass"}, follow=True).content.decode()
    answer = ada.post(page, {"act": "take"}, follow=True)
    assert "This offer is over." in answer.content.decode()
    assert not Consultation.objects.filter(starts_at=offer.starts_at).exists()


def test_nobody_else_sees_or_takes_an_offer(cast: Cast, offer: SlotOffer) -> None:
    page = reverse("booking:offer", args=[offer.pk])
    ben = session_of(cast.ben.patient.user)
    assert (ben.get(page).status_code, ben.post(page, {"act": "take"}).status_code) == (404, 404)
    assert page not in ben.get("/").content.decode()
    offer.refresh_from_db()
    assert offer.status == "open"
