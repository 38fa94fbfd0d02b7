"""The wire protocol's shapes and its registry of messages (docs/signaling.md). Knows no sockets.

Upper apps add their own messages, and their parts of `welcome` and `snapshot`, in `AppConfig.ready()`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from audit.ledger import Actor
from consultations.calls import Refused
from consultations.models import Call, Participant

FRAME_LIMIT_BYTES = 64 * 1024
SDP_LIMIT_BYTES = 32 * 1024
CANDIDATE_LIMIT_BYTES = 1024
FORMATS_MOST = 20
DEPTH_LIMIT = 6
HELLO_COST = 10
VERSION = 1
LARGEST_INTEGER = 2**53 - 1  # beyond it a browser reads another number

Frame = dict[str, Any]
Check = Callable[[Any], bool]


@dataclass(frozen=True)
class Saying:
    """One message with everything its handler may know; the person and the call come from the database."""

    t: str
    body: Frame
    place: Participant
    call_id: UUID
    sid: str
    channel: str
    actor: Actor
    now: datetime


@dataclass(frozen=True)
class Message:
    """A message clients may send. `fields` maps a name to its check; a name ending in `?` may be absent.

    `cost` is what it takes from the sender's allowance: what is written for ever costs more than what is passed on.
    """

    fields: dict[str, Check]
    handle: Callable[[Saying], Frame | None]
    who: Literal["joined", "admitted"] = "joined"
    roles: frozenset[str] = frozenset(Participant.Role.values)
    cost: int = 1
    reply: str = "ack"


MESSAGES: dict[str, Message] = {}
SNAPSHOT_PARTS: list[Callable[[Call], Frame]] = []
WELCOME_PARTS: list[Callable[[Call, Participant], Frame]] = []
# Frames without `seq` that should stand on somebody's page now; told again when the channel layer lost them.
STANDING_PARTS: list[Callable[[Call, Participant], list[Frame]]] = []


def word(most: int) -> Check:
    """A token: printable ASCII without spaces, so that it can be stored and written to a log by every database."""
    pattern = re.compile(rf"[!-~]{{1,{most}}}")
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def one_of(*words: str) -> Check:
    return lambda value: isinstance(value, str) and value in words


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False


def is_sdp(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value.encode()) <= SDP_LIMIT_BYTES


CANDIDATE: dict[str, Check] = {
    "candidate": lambda v: v is None or isinstance(v, str),
    "sdpMid": lambda v: v is None or isinstance(v, str),
    "sdpMLineIndex": lambda v: v is None or is_count(v),
    "usernameFragment": lambda v: v is None or isinstance(v, str),
}


def is_candidates(value: Any) -> bool:
    """A list of at most 20 RTCIceCandidateInit objects or nulls, each at most 1 KiB."""
    return isinstance(value, list) and 0 < len(value) <= 20 and all(c is None or _is_candidate(c) for c in value)


def _is_candidate(value: Any) -> bool:
    if not isinstance(value, dict) or len(json.dumps(value)) > CANDIDATE_LIMIT_BYTES:
        return False
    return all(is_right(value.get(name)) for name, is_right in CANDIDATE.items())


def is_caps(value: Any) -> bool:
    """Shape: `caps` of `hello` in docs/signaling.md."""
    formats = value.get("rec", []) if isinstance(value, dict) else None
    return isinstance(formats, list) and len(formats) <= FORMATS_MOST and all(map(word(100), formats))


HELLO: dict[str, Check] = {
    "tab": word(64),
    "resume?": lambda v: isinstance(v, dict) and word(32)(v.get("sid")) and is_count(v.get("last_seq")),
    "takeover?": lambda v: isinstance(v, bool),
    "caps?": is_caps,
}


def parse(raw: str) -> Frame:
    """Read one frame. Errors: Refused `bad_json`, `bad_shape`."""
    try:
        frame = json.loads(raw, parse_constant=_no_constant, parse_float=_number, parse_int=_number)
        # SECURITY: half a surrogate pair passes as JSON and fails in every encoder behind us.
        json.dumps(frame, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refused("bad_json", "This is not a message.") from error
    if not isinstance(frame, dict) or frame.get("v") != VERSION or not word(32)(frame.get("t")):
        raise Refused("bad_shape", "A message is an object with v, t and id.")
    if not word(64)(frame.get("id")) or _depth(frame) > DEPTH_LIMIT:
        raise Refused("bad_shape", "A message has an id and is not nested deeply.")
    return frame


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _number(digits: str) -> int | float:
    """Read a number that every reader behind us reads alike: 1e999 would become Infinity, which is not JSON."""
    value = int(digits) if digits.lstrip("-").isdigit() else float(digits)
    if abs(value) > LARGEST_INTEGER:
        raise ValueError("no such number")
    return value


def _depth(value: Any) -> int:
    """Depth of nesting; stops counting just above the limit."""
    level, values = 0, [value]
    while values and level <= DEPTH_LIMIT:
        level += 1
        values = [
            inner
            for outer in values
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return level


def pick(fields: dict[str, Check], frame: Frame) -> Frame:
    """Return the fields this message has, checked; whatever else the frame holds is dropped.

    Errors: Refused("bad_shape") naming the first field that is missing or wrong.
    """
    body: Frame = {}
    for name, is_right in fields.items():
        key = name.removesuffix("?")
        if name.endswith("?") and frame.get(key) is None:
            continue
        if not is_right(frame.get(key)):
            raise Refused("bad_shape", f"{key} is missing or cannot be that.")
        body[key] = frame[key]
    return body


def message_for(frame: Frame, place: Participant) -> tuple[Message, Frame]:
    """Return what this frame asks for and its body, if this person may ask it now.

    Errors: Refused `unknown_type`, `forbidden`, `not_admitted`, `bad_shape`.
    """
    message = MESSAGES.get(frame["t"])
    if message is None:
        raise Refused("unknown_type", "This portal does not know that message. Reload the page.")
    if place.role not in message.roles:
        raise Refused("forbidden", "That is not yours to do.")
    if message.who == "admitted" and place.admitted_at is None:
        raise Refused("not_admitted", "You have not been let in yet.")
    return message, pick(message.fields, frame)
