"""Checks what arrived against the call's own log. What does not match raises `Mismatch`, and is quarantined."""

import hashlib
import hmac

from recordings import safe
from recordings.capture.manifest import root_of
from recordings.capture.permission import (
    CLOCK_SLACK,
    begin_of,
    is_too_late,
    may_run_until,
    permission_of,
    permissions_of,
)
from recordings.models import Chunk, Recording, Segment
from recordings.vault import Damaged, KeyRefused, Missing, NotThisObject


class Mismatch(Exception):
    """Something is not what it says it is; `reason` is a word for staff, `segment` the number of the one it
    is about, None if it is about the whole."""

    def __init__(self, reason: str, segment: Segment | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.segment = segment.number if segment else None


def check_segment(segment: Segment, chunks: list[Chunk]) -> None:
    """Compare a segment with its owners, the lease and the call's log. Errors: Mismatch."""
    lease, recording = segment.lease, segment.recording
    if lease.recording_id != recording.pk or lease.participant.consultation_id != recording.consultation_id:
        raise Mismatch("foreign_lease", segment)
    if {segment.patient_id, lease.patient_id, *(chunk.patient_id for chunk in chunks)} != {recording.patient_id}:
        raise Mismatch("foreign_patient", segment)
    _check_permission(segment, chunks)
    if segment.root and len(chunks) == segment.chunks_expected and root_of(segment) != segment.root:
        raise Mismatch("manifest", segment)


def _check_permission(segment: Segment, chunks: list[Chunk]) -> None:
    allowed = [p for p in permissions_of(segment.lease, segment.epoch) if p.mode == segment.mode]
    if not allowed:
        raise Mismatch("capture_was_not_allowed", segment)
    if begin_of(segment) < allowed[0].since - CLOCK_SLACK:
        raise Mismatch("began_before_it_was_allowed", segment)
    if permission_of(segment) is None:
        raise Mismatch("began_after_it_was_allowed", segment)
    ends = may_run_until(segment)
    # What came in before that moment was honest, whatever its clock said; the plan cuts it.
    late = [chunk for chunk in chunks if ends is not None and chunk.received_at > ends]
    if any(ends is not None and is_too_late(segment, chunk.from_ms, ends) for chunk in late):
        raise Mismatch("ran_on_after_it_was_allowed", segment)


def read_chunk(chunk: Chunk, recording: Recording) -> bytes:
    """Decrypt one chunk and compare its digest. Errors: Mismatch."""
    try:
        with safe.open_object(chunk, recording.patient.vault_id) as reader:
            body = reader.read_range(0, chunk.byte_length)
    except (Damaged, NotThisObject, KeyRefused, Missing) as error:
        raise Mismatch(f"chunk_{type(error).__name__.lower()}", chunk.segment) from error
    if not hmac.compare_digest(hashlib.sha256(body).digest(), bytes(chunk.sha256)):
        raise Mismatch("chunk_digest", chunk.segment)
    return body
