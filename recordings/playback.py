"""Opening a replay: decide, write the ledger, then – and only then – a reader."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.http import Http404

from accounts.models import Viewer
from audit import alerts, ledger, refusals
from audit.models import Action, AlertKind
from recordings import policy
from recordings.models import PlaybackSession, Recording, Rendition

ONE_VIEWING = timedelta(minutes=30)
# A player plays at most twice as fast as life, and may report half a minute played before the viewing began anew.
FASTEST = 2
REPORTED_LATE_S = 30
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    recording: Recording
    rendition: Rendition
    viewing: PlaybackSession


def recording_or_404(user: Viewer, recording_id: UUID, *, actor: ledger.Actor, now: datetime) -> Recording:
    """Return a recording this person may play. Refusals look like absence, and stand in the ledger.

    Errors: Http404, TooManyRefusals, LedgerUnavailable.
    """
    decision = policy.decide(user, recording_id)
    if decision.recording is None:
        line = ledger.Line(Action.REFUSED, "recording", recording_id, decision.patient, reason=decision.reason)
        refusals.note(actor, line, now=now)
        if decision.is_suspicious:
            alerts.raise_alert(
                AlertKind.TWO_KEYS,
                actor=actor,
                now=now,
                object_type="recording",
                object_id=recording_id,
                patient=decision.patient,
                detail={"reason": decision.reason},
            )
        raise Http404
    return decision.recording


def open_replay(user: Viewer, recording_id: UUID, *, actor: ledger.Actor, now: datetime) -> Opened:
    """Open the newest replay for this person; a new viewing is in the ledger before this returns.

    Errors: Http404, LedgerUnavailable.
    """
    recording = recording_or_404(user, recording_id, actor=actor, now=now)
    rendition = recording.renditions.filter(kind=Rendition.Kind.REPLAY).order_by("-version").first()
    if rendition is None:
        raise Http404
    return Opened(recording, rendition, _viewing(user, recording, actor, now))


def _viewing(user: Viewer, recording: Recording, actor: ledger.Actor, now: datetime) -> PlaybackSession:
    """Return the viewing this request belongs to: one per person, session and half hour of quiet."""
    viewings = PlaybackSession.objects.filter(recording=recording, user=user.pk, session_hash=actor.session_hash)
    current = viewings.filter(seen_at__gt=now - ONE_VIEWING).order_by("-seen_at")
    viewing = current.first() or _begin(user, recording, actor, now, current)
    PlaybackSession.objects.filter(pk=viewing.pk).update(seen_at=now)
    return viewing


@transaction.atomic
def _begin(
    user: Viewer, recording: Recording, actor: ledger.Actor, now: datetime, current: QuerySet[PlaybackSession]
) -> PlaybackSession:
    """Write the ledger's line and the viewing, both or neither."""
    # RACE: a player asks for several ranges at once; together they are one viewing and one line.
    Recording.objects.select_for_update(no_key=True).get(pk=recording.pk)
    if viewing := current.all().first():
        return viewing
    viewing = PlaybackSession(
        recording=recording,
        patient_id=recording.patient_id,
        user_id=user.pk,  # type: ignore[misc]  # nobody unknown has a basis
        session_hash=actor.session_hash,
        opened_at=now,
        seen_at=now,
    )
    detail = {"viewing": str(viewing.pk)}
    ledger.append(
        actor, ledger.Line(Action.OPENED, "recording", recording.pk, recording.patient_id, detail=detail), now=now
    )
    viewing.save(force_insert=True)
    return viewing


def count_bytes(viewing: PlaybackSession, byte_length: int) -> None:
    PlaybackSession.objects.filter(pk=viewing.pk).update(
        ranges=F("ranges") + 1, bytes_served=F("bytes_served") + byte_length
    )


def count_seconds(user: Viewer, recording_id: UUID, seconds: int, *, actor: ledger.Actor, now: datetime) -> None:
    """Add seconds somebody says they watched, as far as there was time for them; append the totals if they grew.

    Errors: Http404, LedgerUnavailable.
    """
    recording = recording_or_404(user, recording_id, actor=actor, now=now)
    if not seconds:
        return
    viewing = _viewing(user, recording, actor, now)
    with transaction.atomic():
        viewing = PlaybackSession.objects.select_for_update(of=("self",)).get(pk=viewing.pk)
        elapsed_s = (now - viewing.opened_at).total_seconds()
        total = min(viewing.seconds_watched + seconds, round(FASTEST * elapsed_s) + REPORTED_LATE_S)
        if total <= viewing.seconds_watched:
            return
        PlaybackSession.objects.filter(pk=viewing.pk).update(seconds_watched=total)
        detail = {"viewing": str(viewing.pk), "seconds": total, "bytes": viewing.bytes_served}
        line = ledger.Line(Action.WATCHED, "recording", recording.pk, recording.patient_id, detail=detail)
        ledger.append(actor, line, now=now)


def report_unreadable(opened: Opened, fault: Exception, *, actor: ledger.Actor, now: datetime) -> None:
    """Say that a stored replay could not be given out as it was recorded. Errors: LedgerUnavailable."""
    reason = f"replay_{type(fault).__name__.lower()}"
    log.error("the replay of recording %s cannot be read: %s", opened.recording.pk, reason)
    line = ledger.Line(Action.REFUSED, "recording", opened.recording.pk, opened.recording.patient_id, reason=reason)
    ledger.append(actor, line, now=now)


def record_listing(recordings: Sequence[Recording], *, actor: ledger.Actor, now: datetime) -> None:
    """Write who was shown which recordings; call before rendering them. Errors: LedgerUnavailable."""
    lines = [ledger.Line(Action.LISTED, "recording", r.pk, r.patient_id) for r in recordings]
    if lines:
        ledger.append(actor, *lines, now=now)
