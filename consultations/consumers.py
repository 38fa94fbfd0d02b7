"""The socket of a live call: parse → rights → service → answer. Everything true is in the database."""

import asyncio
import hashlib
import json
import logging
import time
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.sessions import user_of_session
from audit.ledger import Actor
from consultations import calls, handlers, modes, policy, presence, protocol, realtime
from consultations.calls import Refused
from consultations.hub import hub
from consultations.models import Call, CallEvent, Participant
from consultations.protocol import Frame, Saying

log = logging.getLogger(__name__)
HELLO_WITHIN_S = 5
REREAD_EVERY_S = 10
RATE_PER_S, BURST, ERRORS = 20, 120, 10


class SignedOut(Exception):
    """The session behind this socket has ended."""


class NothingHere(Exception):
    """No such consultation, or not theirs: the same from outside."""


class CallConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    async def connect(self) -> None:
        self.consultation_id: UUID = self.scope["url_route"]["kwargs"]["pk"]
        self.session_key: str = self.scope["session"].session_key or ""
        self.place: Participant | None = None
        self.call_id: UUID | None = None
        self.sid, self.sent_seq, self.errors = "", 0, 0
        self.tokens, self.refilled_at = float(BURST), time.monotonic()
        self.loop, self.tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()
        # A refused handshake would tell a stranger more than a socket that opens and closes.
        await self.accept()
        try:
            self.place = await database_sync_to_async(self._rights)()
        except SignedOut:
            await self.close(4401)
            return
        except NothingHere:
            await self.close(4404)
            return
        self._later(self._demand_hello())

    def _later(self, work: Any) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _demand_hello(self) -> None:
        await asyncio.sleep(HELLO_WITHIN_S)
        if not self.sid:
            await self.close(4408)

    async def disconnect(self, code: int) -> None:
        for task in self.tasks:
            task.cancel()
        if not self.sid:
            return
        hub.discard(self.channel_name)
        await self.channel_layer.group_discard(realtime.call_group(self.consultation_id), self.channel_name)
        await self.channel_layer.group_discard(realtime.session_group(self.session_key), self.channel_name)
        await database_sync_to_async(presence.drop)(
            self.place, sid=self.sid, channel=self.channel_name, now=timezone.now()
        )

    # from the browser

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.place is None:
            return
        raw = text_data if text_data is not None else ""
        if bytes_data is not None or len(raw.encode()) > protocol.FRAME_LIMIT_BYTES:
            await self.close(4413)
            return
        if not self._within_rate():
            await self.close(4429)
            return
        request_id = None
        try:
            frame = protocol.parse(raw)
            request_id = frame["id"]
            await self._obey(frame)
        except Refused as refused:
            await self._refuse(refused, request_id)
        except SignedOut:
            await self.close(4401)
        except NothingHere:
            await self.close(4404)

    def _within_rate(self) -> bool:
        now = time.monotonic()
        self.tokens = min(BURST, self.tokens + (now - self.refilled_at) * RATE_PER_S) - 1
        self.refilled_at = now
        return self.tokens >= 0

    async def _obey(self, frame: Frame) -> None:
        if not self.sid:
            await self._hello(frame)
            return
        if stored := hub.answer_to(self.sid, frame["id"]):
            await self._send(stored)
            return
        answer = await database_sync_to_async(self._handle)(frame)
        kind = {"sync": "snapshot", "ping": "pong"}.get(frame["t"], "ack")
        reply = {"t": kind, "id": frame["id"], **(answer or {})}
        hub.remember(self.sid, frame["id"], reply)
        await self._send(reply)
        if frame["t"] == "leave":
            await self.close(1000)

    def _rights(self) -> Participant:
        """Re-read who is speaking and whether they may. Errors: SignedOut, NothingHere."""
        user = user_of_session(self.session_key)
        if user is None:
            raise SignedOut
        place = policy.place_in(user, self.consultation_id)
        if place is None:
            raise NothingHere
        return place

    def _handle(self, frame: Frame) -> Frame | None:
        place = self._rights()
        if place.sid != self.sid:
            raise Refused("closed", "This consultation goes on in another tab.")
        message = protocol.message_for(frame, place)
        assert self.call_id is not None
        return message.handle(
            Saying(frame, place, self.call_id, self.sid, self.channel_name, self._actor(place), timezone.now())
        )

    def _actor(self, place: Participant) -> Actor:
        return Actor(place.user_id, hashlib.sha256(self.session_key.encode()).hexdigest())

    async def _refuse(self, refused: Refused, request_id: str | None) -> None:
        self.errors += 1
        await self._send({"t": "error", "id": request_id, "code": refused.code, "detail": refused.detail, **refused.extra})
        if refused.code == "closed":
            await self.close(4410)
        elif self.errors > ERRORS and refused.code in {"bad_json", "bad_shape", "unknown_type"}:
            await self.close(4429)

    async def _hello(self, frame: Frame) -> None:
        if frame["t"] != "hello":
            raise Refused("bad_shape", "Say hello first.")
        protocol.check_fields(protocol.HELLO, frame)
        await self.channel_layer.group_add(realtime.call_group(self.consultation_id), self.channel_name)
        await self.channel_layer.group_add(realtime.session_group(self.session_key), self.channel_name)
        joined = await database_sync_to_async(self._join)(frame)
        if isinstance(joined, presence.Conflict):
            await self._send({"t": "conflict", "id": frame["id"], "since": joined.since.isoformat()})
            return
        hub.add(self.channel_name, self)
        await self._send({"t": "welcome", "id": frame["id"], **joined})
        self.sent_seq = joined["seq"]
        self._later(self._reread())

    def _join(self, frame: Frame) -> Frame | presence.Conflict:
        place, now = self._rights(), timezone.now()
        call = calls.open_call(place.consultation, now=now)
        resume = frame.get("resume") or {}
        person = presence.join(
            call,
            place,
            tab=frame["tab"],
            channel=self.channel_name,
            resume_sid=resume.get("sid", ""),
            takeover=bool(frame.get("takeover")),
            now=now,
        )
        if isinstance(person, presence.Conflict):
            return person
        call = handlers.live_call(call.pk)
        self.place, self.call_id, self.sid = person, call.pk, person.sid
        return self._welcome(call, person)

    def _welcome(self, call: Call, person: Participant) -> Frame:
        frame: Frame = {
            "sid": person.sid,
            "seq": call.seq,
            "epoch": call.epoch,
            "now": handlers.milliseconds(timezone.now()),
            "you": str(person.pk),
            "limits": {"frame": protocol.FRAME_LIMIT_BYTES, "sdp": protocol.SDP_LIMIT_BYTES},
            "ice_servers": [],
            "snapshot": handlers.snapshot(call),
            "pair": handlers.pair_for(call, person),
        }
        for part in protocol.WELCOME_PARTS:
            frame |= part(call, person)
        return frame

    # from other sockets and processes

    async def call_frame(self, message: dict[str, Any]) -> None:
        await self._forward(message["frame"])
        if message.get("close"):
            await self.close(message["close"])

    async def session_ended(self, message: dict[str, Any]) -> None:
        await self.close(4401)

    def receive_soon(self, frame: Frame) -> None:
        self.loop.call_soon_threadsafe(lambda: self._later(self._send(frame)))

    async def _forward(self, frame: Frame) -> None:
        """Pass on a frame; a state event only once and in order, as this person may see it."""
        seq = frame.get("seq")
        if seq is not None:
            if not self.sid or seq <= self.sent_seq:
                return
            self.sent_seq = seq
        if frame["t"] == "pair" and self.place is not None:
            view = handlers.pair_frame(frame, self.place)
            frame = {key: frame[key] for key in ("t", "seq", "epoch", "at")} | (view or {})
        if frame["t"] == "mode.asked":
            expires = parse_datetime(frame["question"]["expires_at"])
            self._later(self._lapse((expires - timezone.now()).total_seconds() if expires else 0))
        await self._send(frame)
        if frame["t"] == "ended":
            await asyncio.sleep(0)

    async def _lapse(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) + 0.2)
        await database_sync_to_async(modes.lapse)(self.call_id, now=timezone.now())

    async def _reread(self) -> None:
        """Read rights and lost events from the database for as long as the socket is open."""
        while True:
            await asyncio.sleep(REREAD_EVERY_S)
            try:
                missed = await database_sync_to_async(self._missed)()
            except SignedOut:
                await self.close(4401)
                return
            except NothingHere:
                await self.close(4404)
                return
            for frame in missed:
                await self._forward(frame)

    def _missed(self) -> list[Frame]:
        self._rights()
        events = CallEvent.objects.filter(call=self.call_id, seq__gt=self.sent_seq).order_by("seq")
        return [realtime.event_frame(event) for event in events]

    async def _send(self, frame: Frame) -> None:
        await self.send(text_data=json.dumps({"v": protocol.VERSION, **frame}))
