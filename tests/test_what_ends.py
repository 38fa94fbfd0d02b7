"""What ends with a booking: the place in what was handed over, care for which nothing is left, and the waiting room."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.http import HttpResponse
from django.urls import reverse

from accounts import reconciliation
from accounts.reconciliation import Because
from audit.ledger import PORTAL, Actor, LedgerUnavailable
from audit.models import Action, Entry
from consultations import booking, calls, care, policy
from consultations.models import Call, Consultation, Participant
from consultations.slots import Slot
from notices.models import Notice
from patients import policy as patients
from patients.models import CareRelationship, Clinician
from patients.services import begin_care
from recordings.policy import playable_by
from tests.cast import FIFTEEN, Cast
from tests.ledgers import ledger_down
from tests.lines import session_of
from tests.owed import at_any_hour, deliver

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.one_cast]
AN_HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)


def plan(cast: Cast, clinician: Clinician, *, days: int = 2) -> Consultation:
    """Book a consultation of Ada's, in some days."""
    starts_at = cast.now + days * A_DAY
    return booking.book(
        cast.ada.patient, clinician, starts_at=starts_at, ends_at=starts_at + FIFTEEN, reason="A cough", now=cast.now
    )


def hand_over(cast: Cast, consultation: Consultation, to: Clinician) -> Consultation:
    later = consultation.starts_at + AN_HOUR
    return booking.hand_over(
        consultation, to=to, slot=Slot(later, later + FIFTEEN, to.pk), by=cast.staff, why="The wrong one.",
        actor=Actor(cast.staff.pk), now=cast.now + AN_HOUR,
    )  # fmt: skip


def cancel(cast: Cast, consultation: Consultation) -> None:
    booking.cancel(consultation, by=cast.ada.patient.user, actor=PORTAL, now=cast.now + AN_HOUR)


def cares(cast: Cast, clinician: Clinician) -> bool:
    """Say whether they open Ada's page, find her, and may book: by both keys and by each."""
    user, patient = clinician.user, cast.ada.patient
    keys = {own.filter(pk=patient.pk).exists() for own in (patients.granted_to(user), patients.basis_for(user))}
    assert len(keys) == 1, "one key opens what the other does not"
    return keys.pop()


def opened(clinician: Clinician, name: str, pk: object) -> HttpResponse:
    return session_of(clinician.user).get(reverse(name, args=[pk]), follow=True)


def test_who_was_to_hold_what_was_handed_over_sees_neither_it_nor_its_patient(cast: Cast) -> None:
    wrong, right = cast.ben.clinician, cast.ben.colleague
    consultation = plan(cast, wrong)
    pages = {
        "consultations:detail": consultation.pk,
        "clinic:consultations_consultation_change": consultation.pk,
        "clinic:patients_patient_change": cast.ada.patient.pk,
    }
    before = [opened(wrong, name, pk) for name, pk in pages.items()]
    assert [("Ada Lovell" in page.content.decode(), page.status_code) for page in before] == [(True, 200)] * 3
    made = hand_over(cast, consultation, right)
    after = [opened(wrong, name, pk).content.decode() for name, pk in pages.items()]
    assert not any("Ada Lovell" in page or "A cough" in page for page in after)
    assert not policy.granted_to(wrong.user, policy.VIEW).filter(pk=consultation.pk).exists()
    assert not policy.basis_for(wrong.user).filter(pk=consultation.pk).exists()
    assert not cares(cast, wrong) and cares(cast, right) and cares(cast, cast.ada.clinician)
    assert policy.visible_to(right.user).filter(pk=made.pk).exists()
    assert set(policy.visible_to(cast.ada.patient.user)) >= {consultation, made}, "the patient reads what became of it"
    assert list(reconciliation.differences()) == [], "no repair gives it back"
    policy.grant_place(consultation.participants.get(user=wrong.user))
    assert {one.because for one in reconciliation.differences()} == {Because.NO_RELATIONSHIP}, (
        "nor does a fault, unseen"
    )
    assert opened(wrong, "consultations:detail", consultation.pk).status_code == 404
    ends = Entry.objects.filter(action=Action.REVOKED).order_by("seq").values_list("object_type", "object_id", "detail")
    assert list(ends) == [
        ("consultation", consultation.pk, {"from": str(wrong.user_id)}),
        ("patient", cast.ada.patient.pk, {"from": str(wrong.user_id), "why": "handed_over"}),
    ]
    assert {line.actor for line in Entry.objects.filter(action=Action.REVOKED)} == {cast.staff.pk}


def test_who_was_to_hold_it_hears_that_the_time_is_free_and_nothing_else(cast: Cast) -> None:
    wrong = cast.ben.clinician
    at_any_hour(wrong.user)
    consultation = plan(cast, wrong)
    Notice.objects.all().delete()
    hand_over(cast, consultation, cast.ben.colleague)
    deliver(cast.now + AN_HOUR)
    (letter,) = [one for one in mail.outbox if one.to == [wrong.user.email]]
    assert letter.subject == "A consultation of yours was cancelled" and "Ada" not in letter.body


