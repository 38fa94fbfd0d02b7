"""Listing and opening replays: the policy, the leak guard, the ledger, then – and only then – something to show."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.http import Http404

from accounts.models import Viewer
from accounts.paging import Part, part
from audit import alerts, ledger, refusals
from audit.models import Action, AlertKind, Entry
from recordings import guard, letters, policy, suspensions, viewings
from recordings.guard import Shown
from recordings.models import PlaybackSession, Recording, Rendition
from recordings.viewings import ONE_VIEWING

PER_PAGE = 25
NEWEST_FIRST = ("-created_at", "-id")
ONE_PAUSE = timedelta(minutes=1)
UNFINISHED_SINCE = timedelta(days=14)
Status = Recording.Status
# A player plays at most twice as fast as life, and may report half a minute played before the viewing began anew.
FASTEST = 2
REPORTED_LATE_S = 30


class Paused(Exception):
    """They may play it, but the breaker is open."""


@dataclass(frozen=True)
class Opened:
    shown: Shown
    rendition: Rendition
    viewing: PlaybackSession | None  # none before the first byte, and for a copy, which is one line of the ledger

    @property
    def recording(self) -> Recording:
        return self.shown.recording


def recording_or_404(user: Viewer, recording_id: UUID, *, actor: ledger.Actor, now: datetime) -> Shown:
    """Return a recording this person may play. Refusals look like absence, and stand in the ledger.

    Errors: Http404, TooManyRefusals, Paused, LedgerUnavailable.
    """
    decision = policy.decide(user, recording_id)
    if decision.is_paused:
        _note_paused(recording_id, decision, actor, now)
        raise Paused
    if decision.recording is None:
        _note_refused(recording_id, decision, decision.reason, actor, now)
        raise Http404
    return guard.show(user, [decision.recording], actor=actor, now=now, also_shared=True)[0]


def held_or_404(user: Viewer, recording_id: UUID, *, actor: ledger.Actor, now: datetime) -> Shown:
    """Return a recording to one of its two people, whatever its state, for what goes with it: never its replay.

    Errors: Http404, TooManyRefusals, LedgerUnavailable.
    """
    held = policy.held_by(user).select_related("consultation", "patient", "clinician__user")
    recording = held.filter(pk=recording_id).first()
    if recording is None:
        note_not_held(user, recording_id, actor=actor, now=now)
        raise Http404
    return guard.show(user, [recording], actor=actor, now=now)[0]


def note_not_held(user: Viewer, recording_id: UUID, *, actor: ledger.Actor, now: datetime) -> None:
    """Write down that somebody asked for what only its people get. Errors: TooManyRefusals, LedgerUnavailable."""
    decision = policy.decide(user, recording_id)
    reason = "not_of_it" if decision.recording or decision.is_paused else decision.reason
    _note_refused(recording_id, decision, reason, actor, now)


def _note_refused(
    recording_id: UUID, decision: policy.Decision, reason: str, actor: ledger.Actor, now: datetime
) -> None:
    """Write a refusal down, and tell the staff where the two keys disagree.

    Errors: TooManyRefusals, LedgerUnavailable.
    """
    line = ledger.Line(Action.REFUSED, "recording", recording_id, decision.patient, reason=reason)
    refusals.note(actor, line, now=now)
    if decision.is_suspicious:
        refusals.tell_of_two_keys(actor, line, now=now)


def _note_paused(recording_id: UUID, decision: policy.Decision, actor: ledger.Actor, now: datetime) -> None:
    """Write down that somebody asked for what they may play later: a line a minute, however often a player tries.

    It is no refusal of theirs and does not count against them.
    """
    told = Entry.objects.filter(object_id=recording_id, action=Action.PAUSED, actor=actor.id, at__gt=now - ONE_PAUSE)
    if not told.exists():
        ledger.append(actor, ledger.Line(Action.PAUSED, "recording", recording_id, decision.patient), now=now)


def open_replay(user: Viewer, recording_id: UUID, *, actor: ledger.Actor, now: datetime) -> Opened:
    """Open the newest replay for this person; a new viewing is in the ledger before this returns.

    Errors: Http404, Paused, LedgerUnavailable.
    """
    return begin(find_replay(user, recording_id, actor=actor, now=now), actor=actor, now=now)


def find_replay(user: Viewer, recording_id: UUID, *, actor: ledger.Actor, now: datetime) -> Opened:
    """Find the newest replay for this person, who has seen nothing of it yet: `viewing` is None.

    Errors: Http404, Paused, LedgerUnavailable.
    """
    shown = recording_or_404(user, recording_id, actor=actor, now=now)
    return Opened(shown, newest_replay_or_404(shown.recording), None)


def begin(found: Opened, *, actor: ledger.Actor, now: datetime) -> Opened:
    """Begin a viewing, or go on with one; a new one is in the ledger before this returns. Errors: LedgerUnavailable."""
    return replace(found, viewing=_viewing(found.shown.viewer, found.recording, actor, now))


def newest_replay_or_404(recording: Recording) -> Rendition:
    rendition = recording.renditions.filter(kind=Rendition.Kind.REPLAY).order_by("-version").first()
    if rendition is None:
        raise Http404
    return rendition


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
    letters.post_opened(recording, viewing.user_id, now=now)
    return viewing


def count_bytes(viewing: PlaybackSession | None, byte_length: int) -> None:
    if viewing is None:
        return
    PlaybackSession.objects.filter(pk=viewing.pk).update(
        ranges=F("ranges") + 1, bytes_served=F("bytes_served") + byte_length
    )


def count_seconds(user: Viewer, recording_id: UUID, seconds: int, *, actor: ledger.Actor, now: datetime) -> None:
    """Add seconds somebody says they watched, as far as there was time for them; append the totals if they grew.

    Errors: Http404, Paused, LedgerUnavailable.
    """
    recording = recording_or_404(user, recording_id, actor=actor, now=now).recording
    if not seconds:
        return
    viewing = _viewing(user, recording, actor, now)
    with transaction.atomic():
        viewing = PlaybackSession.objects.select_for_update(of=("self",)).get(pk=viewing.pk)
        elapsed_s = (now - viewing.opened_at).total_seconds()
        total = min(viewing.seconds_watched + seconds, round(FASTEST * elapsed_s) + REPORTED_LATE_S)
        if total <= viewing.seconds_watched:
            return
        viewings.write_totals(viewing, seconds=total, actor=actor, now=now)


def report_unreadable(opened: Opened, fault: Exception, *, actor: ledger.Actor, now: datetime) -> None:
    """Say that a stored replay could not be given out as it was recorded; staff are told at once.

    Errors: LedgerUnavailable.
    """
    recording, reason = opened.recording, f"replay_{type(fault).__name__.lower()}"
    ledger.append(
        actor, ledger.Line(Action.REFUSED, "recording", recording.pk, recording.patient_id, reason=reason), now=now
    )
    # Whoever asked did nothing: the alert is of the replay, once, however many ask for it.
    alerts.raise_alert(
        AlertKind.ALTERED, actor=ledger.PORTAL, now=now, object_type="recording", object_id=recording.pk,
        patient=recording.patient_id, detail={"reason": reason},
    )  # fmt: skip


def _newest(recordings: QuerySet[Recording]) -> QuerySet[Recording, UUID]:
    """Return their ids, newest first."""
    return recordings.order_by(*NEWEST_FIRST).values_list("pk", flat=True)


def rows_of(ids: Iterable[UUID]) -> QuerySet[Recording]:
    """Return the recordings with these ids, which the policy let through, with all that a row shows; newest first.

    A page's ids are a query within this one: joined at once, people would be joined to the whole list.
    """
    rows = suspensions.marked(Recording.objects.filter(pk__in=ids))
    return rows.select_related("consultation", "patient", "clinician__user").order_by(*NEWEST_FIRST)


def page_of_replays(user: Viewer, number: str | None, *, actor: ledger.Actor, now: datetime) -> Part[Shown]:
    """Return a page of somebody's replays, newest first; the ledger says which. Errors: Leak, LedgerUnavailable."""
    newest = _newest(policy.playable_by(user))
    page = part(number, PER_PAGE, lambda between: rows_of(newest[between]))
    shown = record_listing(user, page, actor=actor, now=now, also_shared=True)
    return Part(shown, page.number, page.has_next)


