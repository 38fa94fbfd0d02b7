"""Tells open sockets what happened: group names, and the only door to the channel layer.

The layer makes things faster and may lose anything; sockets re-read the database. So nothing here raises, and nothing
that passes here grants anything: a doorbell only makes a socket look at the database now, not within ten seconds.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Iterable
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from accounts.models import User
from consultations.models import Call, CallEvent, ConsultationUserObjectPermission
from patients.models import Clinician

log = logging.getLogger(__name__)
PATIENCE_S = 1.0


def call_group(consultation_id: UUID) -> str:
    return f"call.{consultation_id.hex}"


def session_group(session_key: str) -> str:
    return f"session.{hashlib.sha256(session_key.encode()).hexdigest()[:32]}"


def user_group(user_id: UUID) -> str:
    return f"user.{user_id.hex}"


def event_frame(event: CallEvent) -> dict[str, Any]:
    """Shape: a state event of docs/signaling.md, without names."""
    return {"t": event.kind, "seq": event.seq, "epoch": event.epoch, "at": event.at.isoformat(), **event.payload}


def publish_event(event: CallEvent) -> None:
    publish(event.call, event_frame(event))


def publish(call: Call, frame: dict[str, Any]) -> None:
    """Send a frame to everybody in the call."""
    _send("group_send", call_group(call.consultation_id), {"type": "call.frame", "frame": frame})


def tell(channel: str, frame: dict[str, Any], *, close: int | None = None) -> None:
    """Send a frame to one socket, and close it with a code if one is given."""
    if channel:
        _send("send", channel, {"type": "call.frame", "frame": frame, "close": close})


async def listen(channel: str, groups: Iterable[str]) -> bool:
    """Join groups; False if the layer is away. Can be said again."""
    done = [await _quietly(get_channel_layer().group_add(group, channel)) for group in groups]
    return all(done)


async def leave(channel: str, groups: Iterable[str]) -> None:
    for group in groups:
        await _quietly(get_channel_layer().group_discard(group, channel))


def _send(verb: str, target: str, message: dict[str, Any]) -> None:
    async def send() -> None:
        await _quietly(getattr(get_channel_layer(), verb)(target, message))

    try:
        async_to_sync(send)()
    except RuntimeError:  # called on an event loop's own thread, where nothing may wait
        log.warning("a message to the channel layer was left out")


async def _quietly(work: Awaitable[None]) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_S):
            await work
    except Exception as error:  # each layer has errors of its own, and none of them may undo what is in the database
        log.warning("the channel layer did not take a message: %s", type(error).__name__)
        return False
    return True


# Doorbells: whatever can end somebody's rights makes their sockets look now.


def _ring(group: str) -> None:
    transaction.on_commit(lambda: _send("group_send", group, {"type": "look.again"}))


@receiver(post_delete, sender=Session)
def session_ended(instance: Session, **_: Any) -> None:
    """Signing out, a changed password and a new sign-in all delete the session they replace."""
    _ring(session_group(instance.session_key))


@receiver(post_save, sender=User)
def account_changed(instance: User, created: bool, update_fields: frozenset[str] | None, **_: Any) -> None:
    if not created and update_fields != {"last_login"}:
        _ring(user_group(instance.pk))


@receiver(post_save, sender=Clinician)
def clinician_changed(instance: Clinician, created: bool, **_: Any) -> None:
    if not created:
        _ring(user_group(instance.user_id))


@receiver(post_delete, sender=ConsultationUserObjectPermission)
def grant_withdrawn(instance: Model, **_: Any) -> None:
    consultation: UUID = instance.content_object_id  # type: ignore[attr-defined]
    _ring(call_group(consultation))
