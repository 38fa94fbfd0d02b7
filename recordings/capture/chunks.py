"""Storing one chunk: checked, encrypted, durable, and only then a row."""

import hashlib
import hmac
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Sum

from recordings import safe
from recordings.capture.manifest import MAX_CHUNKS
from recordings.capture.permission import is_too_late, may_run_until
from recordings.capture.refusals import OVER, CaptureRefused
from recordings.capture.sealing import complete_if_whole, locked
from recordings.media import ebml
from recordings.models import Chunk, Recording, Segment

MAX_CHUNK_BYTES = 2 * 1024 * 1024
MAX_RECORDING_BYTES = 6 * 1024**3
_MAX_MS = 24 * 3600 * 1000


def store_chunk(
    segment: Segment, *, number: int, body: bytes, digest: bytes, from_ms: int, to_ms: int, now: datetime
) -> tuple[Chunk, bool]:
    """Store one chunk durably; return it and whether it is new. Idempotent because of (segment, number) and the digest.

    Errors: CaptureRefused, VaultError; then nothing was stored.
    """
    _check_chunk(number=number, body=body, digest=digest, from_ms=from_ms, to_ms=to_ms)
    if standing := _standing(segment, number, digest):
        return standing, False
    _check_takes_more(segment, number=number, from_ms=from_ms, byte_length=len(body))
    chunk = Chunk(segment=segment, patient_id=segment.patient_id, number=number, from_ms=from_ms, to_ms=to_ms)
    keyset = safe.keyset(segment.patient_id, segment.key_version)
    chunk.key_version, chunk.received_at = keyset.version, now
    identity, vault_id = safe.identity_of(chunk), segment.recording.patient.vault_id
    sealed = safe.vault().write(identity, vault_id, keyset, [body])
    chunk.byte_length, chunk.sha256, chunk.header = sealed.plaintext_length, sealed.sha256, sealed.header
    try:
        _register(chunk, now=now)
    except (CaptureRefused, IntegrityError):
        # RACE: the same chunk came twice at once, or the recording was sealed meanwhile; our object is nobody's.
        # Only these two: after any other fault the row may stand, and then so must its object.
        safe.vault().delete(identity, vault_id)
        if standing := _standing(segment, number, digest):
            return standing, False
        raise
    return chunk, True


@transaction.atomic
def _register(chunk: Chunk, *, now: datetime) -> None:
    """Make the chunk count, if the segment takes it still. Errors: CaptureRefused, IntegrityError."""
    segment = locked(chunk.segment)
    _check_takes_more(segment, number=chunk.number, from_ms=chunk.from_ms, byte_length=chunk.byte_length)
    chunk.save(force_insert=True)
    Segment.objects.filter(pk=segment.pk).update(beat_at=now)
    complete_if_whole(segment, now=now)


def _check_chunk(*, number: int, body: bytes, digest: bytes, from_ms: int, to_ms: int) -> None:
    if len(body) > MAX_CHUNK_BYTES:
        raise CaptureRefused(413, "too_big", "Send at most 2 MiB at a time.")
    if number >= MAX_CHUNKS or not 0 <= from_ms <= to_ms < _MAX_MS:
        raise CaptureRefused(400, "bad_shape", "The number or the times of this piece cannot be.")
    if not body or not hmac.compare_digest(hashlib.sha256(body).digest(), digest):
        raise CaptureRefused(422, "digest_mismatch", "The piece was changed on its way. Send it again.")
    if number == 0 and not body.startswith(ebml.MAGIC):
        raise CaptureRefused(415, "not_media", "This does not begin like a recording.")


def _standing(segment: Segment, number: int, digest: bytes) -> Chunk | None:
    chunk = Chunk.objects.filter(segment=segment, number=number).first()
    if chunk is not None and not hmac.compare_digest(bytes(chunk.sha256), digest):
        raise CaptureRefused(409, "digest_conflict", "Another piece with this number is stored. It stays.")
    return chunk


def _check_takes_more(segment: Segment, *, number: int, from_ms: int, byte_length: int) -> None:
    """Refuse what comes after sealing, withdrawal or the manifest; a lost segment's late chunks are welcome."""
    recording = segment.recording
    is_late = segment.status == Segment.Status.ABANDONED and recording.status in Recording.TAKES_CHUNKS
    if recording.status != Recording.Status.CAPTURING and not is_late:
        raise CaptureRefused(*OVER)
    if segment.status in (Segment.Status.COMPLETE, Segment.Status.VERIFIED, Segment.Status.REJECTED):
        raise CaptureRefused(*OVER)
    # SECURITY: what was captured after a withdrawal does not even get in.
    ends = may_run_until(segment)
    if ends is not None and is_too_late(segment, from_ms, ends):
        raise CaptureRefused(*OVER)
    if segment.chunks_expected is not None and number >= segment.chunks_expected:
        raise CaptureRefused(409, "manifest_conflict", "This part was closed with fewer pieces.")
    stored = Chunk.objects.filter(segment__recording=recording).aggregate(total=Sum("byte_length"))["total"] or 0
    if stored + byte_length > MAX_RECORDING_BYTES:
        raise CaptureRefused(413, "quota", "This recording is full.")
