"""The breaker: pauses playback of one recording, patient, clinician or of everything, until a person resumes it.

Read from the database by every process each time; kept in no cache. Knows no rights.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action
from recordings.models import PlaybackSuspension, Recording

Scope = PlaybackSuspension.Scope


def marked(recordings: QuerySet[Recording]) -> QuerySet[Recording]:
    """Return the same recordings, each saying as `is_paused` whether a suspension holds it now."""
    holds = (
        Q(scope=Scope.EVERYTHING)
        | Q(recording=OuterRef("pk"))
        | Q(patient=OuterRef("patient"))
        | Q(clinician=OuterRef("clinician"))
    )
    open_ones = PlaybackSuspension.objects.filter(holds, closed_at=None)
    return recordings.annotate(is_paused=Exists(open_ones))  # type: ignore[no-redef]  # declared, so that pages can ask


@transaction.atomic
def suspend(scope: Scope, of: UUID | None = None, *, reason: str, actor: Actor, now: datetime) -> PlaybackSuspension:
    """Pause playback of the recording, patient or clinician with the id `of`, or of everything; return the open row.

    The portal itself may: its rows have no `opened_by`. What is paused already stays so, with its first reason.
    Errors: ValueError without a reason, IntegrityError when `of` is not one of `scope`, LedgerUnavailable.
    """
    if not reason.strip():
        raise ValueError("A pause says why.")
    references: dict[str, UUID | None] = {"recording_id": None, "patient_id": None, "clinician_id": None}
    if scope != Scope.EVERYTHING:
        references[f"{scope.value}_id"] = of
    suspension, is_new = PlaybackSuspension.objects.get_or_create(
        scope=scope,
        closed_at=None,
        **references,
        defaults={"reason": reason.strip(), "opened_at": now, "opened_by_id": actor.id},
    )
    if is_new:
        ledger.append(actor, _line(Action.SUSPENDED, suspension), now=now)
    return suspension


@transaction.atomic
def resume(suspension: PlaybackSuspension, *, note: str, actor: Actor, now: datetime) -> None:
    """Let playback go on. Errors: ValueError without a person or a note, LedgerUnavailable."""
    if not note.strip() or actor.id is None:
        raise ValueError("A pause is ended by a person who says what was found and done.")
    closed = PlaybackSuspension.objects.filter(pk=suspension.pk, closed_at=None).update(
        closed_at=now, closed_by=actor.id, note=note.strip()
    )
    if closed:
        ledger.append(actor, _line(Action.RESUMED, suspension), now=now)


def _line(action: Action, suspension: PlaybackSuspension) -> Line:
    """Say what was paused by its id; the reason is a person's words and stays out of the ledger."""
    what = suspension.recording_id or suspension.clinician_id
    detail = {"of": str(what)} if what else {}
    patient = suspension.recording.patient_id if suspension.recording else suspension.patient_id
    return Line(action, "suspension", suspension.pk, patient, reason=suspension.scope, detail=detail)
