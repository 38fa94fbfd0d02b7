"""What time does to recordings: silent segments are given up, ended calls sealed, late chunks made use of."""

from datetime import datetime, timedelta

from django.db.models import F, OuterRef, Q, Subquery

from consultations.models import Call
from consultations.states import StaleTransition, move
from recordings import capture, jobs
from recordings.models import ProcessingJob, Recording, Segment

SILENT_AFTER = timedelta(minutes=10)
FINISHED = (*Recording.PLAYABLE, Recording.Status.FAILED)


def sweep(*, now: datetime) -> None:
    """Idempotent because every step is a transition that happens once."""
    silent = Segment.objects.filter(
        status__in=(Segment.Status.OPEN, Segment.Status.CLOSED),
        beat_at__lt=now - SILENT_AFTER,
        recording__call__status=Call.Status.ENDED,
    )
    for segment in silent.select_related("recording__call"):
        give_up(segment)
    for recording in Recording.objects.filter(status=Recording.Status.CAPTURING, call__status=Call.Status.ENDED):
        capture.seal_if_whole(recording, now=now)
    for recording in with_late_chunks(now):
        jobs.enqueue(recording, now=now)


def give_up(segment: Segment) -> None:
    """A recorder has been silent for too long: what arrived is all there is, unless late chunks come after all."""
    try:
        move(segment, Segment.Status.ABANDONED, transitions=Segment.TRANSITIONS, close_reason="silent")
    except StaleTransition:
        return


def with_late_chunks(now: datetime) -> list[Recording]:
    """Return finished recordings of which more arrived after their last job: whole, or all there will be."""
    newest = ProcessingJob.objects.filter(recording=OuterRef("recording")).order_by("-created_at")
    late = Segment.objects.filter(
        Q(status=Segment.Status.COMPLETE) | Q(status=Segment.Status.ABANDONED, beat_at__lt=now - SILENT_AFTER),
        recording__status__in=FINISHED,
    ).annotate(last_job_at=Subquery(newest.values("created_at")[:1]))
    return list(Recording.objects.filter(pk__in=late.filter(beat_at__gt=F("last_job_at")).values("recording")))
