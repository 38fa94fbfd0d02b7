"""The live call: its log, its beginning and its end. All functions run in one transaction and assume authorisation."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from consultations import realtime
from consultations.models import Call, CallEvent, Consultation, Participant
from consultations.services import may_be_joined
from consultations.signals import call_changed
from consultations.states import StaleTransition, move

LOST_AFTER = timedelta(minutes=5)


class Refused(Exception):
    """A message cannot be obeyed; `code` is one of docs/signaling.md, `detail` a sentence for the person."""

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(code)
        self.code, self.detail, self.extra = code, detail, extra


def open_call(consultation: Consultation, *, now: datetime) -> Call:
    """Return the consultation's live call, opened now if there is none.

    Errors: Refused("closed") outside the time in which the consultation can be joined.
    """
    if not may_be_joined(consultation, now=now):
        raise Refused("closed", "This consultation cannot be joined now.")
    call, _ = Call.objects.get_or_create(
        consultation=consultation,
        status=Call.Status.LIVE,
        defaults={"patient": consultation.patient, "clinician": consultation.clinician, "opened_at": now},
    )
    return call


def lock(call_id: Any) -> Call:
    """Lock the live call's row until the transaction ends.

    Errors: Refused("closed") when it has ended.
    """
    call = Call.objects.select_for_update().filter(pk=call_id, status=Call.Status.LIVE).first()
    if call is None:
        raise Refused("closed", "The consultation has ended.")
    return call


def emit(call: Call, kind: str, payload: dict[str, Any], *, now: datetime, changes_capture: bool = False) -> CallEvent:
    """Write the next line of the call's log and tell everybody once the transaction is committed.

    Locks: the caller holds the call's row, so `seq` has no gaps.
    """
    call.seq += 1
    call.save(update_fields=["seq", "epoch", "mode", "mode_changed_at", "question", "gen", "gen_changed_at", "started_at"])
    event = CallEvent.objects.create(
        call=call, patient_id=call.patient_id, seq=call.seq, epoch=call.epoch, kind=kind, payload=payload, at=now
    )
    if changes_capture:
        call_changed.send(sender=Call, call=call, now=now)
    transaction.on_commit(lambda: realtime.publish_event(event))
    return event


def participant_view(participant: Participant) -> dict[str, Any]:
    """Shape: one entry of `participants` in docs/signaling.md."""
    clinician = participant.role == Participant.Role.CLINICIAN
    name = participant.consultation.clinician.display_name if clinician else participant.user.name
    return {
        "id": str(participant.pk),
        "role": participant.role,
        "name": name,
        "present": participant.is_present,
        "waiting_at": participant.waiting_at.isoformat() if participant.waiting_at else None,
        "admitted": participant.admitted_at is not None,
        "audio": participant.audio,
        "video": participant.video,
        "recording": participant.recording,
    }


def participants_of(call: Call) -> list[Participant]:
    people = Participant.objects.select_related("user", "consultation__clinician__user")
    return list(people.filter(consultation=call.consultation_id).order_by("role", "pk"))


def phase_of(call: Call) -> str:
    if call.status == Call.Status.ENDED:
        return "ended"
    return "in_call" if call.started_at else "waiting"


@transaction.atomic
def admit(call_id: Any, *, participant_id: str, now: datetime) -> None:
    """Let the waiting person in: the audio call begins and both get a peer connection."""
    call = lock(call_id)
    people = participants_of(call)
    guest = next((p for p in people if str(p.pk) == participant_id), None)
    if guest is None or guest.waiting_at is None:
        raise Refused("no_peer", "Nobody of that name is waiting.")
    if call.started_at is None:
        call.started_at, call.epoch = now, call.epoch + 1
        try:
            move(call.consultation, Consultation.Status.IN_PROGRESS, transitions=Consultation.TRANSITIONS)
        except StaleTransition as error:
            raise Refused("closed", "This consultation cannot be started.") from error
    for person in people:
        if person.admitted_at is None and (person == guest or person.role == Participant.Role.CLINICIAN):
            person.admitted_at = now
            person.save(update_fields=["admitted_at"])
    payload = {
        "participant": participant_view(guest),
        "phase": phase_of(call),
        "epoch": call.epoch,
        "started_at": call.started_at.isoformat(),
    }
    emit(call, "admitted", payload, now=now, changes_capture=True)
    connect_pair(call, now=now)


def connect_pair(call: Call, *, now: datetime) -> None:
    """Issue a new generation if two admitted people are present: the only trigger to build a peer connection."""
    present = [p for p in participants_of(call) if p.admitted_at and p.is_present]
    if call.started_at is None or len(present) < 2:
        return
    call.gen, call.gen_changed_at = call.gen + 1, now
    emit(call, "pair", {"gen": call.gen, "sids": {str(p.pk): p.sid for p in present}}, now=now)


@transaction.atomic
def end(call_id: Any, *, reason: str, now: datetime, epoch: int | None = None) -> None:
    """End the call and complete its consultation.

    Errors: Refused("stale_epoch") when `epoch` is given and is not the call's.
    """
    call = lock(call_id)
    if epoch is not None and epoch != call.epoch:
        raise Refused("stale_epoch", "Something changed meanwhile. Look again, then decide.")
    call.epoch += 1
    call.question = None
    began = call.started_at is not None
    move(call, Call.Status.ENDED, transitions=Call.TRANSITIONS, ended_at=now, end_reason=reason)
    if began:
        move(call.consultation, Consultation.Status.COMPLETED, transitions=Consultation.TRANSITIONS, ended_at=now)
    emit(call, "ended", {"phase": "ended", "epoch": call.epoch, "reason": reason}, now=now, changes_capture=True)


def sweep(*, now: datetime) -> None:
    """End calls that everybody has lost, and open ones whose time is over. Idempotent because `end` needs a live call."""
    for call in Call.objects.filter(status=Call.Status.LIVE).select_related("consultation"):
        people = participants_of(call)
        gone = all(p.disconnected_at and p.disconnected_at < now - LOST_AFTER for p in people if p.connected_at)
        if call.started_at and gone:
            end(call.pk, reason="lost", now=now)
        elif not call.started_at and not any(p.is_present for p in people) and not may_be_joined(call.consultation, now=now):
            end(call.pk, reason="not_started", now=now)
