"""Puts a recording under legal hold and lifts it. While one stands nothing erases the recording, whoever asks."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action
from consultations.models import Participant
from recordings.models import LegalHold, Recording

RIGHT = "recordings.decide_legalhold"
Why = LegalHold.Why


class CannotHold(Exception):
    """It cannot be put under hold, or the hold not be lifted; the text is a sentence for the administrator."""


def standing(recording_id: UUID) -> LegalHold | None:
    return LegalHold.objects.filter(recording=recording_id, lifted_at=None).select_related("set_by").first()


@transaction.atomic
def put(recording_id: UUID, *, why: LegalHold.Why, note: str, by: User, actor: Actor, now: datetime) -> LegalHold:
    """Errors: CannotHold, LedgerUnavailable."""
    recording = _locked(recording_id, by, note)
    if recording.status == Recording.Status.ERASED:
        raise CannotHold(_("This recording is erased; nothing is left to be kept."))
    if standing(recording_id):
        raise CannotHold(_("It is under a legal hold already."))
    hold = LegalHold.objects.create(
        recording=recording, patient_id=recording.patient_id, why=why, note=note.strip(), set_by=by, set_at=now
    )
    Recording.objects.filter(pk=recording.pk).update(legal_hold=True)
    ledger.append(actor, _line(hold, "hold_set", {"why": why.value}), now=now)
    return hold


@transaction.atomic
def lift(recording_id: UUID, *, note: str, by: User, actor: Actor, now: datetime) -> None:
    """Errors: CannotHold, LedgerUnavailable."""
    _locked(recording_id, by, note)
    hold = standing(recording_id)
    if hold is None:
        raise CannotHold(_("There is no legal hold on it any more."))
    LegalHold.objects.filter(pk=hold.pk).update(lifted_by=by, lifted_at=now, lifted_note=note.strip())
    Recording.objects.filter(pk=recording_id).update(legal_hold=False)
    ledger.append(actor, _line(hold, "hold_lifted", {}), now=now)


def _locked(recording_id: UUID, by: User, note: str) -> Recording:
    """Locks: the recording's row, as everybody does who erases."""
    recording = Recording.objects.select_for_update(no_key=True).get(pk=recording_id)
    account = User.objects.filter(pk=by.pk, is_active=True, is_staff=True).first()
    if account is None or not account.has_perm(RIGHT):
        raise CannotHold(_("You may look at legal holds, and not decide about them."))
    if Participant.objects.filter(consultation=recording.consultation_id, user=by.pk).exists():
        raise CannotHold(_("You took part in this consultation, so colleagues decide."))
    if not note.strip():
        raise CannotHold(_("Say why, so that colleagues can judge it."))
    return recording


def _line(hold: LegalHold, word: str, detail: dict[str, str]) -> Line:
    """The note is a person's own text and stays out of the ledger."""
    facts = {"hold": str(hold.pk)} | detail
    return Line(Action.CHANGED, "recording", hold.recording_id, hold.patient_id, reason=word, detail=facts)
