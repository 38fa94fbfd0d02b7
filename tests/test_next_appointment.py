"""The next appointment is booked from within a consultation, by its clinician, while they care for the patient."""

from datetime import time, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit.models import Action, Entry
from consultations.booking_pages import said
from consultations.models import Consultation, FollowUp
from consultations.next_appointment import times
from patients.models import CareRelationship
from patients.policy import cared_for_by
from patients.services import end_care
from tests.bookings import make_hours
from tests.cast import Cast, World

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def hours(cast: Cast) -> None:
    for world in (cast.ada, cast.ben):
        for weekday in "1234567":
            make_hours(world.clinician, time(9), time(17), weekday=weekday, slot_minutes=30)


def url(world: World, weeks: int = 0) -> str:
    return f"{reverse('consultations:next', args=[world.held.pk])}?weeks={weeks}"


def wish(world: World, weeks: int = 2) -> dict[str, str]:
    slot = times(world.held, weeks=weeks, now=timezone.now())[0]
    return {"at": said(slot.starts_at), "reason": "See how it goes"}


@pytest.mark.usefixtures("hours")
def test_the_clinician_books_beside_the_call_and_both_see_it_at_the_consultation(cast: Cast) -> None:
    doctor, patient, world = signed_in(cast.ada.clinician.user), signed_in(cast.ada.patient.user), cast.ada
    assert (
        'hx-get="' + url(world).split("?")[0]
        in doctor.get(reverse("consultations:beside", args=[world.held.pk])).content.decode()
    )
    said_ = wish(world)
    for _ in range(2):  # pressed twice
        part = doctor.post(url(world, 2), said_, headers={"HX-Request": "true"})
    follow_up = FollowUp.objects.get()
    made = follow_up.next
    assert (made.patient, made.clinician, made.reason) == (world.patient, world.clinician, "See how it goes")
    assert follow_up.consultation == world.held and said(made.starts_at) == said_["at"]
    assert made.starts_at >= timezone.now() + timedelta(days=14)
    assert "<html" not in part.content.decode() and part.status_code == 200
    line = Entry.objects.filter(action=Action.GRANTED, object_id=made.pk).get()
    assert line.actor == world.clinician.user.pk
    for client in (doctor, patient):
        page = client.get(reverse("consultations:detail", args=[world.held.pk])).content.decode()
        assert reverse("consultations:detail", args=[made.pk]) in page
    assert f"?with={world.clinician.pk}" in page and "Book again" in page


@pytest.mark.usefixtures("hours")
def test_without_scripts_it_is_a_page_that_leads_back_to_the_consultation(cast: Cast) -> None:
    doctor, world = signed_in(cast.ada.clinician.user), cast.ada
    page = doctor.get(url(world, 2)).content.decode()
    assert "<html" in page and f'<option value="{wish(world)["at"]}">' in page
    answer = doctor.post(url(world, 2), wish(world))
    assert answer["Location"] == reverse("consultations:detail", args=[world.held.pk])


@pytest.mark.usefixtures("hours")
def test_a_time_that_is_taken_or_nobodys_is_not_booked_and_nothing_typed_is_lost(cast: Cast) -> None:
    doctor, world, said_ = signed_in(cast.ada.clinician.user), cast.ada, wish(cast.ada)
    doctor.post(url(world, 2), said_)
    Consultation.objects.filter(follows__isnull=False).update(reason="Another's")
    for at in (said_["at"], "2001-01-01T09:00Z", "nonsense", ""):
        answer = doctor.post(url(world, 2), said_ | {"at": at})
        assert answer.status_code == 200 and "See how it goes" in answer.content.decode()
    assert FollowUp.objects.count() == 1


@pytest.mark.usefixtures("hours")
def test_too_many_planned_is_said_in_the_clinicians_words(cast: Cast, settings: object) -> None:
    settings.BOOKING_MOST_AHEAD = 0  # type: ignore[attr-defined]
    answer = signed_in(cast.ada.clinician.user).post(url(cast.ada, 2), wish(cast.ada))
    assert "This patient has as many consultations planned" in answer.content.decode()
    assert not FollowUp.objects.exists()


@pytest.mark.usefixtures("hours")
def test_nobody_else_books_it_and_whose_care_has_ended_cannot_bring_it_back(cast: Cast) -> None:
    said_ = wish(cast.ada)
    strangers = (cast.ada.patient, cast.ada.colleague, cast.ben.clinician, cast.ben.patient)
    for user in [person.user for person in strangers] + [cast.staff]:
        client = signed_in(user)
        assert client.get(url(cast.ada)).status_code == client.post(url(cast.ada, 2), said_).status_code == 404
    doctor = signed_in(cast.ada.clinician.user)
    care = CareRelationship.objects.get(patient=cast.ada.patient, clinician=cast.ada.clinician)
    end_care(care, now=timezone.now())
    assert doctor.get(url(cast.ada)).status_code == doctor.post(url(cast.ada, 2), said_).status_code == 404
    assert not cared_for_by(cast.ada.clinician.user).exists() and not FollowUp.objects.exists()
    assert "Book the next" not in doctor.get(reverse("consultations:detail", args=[cast.ada.held.pk])).content.decode()
