"""The live call: its log, its beginning and its end. All functions run in one transaction and assume authorisation."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from consultations import realtime
from consultations.lapsing import lapse_old_answers
from consultations.models import Call, CallEvent, Consultation, Participant
from consultations.services import may_be_joined
from consultations.signals import call_changed
from consultations.states import StaleTransition, move

log = logging.getLogger(__name__)
LOST_AFTER = timedelta(minutes=5)
NOT_STARTED = "not_started"  # why a call ended in which people only waited


class Refused(Exception):
    """A message cannot be obeyed; `code` is one of docs/signaling.md, `detail` a sentence for the person."""

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(code)
        self.code, self.detail, self.extra = code, detail, extra


@transaction.atomic
def open_call(consultation: Consultation, *, now: datetime) -> Call:
    """Return the consultation's live call, opened now if there is none. Who allowed recording in words that are no
    longer in use then is asked anew.

    Errors: Refused("closed") outside the time in which the consultation can be joined.
    """
    if not may_be_joined(consultation, now=now):
        raise Refused("closed", "This consultation cannot be joined now.")
    call, is_new = Call.objects.get_or_create(
        consultation=consultation,
        status=Call.Status.LIVE,
        defaults={"patient": consultation.patient, "clinician": consultation.clinician, "opened_at": now},
    )
    if is_new:
        lapse_old_answers(call, now=now)
    return call


def lock(call_id: Any) -> Call:
    """Lock the live call's row until the transaction ends.

    Errors: Refused("closed") when it has ended.
    """
    call = Call.objects.select_for_update().filter(pk=call_id, status=Call.Status.LIVE).first()
    if call is None:
        raise Refused("closed", "The consultation has ended.")
    return call


def lock_live(consultation: Consultation) -> Call | None:
    """Lock the consultation's live call, if there is one, until the transaction ends.

    RACE: always before the row of its consultation, as who admits somebody does.
    """
    return Call.objects.select_for_update().filter(consultation=consultation.pk, status=Call.Status.LIVE).first()


def lock_place(place: Participant) -> Participant:
    """Read somebody's place again, locked: what was read before the call's row was held may be old."""
    people = Participant.objects.select_for_update(of=("self",)).select_related("user", "consultation__clinician__user")
    return people.get(pk=place.pk)


def emit(call: Call, kind: str, payload: dict[str, Any], *, now: datetime, changes_capture: bool = False) -> CallEvent:
    """Write the next line of the call's log and tell everybody once the transaction is committed.

    The log cannot be changed afterwards, so it holds ids and no names.
    Locks: the caller holds the call's row, so `seq` has no gaps.
    """
    call.seq += 1
    changing = ["seq", "epoch", "mode", "mode_changed_at", "question", "gen", "gen_changed_at", "started_at"]
    call.save(update_fields=changing)
    event = CallEvent.objects.create(
        call=call, patient_id=call.patient_id, seq=call.seq, epoch=call.epoch, kind=kind, payload=payload, at=now
    )
    # Before the signal: whoever listens writes the next lines, and they are told in the order of `seq`.
    transaction.on_commit(lambda: realtime.publish_event(event))
    if changes_capture:
        call_changed.send(sender=Call, call=call, now=now)
    return event


def name_of(participant: Participant) -> str:
    is_clinician = participant.role == Participant.Role.CLINICIAN
    return participant.consultation.clinician.display_name if is_clinician else participant.user.name


def participant_view(participant: Participant) -> dict[str, Any]:
    """Shape: one entry of `participants` in docs/signaling.md, without the name."""
    return {
        "id": str(participant.pk),
        "role": participant.role,
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
    """Let the waiting person in: the audio call begins and both get a peer connection. Idempotent: nobody enters twice.

    Errors: Refused `no_peer`, `closed`.
    """
    call = lock(call_id)
    people = participants_of(call)
    guest = next((p for p in people if str(p.pk) == participant_id and p.role != Participant.Role.CLINICIAN), None)
    if guest is None or guest.waiting_at is None or not guest.is_present:
        raise Refused("no_peer", "Nobody of that name is waiting.")
    started_at = call.started_at or _start(call, now)
    shared = {"phase": phase_of(call), "epoch": call.epoch, "started_at": started_at.isoformat()}
    # Whoever admits the first person is in with them.
    entering = [p for p in people if p.admitted_at is None and (p == guest or p.role == Participant.Role.CLINICIAN)]
    for person in entering:
        person.admitted_at = now
        person.save(update_fields=["admitted_at"])
    for person in entering:
        is_last = person is entering[-1]
        emit(call, "admitted", {"participant": participant_view(person), **shared}, now=now, changes_capture=is_last)
    connect_pair(call, now=now)


def _start(call: Call, now: datetime) -> datetime:
    call.started_at, call.epoch = now, call.epoch + 1
    try:
        move(call.consultation, Consultation.Status.IN_PROGRESS, transitions=Consultation.TRANSITIONS)
    except StaleTransition as error:
        raise Refused("closed", "This consultation cannot be started.") from error
    return now


def sids_of(call: Call) -> dict[str, str]:
    """Return the live tabs of everybody who is in: participant → `sid`."""
    return {str(p.pk): p.sid for p in participants_of(call) if p.admitted_at and p.is_present}


def paired_sids(call: Call) -> dict[str, str]:
    """Return the live tabs that the present generation connects."""
    last = call.events.filter(kind="pair").order_by("-seq").first()
    return last.payload["sids"] if last else {}


def connect_pair(call: Call, *, now: datetime, anew: bool = False) -> None:
    """Issue a new generation if two admitted people are here: the only trigger to build a peer connection.

    The one they have stays unless somebody's tab is another now, whoever came back last, or `anew` asks for it.
    """
    sids = sids_of(call)
    if call.started_at is None or len(sids) < 2 or (sids == paired_sids(call) and not anew):
        return
    call.gen, call.gen_changed_at = call.gen + 1, now
    emit(call, "pair", {"gen": call.gen, "sids": sids}, now=now)


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
    """End calls that everybody has lost, and open ones whose time is over. Idempotent: `end` needs a live call."""
    for call in Call.objects.filter(status=Call.Status.LIVE).select_related("consultation"):
        reason = _over(call, now)
        if reason:
            try:
                end(call.pk, reason=reason, now=now)
            except (Refused, StaleTransition) as error:  # it ended meanwhile; the others still wait
                log.warning("call %s was not ended: %s", call.pk, type(error).__name__)


def _over(call: Call, now: datetime) -> str:
    people = participants_of(call)
    if call.started_at:
        gone = all(p.disconnected_at and p.disconnected_at < now - LOST_AFTER for p in people if p.connected_at)
        return "lost" if gone else ""
    if may_be_joined(call.consultation, now=now):
        return ""
    # RACE: who came in while it was cancelled opened a call that nobody can start.
    is_called_off = call.consultation.status == Consultation.Status.CANCELLED
    return NOT_STARTED if is_called_off or not any(p.is_present for p in people) else ""
