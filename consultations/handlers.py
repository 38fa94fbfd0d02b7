"""What each client message does. Parses nothing and owns no state: calls the services."""

from datetime import datetime
from typing import Any
from uuid import UUID

from consultations import calls, consents, modes, presence, realtime
from consultations.calls import Refused
from consultations.hub import hub
from consultations.models import Call, Participant
from consultations.protocol import (
    MESSAGES,
    SNAPSHOT_PARTS,
    Frame,
    Message,
    Saying,
    is_candidates,
    is_count,
    is_sdp,
    is_uuid,
    one_of,
    text,
)

CLINICIAN = frozenset({Participant.Role.CLINICIAN.value})
BOTH = frozenset({Participant.Role.CLINICIAN.value, Participant.Role.PATIENT.value})
RELAYED = {"to": text(32), "gen": is_count}


def snapshot(call: Call) -> Frame:
    """Shape: `snapshot` of docs/signaling.md."""
    frame: Frame = {
        "call": str(call.pk),
        "seq": call.seq,
        "epoch": call.epoch,
        "phase": calls.phase_of(call),
        "mode": call.mode,
        "started_at": call.started_at.isoformat() if call.started_at else None,
        "question": call.question,
        "participants": [calls.participant_view(p) for p in calls.participants_of(call)],
    }
    for part in SNAPSHOT_PARTS:
        frame |= part(call)
    return frame


def pair_for(call: Call, me: Participant) -> Frame | None:
    """Return whom this person's browser should be connected to now."""
    others = [p for p in calls.participants_of(call) if p.pk != me.pk and p.is_present and p.admitted_at]
    if not (call.started_at and call.gen and me.admitted_at and others):
        return None
    other = others[0]
    sids = {str(other.pk): other.sid, str(me.pk): me.sid}
    return pair_frame({"gen": call.gen, "sids": sids}, me)


def pair_frame(payload: Frame, me: Participant) -> Frame | None:
    """Turn the call's pair event into one side's view; the clinician is the impolite side and offers."""
    if str(me.pk) not in payload["sids"]:
        return None
    peer, peer_sid = next((p, s) for p, s in payload["sids"].items() if p != str(me.pk))
    impolite = me.role == Participant.Role.CLINICIAN
    return {"peer": peer, "peer_sid": peer_sid, "gen": payload["gen"], "impolite": impolite}


def _relay(say: Saying) -> None:
    """Hand a frame to the other live tab of this call. The sender is ours to say, never theirs."""
    call = Call.objects.get(pk=say.call_id)
    if say.body["gen"] != call.gen:
        raise Refused("stale_gen", "A newer connection exists.")
    peer = Participant.objects.filter(
        consultation=say.place.consultation_id, sid=say.body["to"], admitted_at__isnull=False, disconnected_at=None
    ).first()
    if peer is None or peer.pk == say.place.pk:
        raise Refused("no_peer", "They are not connected right now.")
    kept = ("t", "gen", "neg", "sdp", "cs")
    frame = {key: say.body[key] for key in kept if key in say.body} | {"from": say.sid}
    if not hub.hand_over(peer.channel, frame):
        realtime.tell(peer.channel, frame)


def _snapshot(say: Saying) -> Frame:
    return {"snapshot": snapshot(Call.objects.get(pk=say.call_id))}


def _pong(say: Saying) -> Frame:
    return {"c": say.body["c"], "s": milliseconds(say.now)}


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _ready(say: Saying) -> None:
    presence.ready(say.call_id, by=say.place, mic=say.body["mic"], now=say.now)


def _admit(say: Saying) -> None:
    calls.admit(say.call_id, participant_id=say.body["participant"], now=say.now)


def _reset(say: Saying) -> None:
    presence.reset_pair(say.call_id, gen=say.body["gen"], now=say.now)


def _request_mode(say: Saying) -> None:
    try:
        modes.request(say.call_id, by=say.place, want=say.body["want"], epoch=say.body["epoch"], now=say.now)
    except Refused as refused:
        if refused.code == "stale_epoch":
            refused.extra["snapshot"] = snapshot(Call.objects.get(pk=say.call_id))
        raise


def _answer_mode(say: Saying) -> None:
    body = say.body
    modes.answer(say.call_id, by=say.place, question_id=body["question"], answer=body["answer"], now=say.now)


def _media(say: Saying) -> None:
    body = say.body
    presence.update_media(say.call_id, by=say.place, audio=body.get("audio"), video=body.get("video"), now=say.now)


def _consent(say: Saying) -> None:
    body = say.body
    consents.give(
        say.call_id,
        by=say.place,
        version=body["version"],
        sha256=body["sha256"],
        scope=body["scope"],
        actor=say.actor,
        now=say.now,
    )


def _decline(say: Saying) -> None:
    consents.decline(say.call_id, by=say.place, now=say.now)


def _withdraw(say: Saying) -> None:
    consents.withdraw(say.call_id, by=say.place, actor=say.actor, now=say.now)


def _leave(say: Saying) -> None:
    presence.drop(say.place, sid=say.sid, channel=say.channel, now=say.now, leaves=True)


def _end(say: Saying) -> None:
    calls.end(say.call_id, reason="ended", epoch=say.body["epoch"], now=say.now)


def live_call(call_id: UUID) -> Call:
    return Call.objects.select_related("consultation").get(pk=call_id)


_STATE: dict[str, Any] = {"audio?": one_of("on", "off", "interrupted", "none"), "video?": one_of("on", "off", "denied", "interrupted")}

MESSAGES.update(
    {
        "sync": Message({}, _snapshot),
        "ping": Message({"c": lambda v: isinstance(v, int | float)}, _pong),
        "ready": Message({"mic": one_of("on", "none", "denied")}, _ready),
        "admit": Message({"participant": is_uuid}, _admit, roles=CLINICIAN),
        "sig.offer": Message({**RELAYED, "neg": is_count, "sdp": is_sdp}, _relay, "admitted"),
        "sig.answer": Message({**RELAYED, "neg": is_count, "sdp": is_sdp}, _relay, "admitted"),
        "sig.cand": Message({**RELAYED, "neg": is_count, "cs": is_candidates}, _relay, "admitted"),
        "pc.restart_please": Message(RELAYED, _relay, "admitted"),
        "pc.reset": Message({"gen": is_count}, _reset, "admitted"),
        "mode.request": Message(
            {"want": one_of("audio", "video"), "epoch": is_count}, _request_mode, "admitted", BOTH
        ),
        "mode.answer": Message(
            {"question": text(64), "answer": one_of("accept", "accept_camera_off", "decline")},
            _answer_mode,
            "admitted",
            BOTH,
        ),
        "media.update": Message(_STATE, _media),
        "consent.give": Message(
            {"version": text(16), "sha256": text(64), "scope": one_of("audio", "audio_video")}, _consent
        ),
        "consent.decline": Message({}, _decline),
        "consent.withdraw": Message({}, _withdraw),
        "leave": Message({}, _leave),
        "end": Message({"epoch": is_count}, _end, "admitted", CLINICIAN),
    }
)