def last_replays(user: Viewer, most: int, *, actor: ledger.Actor, now: datetime) -> list[Shown]:
    """Return somebody's newest replays; the ledger says which. Errors: Leak, LedgerUnavailable."""
    newest = rows_of(_newest(policy.playable_by(user))[:most])
    return record_listing(user, newest, actor=actor, now=now, also_shared=True)


def replays_of(user: Viewer, patient_id: UUID, most: int, *, actor: ledger.Actor, now: datetime) -> list[Shown]:
    """Return the newest replays of what this clinician held with one patient. Errors: Leak, LedgerUnavailable."""
    held = policy.playable_by(user).filter(patient=patient_id, clinician__user=user.pk)
    return record_listing(user, rows_of(_newest(held)[:most]), actor=actor, now=now)


def unfinished_of(user: Viewer, most: int, *, actor: ledger.Actor, now: datetime) -> list[Shown]:
    """Return the newest recordings this clinician held that are not ready or have gaps; the ledger says which.

    Errors: Leak, LedgerUnavailable.
    """
    recent = Q(clinician__user=user.pk, created_at__gt=now - UNFINISHED_SINCE)
    # What is held back is the staff's alone until two of them have decided.
    elsewhere = (*Recording.PLAYABLE, Status.ERASED, Status.QUARANTINED)
    being_made = policy.basis_for(user).filter(recent).exclude(status__in=elsewhere)
    with_gaps = policy.playable_by(user).filter(recent, status=Status.PARTIAL)
    # Each by the clinician's own index; together in one query they would be looked for among everybody's.
    found = [pk for recordings in (being_made, with_gaps) for pk in _newest(recordings)[:most]]
    return record_listing(user, rows_of(found)[:most], actor=actor, now=now)


