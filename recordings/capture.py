"""Takes in what a recorder sends: segments, chunks, manifests. Knows no HTTP; `now` is handed in.

Owner, patient and place in storage are read from the lease's rows; nothing of them can come from a client.
"""

import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import Max

from accounts.models import User
from audit import ledger
from audit.models import Action
from consultations.models import Call, CallEvent, Mode
from consultations.states import StaleTransition, move
from recordings import jobs, safe
from recordings.models import Chunk, RecorderLease, Recording, Segment
from recordings.vault import StoreUnavailable

MAX_CHUNK_BYTES = 2 * 1024 * 1024
MAX_CHUNKS = 20_000
MAX_RECORDING_BYTES = 6 * 1024**3
TOKEN_LIFE = timedelta(hours=24)
TOKEN_SALT = "recordings.capture"
CLOCK_SLACK_MS = 2000
MIMES = re.compile(r"(audio|video)/webm(;\s*codecs=\"?[a-z0-9.,]{1,40}\"?)?")
WEBM_MAGIC = b"\x1a\x45\xdf\xa3"


class CaptureRefused(Exception):
    """`status` is the HTTP status that says it best, `code` a word of docs/recordings.md, `detail` what to do."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail


ABSENT = (404, "not_found", "There is nothing here.")
OVER = (410, "over", "This recording takes nothing more.")


@dataclass(frozen=True)
class OpenSegment:
    """What a recorder gets for its segment; `key` is the spool's AES-256 key."""

    segment: Segment
    upload_token: str
    key: bytes
    created: bool = False


def milliseconds_into(recording: Recording, moment: datetime) -> int:
    return round((moment - recording.started_at).total_seconds() * 1000)


def _spool_context(segment_id: UUID) -> bytes:
    return b"spool|" + segment_id.bytes


def _opened(segment: Segment, participant_id: UUID, *, created: bool) -> OpenSegment:
    claims = {"s": str(segment.pk), "p": str(participant_id), "e": segment.epoch}
    keyset = safe.keyset(segment.patient_id, segment.key_version)
    key = keyset.unwrap_small(segment.wrapped_spool_key, _spool_context(segment.pk))
    return OpenSegment(segment, signing.dumps(claims, salt=TOKEN_SALT), key, created)


def open_segment(
    user: User, *, segment_id: UUID, lease_id: UUID, mode: str, epoch: int, mime: str, t0: int, now: datetime
) -> OpenSegment:
    """Open a segment under the caller's own lease; the same id again returns the same segment.

    Units: t0 in ms of Unix time on the server's clock. Errors: CaptureRefused.
    """
    if not MIMES.fullmatch(mime):
        raise CaptureRefused(415, "mime", "This browser's recording format is not supported.")
    with transaction.atomic():
        lease = _own_lease(user, lease_id)
        standing = Segment.objects.filter(pk=segment_id).first()
        if standing is not None:
            if standing.lease_id != lease.pk:
                raise CaptureRefused(*ABSENT)
            return _opened(standing, lease.participant_id, created=False)
        t0_ms = _checked_start(lease, mode=mode, epoch=epoch, t0=t0, now=now)
        segment = _create_segment(lease, segment_id, mode=mode, epoch=epoch, mime=mime, t0_ms=t0_ms, now=now)
    return _opened(segment, lease.participant_id, created=True)


def _own_lease(user: User, lease_id: UUID) -> RecorderLease:
    """Locks: the recording's row, so that segment numbers have no gaps."""
    leases = RecorderLease.objects.select_related("recording__call", "participant")
    lease = leases.filter(pk=lease_id, participant__user=user).first()
    if lease is None:
        raise CaptureRefused(*ABSENT)
    Recording.objects.select_for_update().get(pk=lease.recording_id)
    if lease.recording.status != Recording.Status.CAPTURING:
        raise CaptureRefused(*OVER)
    return lease


def _checked_start(lease: RecorderLease, *, mode: str, epoch: int, t0: int, now: datetime) -> int:
    """Return the segment's start in ms of the recording, if that could be captured then."""
    allowed = CallEvent.objects.filter(
        call=lease.recording.call_id, kind="rec.allowed", epoch=epoch, payload__lease=str(lease.pk)
    ).order_by("seq")
    if not allowed:
        raise CaptureRefused(409, "stale_epoch", "The call has moved on; look at its present state.")
    permission = next((event for event in allowed if event.payload["capture"] == mode), None)
    if permission is None:
        raise CaptureRefused(409, "wrong_mode", "Something else may be captured now; look at the call's state.")
    starts = datetime.fromtimestamp(t0 / 1000, tz=now.tzinfo)
    slack = timedelta(milliseconds=CLOCK_SLACK_MS)
    # SECURITY: what was said before everybody had allowed it must not slip in under an earlier time.
    if not permission.at - slack <= starts <= now + slack:
        raise CaptureRefused(409, "clock", "The start of this part does not fit the call. Reload the page.")
    if lease.revoked_at and (starts >= lease.revoked_at or now - lease.revoked_at > timedelta(minutes=1)):
        raise CaptureRefused(409, "lease_over", "Another page records now.")
    return max(0, milliseconds_into(lease.recording, starts))


