"""Whose a segment is, and whether its pieces are those that its recorder listed."""

from collections.abc import Iterator

from recordings.capture.manifest import root_of
from recordings.models import Chunk, Segment
from recordings.pipeline.evidence.mismatch import Mismatch


def owners(segment: Segment, chunks: list[Chunk]) -> Iterator[Mismatch]:
    lease, recording = segment.lease, segment.recording
    if lease.recording_id != recording.pk or lease.participant.consultation_id != recording.consultation_id:
        yield Mismatch("foreign_lease", segment)
    if {segment.patient_id, lease.patient_id, *(chunk.patient_id for chunk in chunks)} != {recording.patient_id}:
        yield Mismatch("foreign_patient", segment)


def manifest(segment: Segment, chunks: list[Chunk]) -> Iterator[Mismatch]:
    """A piece that is absent is a hole; one that is not on the list, or another than listed, does not match."""
    expected = segment.chunks_expected
    if expected is not None and any(chunk.number >= expected for chunk in chunks):
        yield Mismatch("more_chunks_than_listed", segment)
    if segment.root and len(chunks) == expected and root_of(segment) != segment.root:
        yield Mismatch("manifest", segment)
