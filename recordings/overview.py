"""How many recordings, jobs and questions wait for somebody of the staff. Counts only."""

from dataclasses import dataclass

from django.db.models import Count

from recordings.models import AccessReport, PlaybackSuspension, ProcessingJob, Recording
from recordings.retrying import given_up_late


@dataclass(frozen=True)
class Open:
    """`failed` counts recordings that could not be prepared, and replays for which something came late in vain."""

    reports: int
    held_back: int
    failed: int
    being_prepared: int
    pauses: int


def still_open() -> Open:
    live = (ProcessingJob.Status.QUEUED, ProcessingJob.Status.RUNNING)
    attention = (Recording.Status.QUARANTINED, Recording.Status.FAILED)
    waiting = Recording.objects.filter(status__in=attention).order_by()
    counts = dict(waiting.values_list("status").annotate(n=Count("pk")))
    return Open(
        reports=AccessReport.objects.filter(handled_at=None).count(),
        held_back=counts.get(Recording.Status.QUARANTINED, 0),
        failed=counts.get(Recording.Status.FAILED, 0) + given_up_late().count(),
        being_prepared=ProcessingJob.objects.filter(status__in=live).count(),
        pauses=PlaybackSuspension.objects.filter(closed_at=None).count(),
    )
