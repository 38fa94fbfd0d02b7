"""What each client message does. Parses nothing and owns no state: calls the services."""

from datetime import datetime
from uuid import UUID

from consultations import calls, consents, modes, presence, realtime
from consultations.calls import Refused
from consultations.hub import hub
from consultations.models import Call, Participant
from consultations.protocol import (
    CANDIDATE,
    FRAME_LIMIT_BYTES,
    MESSAGES,
    SDP_LIMIT_BYTES,
    SNAPSHOT_PARTS,
    STANDING_PARTS,
    WELCOME_PARTS,
    Check,
    Frame,
    Message,
    Saying,
    is_candidates,
    is_count,
    is_sdp,
    is_uuid,
    one_of,
    word,
)

CLINICIAN = frozenset({Participant.Role.CLINICIAN.value})
BOTH = frozenset({Participant.Role.CLINICIAN.value, Participant.Role.PATIENT.value})


def snapshot(call: Call, now: datetime) -> Frame:
    """Shape: `snapshot` of docs/signaling.md."""
    frame: Frame = {
        "call": str(call.pk),
        "seq": call.seq,
        "epoch": call.epoch,
        "phase": calls.phase_of(call),
        "mode": call.mode,
        "started_at": call.started_at.isoformat() if call.started_at else None,
        "question": modes.question_view(call, now),
        "participants": [calls.participant_view(p) | {"name": calls.name_of(p)} for p in calls.participants_of(call)],
    }
    for part in SNAPSHOT_PARTS:
        frame |= part(call)
    return frame


def welcome(call: Call, person: Participant, now: datetime) -> Frame:
    """Shape: `welcome` of docs/signaling.md."""
    frame: Frame = {
        "t": "welcome",
        "sid": person.sid,
        "seq": call.seq,
        "epoch": call.epoch,
        "now": milliseconds(now),
        "you": str(person.pk),
        "limits": {"frame": FRAME_LIMIT_BYTES, "sdp": SDP_LIMIT_BYTES},
        "ice_servers": [],
        "snapshot": snapshot(call, now),
        "pair": pair_for(call, person),
    }
    for part in WELCOME_PARTS:
        frame |= part(call, person)
    return frame


def standing(call: Call, person: Participant) -> list[Frame]:
    """Return the frames without `seq` that should stand on this person's page now."""
    return [frame for part in STANDING_PARTS for frame in part(call, person)]


def names_of(call_id: UUID) -> dict[str, str]:
    """Return participant → name, for the events, whose log holds none."""
    return {str(p.pk): calls.name_of(p) for p in calls.participants_of(Call.objects.get(pk=call_id))}


def pair_for(call: Call, me: Participant) -> Frame | None:
    """Return whom this person's tab should be connected to now."""
    sids = calls.paired_sids(call)
    if sids.get(str(me.pk)) != me.sid:
        return None
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
    if call.status != Call.Status.LIVE:
        raise Refused("closed", "The consultation has ended.")
    if say.body["gen"] != call.gen:
        raise Refused("stale_gen", "A newer connection exists.")
    # SECURITY: `to` is looked up in the sender's own consultation only; a `sid` of another call is nobody's here.
    peer = Participant.objects.filter(
        consultation=say.place.consultation_id, sid=say.body["to"], admitted_at__isnull=False, disconnected_at=None
    ).first()
    if peer is None or peer.pk == say.place.pk:
        raise Refused("no_peer", "They are not connected right now.")
    frame = {name: value for name, value in say.body.items() if name != "to"}
    frame |= {"t": say.t, "from": say.sid}
    if "sdp" in frame:
        hub.described(say.sid)
    if "cs" in frame:
        if not hub.may_add_candidates(say.sid, len(frame["cs"])):
            raise Refused("rate", "There are too many ways to this browser already.")
        frame["cs"] = [c and {name: c[name] for name in CANDIDATE if name in c} for c in frame["cs"]]
    if not hub.hand_over(peer.channel, frame):
        realtime.tell(peer.channel, frame)


def _snapshot(say: Saying) -> Frame:
    return {"snapshot": snapshot(Call.objects.get(pk=say.call_id), say.now)}


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
    modes.request(say.call_id, by=say.place, want=say.body["want"], epoch=say.body["epoch"], now=say.now)


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
    consents.decline(say.call_id, by=say.place, actor=say.actor, now=say.now)


def _withdraw(say: Saying) -> None:
    consents.withdraw(say.call_id, by=say.place, actor=say.actor, now=say.now)


def _leave(say: Saying) -> None:
    presence.drop(say.place, sid=say.sid, channel=say.channel, now=say.now, leaves=True)


def _end(say: Saying) -> None:
    calls.end(say.call_id, reason="ended", epoch=say.body["epoch"], now=say.now)


RELAYED: dict[str, Check] = {"to": word(32), "gen": is_count}
DESCRIBED: dict[str, Check] = {**RELAYED, "neg": is_count, "sdp": is_sdp}
STATE: dict[str, Check] = {
    "audio?": one_of("on", "off", "interrupted", "none"),
    "video?": one_of("on", "off", "denied", "interrupted"),
}
ANSWERS = one_of("accept", "accept_camera_off", "decline")
CONSENT: dict[str, Check] = {"version": word(16), "sha256": word(64), "scope": one_of("audio", "audio_video")}

MESSAGES.update(
    {
        "sync": Message({}, _snapshot, reply="snapshot"),
        "ping": Message({"c": lambda v: isinstance(v, int | float)}, _pong, reply="pong"),
        "ready": Message({"mic": one_of("on", "none", "denied")}, _ready, cost=2),
        "admit": Message({"participant": is_uuid}, _admit, roles=CLINICIAN, cost=5),
        "sig.offer": Message(DESCRIBED, _relay, "admitted"),
        "sig.answer": Message(DESCRIBED, _relay, "admitted"),
        "sig.cand": Message({**RELAYED, "neg": is_count, "cs": is_candidates}, _relay, "admitted"),
        "pc.restart_please": Message(RELAYED, _relay, "admitted"),
        "pc.reset": Message({"gen": is_count}, _reset, "admitted", cost=5),
        "mode.request": Message(
            {"want": one_of("audio", "video"), "epoch": is_count}, _request_mode, "admitted", BOTH, cost=5
        ),
        "mode.answer": Message({"question": word(64), "answer": ANSWERS}, _answer_mode, "admitted", BOTH, cost=5),
        "media.update": Message(STATE, _media, cost=2),
        "consent.give": Message(CONSENT, _consent, cost=20),
        "consent.decline": Message({}, _decline, cost=20),
        "consent.withdraw": Message({}, _withdraw, cost=20),
        "leave": Message({}, _leave),
        "end": Message({"epoch": is_count}, _end, "admitted", CLINICIAN),
    }
)
