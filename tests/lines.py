"""Sockets for tests, driven from plain synchronous code: people open lines to the portal, say things, hear things.

The portal's event loop runs in a thread of its own, as the server's does; what a test itself does happens outside.
"""

import asyncio
import json
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from channels.db import database_sync_to_async
from channels.layers import channel_layers
from django.contrib.auth.models import Group
from django.db import connections, transaction
from django.test import Client, TransactionTestCase
from django.utils import timezone

from accounts.models import STAFF, User
from consultations.booking import book
from consultations.hub import hub
from consultations.models import Call, Consultation, Participant
from consultations.wordings import FIRST
from patients.models import Clinician, Patient
from patients.services import begin_care
from tests.cast import A_WEEK, FIFTEEN, make_clinician, make_ended_call, make_patient, make_user

Frame = dict[str, Any]
ORIGIN = "http://127.0.0.1:8000"
WITHIN_S = 8.0
PIECES = ("epoch", "phase", "mode", "started_at", "question", "recording")
SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n"


class _Emptying(TransactionTestCase):
    databases = {"default"}

    def runTest(self) -> None: ...


@contextmanager
def common_database(blocker: Any) -> Iterator[None]:
    """Let a module's tests share the database and empty it after the last; after each it takes longer than the test.

    Everybody is new in each of these tests, so that nobody meets what an earlier one left.
    """
    emptied = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = lambda case: None
    yield
    TransactionTestCase._fixture_teardown = emptied
    with blocker.unblock():
        _Emptying()._fixture_teardown()


@dataclass(frozen=True)
class Side:
    """One patient's side: `planned` can be joined now, `held` was a week ago; the colleague was not in either."""

    patient: Patient
    clinician: Clinician
    colleague: Clinician
    planned: Consultation
    held: Consultation


def make_side(name: str) -> Side:
    now, one = timezone.now(), uuid.uuid4().hex[:8]
    patient, clinician = make_patient(f"{name} {one}"), make_clinician(f"M {one}")
    colleague = make_clinician(f"C {one}")
    begin_care(patient, colleague, why="covers for the clinician", now=now)
    before = now - A_WEEK
    held = book(patient, clinician, starts_at=before, ends_at=before + FIFTEEN, reason="First visit", now=before)
    planned = book(patient, clinician, starts_at=now, ends_at=now + FIFTEEN, reason="Review", now=now)
    make_ended_call(held)
    return Side(patient, clinician, colleague, planned, held)


@dataclass(frozen=True)
class House:
    """A portal with two consultations at the same time; `ada` and `ben` are each other's neighbour."""

    portal: "Portal"
    ada: Side
    ben: Side

    def everybody_else(self) -> dict[str, User]:
        """Return who has no place in Ada's consultation, by name."""
        staff = make_user(f"Robin {uuid.uuid4().hex}", is_staff=True)
        staff.groups.add(Group.objects.get_or_create(name=STAFF)[0])
        administrator = User.objects.create_superuser(f"{uuid.uuid4().hex}@cast.test", "a long sentence", name="Ari")
        people = {"ada.colleague": self.ada.colleague.user, "staff": staff, "administrator": administrator}
        own = {f"ben.{role}": getattr(self.ben, role).user for role in ("patient", "clinician", "colleague")}
        return people | own


