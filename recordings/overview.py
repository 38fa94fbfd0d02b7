"""How many recordings, jobs and questions wait for somebody of the staff. Counts only."""

from dataclasses import dataclass

from recordings.models import AccessReport, PlaybackSuspension, ProcessingJob, Recording


@dataclass(frozen=True)
class Open:
    reports: int
    held_back: int
    failed: int
    being_prepared: int
    pauses: int


def still_open() -> Open:
    live = (ProcessingJob.Status.QUEUED, ProcessingJob.Status.RUNNING)
    return Open(
        reports=AccessReport.objects.filter(handled_at=None).count(),
        held_back=Recording.objects.filter(status=Recording.Status.QUARANTINED).count(),
        failed=Recording.objects.filter(status=Recording.Status.FAILED).count(),
        being_prepared=ProcessingJob.objects.filter(status__in=live).count(),
        pauses=PlaybackSuspension.objects.filter(closed_at=None).count(),
    )
