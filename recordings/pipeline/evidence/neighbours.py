"""Whether the same clinician or patient was recorded in another call at the same time: nobody is in two places."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Max, Q

from recordings.capture.permission import CLOCK_SLACK
from recordings.misfits import ANOTHER_CALL
from recordings.models import Recording, Segment
from recordings.pipeline.evidence.mismatch import Mismatch

Span = tuple[datetime, datetime]


def alone(recording: Recording) -> Iterator[Mismatch]:
    if recorded_at_once(recording):
        yield Mismatch(ANOTHER_CALL)


def recorded_at_once(recording: Recording) -> list[Recording]:
    """Return the other recordings of the same clinician or patient that hold something of the same time.

    What staff had removed does not count any more.
    """
    own = spans_of(recording)
    if not own:
        return []
    begin, end = min(span[0] for span in own), max(span[1] for span in own)
    others = (
        Recording.objects.exclude(pk=recording.pk)
        .exclude(status=Recording.Status.ERASED)
        .filter(Q(clinician=recording.clinician_id) | Q(patient=recording.patient_id), started_at__lt=end)
        .filter(Q(call__ended_at=None) | Q(call__ended_at__gt=begin - CLOCK_SLACK))
    )
    return [other for other in others if _share(own, spans_of(other))]


def spans_of(recording: Recording) -> list[Span]:
    """Return when something was captured, segment by segment: as its sender says, but never after it was received."""
    segments = recording.segments.exclude(status=Segment.Status.REJECTED)
    rows = segments.annotate(last=Max("chunks__to_ms"), received=Max("chunks__received_at")).filter(last__isnull=False)
    spans = []
    for t0_ms, last, received in rows.values_list("t0_ms", "last", "received"):
        begin = recording.started_at + timedelta(milliseconds=t0_ms)
        spans.append((begin, min(begin + timedelta(milliseconds=last), received)))
    return spans


def _share(own: list[Span], others: list[Span]) -> bool:
    return any(min(a[1], b[1]) - max(a[0], b[0]) > CLOCK_SLACK for a in own for b in others)