def _create_segment(
    lease: RecorderLease, segment_id: UUID, *, mode: str, epoch: int, mime: str, t0_ms: int, now: datetime
) -> Segment:
    keyset = safe.active_keyset(lease.recording.patient)
    last = lease.recording.segments.aggregate(last=Max("number"))["last"]
    try:
        with transaction.atomic():
            return Segment.objects.create(
                id=segment_id,
                recording=lease.recording,
                patient_id=lease.recording.patient_id,
                lease=lease,
                number=0 if last is None else last + 1,
                mode=Mode(mode),
                epoch=epoch,
                mime=mime,
                t0_ms=t0_ms,
                wrapped_spool_key=keyset.wrap_small(uuid.uuid4().bytes + uuid.uuid4().bytes, _spool_context(segment_id)),
                key_version=keyset.version,
                opened_at=now,
                beat_at=now,
            )
    except IntegrityError as error:
        raise CaptureRefused(409, "busy", "Two parts were opened at once. Try again.") from error


def segment_of_token(token: str, segment_id: UUID, *, now: datetime) -> Segment:
    """Return the segment this upload token is for.

    Errors: CaptureRefused 401 for no token, 403 with a line in the ledger for a valid one that is for something else.
    """
    try:
        claims = signing.loads(token, salt=TOKEN_SALT, max_age=TOKEN_LIFE)
    except signing.BadSignature as error:
        raise CaptureRefused(401, "token", "Sign in again; what was recorded is kept here until then.") from error
    segments = Segment.objects.select_related("recording__patient", "recording__call", "lease__participant__user")
    segment = segments.filter(pk=claims["s"]).first()
    participant = segment and segment.lease.participant
    if segment is None or participant is None or not participant.user.is_active:
        raise CaptureRefused(401, "token", "Sign in again; what was recorded is kept here until then.")
    fits = (str(segment_id), str(participant.pk), segment.epoch) == (claims["s"], claims["p"], claims["e"])
    if not fits:
        line = ledger.Line(Action.MISUSED, "segment", segment_id, reason="upload_token")
        ledger.append(ledger.Actor(participant.user_id), line, now=now)
        raise CaptureRefused(403, "wrong_token", "This does not belong here.")
    return segment


def store_chunk(
    segment: Segment, *, number: int, body: bytes, digest: bytes, from_ms: int, to_ms: int, now: datetime
) -> tuple[Chunk, bool]:
    """Store one chunk durably; return it and whether it is new. Idempotent because of (segment, number) and the digest.

    Errors: CaptureRefused; then nothing was stored.
    """
    _check_chunk(segment, number=number, body=body, digest=digest, from_ms=from_ms, to_ms=to_ms)
    if standing := _standing(segment, number, digest):
        return standing, False
    _check_takes_more(segment, number=number, from_ms=from_ms)
    chunk = Chunk(segment=segment, patient_id=segment.patient_id, number=number, from_ms=from_ms, to_ms=to_ms)
    keyset = safe.keyset(segment.patient_id, segment.key_version)
    chunk.key_version, chunk.received_at = keyset.version, now
    try:
        sealed = safe.vault().write(safe.identity_of(chunk), segment.recording.patient.vault_id, keyset, [body])
    except StoreUnavailable as error:
        raise CaptureRefused(503, "storage", "Storage is busy. The recording is kept here and sent again.") from error
    chunk.byte_length, chunk.sha256, chunk.header = sealed.plaintext_length, sealed.sha256, sealed.header
    try:
        with transaction.atomic():
            chunk.save(force_insert=True)
            Segment.objects.filter(pk=segment.pk).update(beat_at=now)
            complete_if_whole(segment, now=now)
    except IntegrityError as error:
        # RACE: the same chunk came twice at once; the other one stands, ours is nobody's.
        safe.vault().delete(safe.identity_of(chunk), segment.recording.patient.vault_id)
        if standing := _standing(segment, number, digest):
            return standing, False
        raise CaptureRefused(503, "storage", "Storage is busy. The recording is kept here and sent again.") from error
    return chunk, True


def _check_chunk(segment: Segment, *, number: int, body: bytes, digest: bytes, from_ms: int, to_ms: int) -> None:
    if len(body) > MAX_CHUNK_BYTES:
        raise CaptureRefused(413, "too_big", "Send at most 2 MiB at a time.")
    if number >= MAX_CHUNKS or not 0 <= from_ms <= to_ms < 24 * 3600 * 1000:
        raise CaptureRefused(400, "bad_shape", "The number or the times of this piece cannot be.")
    if not body or not hmac.compare_digest(hashlib.sha256(body).digest(), digest):
        raise CaptureRefused(422, "digest_mismatch", "The piece was changed on its way. Send it again.")
    if number == 0 and not body.startswith(WEBM_MAGIC):
        raise CaptureRefused(415, "not_media", "This does not begin like a recording.")


def _standing(segment: Segment, number: int, digest: bytes) -> Chunk | None:
    chunk = Chunk.objects.filter(segment=segment, number=number).first()
    if chunk is not None and not hmac.compare_digest(bytes(chunk.sha256), digest):
        raise CaptureRefused(409, "digest_conflict", "Another piece with this number is stored. It stays.")
    return chunk


