"""The socket of a live call: parse → rights → service → answer. Everything true is in the database."""

import asyncio
import hashlib
import logging
from datetime import datetime
from uuid import UUID

from channels.db import database_sync_to_async
from django.db import DatabaseError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import User
from accounts.sessions import user_of_session
from audit import refusals
from audit.ledger import Actor, LedgerUnavailable
from audit.refusals import TooManyRefusals
from consultations import calls, handlers, modes, policy, presence, protocol, realtime
from consultations.calls import Refused
from consultations.hub import hub
from consultations.models import Call, CallEvent, Participant
from consultations.protocol import Frame, Saying
from consultations.sockets import NOTHING_HERE, TRY_AGAIN, Gone, OrderlySocket, is_from_our_pages

log = logging.getLogger(__name__)
SIGNED_OUT, NO_HELLO, ELSEWHERE, ENDED, TOO_BIG, TOO_MANY = 4401, 4408, 4409, 4410, 4413, 4429
BAD_FRAMES, BAD_FRAMES_MOST = frozenset({"bad_json", "bad_shape", "unknown_type"}), 10
BYTES_PER_TOKEN = 8 * 1024


class CallConsumer(OrderlySocket):
    hello_within_s, reread_every_s = 5.0, 10.0
    call_id: UUID  # from hello on
    sid, heard, has_no_right = "", tuple[str, ...](), False

    async def connect(self) -> None:
        self.consultation_id: UUID = self.scope["url_route"]["kwargs"]["pk"]
        self.session_key: str = self.scope["session"].session_key or ""
        self.place: Participant | None = None
        self.sent_seq, self.bad_frames = 0, 0
        self.names: dict[str, str] = {}
        self.standing: dict[str, Frame] = {}
        self.is_listening = False
        if not is_from_our_pages(self.scope):
            await self.close()
            return
        # A refused handshake would tell a stranger more than a socket that opens and closes.
        await self.accept()
        async with self.or_close():
            self.place = await database_sync_to_async(self._first_rights)()
            if not hub.has_room(self.channel_name, self.consultation_id, self.place.pk):
                raise Gone(TOO_MANY)
            self.allowance = hub.allowance_of(str(self.place.pk))
            self.later(self._demand_hello())

    async def finish(self, code: int) -> None:
        # Media goes from browser to browser: the others are told to let go of somebody who lost the right to be here.
        self.has_no_right = self.has_no_right or code in (SIGNED_OUT, NOTHING_HERE)
        hub.discard(self.channel_name)
        await super().finish(code)

    async def let_go(self) -> None:
        hub.discard(self.channel_name)
        if self.sid:
            try:
                facts = {"sid": self.sid, "channel": self.channel_name, "now": timezone.now()}
                await database_sync_to_async(presence.drop)(self.place, leaves=self.has_no_right, **facts)
            except DatabaseError as error:
                log.warning("a closed socket is left to the sweep: %s", type(error).__name__)
        await realtime.leave(self.channel_name, self.heard)

    # from the browser

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.place is None or self.is_over:
            return
        if text_data is None or len(text_data.encode()) > protocol.FRAME_LIMIT_BYTES:
            await self.finish(TOO_BIG)
            return
        async with self.or_close():
            if not self.allowance.take(1 + len(text_data) // BYTES_PER_TOKEN):
                raise Gone(TOO_MANY)
            await self._answer(text_data)

    async def _answer(self, raw: str) -> None:
        """Say `ack`, an answer or `error` to one frame, once."""
        request: Frame = {}
        try:
            request = protocol.parse(raw)
            if not self.sid:
                await self._hello(request)
            elif (again := hub.answer_to(self.sid, request["id"])) is not None:
                await database_sync_to_async(self._rights)()
                await self._send(again)
            else:
                await self._obey(request)
        except Refused as refused:
            await self._refuse(refused, request)
        except (DatabaseError, LedgerUnavailable) as error:
            if not self.sid:
                raise Gone(TRY_AGAIN) from error
            log.warning("%s could not be stored: %s", request.get("t"), type(error).__name__)
            await self._send(_error(Refused("busy", "The portal could not note that. Try again."), request))

    async def _obey(self, request: Frame) -> None:
        reply = {"id": request["id"], **await database_sync_to_async(self._handle)(request)}
        if reply["t"] == "ack":
            hub.remember(self.sid, request["id"], reply)
        await self._send(reply)
        if request["t"] == "leave":
            await self.finish(1000)

    async def _refuse(self, refused: Refused, request: Frame) -> None:
        reply = _error(refused, request)
        if self.sid and request:
            hub.remember(self.sid, request["id"], reply)
        await self._send(reply)
        if refused.code == "closed":
            raise Gone(ENDED)
        self.bad_frames += refused.code in BAD_FRAMES
        if self.bad_frames >= BAD_FRAMES_MOST:
            raise Gone(TOO_MANY)

    def _first_rights(self) -> Participant:
        """Read who came and whether they may; a stranger stands in the ledger. Errors: Gone."""
        try:
            return self._rights()
        except Gone as gone:
            user = user_of_session(self.session_key)
            if gone.code == NOTHING_HERE and user is not None:
                self._note_refusal(user)
            raise

    def _note_refusal(self, user: User) -> None:
        """Errors: Gone, for whoever tries too often. Without the ledger it is a refusal all the same."""
        actor = Actor(user.pk, hashlib.sha256(self.session_key.encode()).hexdigest())
        absence = policy.absence_of(user, self.consultation_id, policy.JOIN)
        try:
            refusals.note_absence(actor, "consultation", self.consultation_id, absence, now=timezone.now())
        except TooManyRefusals as error:
            raise Gone(TOO_MANY) from error
        except LedgerUnavailable:
            log.warning("a refusal stands in no ledger: %s asked for %s", user.pk, self.consultation_id)

    def _rights(self) -> Participant:
        """Re-read who is speaking, whether they may and whether this is their live tab. Errors: Gone."""
        user = user_of_session(self.session_key)
        if user is None:
            raise Gone(SIGNED_OUT)
        place = policy.place_in(user, self.consultation_id)
        if place is None:
            raise Gone(NOTHING_HERE)
        if self.sid and place.channel != self.channel_name:
            raise Gone(ELSEWHERE, _frame({"t": "replaced"}))
        return place

    def _handle(self, request: Frame) -> Frame:
        place, now = self._rights(), timezone.now()
        message, body = protocol.message_for(request, place)
        if not self.allowance.take(message.cost - 1):
            raise Gone(TOO_MANY)
        actor = self._actor(place)
        say = Saying(request["t"], body, place, self.call_id, self.sid, self.channel_name, actor, now)
        try:
            return {"t": message.reply, **(message.handle(say) or {})}
        except Refused as refused:
            if refused.code == "stale_epoch":
                refused.extra["snapshot"] = handlers.snapshot(Call.objects.get(pk=self.call_id), now)
            raise

    def _actor(self, place: Participant) -> Actor:
        return Actor(place.user_id, hashlib.sha256(self.session_key.encode()).hexdigest())

    # hello

    async def _demand_hello(self) -> None:
        await asyncio.sleep(self.hello_within_s)
        if not self.sid:
            await self.finish(NO_HELLO)

    async def _hello(self, request: Frame) -> None:
        if request["t"] != "hello":
            raise Refused("bad_shape", "Say hello first.")
        body = protocol.pick(protocol.HELLO, request)
        if not self.allowance.take(protocol.HELLO_COST):
            raise Gone(TOO_MANY)
        # Before the state is read: what happens in between is heard, and forwarded once the welcome is said.
        await self._listen()
        joined = await database_sync_to_async(self._join)(body)
        await self._send({"id": request["id"], **joined})
        if joined["t"] == "welcome":
            hub.add(self.channel_name, self)
            self.later(self._reread())

    async def _listen(self) -> None:
        assert self.place is not None
        own = (realtime.session_group(self.session_key), realtime.user_group(self.place.user_id))
        self.heard = (realtime.call_group(self.consultation_id), *own)
        self.is_listening = await realtime.listen(self.channel_name, self.heard)

    def _join(self, body: Frame) -> Frame:
        place, now = self._rights(), timezone.now()
        call = calls.open_call(place.consultation, now=now)
        person = presence.join(
            call,
            place,
            tab=body["tab"],
            channel=self.channel_name,
            resume_sid=body.get("resume", {}).get("sid", ""),
            takeover=body.get("takeover", False),
            now=now,
            formats=body.get("caps", {}).get("rec"),
        )
        if isinstance(person, presence.Conflict):
            return {"t": "conflict", "since": person.since.isoformat()}
        call.refresh_from_db()
        self.place, self.call_id, self.sid, self.sent_seq = person, call.pk, person.sid, call.seq
        self.names = handlers.names_of(call.pk)
        self.standing = {frame["t"]: frame for frame in handlers.standing(call, person)}
        return handlers.welcome(call, person, now)

    # from other sockets and processes

    async def call_frame(self, message: Frame) -> None:
        """Pass on what the channel layer brought; where it lost or turned round state events, the database has them."""
        frame = message["frame"]
        if not self.sid or self.is_over:
            return
        async with self.or_close():
            if frame.get("seq", 0) > self.sent_seq + 1:
                await self._look()
            else:
                await self._forward(frame)
        if message.get("close"):
            await self.finish(message["close"])

    async def look_again(self, message: Frame) -> None:
        """Somebody's rights may have changed. The message itself says and grants nothing."""
        if self.sid and not self.is_over:
            async with self.or_close():
                await self._look()

    def receive_soon(self, frame: Frame) -> None:
        self.later_from_thread(self._send(frame))

    async def _forward(self, frame: Frame) -> None:
        """Send a frame as this person may see it; a state event only once."""
        if "participant" in frame:
            frame = frame | {"participant": await self._named(frame["participant"])}
        if (seq := frame.get("seq")) is not None:
            if seq <= self.sent_seq:
                return
            self.sent_seq = seq
        elif "from" not in frame:
            self.standing[frame["t"]] = frame
        if frame["t"] == "pair" and self.place is not None:
            view = handlers.pair_frame(frame, self.place)
            frame = {name: frame[name] for name in ("t", "seq", "epoch", "at")} | (view or {})
        if frame["t"] == "mode.asked":
            self.later(self._lapse(parse_datetime(frame["question"]["expires_at"])))
        await self._send(frame)

    async def _named(self, participant: Frame) -> Frame:
        if participant["id"] not in self.names:
            self.names = await database_sync_to_async(handlers.names_of)(self.call_id)
        return participant | {"name": self.names[participant["id"]]}

    async def _lapse(self, expires_at: datetime | None) -> None:
        if expires_at:
            await asyncio.sleep(max(0.0, (expires_at - timezone.now()).total_seconds()) + 0.2)
            await database_sync_to_async(modes.lapse)(self.call_id, now=timezone.now())

    # what the channel layer cannot promise

    async def _reread(self) -> None:
        """Read rights and state from the database for as long as the socket is open."""
        while not self.is_over:
            await asyncio.sleep(self.reread_every_s)
            async with self.or_close():
                if not self.is_listening:
                    await self._listen()
                await self._look()

    async def _look(self) -> None:
        try:
            missed, standing, is_live = await database_sync_to_async(self._present)()
        except DatabaseError as error:
            log.warning("a socket could not be compared with the database: %s", type(error).__name__)
            return
        for frame in missed:
            await self._forward(frame)
        for frame in standing:
            if self.standing.get(frame["t"]) != frame:
                self.standing[frame["t"]] = frame
                await self._send(frame)
        if not is_live:
            raise Gone(ENDED)

    def _present(self) -> tuple[list[Frame], list[Frame], bool]:
        """Return lost events, what stands on this page now, and whether the call lives. Errors: Gone."""
        place, now = self._rights(), timezone.now()
        if not presence.hold(place, channel=self.channel_name, now=now):
            raise Gone(TRY_AGAIN)
        call = Call.objects.get(pk=self.call_id)
        events = CallEvent.objects.filter(call=call, seq__gt=self.sent_seq).order_by("seq")
        missed = [realtime.event_frame(event) for event in events]
        return missed, handlers.standing(call, place), call.status == Call.Status.LIVE

    async def _send(self, frame: Frame) -> None:
        await self.tell(_frame(frame))


def _frame(frame: Frame) -> Frame:
    return {"v": protocol.VERSION, **frame}


def _error(refused: Refused, request: Frame) -> Frame:
    about = {"id": request["id"]} if request else {}
    return {"t": "error", **about, "code": refused.code, "detail": refused.detail, **refused.extra}
