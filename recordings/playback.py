"""Opening a replay: decide, write the ledger, then – and only then – a reader."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F
from django.http import Http404

from accounts.models import User
from audit import ledger
from audit.models import Action
from recordings import policy
from recordings.models import PlaybackSession, Recording, Rendition

ONE_VIEWING = timedelta(minutes=30)


@dataclass(frozen=True)
class Opened:
    recording: Recording
    rendition: Rendition
    viewing: PlaybackSession


def recording_or_404(user: User, recording_id: UUID, *, actor: ledger.Actor, now: datetime) -> Recording:
    """Return a recording this person may play. Refusals look like absence, and stand in the ledger.

    Errors: Http404, LedgerUnavailable.
    """
    decision = policy.decide(user, recording_id)
    if decision.recording is None:
        line = ledger.Line(Action.REFUSED, "recording", recording_id, decision.patient, reason=decision.reason)
        ledger.append(actor, line, now=now)
        raise Http404
    return decision.recording


def open_replay(user: User, recording_id: UUID, *, actor: ledger.Actor, now: datetime) -> Opened:
    """Open the newest replay for this person; a new viewing is in the ledger before this returns.

    Errors: Http404, LedgerUnavailable.
    """
    recording = recording_or_404(user, recording_id, actor=actor, now=now)
    rendition = recording.renditions.filter(kind=Rendition.Kind.REPLAY).order_by("-version").first()
    if rendition is None:
        raise Http404
    return Opened(recording, rendition, _viewing(user, recording, actor, now))


def _viewing(user: User, recording: Recording, actor: ledger.Actor, now: datetime) -> PlaybackSession:
    """Return the viewing this request belongs to: one per person, session and half hour of quiet."""
    viewings = PlaybackSession.objects.filter(recording=recording, user=user, session_hash=actor.session_hash)
    viewing = viewings.filter(seen_at__gt=now - ONE_VIEWING).order_by("-seen_at").first()
    if viewing is not None:
        PlaybackSession.objects.filter(pk=viewing.pk).update(seen_at=now)
        return viewing
    viewing = PlaybackSession(
        recording=recording,
        patient_id=recording.patient_id,
        user=user,
        session_hash=actor.session_hash,
        opened_at=now,
        seen_at=now,
    )
    line = ledger.Line(
        Action.OPENED, "recording", recording.pk, recording.patient_id, detail={"viewing": str(viewing.pk)}
    )
    ledger.append(actor, line, now=now)
    viewing.save(force_insert=True)
    return viewing


def count_bytes(viewing: PlaybackSession, byte_length: int) -> None:
    PlaybackSession.objects.filter(pk=viewing.pk).update(
        ranges=F("ranges") + 1, bytes_served=F("bytes_served") + byte_length
    )


def count_seconds(
    user: User, recording_id: UUID, seconds: int, *, actor: ledger.Actor, now: datetime
) -> None:
    """Add seconds somebody really watched and append the viewing's totals. Errors: Http404, LedgerUnavailable."""
    recording = recording_or_404(user, recording_id, actor=actor, now=now)
    viewing = _viewing(user, recording, actor, now)
    PlaybackSession.objects.filter(pk=viewing.pk).update(seconds_watched=F("seconds_watched") + seconds)
    viewing.refresh_from_db()
    detail = {"viewing": str(viewing.pk), "seconds": viewing.seconds_watched, "bytes": viewing.bytes_served}
    ledger.append(
        actor, ledger.Line(Action.WATCHED, "recording", recording.pk, recording.patient_id, detail=detail), now=now
    )


def record_listing(recordings: Sequence[Recording], *, actor: ledger.Actor, now: datetime) -> None:
    """Write who was shown which recordings; call before rendering them. Errors: LedgerUnavailable."""
    lines = [ledger.Line(Action.LISTED, "recording", r.pk, r.patient_id) for r in recordings]
    if lines:
        ledger.append(actor, *lines, now=now)
