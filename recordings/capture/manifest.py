"""What is stored of a segment, what is missing, and the closed list that says what should be there."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from consultations.states import move
from recordings.capture.refusals import OVER, CaptureRefused
from recordings.capture.sealing import complete_if_whole, locked
from recordings.models import Recording, Segment

MAX_CHUNKS = 20_000


def numbers_of(segment: Segment) -> list[int]:
    return list(segment.chunks.order_by("number").values_list("number", flat=True))


def missing_of(segment: Segment, *, most: int = 50) -> list[int]:
    """Return the first chunk numbers that should be there and are not."""
    have = set(numbers_of(segment))
    expected = segment.chunks_expected if segment.chunks_expected is not None else max(have, default=-1) + 1
    return [number for number in range(expected) if number not in have][:most]


def ranges_of(segment: Segment) -> list[list[int]]:
    """Shape: [[first, last], …] of the chunk numbers that are stored."""
    ranges: list[list[int]] = []
    for number in numbers_of(segment):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges


def root_of(segment: Segment) -> str:
    """Return the hex SHA-256 over the digests of the stored chunks in order."""
    total = hashlib.sha256()
    for digest in segment.chunks.order_by("number").values_list("sha256", flat=True):
        total.update(bytes(digest))
    return total.hexdigest()


@transaction.atomic
def close_segment(segment: Segment, *, chunks: int, root: str, duration_ms: int, reason: str, now: datetime) -> Segment:
    """Take the manifest. Idempotent for the same manifest. Errors: CaptureRefused 409, 410."""
    segment = locked(segment)
    if segment.root:
        if (segment.chunks_expected, segment.root) != (chunks, root):
            raise CaptureRefused(409, "manifest_conflict", "This part was closed with other pieces.")
        return segment
    if segment.recording.status not in Recording.TAKES_CHUNKS or segment.status == Segment.Status.REJECTED:
        raise CaptureRefused(*OVER)
    numbers = numbers_of(segment)
    if chunks > MAX_CHUNKS or (numbers and numbers[-1] >= chunks):
        raise CaptureRefused(409, "manifest_conflict", "More pieces are stored than this part should have.")
    if len(numbers) == chunks and root_of(segment) != root:
        raise CaptureRefused(409, "root_mismatch", "The stored pieces are not those of this list.")
    facts = {
        "chunks_expected": chunks,
        "root": root,
        "duration_ms": duration_ms,
        "close_reason": reason,
        "beat_at": now,
    }
    if segment.status == Segment.Status.OPEN:
        move(segment, Segment.Status.CLOSED, transitions=Segment.TRANSITIONS, **facts)
    else:
        Segment.objects.filter(pk=segment.pk).update(**facts)
        segment.chunks_expected = chunks
    complete_if_whole(segment, now=now)
    return segment


def saved_ms(recording: Recording) -> int:
    """Return how much of the call is stored, overlaps of consecutive segments counted once."""
    return covered_ms(with_lengths(recording.segments.all()))


def with_lengths(segments: QuerySet[Segment]) -> QuerySet[Any]:
    """Return them in order, each with `length`, in ms of what is stored, or None."""
    return segments.annotate(length=Max("chunks__to_ms")).order_by("t0_ms")


def covered_ms(segments: Iterable[Any]) -> int:
    """Return how much time those of `with_lengths` cover."""
    total, cursor = 0, 0
    for segment in segments:
        ends = segment.t0_ms + (segment.length or 0)
        total += max(0, ends - max(segment.t0_ms, cursor))
        cursor = max(cursor, ends)
    return total
