"""Tells open sockets what happened: group names, and the only door to the channel layer.

The layer makes things faster and may lose anything; sockets re-read the database. So nothing here raises.
"""

import hashlib
import logging
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver

from consultations.models import Call, CallEvent

log = logging.getLogger(__name__)


def call_group(consultation_id: UUID) -> str:
    return f"call.{consultation_id.hex}"


def session_group(session_key: str) -> str:
    return f"session.{hashlib.sha256(session_key.encode()).hexdigest()[:32]}"


def event_frame(event: CallEvent) -> dict[str, Any]:
    """Shape: a state event of docs/signaling.md."""
    return {"t": event.kind, "seq": event.seq, "epoch": event.epoch, "at": event.at.isoformat(), **event.payload}


def publish_event(event: CallEvent) -> None:
    publish(event.call, event_frame(event))


def publish(call: Call, frame: dict[str, Any]) -> None:
    """Send a frame to everybody in the call."""
    _quietly("group_send", call_group(call.consultation_id), {"type": "call.frame", "frame": frame})


def tell(channel: str, frame: dict[str, Any], *, close: int | None = None) -> None:
    """Send a frame to one socket, and close it with a code if one is given."""
    if channel:
        _quietly("send", channel, {"type": "call.frame", "frame": frame, "close": close})


def _quietly(verb: str, target: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    try:
        async_to_sync(getattr(layer, verb))(target, message)
    except (OSError, RuntimeError, ValueError) as error:
        log.warning("channel layer did not take a message: %s", type(error).__name__)


@receiver(user_logged_out)
def close_sockets_of_session(request: Any, **_: Any) -> None:
    key = getattr(request, "session", None) and request.session.session_key
    if key:
        _quietly("group_send", session_group(key), {"type": "session.ended"})
