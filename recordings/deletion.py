"""A patient asks that a recording be deleted; administrators answer. Refusing takes one of them, deleting two.

Assumes nothing about who answers: every right is read afresh. What is deleted leaves the vault by `erasure`.
"""

from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.dispatch import Signal
from django.http import Http404
from django.utils.translation import gettext as _

from accounts.models import User, Viewer
from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action
from consultations.models import Participant
from consultations.states import StaleTransition, move
from recordings import letters, pages, playback, signals
from recordings.deciders import deciders, may_decide
from recordings.guard import Shown
from recordings.models import DeletionRequest, ProcessingJob, Recording

Answer = DeletionRequest.Answer
# What is still being made is over in minutes; what was deleted is gone.
NOT_NOW = (
    Recording.Status.CAPTURING, Recording.Status.SEALED, Recording.Status.PROCESSING, Recording.Status.ERASED,
)  # fmt: skip


MOST_SHOWN = 10


class CannotDelete(Exception):
    """It cannot be asked or answered; the text is a sentence for the person."""


def is_its_patient(shown: Shown) -> bool:
    return shown.is_own and shown.recording.patient.user_id == shown.viewer.pk


def newest_of(shown: Shown) -> DeletionRequest | None:
    """Return the newest request about one's own recording that was not taken back."""
    requests = DeletionRequest.objects.filter(recording=shown.recording.pk, withdrawn_at=None)
    return requests.order_by("-asked_at").first() if shown.is_own else None


def may_be_asked(shown: Shown) -> bool:
    standing = newest_of(shown)
    is_free = standing is None or standing.answer == Answer.REFUSED
    return is_its_patient(shown) and is_free and shown.recording.status not in NOT_NOW


def rows_of(user: Viewer, *, actor: Actor, now: datetime) -> list[dict[str, Any]]:
    """Return somebody's own requests, newest first. Shape: `asked` and `recording` as in `pages.row`.

    Errors: Leak, LedgerUnavailable.
    """
    own = DeletionRequest.objects.filter(asked_by=user.pk, patient__user=user.pk, withdrawn_at=None)
    newest = list(own.order_by("-asked_at")[:MOST_SHOWN])
    if not newest:
        return []
    held = playback.held_among(user, {one.recording_id for one in newest}, actor=actor, now=now)
    recordings = {shown.recording.pk: pages.row(shown) for shown in held}
    return [
        {"asked": one, "recording": recordings[one.recording_id]} for one in newest if one.recording_id in recordings
    ]


@transaction.atomic
def ask(shown: Shown, *, actor: Actor, now: datetime) -> DeletionRequest:
    """Ask that it be deleted. Idempotent because one request is open at a time.

    Errors: Http404 for everybody but the patient, CannotDelete, LedgerUnavailable.
    """
    if not is_its_patient(shown):
        raise Http404
    recording = _locked(shown.recording.pk)
    if recording.status in NOT_NOW:
        raise CannotDelete(_("This recording cannot be deleted at the moment."))
    if (standing := newest_of(shown)) and standing.answer != Answer.REFUSED:
        return standing
    made = DeletionRequest.objects.create(
        recording=recording,
        patient_id=recording.patient_id,
        asked_by_id=shown.viewer.pk,  # type: ignore[misc]  # nobody unknown has a basis
        asked_at=now,
    )
    ledger.append(actor, _line(made, Action.ASKED, "delete"), now=now)
    letters.post_deletion_asked(made, deciders(), now=now)
    _tell(signals.deletion_asked, made, now)
    return made


@transaction.atomic
def withdraw(shown: Shown, *, actor: Actor, now: datetime) -> None:
    """Take the request back while it is open. Errors: Http404, CannotDelete, LedgerUnavailable."""
    if not is_its_patient(shown):
        raise Http404
    _locked(shown.recording.pk)
    standing = newest_of(shown)
    if standing is None or not standing.is_open:
        raise CannotDelete(_("It has been answered already."))
    DeletionRequest.objects.filter(pk=standing.pk).update(withdrawn_at=now)
    ledger.append(actor, _line(standing, Action.ASKED, "keep"), now=now)


@transaction.atomic
def refuse(request_id: UUID, *, why: str, kept_until: date, by: User, actor: Actor, now: datetime) -> None:
    """Say why and until when it must be kept. Errors: CannotDelete, LedgerUnavailable."""
    standing = _open(request_id, by)
    if kept_until <= now.date():
        raise CannotDelete(_("Say until which day it must be kept; that day is to come."))
    _answer(standing, Answer.REFUSED, why, by, now, kept_until=kept_until)
    ledger.append(actor, _line(standing, Action.ANSWERED, "refused"), now=now)
    letters.post_deletion_answered(standing, now=now)
    _tell(signals.deletion_answered, standing, now)


@transaction.atomic
def accept(request_id: UUID, *, why: str, by: User, actor: Actor, now: datetime) -> None:
    """Propose that it be deleted; another administrator confirms. Errors: CannotDelete, LedgerUnavailable."""
    standing = _open(request_id, by)
    _demand_deletable(standing.recording)
    _answer(standing, Answer.ACCEPTED, why, by, now)
    ledger.append(actor, _line(standing, Action.HANDLED, "deletion_proposed"), now=now)


