"""The next appointment, booked by the clinician from within a consultation: in their own free hours, same patient."""

from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import Viewer
from audit.ledger import Actor
from consultations import booking, diary, policy
from consultations.booking import Wishes
from consultations.models import Consultation, FollowUp
from consultations.schedule import Availability
from consultations.slots import Slot

A_WEEK = timedelta(days=7)


def times(before: Consultation, *, weeks: int, now: datetime) -> list[Slot]:
    """Return what is free for these two people in the seven days that begin in so many weeks."""
    from_ = now + weeks * A_WEEK
    hours = Availability.objects.filter(clinician=before.clinician)
    return diary.free(hours, from_=from_, to=from_ + A_WEEK, now=now, patient=before.patient)


@transaction.atomic
def book(before: Consultation, *, starts_at: datetime, reason: str, actor: Actor, now: datetime) -> Consultation:
    """Book a free slot of the clinician and remember from where. Idempotent as `booking.take` is.

    Errors: NotBookable, TooManyPlanned, LedgerUnavailable.
    """
    made = booking.take(
        before.patient,
        Availability.objects.filter(clinician=before.clinician),
        clinician=before.clinician,
        starts_at=starts_at,
        wishes=Wishes(reason),
        actor=actor,
        now=now,
    )
    if made.pk != before.pk:
        FollowUp.objects.get_or_create(next=made, defaults={"consultation": before, "patient_id": before.patient_id})
    return made


def booked_from(before: Consultation, viewer: Viewer) -> list[Consultation]:
    """Return what was booked from within this one and this person may see, soonest first."""
    return list(policy.visible_to(viewer).filter(follows__consultation=before).order_by("starts_at"))
