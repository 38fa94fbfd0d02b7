"""The recorder's side of a live call: who may record what now, and what everybody is told about it.

`reconsider` is the one place where a lease is granted, renewed or revoked: it derives what should be and compares.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from consultations import calls, realtime
from consultations.calls import Refused
from consultations.consents import capture_mode
from consultations.models import Call, Mode, Participant
from consultations.protocol import (
    MESSAGES,
    SNAPSHOT_PARTS,
    STANDING_PARTS,
    WELCOME_PARTS,
    Frame,
    Message,
    Saying,
    is_count,
    is_uuid,
    word,
)
from consultations.signals import call_changed
from recordings import capture, guard
from recordings.models import RecorderLease, Recording, Segment

LEASE_LASTS = timedelta(seconds=15)
FRESH = timedelta(seconds=15)
Why = RecorderLease.Why
NO = {Participant.Recording.DECLINED, Participant.Recording.WITHDRAWN}


def live_lease(call: Call) -> RecorderLease | None:
    leases = RecorderLease.objects.select_related("recording", "participant")
    return leases.filter(recording__call=call, revoked_at=None).first()


def recorder_of(call: Call) -> Participant | None:
    """Return whose page records, if it can: the clinician's, while it is there."""
    clinicians = Participant.objects.filter(consultation=call.consultation_id, role=Participant.Role.CLINICIAN)
    person = clinicians.first()
    return person if person and person.is_present else None


@receiver(call_changed)
def reconsider(call: Call, now: datetime, **_: Any) -> None:
    """Make the lease what the call's state demands. Locks: the caller holds the call's row."""
    allowed, lease, holder = capture_mode(call), live_lease(call), recorder_of(call)
    if allowed is None:
        if lease:
            _revoke(lease, Why.ENDED if call.status == Call.Status.ENDED else Why.CONSENT, call, now)
    elif holder and holder.admitted_at and (lease is None or lease.sid != holder.sid):
        if lease:
            _revoke(lease, Why.REPLACED, call, now)
        lease = _grant(call, holder, now) if capture.can_record(holder.formats) else None
    if allowed and lease and lease.revoked_at is None:
        _allow(call, lease, allowed, now)
    transaction.on_commit(lambda: publish_status(call))
    if call.status == Call.Status.ENDED:
        recording = Recording.objects.filter(call=call, status=Recording.Status.CAPTURING).first()
        if recording:
            transaction.on_commit(lambda: capture.seal_if_whole(recording, now=now))


def _grant(call: Call, holder: Participant, now: datetime) -> RecorderLease:
    recording, _ = Recording.objects.get_or_create(
        call=call,
        defaults={
            "consultation_id": call.consultation_id,
            "patient_id": call.patient_id,
            "clinician_id": call.clinician_id,
            "started_at": now,
            "created_at": now,
        },
    )
    return RecorderLease.objects.create(
        recording=recording,
        consultation_id=call.consultation_id,
        patient_id=call.patient_id,
        participant=holder,
        sid=holder.sid,
        granted_at=now,
        expires_at=now + LEASE_LASTS,
    )


def _revoke(lease: RecorderLease, why: str, call: Call, now: datetime) -> None:
    """Take the lease back. A line of the call's log says so: it cannot get lost on its way to the recorder."""
    lease.revoked_at, lease.revoked_why = now, why
    lease.save(update_fields=["revoked_at", "revoked_why"])
    payload = {"lease": str(lease.pk), "why": why, "recording": _view_for_log(call, now)}
    calls.emit(call, "rec.revoke", payload, now=now)


def _allow(call: Call, lease: RecorderLease, allowed: Mode, now: datetime) -> None:
    """Write into the call's log what this lease may capture in this epoch, once; tell its holder each time."""
    payload = {"lease": str(lease.pk), "capture": allowed.value}
    last = call.events.filter(kind="rec.allowed", epoch=call.epoch).order_by("-seq").first()
    if last is None or {key: last.payload[key] for key in payload} != payload:
        payload_with_view = payload | {"recording": _view_for_log(call, now)}
        calls.emit(call, "rec.allowed", payload_with_view, now=now)
    channel, frame = lease.participant.channel, lease_frame(call, lease, allowed)
    transaction.on_commit(lambda: realtime.tell(channel, frame))


