"""The wire protocol's shapes and its registry of messages (docs/signaling.md). Knows no sockets.

Upper apps add their own messages, and their parts of `welcome` and `snapshot`, in `AppConfig.ready()`.
"""

import json
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
DEPTH_LIMIT = 6
VERSION = 1

Frame = dict[str, Any]
Check = Callable[[Any], bool]


@dataclass(frozen=True)
class Saying:
    """One message with everything its handler may know; the person and the call come from the database."""

    body: Frame
    place: Participant
    call_id: UUID
    sid: str
    channel: str
    actor: Actor
    now: datetime


@dataclass(frozen=True)
class Message:
    """A message clients may send. `fields` maps a name to its check; a name ending in `?` may be absent."""

    fields: dict[str, Check]
    handle: Callable[[Saying], Frame | None]
    who: Literal["joined", "admitted"] = "joined"
    roles: frozenset[str] = frozenset(Participant.Role.values)


MESSAGES: dict[str, Message] = {}
SNAPSHOT_PARTS: list[Callable[[Call], Frame]] = []
WELCOME_PARTS: list[Callable[[Call, Participant], Frame]] = []


def text(most: int) -> Check:
    return lambda value: isinstance(value, str) and 0 < len(value) <= most


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


def is_candidates(value: Any) -> bool:
    """A list of at most 20 RTCIceCandidateInit objects or nulls, each at most 1 KiB."""
    return (
        isinstance(value, list)
        and 0 < len(value) <= 20
        and all(
            c is None or (isinstance(c, dict) and len(json.dumps(c).encode()) <= CANDIDATE_LIMIT_BYTES) for c in value
        )
    )


HELLO: dict[str, Check] = {
    "tab": text(64),
    "resume?": lambda v: isinstance(v, dict) and text(32)(v.get("sid")) and is_count(v.get("last_seq")),
    "takeover?": lambda v: isinstance(v, bool),
    "caps?": lambda v: isinstance(v, dict),
}


def parse(raw: str) -> Frame:
    """Read one frame. Errors: Refused `bad_json`, `bad_shape`."""
    try:
        frame = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused("bad_json", "This is not a message.") from error
    if not isinstance(frame, dict) or frame.get("v") != VERSION or not text(32)(frame.get("t")):
        raise Refused("bad_shape", "A message is an object with v, t and id.")
    if not text(64)(frame.get("id")) or _depth(frame) > DEPTH_LIMIT:
        raise Refused("bad_shape", "A message has an id and is not nested deeply.")
    return frame


def _no_constant(name: str) -> None:
    raise ValueError(name)


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


def check_fields(fields: dict[str, Check], body: Frame) -> None:
    """Errors: Refused("bad_shape") naming the first field that is missing or wrong."""
    for name, is_right in fields.items():
        key, optional = name.removesuffix("?"), name.endswith("?")
        if optional and body.get(key) is None:
            continue
        if not is_right(body.get(key)):
            raise Refused("bad_shape", f"{key} is missing or cannot be that.")


def message_for(frame: Frame, place: Participant) -> Message:
    """Return what this frame asks for, if this person may ask it now.

    Errors: Refused `unknown_type`, `forbidden`, `not_admitted`, `bad_shape`.
    """
    message = MESSAGES.get(frame["t"])
    if message is None:
        raise Refused("unknown_type", "This portal does not know that message. Reload the page.")
    if place.role not in message.roles:
        raise Refused("forbidden", "That is not yours to do.")
    if message.who == "admitted" and place.admitted_at is None:
        raise Refused("not_admitted", "You have not been let in yet.")
    check_fields(message.fields, frame)
    return message
