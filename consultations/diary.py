"""Clinicians' time as the database knows it: their rules, minus what is taken or kept for somebody. Knows no rights."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from consultations.models import Consultation, SlotOffer
from consultations.schedule import LONGEST_SLOT, Availability, TimeOff
from consultations.slots import Interval, Slot, free_slots
from patients.models import Patient

A_DAY, AN_INSTANT = timedelta(days=1), timedelta(microseconds=1)
TAKES_TIME = (Consultation.Status.PLANNED, Consultation.Status.IN_PROGRESS)
Busy = dict[UUID, list[Interval]]


def free(
    rules: QuerySet[Availability],
    *,
    from_: datetime,
    to: datetime,
    now: datetime,
    patient: Patient | None = None,
    besides: Consultation | None = None,
    notice: timedelta | None = None,
) -> list[Slot]:
    """Return the slots of these rules that can be booked, soonest first; never what is nearer than the notice, that of
    patients unless another is given.

    With `patient`, times at which they have another consultation are left out, and those that are kept for them are in.
    What is to be moved is named by `besides`: its own time is free for it.
    Queries: four, however many rules, clinicians and days.
    """
    from_ = max(from_, now + (settings.BOOKING_NOTICE if notice is None else notice))
    of_rules = list(_in_force(rules, from_, to))
    clinicians = {rule.clinician_id for rule in of_rules}
    busy, own = _taken(clinicians, patient, besides, from_, to)
    not_theirs = TimeOff.objects.all(), _kept_for_others(patient, now)
    for rows in not_theirs:
        touching = rows.filter(clinician__in=clinicians, starts_at__lt=to + LONGEST_SLOT, ends_at__gt=from_)
        for clinician, starts_at, ends_at in touching.values_list("clinician", "starts_at", "ends_at"):
            busy[clinician].append((starts_at, ends_at))
    for clinician in clinicians:
        busy[clinician] += own
    return free_slots([rule.rule() for rule in of_rules], busy, from_=from_, to=to)


def _in_force(rules: QuerySet[Availability], from_: datetime, to: datetime) -> QuerySet[Availability]:
    """Leave out what is over or has not begun; a date is at most a day away from the same one in another zone."""
    begun = rules.filter(valid_from__lte=to.date() + A_DAY)
    return begun.filter(Q(valid_until=None) | Q(valid_until__gte=from_.date() - A_DAY))


def _kept_for_others(patient: Patient | None, now: datetime) -> QuerySet[SlotOffer]:
    kept = SlotOffer.objects.filter(status=SlotOffer.Status.OPEN, expires_at__gt=now)
    return kept.exclude(patient=patient) if patient is not None else kept


def _taken(
    clinicians: set[UUID], patient: Patient | None, besides: Consultation | None, from_: datetime, to: datetime
) -> tuple[Busy, Sequence[Interval]]:
    """Return what the clinicians have, and what the patient has with whomever."""
    whose = Q(clinician__in=clinicians)
    if patient is not None:
        whose |= Q(patient=patient)
    taken = Consultation.objects.filter(
        whose, status__in=TAKES_TIME, starts_at__lt=to + LONGEST_SLOT, ends_at__gt=from_
    ).values_list("clinician", "patient", "starts_at", "ends_at")
    if besides is not None:
        taken = taken.exclude(pk=besides.pk)
    busy, own = defaultdict[UUID, list[Interval]](list), []
    for clinician, of_patient, starts_at, ends_at in taken:
        busy[clinician].append((starts_at, ends_at))
        if patient is not None and of_patient == patient.pk:
            own.append((starts_at, ends_at))
    return busy, own