def test_care_goes_on_while_something_is_left_of_it(cast: Cast) -> None:
    chosen, known = cast.ben.clinician, cast.ada.clinician
    begin_care(cast.ada.patient, chosen, why="chosen when the patient was registered", now=cast.now - A_DAY)
    cancel(cast, plan(cast, chosen))
    cancel(cast, plan(cast, known, days=3))
    hand_over(cast, plan(cast, known, days=4), chosen)
    assert cares(cast, chosen), "somebody began it on purpose"
    assert cares(cast, known), "they have held one"
    booked, first = cast.ben.colleague, plan(cast, cast.ben.colleague)
    second = plan(cast, booked, days=3)
    cancel(cast, first)
    assert cares(cast, booked), "another one is planned"
    Consultation.objects.filter(pk=second.pk).update(status=Consultation.Status.NO_SHOW)
    cancel(cast, third := plan(cast, booked, days=5))
    assert cares(cast, booked), "who did not come is asked why"
    Consultation.objects.filter(pk=second.pk).update(status=Consultation.Status.PLANNED)
    cancel(cast, second)
    cancel(cast, third)
    assert not cares(cast, booked)
    ended = Entry.objects.get(action=Action.REVOKED, object_type="patient")
    assert ended.detail == {"from": str(booked.user_id), "why": "cancelled"}
    assert policy.visible_to(booked.user).filter(pk=second.pk).exists(), "both still see that it was planned"
    plan(cast, booked, days=6)
    begun = CareRelationship.objects.filter(clinician=booked, patient=cast.ada.patient)
    assert cares(cast, booked) and begun.count() == 2, "a new booking begins it anew"


def moved(cast: Cast, consultation: Consultation) -> None:
    starts_at = consultation.starts_at + A_DAY
    booking.move(consultation, starts_at=starts_at, ends_at=starts_at + FIFTEEN, by=None, now=cast.now)


def handed_over(cast: Cast, consultation: Consultation) -> None:
    hand_over(cast, consultation, cast.ben.colleague)


@pytest.mark.parametrize("change", [cancel, moved, handed_over])
def test_who_waits_is_told_at_once_that_it_does_not_take_place(
    cast: Cast, change: Callable[[Cast, Consultation], None]
) -> None:
    consultation = cast.ada.planned
    call = calls.open_call(consultation, now=cast.now)
    change(cast, consultation)
    call.refresh_from_db()
    assert (call.status, call.end_reason) == (Call.Status.ENDED, "not_started")
    last = call.events.latest("seq")
    assert (last.kind, last.payload["phase"]) == ("ended", "ended")
    consultation.refresh_from_db()
    assert consultation.status in ("planned", "cancelled"), "waiting is not holding"


def test_who_comes_in_while_it_is_cancelled_does_not_wait_for_ever(cast: Cast) -> None:
    call = calls.open_call(cast.ada.planned, now=cast.now)
    Consultation.objects.filter(pk=cast.ada.planned.pk).update(status=Consultation.Status.CANCELLED)
    Participant.objects.filter(consultation=cast.ada.planned).update(sid="s", connected_at=cast.now)
    calls.sweep(now=cast.now)
    call.refresh_from_db()
    assert call.status == Call.Status.ENDED


def test_an_administrator_ends_care_with_a_reason_once_nothing_is_planned(cast: Cast) -> None:
    doctor, patient = cast.ada.clinician, cast.ada.patient
    relationship = CareRelationship.objects.get(clinician=doctor, patient=patient)
    page = reverse("admin:patients_carerelationship_change", args=[relationship.pk])
    chief, said = session_of(cast.administrator), {"end": "on", "why_ended": "asked"}
    assert "End this care" in chief.get(page).content.decode()
    refused = chief.post(page, said).content.decode()
    assert "Cancel it or hand it over first." in refused and cares(cast, doctor)
    cancel(cast, cast.ada.planned)
    for wrong in ({"end": "on"}, {"why_ended": "asked"}, {"end": "on", "why_ended": "because"}):
        assert "errornote" in chief.post(page, wrong).content.decode() and cares(cast, doctor)
    clerk = session_of(cast.staff)
    assert "End this care" not in clerk.get(page).content.decode() and clerk.post(page, said).status_code == 403
    assert cares(cast, doctor)
    assert chief.post(page, said).status_code == 302 and not cares(cast, doctor)
    line = Entry.objects.get(action=Action.REVOKED)
    assert (line.actor, line.object_type, line.object_id, line.patient, line.reason) == (
        cast.administrator.pk, "patient", patient.pk, patient.pk, "care",
    )  # fmt: skip
    assert line.detail == {"from": str(doctor.user_id), "why": "asked"}
    held = opened(doctor, "clinic:consultations_consultation_change", cast.ada.held.pk)
    assert held.status_code == 200 and "Ada Lovell" in held.content.decode(), "what they held stays theirs"
    assert playable_by(doctor.user).filter(pk=cast.ada.recording.pk).exists()
    assert opened(doctor, "clinic:patients_patient_change", patient.pk).redirect_chain, "there is nothing for them"
    assert cares(cast, cast.ada.colleague) and list(reconciliation.differences()) == []
    assert chief.post(page, said).status_code == 403, "it ends once"
    assert "Ends" not in chief.get(page).content.decode() and Entry.objects.filter(action=Action.REVOKED).count() == 1


def test_care_that_cannot_be_written_down_does_not_end(cast: Cast) -> None:
    relationship = CareRelationship.objects.get(clinician=cast.ada.colleague)
    with ledger_down(), pytest.raises(LedgerUnavailable):
        care.end(relationship, why=care.Why.LEFT, actor=PORTAL, now=cast.now)
    assert cares(cast, cast.ada.colleague)


def test_nothing_is_moved_into_the_past_and_the_page_says_so(cast: Cast) -> None:
    planned, now = cast.ada.planned, cast.now
    for over in (timedelta(minutes=2), timedelta(days=365)):
        with pytest.raises(booking.NotBookable):
            booking.move(planned, starts_at=now - over, ends_at=now - over + FIFTEEN, by=cast.staff, now=now)
    page = reverse("admin:consultation_move", args=[planned.pk])
    said = {"starts_at": f"{now - timedelta(days=365):%Y-%m-%dT%H:%M}", "why": "x"}
    assert "This time is over." in session_of(cast.staff).post(page, said).content.decode()
    planned.refresh_from_db()
    assert planned.starts_at == now