def held_among(user: Viewer, ids: Iterable[UUID], *, actor: ledger.Actor, now: datetime) -> list[Shown]:
    """Return which of these are one's own, whatever their state; the ledger says which. Errors: Leak,
    LedgerUnavailable."""
    held = policy.held_by(user).select_related("consultation", "patient", "clinician__user")
    return record_listing(user, held.filter(pk__in=list(ids)), actor=actor, now=now)


def record_listing(
    user: Viewer, recordings: Iterable[Recording], *, actor: ledger.Actor, now: datetime, also_shared: bool = False
) -> list[Shown]:
    """Let the guard look at rows, write who is shown them, return them to be rendered.

    Errors: Leak, LedgerUnavailable.
    """
    shown = guard.show(user, recordings, actor=actor, now=now, also_shared=also_shared)
    lines = [ledger.Line(Action.LISTED, "recording", one.recording.pk, one.recording.patient_id) for one in shown]
    if lines:
        ledger.append(actor, *lines, now=now)
    return shown


def of_consultation(user: Viewer, consultation_id: UUID, *, actor: ledger.Actor, now: datetime) -> Shown | None:
    """Return the newest recording of a consultation, in whatever state, or None where there is nothing to tell.

    A playable one says `is_paused`. Errors: Leak.
    """
    recording = policy.basis_for(user).filter(consultation=consultation_id).order_by("-created_at").first()
    if recording is not None and recording.status in Recording.PLAYABLE:
        recording = policy.playable_by(user).filter(pk=recording.pk).first()
    if recording is None:
        return None
    return guard.show(user, [recording], actor=actor, now=now)[0]
