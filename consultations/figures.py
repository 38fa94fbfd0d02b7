"""How many consultations there were and how long people waited, day by day. Aggregates only; nobody is in them."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from consultations.models import Consultation, Participant

Status = Consultation.Status
A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Spread:
    """Half of them took at most `median_s`, nine of ten at most `most_s`; None where there were none."""

    median_s: int | None
    most_s: int | None


@dataclass(frozen=True)
class Day:
    day: date
    held: int
    not_held: int
    waited: Spread


def spread(seconds: Sequence[float]) -> Spread:
    """Return the median and the ninth decile by nearest rank: each is a figure that really occurred."""
    if not seconds:
        return Spread(None, None)
    ordered = sorted(seconds)
    return Spread(*(round(ordered[math.ceil(part * len(ordered)) - 1]) for part in (0.5, 0.9)))


def last_days(now: datetime, days: int) -> list[date]:
    """Return the last days on the reader's clock, today last."""
    today = timezone.localdate(now)
    return [today - timedelta(days=back) for back in reversed(range(days))]


def beginning_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))


def per_day(now: datetime, days: int) -> list[Day]:
    """Queries: three, however many days."""
    shown = last_days(now, days)
    since = beginning_of(shown[0])
    over = Consultation.objects.filter(starts_at__gte=since, starts_at__lte=now)
    held = _by_day(over.filter(status__in=(Status.COMPLETED, Status.IN_PROGRESS)))
    not_held = _by_day(over.filter(status__in=(Status.CANCELLED, Status.NO_SHOW)))
    waited: dict[date, list[float]] = defaultdict(list)
    admitted = Participant.objects.filter(role=Participant.Role.PATIENT, admitted_at__range=(since, now))
    for came, let_in in admitted.values_list("waiting_at", "admitted_at"):
        if came and let_in and let_in >= came:
            waited[timezone.localdate(let_in)].append((let_in - came).total_seconds())
    return [Day(day, held.get(day, 0), not_held.get(day, 0), spread(waited[day])) for day in shown]


def _by_day(consultations: QuerySet[Consultation]) -> dict[date, int]:
    """Return how many there are on each day of the reader's clock; a day without any is left out."""
    return dict(consultations.values_list(TruncDate("starts_at")).annotate(n=Count("pk")))