def lease_frame(call: Call, lease: RecorderLease, allowed: Mode) -> Frame:
    """Shape: `rec.lease` of docs/signaling.md."""
    return {
        "t": "rec.lease",
        "lease": str(lease.pk),
        "capture": allowed.value,
        "epoch": call.epoch,
        "chunk_ms": settings.RECORDING_CHUNK_MS,
        "canvas": settings.RECORDING_CANVAS,
        "bitrates": settings.RECORDING_BITRATES,
    }


def recording_of(call: Call) -> Recording | None:
    return Recording.objects.filter(call=call).first()


def recording_view(call: Call, *, now: datetime | None = None) -> dict[str, Any]:
    """Shape: `recording` of docs/signaling.md. `recording` only while the server acknowledges bytes.

    Errors: guard.Leak, which closes the socket that asked as it closes a stranger's.
    """
    allowed, recording, moment = capture_mode(call), recording_of(call), now or timezone.now()
    guard.check_call(call, recording, now=moment)
    saved = capture.saved_ms(recording) if recording else 0
    said = set(Participant.objects.filter(consultation=call.consultation_id).values_list("recording", flat=True))
    if (allowed or not said & NO) and _lacks_a_format(call):
        state, allowed = "unsupported", None
    elif allowed is None:
        state = "stopped" if Participant.Recording.WITHDRAWN in said else "off"
    else:
        fresh = Segment.objects.filter(recording=recording, beat_at__gt=moment - FRESH, chunks__isnull=False).exists()
        state = "recording" if saved and fresh else "starting"
    return {"state": state, "saved_ms": saved, "capture": allowed.value if allowed else None}


def _lacks_a_format(call: Call) -> bool:
    recorder = recorder_of(call) if call.status == Call.Status.LIVE else None
    return recorder is not None and not capture.can_record(recorder.formats)


def _view_for_log(call: Call, now: datetime) -> dict[str, Any]:
    """The same inside a state event's transaction, which a leak must neither undo nor hold up: care goes on."""
    try:
        return recording_view(call, now=now)
    except guard.Leak:
        return {"state": "off", "saved_ms": 0, "capture": None}


def status_frame(call: Call) -> Frame:
    return {"t": "rec.status", "recording": recording_view(call)}


def publish_status(call: Call) -> None:
    fresh = Call.objects.get(pk=call.pk)
    try:
        frame = status_frame(fresh)
    except guard.Leak:
        return  # nobody hears it; the guard has told of it
    realtime.publish(fresh, frame)


def _snapshot_part(call: Call) -> Frame:
    return {"recording": recording_view(call)}


def _welcome_part(call: Call, person: Participant) -> Frame:
    lease, allowed = live_lease(call), capture_mode(call)
    if lease is None or allowed is None or lease.sid != person.sid:
        return {}
    return {"lease": lease_frame(call, lease, allowed)}


def _standing_part(call: Call, person: Participant) -> list[Frame]:
    return [status_frame(call), *_welcome_part(call, person).values()]


@transaction.atomic
def _beat(say: Saying) -> None:
    """Keep the lease. A lease that was lost meanwhile answers `no_lease`; the recorder waits for a new one."""
    lease = _own(say)
    lease.expires_at = say.now + LEASE_LASTS
    lease.save(update_fields=["expires_at"])
    Segment.objects.filter(lease=lease, pk=say.body["segment"], status=Segment.Status.OPEN).update(beat_at=say.now)


@transaction.atomic
def _fault(say: Saying) -> None:
    lease = _own(say)
    call = calls.lock(say.call_id)
    calls.emit(call, "rec.fault", {"lease": str(lease.pk), "code": say.body["code"]}, now=say.now)


def _own(say: Saying) -> RecorderLease:
    leases = RecorderLease.objects.filter(participant=say.place, recording__call=say.call_id, revoked_at=None)
    lease = leases.filter(pk=say.body["lease"]).first()
    if lease is None:
        raise Refused("no_lease", "Another page records now.")
    return lease


MESSAGES["rec.beat"] = Message(
    {"lease": is_uuid, "segment": is_uuid, "made?": is_count, "acked?": is_count}, _beat, "admitted"
)
MESSAGES["rec.fault"] = Message({"lease": is_uuid, "code": word(64)}, _fault, "admitted", cost=5)
SNAPSHOT_PARTS.append(_snapshot_part)
WELCOME_PARTS.append(_welcome_part)
STANDING_PARTS.append(_standing_part)