class Portal:
    """One process of the portal: its event loop, and everybody's sockets in it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="portal", daemon=True)
        self.lines: list[Line] = []
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, Any], within_s: float = 20) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within_s)

    def do(self, function: Callable[..., Any], *args: Any, **facts: Any) -> Any:
        """Call a function as a request to this process would: in a thread of this loop."""
        return self.run(database_sync_to_async(function)(*args, **facts))

    def line(self, user: User | None, consultation: uuid.UUID, **facts: Any) -> "Line":
        self.lines.append(Line(self, user, consultation, **facts))
        return self.lines[-1]

    def stop(self) -> None:
        for line in self.lines:
            line.drop()
        for layer in channel_layers.backends.values():
            self.run(layer.flush())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@contextmanager
def opened_house() -> Iterator[House]:
    """A portal that remembers nobody from an earlier test, and new people."""
    hub.__init__()  # type: ignore[misc]
    channel_layers.backends.clear()
    if connections["default"].vendor == "sqlite":  # a connection for each message takes half of the time
        connections["default"].settings_dict["CONN_MAX_AGE"] = None
    with transaction.atomic():
        ada, ben = make_side("Ada"), make_side("Ben")
    portal = Portal()
    try:
        yield House(portal, ada, ben)
    finally:
        portal.stop()
        channel_layers.backends.clear()


def session_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


class Line:
    """One WebSocket. `heard` is everything it got; `closed` the code it was closed with, None while it is open."""

    def __init__(
        self, portal: Portal, user: User | None, consultation: uuid.UUID, *,
        client: Client | None = None, tab: str = "", headers: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.portal, self.tab, self.sid = portal, tab or uuid.uuid4().hex, ""
        self.client = client or (session_of(user) if user else Client())
        self.heard: list[Frame] = []
        self.accepted, self.closed, self.error, self.is_gone = False, None, None, False
        self.looked_at = 0
        self.news = threading.Condition()
        sent = {"origin": ORIGIN, "host": "127.0.0.1:8000", "cookie": self._cookie()} | (headers or {})
        self.scope = {
            "type": "websocket", "path": f"/ws/consultations/{consultation}/", "query_string": b"", "subprotocols": [],
            "headers": [(name.encode(), value.encode()) for name, value in sent.items() if value],
        }  # fmt: skip
        portal.run(self._start())
        self._wait(lambda: self.accepted or self.closed)

    def _cookie(self) -> str:
        morsel = self.client.cookies.get("sessionid")
        return f"sessionid={morsel.value}" if morsel else ""

    async def _start(self) -> None:
        from telehealth.asgi import application  # it looks at the database, so not before a test may

        self.inbox: asyncio.Queue[Frame] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self.inbox.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(application(self.scope, self.inbox.get, self._send))
        self.task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        with self.news:
            self.error = None if task.cancelled() else task.exception()
            self.news.notify_all()

    async def _send(self, message: Frame) -> None:
        """What the server does with what the application sends; uvicorn refuses anything after a close, too."""
        await self.reads.wait()
        with self.news:
            if self.is_gone:
                raise ConnectionError
            if self.closed is not None:
                raise RuntimeError(f"{message['type']} after the close")
            if message["type"] == "websocket.accept":
                self.accepted = True
            elif message["type"] == "websocket.close":
                self.closed = message.get("code", 1000)
                self.inbox.put_nowait({"type": "websocket.disconnect", "code": self.closed})
            else:
                self.heard.append(json.loads(message["text"], parse_constant=_strict))
            self.news.notify_all()

    def _wait(self, is_there: Callable[[], Any], within_s: float = WITHIN_S) -> Any:
        with self.news:
            self.news.wait_for(lambda: self.error or is_there(), within_s)
            if self.error:
                raise self.error
            return is_there()

    # saying

    def throw(self, text: str | bytes) -> None:
        kind = "text" if isinstance(text, str) else "bytes"
        message = {"type": "websocket.receive", kind: text}
        self.portal.loop.call_soon_threadsafe(self.inbox.put_nowait, message)

    def say(self, t: str, request: str = "", **body: Any) -> str:
        request = request or uuid.uuid4().hex
        self.throw(json.dumps({**body, "v": 1, "t": t, "id": request}))
        return request

    def ask(self, t: str, request: str = "", **body: Any) -> Frame:
        """Say something and return its `ack`, answer or `error`."""
        before = len(self.heard)
        request = self.say(t, request, **body)
        found = self._wait(lambda: next((f for f in self.heard[before:] if f.get("id") == request), None))
        assert found, f"{t} got no answer; closed {self.closed}; heard {self.heard[before:]}"
        return found

    def hello(self, **body: Any) -> Frame:
        answer = self.ask("hello", **({"tab": self.tab} | body))
        self.sid = answer.get("sid", "")
        return answer

    # hearing

    def hears(self, t: str, within_s: float = WITHIN_S, **pieces: Any) -> Frame:
        """Return the next frame of this type, holding these pieces, after the last one looked at."""

        def following() -> tuple[int, Frame] | None:
            rest = list(enumerate(self.heard))[self.looked_at :]
            return next(((at, f) for at, f in rest if f["t"] == t and pieces.items() <= flat(f).items()), None)

        found = self._wait(following, within_s)
        assert found, f"did not hear {t} but {[f['t'] for f in self.heard[self.looked_at :]]}; closed {self.closed}"
        self.looked_at = found[0] + 1
        return found[1]

    def said(self, t: str) -> list[Frame]:
        return [frame for frame in self.heard if frame["t"] == t]

    def hears_until_closed(self, within_s: float = WITHIN_S) -> int | None:
        self._wait(lambda: self.closed is not None, within_s)
        return self.closed

    def hears_welcome_or_close(self, within_s: float = WITHIN_S) -> int | None:
        """Return the code it was closed with, None once it was welcomed."""
        assert self._wait(lambda: self.closed is not None or self.said("welcome"), within_s), "neither was heard"
        return None if self.said("welcome") else self.closed

    def catch_up(self) -> None:
        """Wait until everything the database knows has been heard."""
        seq = self.ask("sync")["snapshot"]["seq"]
        assert self._wait(lambda: self.seqs() and self.seqs()[-1] >= seq), (seq, self.seqs())
        time.sleep(0.02)

    def seqs(self) -> list[int]:
        return [frame["seq"] for frame in self.heard if "seq" in frame]

    def state(self) -> Frame:
        """Reduce everything heard as a browser does: a welcome is assigned, and so is each piece of an event."""
        state: Frame = {}
        for frame in self.heard:
            if frame["t"] == "welcome":
                state = json.loads(json.dumps(frame["snapshot"]))
            elif "seq" in frame:
                assert frame["seq"] == state["seq"] + 1, f"{frame['t']} {frame['seq']} after {state['seq']}"
                state |= {"seq": frame["seq"]} | {name: frame[name] for name in PIECES if name in frame}
                told = frame.get("participant", {"id": None})
                state["participants"] = [told if p["id"] == told["id"] else p for p in state["participants"]]
            elif frame["t"] == "rec.status":
                state["recording"] = frame["recording"]
        return state

    def differences(self) -> Frame:
        """Compare what was heard with what the portal says: name → (reduced here, in a new snapshot)."""
        sides = [_spread(self.state()), _spread(self.ask("sync")["snapshot"])]
        names = set(sides[0]) | set(sides[1])
        return {n: (sides[0].get(n), sides[1].get(n)) for n in names if sides[0].get(n) != sides[1].get(n)}

    # the line itself

    def drop(self) -> None:
        """Lose the line, as a network does. The portal is told that it closed."""
        self.is_gone = True
        if not self.task.done():
            self.portal.loop.call_soon_threadsafe(self.reads.set)
            message = {"type": "websocket.disconnect", "code": 1006}
            self.portal.loop.call_soon_threadsafe(self.inbox.put_nowait, message)
            with self.news:
                self.closed = self.closed or 1006
            self.portal.run(self._is_done())

    async def _is_done(self) -> None:
        done, _ = await asyncio.wait([self.task], timeout=10)
        assert done, "the consumer did not end with its line"
        if not self.task.cancelled() and self.task.exception():
            raise self.task.exception()  # type: ignore[misc]

    def stop_reading(self) -> None:
        self.portal.loop.call_soon_threadsafe(self.reads.clear)


def _spread(state: Frame) -> Frame:
    people = {f"{p['role']}.{name}": one for p in state["participants"] for name, one in p.items()}
    return {name: one for name, one in state.items() if name != "participants"} | people


def flat(frame: Frame) -> Frame:
    """Return what the frame says of one person or of the recording as if it said it itself, to be compared."""
    inner = [frame, frame.get("participant"), frame.get("recording")]
    return {name: one for part in inner if part for name, one in part.items() if isinstance(one, str | int | None)}


def _strict(name: str) -> None:
    raise AssertionError(f"the portal sent {name}, which is not JSON")


class Room:
    """A consultation of one world: who is in it, and how far their call is."""

    def __init__(self, portal: Portal, side: Side) -> None:
        self.portal, self.side, self.consultation = portal, side, side.planned
        self.places = {place.role: place for place in side.planned.participants.all()}

    def enters(self, role: str, **body: Any) -> Line:
        line = self.portal.line(self.user(role), self.consultation.pk)
        assert line.hello(**body)["t"] == "welcome", line.heard
        assert line.ask("ready", mic="on")["t"] == "ack"
        return line

    def user(self, role: str) -> User:
        return self.places[Participant.Role(role)].user

    def both(self) -> tuple[Line, Line]:
        """Patient and clinician, in the waiting room."""
        return self.enters("patient"), self.enters("clinician")

    def begins(self) -> tuple[Line, Line]:
        """Patient and clinician in an audio call that has just begun."""
        patient, clinician = self.both()
        assert clinician.ask("admit", participant=self.id_of("patient"))["t"] == "ack"
        for line in (patient, clinician):
            line.gen = line.hears("pair")["gen"]  # type: ignore[attr-defined]
        return patient, clinician

    def id_of(self, role: str) -> str:
        return str(self.places[Participant.Role(role)].pk)

    def place(self, role: str) -> Participant:
        return Participant.objects.get(pk=self.places[Participant.Role(role)].pk)

    @property
    def call(self) -> Call:
        return Call.objects.get(consultation=self.consultation)

    @property
    def status(self) -> str:
        return Consultation.objects.get(pk=self.consultation.pk).status

    def later(self, **fields: Any) -> None:
        """Change the call's row, for example to make something long ago."""
        Call.objects.filter(consultation=self.consultation).update(**fields)


def consents(line: Line, scope: str = "audio_video") -> Frame:
    return line.ask("consent.give", version=FIRST.version, sha256=FIRST.sha256, scope=scope)


def calm(*lines: Line) -> None:
    """Wait until nothing is on its way any more."""
    for line in lines:
        if line.closed is None:
            line.ask("ping", c=1)
    time.sleep(0.05)
