"""When a segment is whole, and when a recording: then its processing is queued."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from consultations.models import Call, CallEvent
from consultations.states import StaleTransition, move
from recordings import jobs
from recordings.models import Recording, Segment

LAST_PART_MAY_COME = timedelta(minutes=1)


def locked(segment: Segment) -> Segment:
    """Return the segment as it is now.

    Locks: the recording's row until the transaction ends. RACE: it is the one lock of everything below a recording,
    so that what is read here – counts, status, manifest – still holds when the caller writes.
    """
    Recording.objects.select_for_update(no_key=True).get(pk=segment.recording_id)
    segments = Segment.objects.select_related("recording__patient", "recording__call", "lease__participant__user")
    fresh = segments.get(pk=segment.pk)
    fresh.lease.recording = fresh.recording
    return fresh


def complete_if_whole(segment: Segment, *, now: datetime) -> None:
    """Move a closed segment on once every chunk is there, and seal the recording if it was the last.

    Locks: the caller holds the recording's row.
    """
    if segment.chunks_expected is None or segment.chunks.count() != segment.chunks_expected:
        return
    try:
        move(segment, Segment.Status.COMPLETE, transitions=Segment.TRANSITIONS)
    except StaleTransition:
        return  # complete already
    seal_if_whole(segment.recording, now=now)


def _answers(segments: QuerySet[Segment], allowed: CallEvent) -> bool:
    """Say whether some segment was opened under this very permission."""
    lease, mode = allowed.payload["lease"], allowed.payload["capture"]
    return segments.filter(epoch=allowed.epoch, lease=lease, mode=mode, opened_at__gte=allowed.at).exists()


@transaction.atomic
def seal_if_whole(recording: Recording, *, now: datetime) -> bool:
    """Seal a recording whose call has ended and whose segments all have an outcome, and queue its processing."""
    # RACE: a segment that opens at this moment either is seen here or finds the recording sealed.
    recording = Recording.objects.select_for_update(no_key=True).get(pk=recording.pk)
    call = Call.objects.get(pk=recording.call_id)
    if call.status != Call.Status.ENDED or call.ended_at is None or recording.status not in Recording.TAKES_CHUNKS:
        return False
    pending = (Segment.Status.OPEN, Segment.Status.CLOSED)
    segments = recording.segments.all()
    if segments.filter(status__in=pending).exists():
        return False
    allowed = CallEvent.objects.filter(call=call, kind="rec.allowed").order_by("-seq").first()
    # The last part may be announced a moment after the end: its recorder waited for the network.
    is_all = allowed is None or _answers(segments, allowed)
    if not is_all and now - call.ended_at < LAST_PART_MAY_COME:
        return False
    jobs.enqueue(recording, now=now)
    return True
