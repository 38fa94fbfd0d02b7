"""Lays a recording's chunks out for the media process, in memory only; says what is absent, which is a hole."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal
from uuid import UUID

from consultations.models import Mode
from recordings.capture.permission import milliseconds_into
from recordings.media import ebml
from recordings.media.faults import Unreadable, UnreadableMedia
from recordings.media.job import Job, SegmentInput, Size
from recordings.media.timeline import Absence
from recordings.models import Chunk, RecorderLease, Recording, Segment
from recordings.pipeline.evidence import check_segments, read_chunk


class NothingCaptured(Exception):
    """Nothing of this recording that could be shown ever arrived."""


@dataclass(frozen=True)
class Remedies:
    """What was learnt from a join that failed: segments whose borrowed header names the tracks the other way round,
    and segments of which too little arrived to be read."""

    swapped: frozenset[int] = frozenset()
    skipped: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Gathered:
    """A job for the media process, whether anything is known to be absent, and which segments were whole."""

    job: Job
    has_gaps: bool
    complete: tuple[UUID, ...]
    borrowed: frozenset[int]
    remedies: Remedies

    def remedies_after(self, fault: UnreadableMedia) -> Remedies:
        """Return what to try next. Errors: NothingCaptured; the fault itself when it is no recording of ours."""
        number, remedies = fault.segment, self.remedies
        if number is None and fault.reason == Unreadable.NO_MEDIA:
            raise NothingCaptured
        if number is None:
            raise fault
        if number in self.borrowed and number not in remedies.swapped:
            return replace(remedies, swapped=remedies.swapped | {number})
        # A first chunk that never came, or a recorder that ended at once: absent, not odd.
        if number in self.borrowed or fault.reason == Unreadable.NO_MEDIA or self._is_header_only(number):
            return replace(remedies, skipped=remedies.skipped | {number})
        raise fault

    def _is_header_only(self, number: int) -> bool:
        fd = next(segment.fd for segment in self.job.segments if segment.number == number)
        found = {element.id for element in ebml.level_one(lambda size, offset: os.pread(fd, size, offset))}
        return ebml.TRACKS in found and ebml.CLUSTER not in found


@dataclass(frozen=True)
class _Arrived:
    segment: Segment
    chunks: list[Chunk]


@contextmanager
def gathered(recording: Recording, size: Size, remedies: Remedies) -> Iterator[Gathered]:
    """Yield the job with every segment's bytes in memory files of its own; they are gone afterwards.

    Errors: Mismatch, NothingCaptured.
    """
    everything = _checked(recording)
    headers = _headers(everything)
    readable = [a for a in everything if a.segment.number not in remedies.skipped and _is_readable(a, headers)]
    if not readable:
        raise NothingCaptured
    with ExitStack() as stack:
        inputs = []
        for arrived in readable:
            segment = arrived.segment
            fd = _memory_file(stack, "segment")
            gaps = _write(fd, arrived, _header_for(arrived, headers, remedies))
            mode: Literal["audio", "video"] = "video" if segment.mode == Mode.VIDEO else "audio"
            inputs.append(SegmentInput(segment.number, mode, segment.t0_ms, fd, _end(arrived), gaps))
        absences = [hole for arrived in everything for hole in _holes(arrived, is_read=arrived in readable)]
        absences += [_lost(segment) for segment in recording.segments.filter(status=Segment.Status.REJECTED)]
        job = Job(
            tuple(inputs),
            _memory_file(stack, "replay"),
            size,
            absences=(*_withdrawn(recording), *absences),
            capture_end_ms=_capture_end(recording),
        )
        yield Gathered(
            job,
            has_gaps=bool(absences) or bool(remedies.skipped),
            complete=tuple(a.segment.pk for a in everything if a.segment.status == Segment.Status.COMPLETE),
            borrowed=frozenset(a.segment.number for a in readable if a.chunks[0].number > 0),
            remedies=remedies,
        )


def _checked(recording: Recording) -> list[_Arrived]:
    segments = recording.segments.exclude(status=Segment.Status.REJECTED).select_related(
        "lease__participant", "lease__recording", "recording__patient", "recording__call"
    )
    everything = [_Arrived(s, list(s.chunks.order_by("number"))) for s in segments.order_by("number")]
    check_segments(recording, [(arrived.segment, arrived.chunks) for arrived in everything])
    return everything


def _headers(everything: list[_Arrived]) -> dict[str, bytes]:
    """Return a file header for each mode, from the first segment whose first chunk came."""
    headers: dict[str, bytes] = {}
    for segment, chunks in ((a.segment, a.chunks) for a in everything):
        if segment.mode not in headers and chunks and chunks[0].number == 0:
            try:
                headers[segment.mode] = ebml.header_of(read_chunk(chunks[0], segment.recording))
            except UnreadableMedia:
                continue  # it has no cluster yet; the media process says what it is
    return headers


def _is_readable(arrived: _Arrived, headers: dict[str, bytes]) -> bool:
    return bool(arrived.chunks) and (arrived.chunks[0].number == 0 or arrived.segment.mode in headers)


def _header_for(arrived: _Arrived, headers: dict[str, bytes], remedies: Remedies) -> bytes:
    """Return what stands before the chunks: nothing, or for a lost first chunk a sibling's header."""
    if arrived.chunks[0].number == 0:
        return b""
    header = headers[arrived.segment.mode]
    return ebml.with_tracks_swapped(header) if arrived.segment.number in remedies.swapped else header