LATE = (Recording.Status.SEALED, Recording.Status.READY, Recording.Status.PARTIAL, Recording.Status.FAILED)


def _check_takes_more(segment: Segment, *, number: int, from_ms: int) -> None:
    """Refuse what comes after sealing, withdrawal or the manifest; a lost segment's late chunks are welcome."""
    recording, lease = segment.recording, segment.lease
    is_late = segment.status == Segment.Status.ABANDONED and recording.status in LATE
    if recording.status != Recording.Status.CAPTURING and not is_late:
        raise CaptureRefused(*OVER)
    if segment.status in (Segment.Status.COMPLETE, Segment.Status.VERIFIED, Segment.Status.REJECTED):
        raise CaptureRefused(*OVER)
    if lease.revoked_at and segment.t0_ms + from_ms >= milliseconds_into(recording, lease.revoked_at) + CLOCK_SLACK_MS:
        raise CaptureRefused(*OVER)
    if segment.chunks_expected is not None and number >= segment.chunks_expected:
        raise CaptureRefused(409, "manifest_conflict", "This part was closed with fewer pieces.")


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
def close_segment(
    segment: Segment, *, chunks: int, root: str, duration_ms: int, reason: str, now: datetime
) -> Segment:
    """Take the manifest. Idempotent for the same manifest. Errors: CaptureRefused 409."""
    segment = Segment.objects.select_for_update().select_related("recording__call").get(pk=segment.pk)
    if segment.chunks_expected is not None and segment.root:
        if (segment.chunks_expected, segment.root) != (chunks, root):
            raise CaptureRefused(409, "manifest_conflict", "This part was closed with other pieces.")
        return segment
    numbers = numbers_of(segment)
    if chunks > MAX_CHUNKS or (numbers and numbers[-1] >= chunks):
        raise CaptureRefused(409, "manifest_conflict", "More pieces are stored than this part should have.")
    if len(numbers) == chunks and root_of(segment) != root:
        raise CaptureRefused(409, "root_mismatch", "The stored pieces are not those of this list.")
    facts = {"chunks_expected": chunks, "root": root, "duration_ms": duration_ms, "close_reason": reason, "beat_at": now}
    if segment.status == Segment.Status.OPEN:
        move(segment, Segment.Status.CLOSED, transitions=Segment.TRANSITIONS, **facts)
    else:
        Segment.objects.filter(pk=segment.pk).update(**facts)
        segment.refresh_from_db()
    complete_if_whole(segment, now=now)
    return segment


def complete_if_whole(segment: Segment, *, now: datetime) -> None:
    """Move a closed segment on once every chunk is there, and seal the recording if it was the last."""
    fresh = Segment.objects.select_related("recording__call").get(pk=segment.pk)
    if fresh.chunks_expected is None or fresh.chunks.count() != fresh.chunks_expected:
        return
    try:
        move(fresh, Segment.Status.COMPLETE, transitions=Segment.TRANSITIONS)
    except StaleTransition:
        return  # complete already
    segment.status = fresh.status
    seal_if_whole(fresh.recording, now=now)


def seal_if_whole(recording: Recording, *, now: datetime) -> bool:
    """Seal a recording whose call has ended and whose segments are all complete, and queue its processing."""
    call = Call.objects.get(pk=recording.call_id)
    if call.status != Call.Status.ENDED or call.ended_at is None:
        return False
    pending = (Segment.Status.OPEN, Segment.Status.CLOSED)
    segments = recording.segments.all()
    if segments.filter(status__in=pending).exists():
        return False
    allowed = CallEvent.objects.filter(call=call, kind="rec.allowed").order_by("-seq").first()
    # The last part may be announced a moment after the end: its recorder waited for the network.
    is_all = allowed is None or segments.filter(epoch=allowed.epoch).exists()
    if not is_all and now - call.ended_at < timedelta(minutes=1):
        return False
    jobs.enqueue(recording, now=now)
    return True


def unfinished_of(user: User) -> list[OpenSegment]:
    """Return the caller's own segments that still wait for chunks or for their manifest."""
    segments = Segment.objects.select_related("recording__call", "lease__participant").filter(
        lease__participant__user=user,
        status__in=(Segment.Status.OPEN, Segment.Status.CLOSED, Segment.Status.ABANDONED),
        recording__status__in=(Recording.Status.CAPTURING, *LATE),
    )
    return [_opened(segment, segment.lease.participant_id, created=False) for segment in segments]


def saved_ms(recording: Recording) -> int:
    """Return how much of the call is stored, overlaps of consecutive segments counted once."""
    spans: list[dict[str, Any]] = list(
        recording.segments.annotate(end=Max("chunks__to_ms")).order_by("t0_ms").values("t0_ms", "end")
    )
    total, cursor = 0, 0
    for span in spans:
        starts, ends = span["t0_ms"], span["t0_ms"] + (span["end"] or 0)
        total += max(0, ends - max(starts, cursor))
        cursor = max(cursor, ends)
    return total
