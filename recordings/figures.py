"""How many recordings are in which state, and how long preparing one took, day by day. Aggregates only."""

from collections import defaultdict
from datetime import date, datetime

from django.db.models import Count
from django.utils import timezone

from consultations.figures import Spread, beginning_of, last_days, spread
from recordings.models import ProcessingJob, Recording


def by_state() -> list[tuple[str, int]]:
    """Return (state in words, how many) for every state, in the order that a recording goes through them."""
    counts = dict(Recording.objects.order_by().values_list("status").annotate(n=Count("pk")))
    return [(str(status.label), counts.get(status.value, 0)) for status in Recording.Status]


def preparing_per_day(now: datetime, days: int) -> list[tuple[date, Spread]]:
    """Return for each day how long it took from the queue to the replay."""
    shown = last_days(now, days)
    took: dict[date, list[float]] = defaultdict(list)
    done = ProcessingJob.objects.filter(
        status=ProcessingJob.Status.DONE, finished_at__gte=beginning_of(shown[0]), finished_at__lte=now
    )
    for queued, finished in done.values_list("created_at", "finished_at"):
        if finished:
            took[timezone.localdate(finished)].append((finished - queued).total_seconds())
    return [(day, spread(took[day])) for day in shown]