def _memory_file(stack: ExitStack, name: str) -> int:
    # SECURITY: plaintext media never touches a disk.
    fd = os.memfd_create(name, os.MFD_CLOEXEC)
    stack.callback(os.close, fd)
    return fd


def _write(fd: int, arrived: _Arrived, header: bytes) -> tuple[int, ...]:
    """Write the chunks one after the other; return the offsets at which some are missing."""
    gaps, offset, expected = [], _write_all(fd, header), 0
    for chunk in arrived.chunks:
        if chunk.number != expected:
            gaps.append(offset)
        offset += _write_all(fd, read_chunk(chunk, arrived.segment.recording))
        expected = chunk.number + 1
    return tuple(gaps)


def _write_all(fd: int, data: bytes) -> int:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
    return len(data)


def _end(arrived: _Arrived) -> int:
    """Return when the segment ended, in ms of the recording: as its sender says, but never after it was received."""
    claimed = arrived.segment.t0_ms + max(chunk.to_ms for chunk in arrived.chunks)
    received = max(milliseconds_into(arrived.segment.recording, chunk.received_at) for chunk in arrived.chunks)
    return max(arrived.segment.t0_ms, min(claimed, received))


def _holes(arrived: _Arrived, *, is_read: bool) -> list[Absence]:
    """Return the stretches, on the recording's clock, whose chunks never came or cannot be read."""
    segment, spans, cursor, expected = arrived.segment, [], 0, 0
    for chunk in arrived.chunks if is_read else []:
        if chunk.number != expected:
            spans.append((cursor, chunk.from_ms))
        cursor, expected = chunk.to_ms, chunk.number + 1
    if segment.chunks_expected is not None and expected < segment.chunks_expected:
        spans.append((cursor, max(cursor + 1, segment.duration_ms or 0)))
    elif not is_read and segment.chunks_expected != 0:
        # A recorder says that it begins once it has begun: nothing of it here is something lost.
        spans.append((0, max([chunk.to_ms for chunk in arrived.chunks], default=segment.duration_ms or 1)))
    return [Absence(segment.t0_ms + begin, segment.t0_ms + end, "damaged") for begin, end in spans]


def _lost(segment: Segment) -> Absence:
    return Absence(segment.t0_ms, segment.t0_ms + max(1, segment.duration_ms or 0), "damaged")


def _leases(recording: Recording) -> list[RecorderLease]:
    return list(recording.leases.order_by("granted_at"))


def _withdrawn(recording: Recording) -> list[Absence]:
    """Return the stretches between a withdrawal and the next permission: what was captured in them is cut."""
    leases = _leases(recording)
    pauses = [
        (lease.revoked_at, later.granted_at)
        for lease, later in pairwise(leases)
        if lease.revoked_at and lease.revoked_why == RecorderLease.Why.CONSENT and later.granted_at > lease.revoked_at
    ]
    return [Absence(milliseconds_into(recording, b), milliseconds_into(recording, e), "paused") for b, e in pauses]


def _capture_end(recording: Recording) -> int | None:
    """Return when the last lease ended, in ms: nothing after it belongs into the replay.

    A call that everybody had lost was ended minutes later by the sweep; that moment says nothing. A withdrawal counts.
    """
    last = _leases(recording)[-1:]
    if not last or last[0].revoked_at is None:
        return None
    if last[0].revoked_why == RecorderLease.Why.ENDED and recording.call.end_reason == "lost":
        return None
    return milliseconds_into(recording, last[0].revoked_at)
