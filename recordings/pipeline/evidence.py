"""Checks what arrived against the call's own log, and lays it out for the media process.

What is absent becomes a hole; what does not match raises `Mismatch`, and the recording is quarantined.
"""

import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from consultations.models import CallEvent
from recordings import safe
from recordings.capture import CLOCK_SLACK_MS, milliseconds_into, root_of
from recordings.media.ebml import header_of
from recordings.media.job import Job, SegmentInput, Size
from recordings.media.timeline import Absence
from recordings.models import Chunk, RecorderLease, Recording, Segment
from recordings.vault import Damaged, KeyRefused, Missing, NotThisObject


class Mismatch(Exception):
    """Something is not what it says it is; `reason` is a word for staff."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NothingCaptured(Exception):
    """Not one chunk of this recording ever arrived."""


@dataclass(frozen=True)
class Evidence:
    """A job for the media process, and whether anything is known to be absent."""

    job: Job
    has_gaps: bool


def check_segment(segment: Segment) -> None:
    """Compare a segment with the lease and the call's log. Errors: Mismatch."""
    lease, recording = segment.lease, segment.recording
    if lease.recording_id != recording.pk or lease.participant.consultation_id != recording.consultation_id:
        raise Mismatch("foreign_lease")
    events = CallEvent.objects.filter(call=recording.call_id, kind="rec.allowed", epoch=segment.epoch)
    allowed = [e for e in events.order_by("seq") if (e.payload["lease"], e.payload["capture"]) == (str(lease.pk), segment.mode)]
    if not allowed:
        raise Mismatch("capture_was_not_allowed")
    slack = timedelta(milliseconds=CLOCK_SLACK_MS)
    if recording.started_at + timedelta(milliseconds=segment.t0_ms) < allowed[0].at - slack:
        raise Mismatch("began_before_it_was_allowed")
    has_manifest = bool(segment.root)
    if has_manifest and segment.chunks.count() == segment.chunks_expected and root_of(segment) != segment.root:
        raise Mismatch("manifest")


def read_chunk(chunk: Chunk, recording: Recording) -> bytes:
    """Decrypt one chunk and compare its digest. Errors: Mismatch."""
    try:
        with safe.open_object(chunk, recording.patient.vault_id) as reader:
            body = reader.read_range(0, chunk.byte_length)
    except (Damaged, NotThisObject, KeyRefused, Missing) as error:
        raise Mismatch(f"chunk_{type(error).__name__.lower()}") from error
    if not hmac.compare_digest(hashlib.sha256(body).digest(), bytes(chunk.sha256)):
        raise Mismatch("chunk_digest")
    return body


@contextmanager
def gathered(recording: Recording, size: Size) -> Iterator[Evidence]:
    """Yield the job with every segment's bytes in memory files of its own; they are gone afterwards.

    Errors: Mismatch, NothingCaptured.
    """
    segments = list(
        recording.segments.exclude(status=Segment.Status.REJECTED)
        .select_related("lease__participant", "recording__patient")
        .order_by("number")
    )
    with ExitStack() as stack:
        inputs, absences, has_gaps, headers = [], _withdrawn(recording), False, dict[str, bytes]()
        for segment in segments:
            check_segment(segment)
            chunks = list(segment.chunks.order_by("number"))
            if not chunks:
                has_gaps = has_gaps or bool(segment.chunks_expected)
                continue
            holes = _holes(segment, chunks)
            has_gaps = has_gaps or bool(holes)
            absences += holes
            fd = os.memfd_create("segment", os.MFD_CLOEXEC)
            stack.callback(os.close, fd)
            _write(fd, segment, chunks, headers)
            end = segment.t0_ms + max(chunk.to_ms for chunk in chunks)
            inputs.append(SegmentInput(segment.number, segment.mode, segment.t0_ms, fd, end))
        if not inputs:
            raise NothingCaptured
        output = os.memfd_create("replay", os.MFD_CLOEXEC)
        stack.callback(os.close, output)
        job = Job(tuple(inputs), output, size, absences=tuple(absences), capture_end_ms=_capture_end(recording))
        yield Evidence(job, has_gaps)


def _write(fd: int, segment: Segment, chunks: list[Chunk], headers: dict[str, bytes]) -> None:
    """Write the chunks one after the other; a lost first chunk is replaced by a sibling's header."""
    for chunk in chunks:
        body = read_chunk(chunk, segment.recording)
        if chunk.number == 0:
            headers.setdefault(segment.mode, header_of(body))
        elif chunk is chunks[0]:
            os.write(fd, headers.get(segment.mode, b""))
        view = memoryview(body)
        while view:
            view = view[os.write(fd, view) :]


def _holes(segment: Segment, chunks: list[Chunk]) -> list[Absence]:
    """Return the stretches, on the recording's clock, whose chunks never came."""
    holes, ends_ms = [], 0
    expected = -1
    for chunk in chunks:
        if chunk.number != expected + 1:
            holes.append(Absence(segment.t0_ms + ends_ms, segment.t0_ms + chunk.from_ms, "damaged"))
        expected, ends_ms = chunk.number, chunk.to_ms
    if segment.chunks_expected is not None and expected + 1 < segment.chunks_expected:
        holes.append(Absence(segment.t0_ms + ends_ms, segment.t0_ms + max(ends_ms, segment.duration_ms or 0), "damaged"))
    return [hole for hole in holes if hole.to_ms > hole.from_ms]


def _leases(recording: Recording) -> list[RecorderLease]:
    return list(recording.leases.order_by("granted_at"))


def _withdrawn(recording: Recording) -> list[Absence]:
    """Return the stretches between a withdrawal and the next permission: what was captured in them is cut."""
    leases = _leases(recording)
    return [
        Absence(milliseconds_into(recording, lease.revoked_at), milliseconds_into(recording, later.granted_at), "paused")
        for lease, later in zip(leases, leases[1:], strict=False)
        if lease.revoked_at and lease.revoked_why == RecorderLease.Why.CONSENT and later.granted_at > lease.revoked_at
    ]


def _capture_end(recording: Recording) -> int | None:
    """Return when the last lease ended, in ms: nothing after it belongs into the replay.

    A call that everybody had lost was ended minutes later by the sweep; that moment says nothing.
    """
    last = _leases(recording)[-1:]
    if not last or last[0].revoked_at is None or recording.call.end_reason == "lost":
        return None
    return milliseconds_into(recording, last[0].revoked_at)
