"""Booking: what happens to a consultation outside its call."""

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from consultations import policy
from consultations.models import Consultation, Participant
from patients.models import Clinician, Patient
from patients.services import begin_care


class NotBookable(Exception):
    """The clinician is not free then, or the patient has no sign-in."""


@transaction.atomic
def book(
    patient: Patient, clinician: Clinician, *, starts_at: datetime, ends_at: datetime, reason: str, now: datetime
) -> Consultation:
    """Plan a consultation, give both people their place and their grants.

    Errors: NotBookable – the database refuses a second consultation of a clinician at the same time.
    """
    if patient.user is None:
        raise NotBookable("The patient needs a sign-in before a call can be booked.")
    try:
        with transaction.atomic():
            consultation = Consultation.objects.create(
                patient=patient,
                clinician=clinician,
                starts_at=starts_at,
                ends_at=ends_at,
                reason=reason,
                created_at=now,
            )
    except IntegrityError as error:
        raise NotBookable("The clinician has another consultation at that time.") from error
    for user, role in ((patient.user, Participant.Role.PATIENT), (clinician.user, Participant.Role.CLINICIAN)):
        policy.grant_place(Participant.objects.create(consultation=consultation, patient=patient, user=user, role=role))
    begin_care(patient, clinician, why="consultation", now=now)
    return consultation


def may_be_joined(consultation: Consultation, *, now: datetime) -> bool:
    """Say whether the call page opens: from a quarter of an hour before the start until an hour after the end."""
    if consultation.status not in (Consultation.Status.PLANNED, Consultation.Status.IN_PROGRESS):
        return False
    opens = consultation.starts_at - settings.CALL_JOIN_OPENS_BEFORE
    return opens <= now <= consultation.ends_at + settings.CALL_JOIN_CLOSES_AFTER