@transaction.atomic
def take_back(request_id: UUID, *, by: User, actor: Actor, now: datetime) -> None:
    """Take an unconfirmed acceptance back, one's own or a colleague's. Errors: CannotDelete, LedgerUnavailable."""
    standing = _proposed(request_id, by)
    nothing: dict[str, Any] = {"answer": "", "why": "", "answered_by": None, "answered_at": None}
    DeletionRequest.objects.filter(pk=standing.pk).update(**nothing)
    ledger.append(actor, _line(standing, Action.HANDLED, "deletion_withdrawn"), now=now)


@transaction.atomic
def confirm(request_id: UUID, *, by: User, actor: Actor, now: datetime) -> None:
    """Delete it: from this moment nobody plays it; its bytes leave the vault right after.

    Errors: CannotDelete, LedgerUnavailable.
    """
    standing = _proposed(request_id, by)
    if standing.answered_by_id == by.pk:
        # SECURITY: four eyes are two accounts, whatever sessions they sit in; the database says so, too.
        raise CannotDelete(_("You proposed this. Another person has to confirm it."))
    if standing.answered_by is None or not may_decide(standing.answered_by):
        raise CannotDelete(_("Whoever proposed this may not decide any more. Take it back and propose anew."))
    _demand_deletable(standing.recording)
    try:
        move(standing.recording, Recording.Status.ERASED, transitions=Recording.TRANSITIONS, timeline=[])
    except StaleTransition as error:
        raise CannotDelete(_("This recording cannot be deleted at the moment.")) from error
    DeletionRequest.objects.filter(pk=standing.pk).update(confirmed_by=by, confirmed_at=now)
    people = {"proposed_by": str(standing.answered_by_id), "confirmed_by": str(by.pk)}
    ledger.append(actor, _line(standing, Action.DISCARDED, "patient_asked", people), now=now)
    letters.post_deletion_answered(standing, now=now)
    _tell(signals.deletion_answered, standing, now)


def _locked(recording_id: UUID) -> Recording:
    # RACE: asking, taking back and answering hold this row, so that each sees what the other did.
    return Recording.objects.select_for_update(no_key=True).get(pk=recording_id)


def _open(request_id: UUID, by: User) -> DeletionRequest:
    """Return a request that nobody has answered."""
    standing = _standing(request_id, by)
    if not standing.is_open or standing.answer:
        raise CannotDelete(_("This request is not open any more."))
    return standing


def _proposed(request_id: UUID, by: User) -> DeletionRequest:
    """Return a request whose acceptance waits for a second person."""
    standing = _standing(request_id, by)
    if not standing.is_open or not standing.answer:
        raise CannotDelete(_("There is no proposal to confirm any more."))
    return standing


def _standing(request_id: UUID, by: User) -> DeletionRequest:
    of = DeletionRequest.objects.filter(pk=request_id).values_list("recording", flat=True).first()
    if of is None:
        raise CannotDelete(_("There is no such request."))
    recording = _locked(of)
    if not may_decide(by):
        raise CannotDelete(_("You may look at requests, and not answer them."))
    if Participant.objects.filter(consultation=recording.consultation_id, user=by.pk).exists():
        raise CannotDelete(_("You took part in this consultation, so colleagues decide."))
    standing = DeletionRequest.objects.select_related("answered_by").get(pk=request_id)
    standing.recording = recording
    return standing


def _demand_deletable(recording: Recording) -> None:
    if recording.legal_hold:
        raise CannotDelete(_("There is a legal hold on this recording, so it is kept."))
    live = (ProcessingJob.Status.QUEUED, ProcessingJob.Status.RUNNING)
    if recording.status in NOT_NOW or recording.jobs.filter(status__in=live).exists():
        raise CannotDelete(_("This recording is being prepared at the moment. Look again in a few minutes."))


def _answer(
    standing: DeletionRequest, answer: Answer, why: str, by: User, now: datetime, kept_until: date | None = None
) -> None:
    if not why.strip():
        raise CannotDelete(_("Say why: the patient reads it."))
    facts = {"answer": answer, "why": why.strip(), "kept_until": kept_until, "answered_by": by, "answered_at": now}
    DeletionRequest.objects.filter(pk=standing.pk).update(**facts)
    standing.answer = answer


def _line(of: DeletionRequest, action: Action, reason: str, people: dict[str, str] | None = None) -> Line:
    """Say what was decided by ids and words; why is a person's own text and stays out of the ledger."""
    detail = {"request": str(of.pk)} | (people or {})
    return Line(action, "recording", of.recording_id, of.patient_id, reason=reason, detail=detail)


def _tell(signal: Signal, of: DeletionRequest, now: datetime) -> None:
    transaction.on_commit(partial(signal.send_robust, sender=DeletionRequest, request=of, now=now))
