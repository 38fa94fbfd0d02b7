"""What becomes of a held-back recording: one member of staff proposes, another one confirms.

Released, it is made by a new run of the pipeline that lets through the one reason they have accepted. Discarded, it is
gone for good. Assumes nothing about who asks: every right is read afresh.
"""

import hashlib
import json
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Sum
from django.utils.translation import gettext as _

from accounts.models import User
from audit import ledger
from audit.ledger import Actor, Line
from audit.models import Action
from consultations.models import Participant
from consultations.states import move
from recordings import jobs
from recordings.misfits import misfit
from recordings.models import ProcessingJob, QuarantineDecision, Recording

LAPSES_AFTER = timedelta(days=7)
RIGHT = "recordings.decide_quarantine"
What = QuarantineDecision.What


class CannotDecide(Exception):
    """It cannot be proposed or confirmed; the text is a sentence for the member of staff."""


def may_decide(person: User) -> bool:
    """Say whether they may today: a held user object may be older than a deactivation."""
    account = User.objects.filter(pk=person.pk, is_active=True, is_staff=True).first()
    return account is not None and account.has_perm(RIGHT)


def facts_of(recording: Recording) -> str:
    """Return a digest of what staff see of it; a decision about anything else does not count."""
    segments = recording.segments.annotate(pieces=Count("chunks"), stored=Sum("chunks__byte_length"))
    parts = segments.order_by("number").values_list("number", "status", "root", "pieces", "stored")
    runs = recording.jobs.order_by("created_at").values_list("pk", "status")
    seen = [recording.status, recording.reason, *map(list, parts), *map(list, runs)]
    return hashlib.sha256(json.dumps(seen, default=str).encode()).hexdigest()


def is_open(decision: QuarantineDecision, *, now: datetime) -> bool:
    """Say whether it can still be confirmed: not after a week, a change, or once its proposer may no longer decide."""
    return (
        decision.confirmed_at is None
        and decision.withdrawn_at is None
        and now - decision.proposed_at < LAPSES_AFTER
        and decision.facts == facts_of(decision.recording)
        and may_decide(decision.proposed_by)
    )


def open_decision(recording: Recording, *, now: datetime) -> QuarantineDecision | None:
    standing = recording.decisions.filter(confirmed_at=None, withdrawn_at=None).select_related("proposed_by").first()
    return standing if standing and is_open(standing, now=now) else None


@transaction.atomic
def propose(
    recording_id: UUID, *, what: QuarantineDecision.What, why: str, by: User, actor: Actor, now: datetime
) -> QuarantineDecision:
    """Errors: CannotDecide, LedgerUnavailable."""
    recording = _held_back(recording_id)
    _demand_right(by, recording)
    if not why.strip():
        raise CannotDecide(_("Say why, so that your colleague can judge it."))
    if what == What.RELEASE and not misfit(recording.reason).may_be_released:
        raise CannotDecide(_("This cannot be released by anybody."))
    _demand_no_hold(recording, what)
    if open_decision(recording, now=now):
        raise CannotDecide(_("Somebody has made a proposal already. Confirm or withdraw that one."))
    # One that has lapsed makes room.
    recording.decisions.filter(confirmed_at=None, withdrawn_at=None).update(withdrawn_at=now)
    decision = QuarantineDecision.objects.create(
        recording=recording,
        patient_id=recording.patient_id,
        what=what,
        misfit=recording.reason,
        facts=facts_of(recording),
        why=why.strip(),
        proposed_by=by,
        proposed_at=now,
    )
    ledger.append(actor, _line(decision, Action.HANDLED, f"{what}_proposed"), now=now)
    return decision


@transaction.atomic
def withdraw(decision_id: UUID, *, by: User, actor: Actor, now: datetime) -> None:
    """Take a proposal back, one's own or a colleague's. Errors: CannotDecide, LedgerUnavailable."""
    decision = _standing(decision_id, by, now)
    QuarantineDecision.objects.filter(pk=decision.pk).update(withdrawn_at=now)
    ledger.append(actor, _line(decision, Action.HANDLED, f"{decision.what}_withdrawn"), now=now)


@transaction.atomic
def confirm(decision_id: UUID, *, by: User, actor: Actor, now: datetime) -> None:
    """Make it happen. Errors: CannotDecide, LedgerUnavailable."""
    decision = _standing(decision_id, by, now)
    if decision.proposed_by_id == by.pk:
        # SECURITY: four eyes are two accounts, whatever sessions they sit in; the database says so, too.
        raise CannotDecide(_("You proposed this. Another person has to confirm it."))
    recording = decision.recording
    # A hold may have been put on it since the proposal.
    _demand_no_hold(recording, decision.what)
    QuarantineDecision.objects.filter(pk=decision.pk).update(confirmed_by=by, confirmed_at=now)
    if decision.what == What.RELEASE:
        job = jobs.enqueue(recording, now=now)
        QuarantineDecision.objects.filter(pk=decision.pk).update(job=job)
    else:
        move(recording, Recording.Status.ERASED, transitions=Recording.TRANSITIONS, timeline=[])
    action = Action.RELEASED if decision.what == What.RELEASE else Action.DISCARDED
    people = {"proposed_by": str(decision.proposed_by_id), "confirmed_by": str(by.pk)}
    ledger.append(actor, _line(decision, action, decision.misfit, people), now=now)


def _held_back(recording_id: UUID) -> Recording:
    """Locks: the recording's row. RACE: two people at the same moment; the second finds what the first has done."""
    recording = Recording.objects.select_for_update(no_key=True).filter(pk=recording_id).first()
    if recording is None or recording.status != Recording.Status.QUARANTINED:
        raise CannotDecide(_("This recording is not held back any more."))
    live = (ProcessingJob.Status.QUEUED, ProcessingJob.Status.RUNNING)
    if recording.jobs.filter(status__in=live).exists():
        raise CannotDecide(_("This recording is being prepared at the moment. Look again in a few minutes."))
    return recording


def _standing(decision_id: UUID, by: User, now: datetime) -> QuarantineDecision:
    found = QuarantineDecision.objects.filter(pk=decision_id).values_list("recording", flat=True).first()
    if found is None:
        raise CannotDecide(_("There is no such proposal."))
    recording = _held_back(found)
    _demand_right(by, recording)
    decision = open_decision(recording, now=now)
    if decision is None or decision.pk != decision_id:
        raise CannotDecide(_("This proposal no longer stands. Look at the recording again."))
    decision.recording = recording
    return decision


def _demand_right(by: User, recording: Recording) -> None:
    if not may_decide(by):
        raise CannotDecide(_("You may look at held-back recordings, and not decide about them."))
    if Participant.objects.filter(consultation=recording.consultation_id, user=by.pk).exists():
        raise CannotDecide(_("You took part in this consultation, so colleagues decide."))


def _demand_no_hold(recording: Recording, what: str) -> None:
    if what == What.DISCARD and recording.legal_hold:
        raise CannotDecide(_("There is a legal hold on this recording, so it is kept."))


def _line(decision: QuarantineDecision, action: Action, reason: str, people: dict[str, str] | None = None) -> Line:
    """Say what was decided by ids and words; why is a person's own text and stays out of the ledger."""
    detail = {"decision": str(decision.pk)} | (people or {})
    return Line(action, "recording", decision.recording_id, decision.patient_id, reason=reason, detail=detail)
