"""Consent gates capture, never the call. Everybody answers for themselves and may change their mind.

`call_id` is None before there is a call: what was answered then stands when one is opened (docs/adr/0010).
"""

import logging
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from audit import ledger, spool
from audit.models import Action
from consultations.calls import Refused, emit, lock, lock_place, participant_view
from consultations.models import Call, Consultation, Mode, Participant, RecordingConsent
from consultations.wordings import texts_at

log = logging.getLogger(__name__)


@transaction.atomic
def give(
    call_id: Any, *, by: Participant, version: str, sha256: str, scope: str, actor: ledger.Actor, now: datetime
) -> None:
    """Store somebody's own yes with the wording they read. Idempotent: the same yes again writes nothing.

    Errors: Refused("bad_shape") when the wording is not the one this call began with, before it not the one in use;
    LedgerUnavailable when neither the ledger nor its spool can take it: without a line nobody is recorded.
    """
    call, by = _hold(call_id, by), lock_place(by)
    if (version, sha256) not in {(one.version, one.sha256) for one in texts_at(call.opened_at if call else now)}:
        raise Refused("bad_shape", "The text you read is not the current one. Reload the page.")
    if _in_force(by).filter(scope=scope, wording_version=version).exists():
        return
    _in_force(by).update(withdrawn_at=now)
    RecordingConsent.objects.create(
        participant=by,
        patient_id=by.patient_id,
        scope=scope,
        wording_version=version,
        wording_sha256=sha256,
        given_at=now,
    )
    said = Participant.Recording.ALLOWED if scope == "audio_video" else Participant.Recording.ALLOWED_AUDIO
    _tell(call, by, said, now)
    _log(Action.CONSENTED, by, actor, scope, now)


@transaction.atomic
def decline(call_id: Any, *, by: Participant, actor: ledger.Actor, now: datetime) -> None:
    """Remember a no, so that nobody is asked twice; the call stays fully usable. A no after a yes withdraws it."""
    call, by = _hold(call_id, by), lock_place(by)
    if not _withdrawn(call, by, actor, now) and by.recording == Participant.Recording.UNASKED:
        _tell(call, by, Participant.Recording.DECLINED, now)


@transaction.atomic
def withdraw(call_id: Any, *, by: Participant, actor: ledger.Actor, now: datetime) -> None:
    """Stop being recorded from this moment; what was captured until now stays."""
    call, by = lock(call_id), lock_place(by)
    _withdrawn(call, by, actor, now)


def _hold(call_id: Any, by: Participant) -> Call | None:
    """Lock the call; before there is one, the consultation.

    Errors: Refused `closed` when either is over, `stale` when a call was opened meanwhile.
    """
    if call_id is not None:
        return lock(call_id)
    # RACE: a call's row waits for this lock, so that no tab opens one and misses the answer.
    planned = Consultation.objects.select_for_update().filter(pk=by.consultation_id, status=Consultation.Status.PLANNED)
    if planned.first() is None:
        raise Refused("closed", "The consultation has begun or is over.")
    if Call.objects.filter(consultation=by.consultation_id, status=Call.Status.LIVE).exists():
        raise Refused("stale", "The waiting room has been opened meanwhile.")
    return None


def _withdrawn(call: Call | None, by: Participant, actor: ledger.Actor, now: datetime) -> bool:
    if not _in_force(by).update(withdrawn_at=now):
        return False
    # Before a call nothing was captured, so there is nothing to stop: it is a no.
    said = Participant.Recording.WITHDRAWN if call else Participant.Recording.DECLINED
    _tell(call, by, said, now)
    try:
        _log(Action.WITHDREW, by, actor, "", now)
    except ledger.LedgerUnavailable:
        # SECURITY: nobody is recorded against their will because neither ledger nor disk can take a line about it.
        log.critical("%s withdrew in consultation %s; this stands in no ledger", by.pk, by.consultation_id)
    return True


def _in_force(by: Participant) -> QuerySet[RecordingConsent]:
    return RecordingConsent.objects.filter(participant=by, withdrawn_at=None)


def _tell(call: Call | None, by: Participant, said: Participant.Recording, now: datetime) -> None:
    by.recording = said
    by.save(update_fields=["recording"])
    if call:
        emit(call, "consent.changed", {"participant": participant_view(by)}, now=now, changes_capture=True)


def _log(action: Action, by: Participant, actor: ledger.Actor, scope: str, now: datetime) -> None:
    line = ledger.Line(action, "consultation", by.consultation_id, by.patient_id, reason=scope)
    spool.append_or_spool(actor, line, now=now)


def capture_mode(call: Call) -> Mode | None:
    """Return what may be captured now: the lower of the call's mode and everybody's consent, or nothing.

    Everybody counts who was ever admitted, present or not. Without their rows of consent in force nothing is captured.
    """
    if call.started_at is None or call.status != Call.Status.LIVE:
        return None
    admitted = Participant.objects.filter(consultation=call.consultation_id, admitted_at__isnull=False)
    in_force = RecordingConsent.objects.filter(participant__in=admitted, withdrawn_at=None)
    scopes = dict(in_force.values_list("participant", "scope"))
    if not scopes or set(scopes) != set(admitted.values_list("pk", flat=True)):
        return None
    if call.mode == Mode.VIDEO and set(scopes.values()) == {RecordingConsent.Scope.AUDIO_VIDEO}:
        return Mode.VIDEO
    return Mode.AUDIO
