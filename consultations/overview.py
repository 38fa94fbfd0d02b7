"""What staff see of the day: who waits in which room, and how many consultations are in which state. Facts only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Exists, OuterRef
from django.utils import timezone

from consultations import lateness
from consultations.models import Consultation, Participant

A_DAY, SOON = timedelta(days=1), timedelta(hours=2)
MOST_EXPECTED = 20


@dataclass(frozen=True)
class Waiting:
    consultation: UUID
    patient_name: str
    clinician_name: str
    since: datetime
    minutes: int
    minutes_late: int


@dataclass(frozen=True)
class Expected:
    consultation: UUID
    patient_name: str
    clinician_name: str
    starts_at: datetime
    minutes_late: int


@dataclass(frozen=True)
class InState:
    status: str
    label: str
    count: int


def waiting(now: datetime) -> list[Waiting]:
    """Return the patients who are there and not let in, who came first first."""
    there = Participant.objects.filter(
        role=Participant.Role.PATIENT,
        waiting_at__isnull=False,
        admitted_at=None,
        disconnected_at=None,
        consultation__status=Consultation.Status.PLANNED,
        consultation__starts_at__range=(now - A_DAY, now + A_DAY),  # so that no old ones are looked at
    ).exclude(sid="")
    related = there.select_related("consultation__patient", "consultation__clinician__user").order_by("waiting_at")
    people = list(related)
    late = lateness.minutes_late([place.consultation.clinician_id for place in people], now=now)
    return [_waiting(place, late, now) for place in people]


def _waiting(place: Participant, late: dict[UUID, int], now: datetime) -> Waiting:
    held, since = place.consultation, place.waiting_at
    assert since is not None
    minutes = max(0, int((now - since).total_seconds() // 60))
    name = held.clinician.display_name
    return Waiting(held.pk, held.patient.name, name, since, minutes, late.get(held.pk, 0))


def expected(now: datetime) -> list[Expected]:
    """Return who is to come in the next two hours, or is late, and is not there; soonest first."""
    there = Participant.objects.filter(
        consultation=OuterRef("pk"), role=Participant.Role.PATIENT, disconnected_at=None
    ).exclude(sid="")
    soon = Consultation.objects.filter(
        ~Exists(there), status=Consultation.Status.PLANNED, starts_at__lte=now + SOON, ends_at__gt=now
    )
    people = list(soon.with_people().defer("reason", "adjustments").order_by("starts_at")[:MOST_EXPECTED])
    late = lateness.minutes_late([one.clinician_id for one in people], now=now)
    return [
        Expected(one.pk, one.patient.name, one.clinician.display_name, one.starts_at, late.get(one.pk, 0))
        for one in people
    ]


def today_by_state(now: datetime) -> list[InState]:
    """Return how many of today's consultations, in the reader's zone, are in which state."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    today = Consultation.objects.filter(starts_at__gte=midnight, starts_at__lt=midnight + A_DAY)
    counts = dict(today.values_list("status").annotate(n=Count("pk")))
    return [InState(s.value, str(s.label), counts.get(s.value, 0)) for s in Consultation.Status if counts.get(s.value)]
