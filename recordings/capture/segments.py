"""Opening a segment, and finding again what was not finished."""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max

from accounts.models import Viewer
from consultations.models import Mode
from consultations.policy import place_in
from recordings import safe
from recordings.capture import tokens
from recordings.capture.permission import CLOCK_SLACK, milliseconds_into, permissions_of
from recordings.capture.refusals import ABSENT, OVER, CaptureRefused
from recordings.models import RecorderLease, Recording, Segment

MAX_SEGMENTS = 1000
# The browser forgets its spool after seven days; a day more for a clock that is off.
UNFINISHED_FOR = timedelta(days=8)
OPENS_AFTER_REVOCATION = timedelta(minutes=1)
_SPOOL_KEY_BYTES = 32
_MIMES = re.compile(r"(audio|video)/webm(;\s*codecs=\"?[a-z0-9.,]{1,40}\"?)?")


@dataclass(frozen=True)
class OpenSegment:
    """What a recorder gets for its segment; `key` is the spool's AES-256 key."""

    segment: Segment
    upload_token: str
    key: bytes
    created: bool = False


def open_segment(
    user: Viewer, *, segment_id: UUID, lease_id: UUID, mode: str, epoch: int, mime: str, t0: int, now: datetime
) -> OpenSegment:
    """Open a segment under the caller's own lease; the same id again returns the same segment.

    Units: t0 in ms of Unix time on the server's clock. Errors: CaptureRefused.
    """
    if not _MIMES.fullmatch(mime) or not mime.startswith(mode):
        raise CaptureRefused(415, "mime", "This browser's recording format is not supported.")
    with transaction.atomic():
        lease = _own_lease(user, lease_id)
        standing = Segment.objects.select_related("lease").filter(pk=segment_id).first()
        if standing is not None:
            if standing.lease_id != lease.pk:
                raise CaptureRefused(*ABSENT)
            return _opened(standing, created=False, now=now)
        starts = _checked_start(lease, mode=mode, epoch=epoch, t0=t0, now=now)
        segment = _create_segment(lease, segment_id, mode=mode, epoch=epoch, mime=mime, starts=starts, now=now)
    return _opened(segment, created=True, now=now)


def can_record(formats: list[str] | None) -> bool:
    """Say whether a browser with these MIME types can record both modes. One that did not say is tried."""
    taken = [mime for mime in formats or () if _MIMES.fullmatch(mime)]
    return formats is None or all(any(mime.startswith(mode) for mime in taken) for mode in Mode.values)


def _own_lease(user: Viewer, lease_id: UUID) -> RecorderLease:
    """Locks: the recording's row, so that segment numbers have no gaps and nothing is sealed meanwhile."""
    lease = RecorderLease.objects.filter(pk=lease_id, participant__user=user.pk).first()
    if lease is None or place_in(user, lease.consultation_id) is None:
        raise CaptureRefused(*ABSENT)
    recordings = Recording.objects.select_for_update(of=("self",), no_key=True).select_related("patient", "call")
    lease.recording = recordings.get(pk=lease.recording_id)
    if lease.recording.status != Recording.Status.CAPTURING:
        raise CaptureRefused(*OVER)
    return lease


def _checked_start(lease: RecorderLease, *, mode: str, epoch: int, t0: int, now: datetime) -> datetime:
    """Return when the segment starts, if that could be captured then."""
    of_epoch = permissions_of(lease, epoch)
    if not of_epoch:
        raise CaptureRefused(409, "stale_epoch", "The call has moved on; look at its present state.")
    of_mode = [permission for permission in of_epoch if permission.mode == mode]
    if not of_mode:
        raise CaptureRefused(409, "wrong_mode", "Something else may be captured now; look at the call's state.")
    latest = now + CLOCK_SLACK
    starts = datetime.fromtimestamp(min(t0 / 1000, latest.timestamp() + 1), tz=UTC)
    # SECURITY: what was said before everybody had allowed it must not slip in under an earlier time.
    if not of_mode[0].since - CLOCK_SLACK <= starts <= latest:
        raise CaptureRefused(409, "clock", "The start of this part does not fit the call. Reload the page.")
    if lease.revoked_at and (starts >= lease.revoked_at or now - lease.revoked_at > OPENS_AFTER_REVOCATION):
        raise CaptureRefused(409, "lease_over", "Another page records now.")
    # SECURITY: nor pictures, once somebody had narrowed their consent to sound within the same epoch.
    if not any(permission.holds_at(starts) for permission in of_mode):
        raise CaptureRefused(409, "stale_epoch", "The call has moved on; look at its present state.")
    return starts


def _create_segment(
    lease: RecorderLease, segment_id: UUID, *, mode: str, epoch: int, mime: str, starts: datetime, now: datetime
) -> Segment:
    recording = lease.recording
    last = recording.segments.aggregate(last=Max("number"))["last"]
    number = 0 if last is None else last + 1
    if number >= MAX_SEGMENTS:
        raise CaptureRefused(413, "quota", "This recording has too many parts.")
    keyset = safe.active_keyset(recording.patient)
    spool_key = keyset.wrap_small(secrets.token_bytes(_SPOOL_KEY_BYTES), _spool_context(segment_id))
    try:
        with transaction.atomic():
            return Segment.objects.create(
                id=segment_id,
                recording=recording,
                patient_id=recording.patient_id,
                lease=lease,
                number=number,
                mode=Mode(mode),
                epoch=epoch,
                mime=mime,
                t0_ms=max(0, milliseconds_into(recording, starts)),
                wrapped_spool_key=spool_key,
                key_version=keyset.version,
                opened_at=now,
                beat_at=now,
            )
    except IntegrityError as error:
        # RACE: somebody else's segment got this id at this moment.
        raise CaptureRefused(*ABSENT) from error


def _spool_context(segment_id: UUID) -> bytes:
    return b"spool|" + segment_id.bytes


def _opened(segment: Segment, *, created: bool, now: datetime) -> OpenSegment:
    keyset = safe.keyset(segment.patient_id, segment.key_version)
    key = keyset.unwrap_small(segment.wrapped_spool_key, _spool_context(segment.pk))
    return OpenSegment(segment, tokens.issue(segment, now=now), key, created)


def unfinished_of(user: Viewer, *, now: datetime) -> list[OpenSegment]:
    """Return the caller's own segments that still wait for chunks or for their manifest."""
    segments = Segment.objects.select_related("recording", "lease").filter(
        lease__participant__user=user.pk,
        status__in=(Segment.Status.OPEN, Segment.Status.CLOSED, Segment.Status.ABANDONED),
        recording__status__in=Recording.TAKES_CHUNKS,
        opened_at__gt=now - UNFINISHED_FOR,
    )
    return [_opened(segment, created=False, now=now) for segment in segments.order_by("opened_at")]
