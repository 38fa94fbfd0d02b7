"""Whether what was recorded fits into the time of the call. Clocks that are a little off are nobody's fault."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from recordings.capture.permission import CLOCK_SLACK, begin_of
from recordings.models import Chunk, Recording, Segment
from recordings.pipeline.evidence.mismatch import SLACK, Mismatch


def within_the_call(segment: Segment, chunks: list[Chunk]) -> Iterator[Mismatch]:
    begin, call = begin_of(segment), segment.recording.call
    if not _is_between(call.started_at, begin, call.ended_at):
        yield Mismatch("began_outside_the_call", segment)
    last = max((min(_begin_of(chunk, begin), chunk.received_at) for chunk in chunks), default=begin)
    if call.ended_at is not None and last > call.ended_at + SLACK:
        yield Mismatch("ran_past_the_call", segment)


def arrival(segment: Segment, chunks: list[Chunk]) -> Iterator[Mismatch]:
    """Nothing arrives before it was recorded or its segment opened, and no list is closed before its time has passed.

    What a chunk says of its own end is not asked: the plan cuts it at the time it was received.
    """
    begin = begin_of(segment)
    too_early = (
        chunk.received_at < max(_begin_of(chunk, begin) - SLACK, segment.opened_at - CLOCK_SLACK) for chunk in chunks
    )
    if any(too_early):
        yield Mismatch("received_before_it_was_recorded", segment)
    if timedelta(milliseconds=segment.duration_ms or 0) > segment.beat_at - begin + SLACK:
        yield Mismatch("claims_more_time_than_passed", segment)


def length(recording: Recording, duration_ms: int) -> Iterator[Mismatch]:
    """Compare the finished replay with the call."""
    begin, end = recording.call.started_at, recording.call.ended_at
    if begin is None or end is None or timedelta(milliseconds=duration_ms) > end - begin + SLACK:
        yield Mismatch("longer_than_the_call")


def _begin_of(chunk: Chunk, begin: datetime) -> datetime:
    return begin + timedelta(milliseconds=chunk.from_ms)


def _is_between(begin: datetime | None, moment: datetime, end: datetime | None) -> bool:
    return begin is not None and end is not None and begin - CLOCK_SLACK <= moment <= end + CLOCK_SLACK
