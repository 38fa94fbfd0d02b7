"""What happens to patients and care relationships."""

from datetime import datetime, timedelta

from django.db import transaction

from patients import policy
from patients.models import CareRelationship, Clinician, Patient

A_MOMENT = timedelta(microseconds=1)


@transaction.atomic
def begin_care(patient: Patient, clinician: Clinician, *, why: str, now: datetime) -> CareRelationship:
    """Begin care, or return the live relationship. Idempotent because one live row per pair is a constraint."""
    relationship, _ = CareRelationship.objects.get_or_create(
        patient=patient, clinician=clinician, until=None, defaults={"why": why, "since": now}
    )
    policy.grant_view(patient, clinician.user)
    if patient.user:
        policy.grant_view(patient, patient.user)
    return relationship


@transaction.atomic
def end_care(relationship: CareRelationship, *, now: datetime) -> bool:
    """End care and withdraw its grant; say whether it stood until now."""
    # The clock of the machine on which it began may be ahead of this one's.
    until = max(now, relationship.since + A_MOMENT)
    has_stood = CareRelationship.objects.filter(pk=relationship.pk, until=None).update(until=until)
    policy.revoke_view(relationship.patient, relationship.clinician.user)
    return bool(has_stood)
