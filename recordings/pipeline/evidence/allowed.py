"""Whether the call's log had allowed what was captured: this lease, this epoch, this mode, at that time."""

from collections.abc import Iterator

from recordings.capture.permission import (
    CLOCK_SLACK,
    begin_of,
    is_too_late,
    may_run_until,
    permission_of,
    permissions_of,
)
from recordings.models import Chunk, Segment
from recordings.pipeline.evidence.mismatch import Mismatch


def permission(segment: Segment, chunks: list[Chunk]) -> Iterator[Mismatch]:
    allowed = [p for p in permissions_of(segment.lease, segment.epoch) if p.mode == segment.mode]
    if not allowed:
        yield Mismatch("capture_was_not_allowed", segment)
    elif begin_of(segment) < allowed[0].since - CLOCK_SLACK:
        yield Mismatch("began_before_it_was_allowed", segment)
    elif permission_of(segment) is None:
        yield Mismatch("began_after_it_was_allowed", segment)
    ends = may_run_until(segment)
    # What came in before that moment was honest, whatever its clock said; the plan cuts it.
    late = [chunk for chunk in chunks if ends is not None and chunk.received_at > ends]
    if any(ends is not None and is_too_late(segment, chunk.from_ms, ends) for chunk in late):
        yield Mismatch("ran_on_after_it_was_allowed", segment)
