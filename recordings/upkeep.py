"""What time does to recordings: silent segments are given up, ended calls sealed."""

from datetime import datetime, timedelta

from consultations.models import Call
from consultations.states import StaleTransition, move
from recordings import capture, jobs
from recordings.models import Recording, Segment

SILENT_AFTER = timedelta(minutes=10)


def sweep(*, now: datetime) -> None:
    """Idempotent because every step is a transition that happens once."""
    silent = Segment.objects.filter(
        status__in=(Segment.Status.OPEN, Segment.Status.CLOSED),
        beat_at__lt=now - SILENT_AFTER,
        recording__call__status=Call.Status.ENDED,
    )
    for segment in silent.select_related("recording__call"):
        give_up(segment)
    ended = Recording.objects.filter(status=Recording.Status.CAPTURING, call__status=Call.Status.ENDED)
    for recording in ended.select_related("call"):
        capture.seal_if_whole(recording, now=now)
    late = Segment.objects.filter(status=Segment.Status.COMPLETE, recording__status__in=Recording.PLAYABLE)
    for recording in Recording.objects.filter(pk__in=late.values("recording")):
        jobs.enqueue(recording, now=now)


def give_up(segment: Segment) -> None:
    """A recorder has been silent for too long: what arrived is all there is, unless late chunks come after all."""
    try:
        move(segment, Segment.Status.ABANDONED, transitions=Segment.TRANSITIONS, close_reason="silent")
    except StaleTransition:
        return
