"""What ends care: an administrator who says why, or a booking that came to nothing. Assumes authorisation.

Care lets a clinician find a patient, open their page and book their next appointment. Who held a consultation keeps
that consultation and its replay.
"""

from datetime import datetime

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action
from consultations.models import Consultation
from patients.models import CareRelationship, Clinician
from patients.services import end_care

BEGUN_BY_BOOKING = "consultation"  # `why` of a care relationship that nobody began on purpose
Status = Consultation.Status


class Why(models.TextChoices):
    """Why an administrator ends care; it stands in the line of the ledger."""

    OTHER = "other", gettext_lazy("somebody else cares for them now")
    ASKED = "asked", gettext_lazy("the patient asked for it")
    LEFT = "left", gettext_lazy("the clinician leaves")
    SAFEGUARDING = "safeguarding", gettext_lazy("somebody has to be protected")
    MISTAKE = "mistake", gettext_lazy("it was begun by mistake")


class StillPlanned(Exception):
    """These two have a consultation ahead of them; the text is a sentence for the person."""


def lock(*clinicians: Clinician) -> None:
    """RACE: who plans, takes away or ends something of these clinicians comes one after the other: each sees what the
    one before did, and two inserts that overlap get the refusal of the rule, not a deadlock. Always in one order."""
    people = Clinician.objects.filter(pk__in=[one.pk for one in clinicians]).order_by("pk")
    list(people.select_for_update(no_key=True))


def demand_nothing_planned(relationship: CareRelationship, *, now: datetime) -> None:
    """Keep these two from booking until the transaction ends. Errors: StillPlanned."""
    lock(relationship.clinician)
    can_take_place = Q(status__in=(Status.REQUESTED, Status.PLANNED), ends_at__gt=now - settings.CALL_JOIN_CLOSES_AFTER)
    if _of_both(relationship).filter(can_take_place | Q(status=Status.IN_PROGRESS)).exists():
        raise StillPlanned(_("These two have a consultation planned. Cancel it or hand it over first."))


@transaction.atomic
def end(relationship: CareRelationship, *, why: Why, actor: Actor, now: datetime) -> None:
    """Idempotent because care ends once. Errors: StillPlanned, LedgerUnavailable."""
    demand_nothing_planned(relationship, now=now)
    _end(relationship, why.value, actor, now)


def end_if_nothing_is_left(lost: Consultation, *, why: str, actor: Actor, now: datetime) -> None:
    """End care that a booking began and for which nothing is left: every consultation of the two was called off.

    What was missed counts, its patient has to be asked how they are. Locks: the caller holds the clinician.
    Errors: LedgerUnavailable.
    """
    begun = CareRelationship.objects.filter(
        patient=lost.patient_id, clinician=lost.clinician_id, until=None, why=BEGUN_BY_BOOKING
    )
    for relationship in begun.select_related("clinician"):
        if not _of_both(relationship).exclude(status=Status.CANCELLED).exists():
            _end(relationship, why, actor, now)


def _of_both(relationship: CareRelationship) -> models.QuerySet[Consultation]:
    return Consultation.objects.filter(patient=relationship.patient_id, clinician=relationship.clinician_id)


def _end(relationship: CareRelationship, why: str, actor: Actor, now: datetime) -> None:
    if not end_care(relationship, now=now):
        return
    patient, detail = relationship.patient_id, {"from": str(relationship.clinician.user_id), "why": why}
    ledger.append(actor, Line(Action.REVOKED, "patient", patient, patient, "care", detail), now=now)
