"""An interpreter, more time, somebody with them: asked for and changed on a standing consultation until it begins."""

from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from consultations import booking, reminders
from consultations.booking import NotChangeable
from consultations.models import Consultation, ConsultationChange
from notices.models import Kind, Notice
from tests.cast import FIFTEEN, Cast
from tests.lines import session_of
from tests.owed import at_any_hour, deliver

pytestmark = [pytest.mark.database, pytest.mark.django_db]
INTERPRETER = "An interpreter for Welsh"


def says(cast: Cast, needs: str) -> str:
    address = reverse("consultations:needs", args=[cast.ada.planned.pk])
    return session_of(cast.ada.patient.user).post(address, {"adjustments": needs}, follow=True).content.decode()


def changes(cast: Cast) -> list[tuple]:
    return list(ConsultationChange.objects.filter(consultation=cast.ada.planned).values_list("what", "by"))


def test_who_needs_to_know_sees_it_and_the_history_says_that_it_changed(cast: Cast) -> None:
    page = says(cast, INTERPRETER)
    assert INTERPRETER in page and "What makes it easier was changed by you on" in page
    assert changes(cast) == [("needs", cast.ada.patient.user_id)]
    day = session_of(cast.ada.clinician.user).get(reverse("clinic:today")).content.decode()
    assert INTERPRETER in day
    clerk = session_of(cast.staff)
    for schedule in (
        reverse("admin:consultations_consultation_changelist"),
        reverse("admin:consultations_consultation_change", args=[cast.ada.planned.pk]),
        reverse("admin:desk_patient", args=[cast.ada.patient.pk]),
    ):
        assert INTERPRETER in clerk.get(schedule).content.decode(), schedule
    says(cast, INTERPRETER)
    assert len(changes(cast)) == 1, "the same words again are no change"
    says(cast, "")
    assert Consultation.objects.get(pk=cast.ada.planned.pk).adjustments == "" and len(changes(cast)) == 2


def test_a_neighbour_and_the_clinician_have_no_such_page(cast: Cast) -> None:
    address = reverse("consultations:needs", args=[cast.ada.planned.pk])
    for other in (cast.ben.patient.user, cast.ada.clinician.user, cast.ada.colleague.user, cast.staff):
        browser = session_of(other)
        assert [browser.get(address).status_code, browser.post(address, {}).status_code] == [404, 404]
    assert changes(cast) == []


def test_once_it_has_begun_it_stays(cast: Cast) -> None:
    Consultation.objects.filter(pk=cast.ada.planned.pk).update(status="in_progress")
    assert "It is too late to change this consultation here." in says(cast, INTERPRETER)
    with pytest.raises(NotChangeable):
        booking.change_needs(cast.ada.planned, INTERPRETER, by=None, now=cast.now)
    assert changes(cast) == [] and Consultation.objects.get(pk=cast.ada.planned.pk).adjustments == ""


def test_it_takes_no_letter_away(cast: Cast) -> None:
    now = timezone.now()
    start = now + timedelta(days=3)
    consultation = booking.book(
        cast.ada.patient, cast.ada.clinician, starts_at=start, ends_at=start + FIFTEEN, reason="A cough", now=now
    )
    booking.move(consultation, starts_at=start + FIFTEEN, ends_at=start + 2 * FIFTEEN, by=None, now=now)
    booking.change_needs(consultation, INTERPRETER, by=None, now=start - timedelta(hours=30))
    reminders.post_all(now=start - timedelta(hours=20))
    assert Notice.objects.filter(kind=Kind.DAY_BEFORE, object_id=consultation.pk).count() == 1
    at_any_hour(cast.ada.patient.user, cast.ada.clinician.user)
    deliver(now)
    mine = [letter for letter in mail.outbox if letter.to == [cast.ada.patient.user.email]]
    assert any("was moved" in letter.body for letter in mine)
    assert not any(INTERPRETER in letter.body for letter in mail.outbox)
