"""How late a clinician's day runs, from the plan and what is still going on. An estimate; knows no rights."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from consultations.diary import TAKES_TIME
from consultations.models import Consultation, Participant

STEP = timedelta(minutes=5)
AROUND = timedelta(hours=12)


@dataclass(frozen=True)
class Planned:
    """`is_here`: the patient waits."""

    id: UUID
    starts_at: datetime
    ends_at: datetime
    is_going_on: bool = False
    is_here: bool = False


def delays(day: Iterable[Planned], *, now: datetime) -> dict[UUID, timedelta]:
    """Return by how much each one begins late, in whole steps of five minutes; what is on time is left out.

    Each takes as long as planned. Whoever has not come by their start holds nobody up, and is told of a delay only
    while another consultation goes on.
    """
    day = sorted(day, key=lambda one: one.starts_at)
    going_on = [one for one in day if one.is_going_on]
    free_at = max([now, *(one.ends_at for one in going_on)])
    late = {}
    for one in day:
        is_overdue = not one.is_here and one.starts_at <= now
        if one.is_going_on or (is_overdue and not going_on):
            continue
        begins_at = max(free_at, one.starts_at)
        if (steps := round((begins_at - one.starts_at) / STEP)) > 0:
            late[one.id] = steps * STEP
        if not is_overdue:
            free_at = begins_at + (one.ends_at - one.starts_at)
    return late


def minutes_late(clinician_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, int]:
    """Return by consultation how many minutes late it is expected to begin. Queries: two, however many clinicians."""
    around = Consultation.objects.filter(
        clinician__in=set(clinician_ids), status__in=TAKES_TIME, starts_at__range=(now - AROUND, now + AROUND)
    )
    days: dict[UUID, list[Planned]] = {}
    for one in around.prefetch_related("participants"):
        is_going_on = one.status == Consultation.Status.IN_PROGRESS
        if is_going_on or now <= one.ends_at + settings.CALL_JOIN_CLOSES_AFTER:
            planned = Planned(one.pk, one.starts_at, one.ends_at, is_going_on, _waits(one))
            days.setdefault(one.clinician_id, []).append(planned)
    found = {key: late for day in days.values() for key, late in delays(day, now=now).items()}
    return {key: int(late.total_seconds() // 60) for key, late in found.items()}


def _waits(consultation: Consultation) -> bool:
    places = consultation.participants.all()
    return any(p.role == Participant.Role.PATIENT and p.is_present and p.waiting_at for p in places)
