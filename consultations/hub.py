"""What this process remembers of its sockets. Nothing here is the only place of a fact."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

RATE_PER_S, BURST = 20, 120


class Socket(Protocol):
    def receive_soon(self, frame: dict[str, Any]) -> None: ...


class Allowance:
    """How much somebody may still say: a bucket that fills by `RATE_PER_S` up to `BURST`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._left, self._at = clock, float(BURST), clock()

    def take(self, cost: float) -> bool:
        now = self._clock()
        self._left = min(float(BURST), self._left + (now - self._at) * RATE_PER_S)
        self._at = now
        if self._left < cost:
            return False
        self._left -= cost
        return True


class Hub:
    """Sockets by channel name, so that frames between two of them skip the channel layer; the answers given to recent
    requests of each `sid`, for requests sent twice; and everybody's allowance, so that reconnecting refills none.
    """

    ANSWERS_PER_SID, SIDS, PEOPLE = 200, 2000, 5000

    def __init__(self) -> None:
        self._sockets: dict[str, Socket] = {}
        self._answers: OrderedDict[str, OrderedDict[str, dict[str, Any]]] = OrderedDict()
        self._allowances: OrderedDict[str, Allowance] = OrderedDict()

    def add(self, channel: str, socket: Socket) -> None:
        self._sockets[channel] = socket

    def discard(self, channel: str) -> None:
        self._sockets.pop(channel, None)

    def hand_over(self, channel: str, frame: dict[str, Any]) -> bool:
        """Give a frame to a socket of this process; False if it lives in another one."""
        socket = self._sockets.get(channel)
        if socket is not None:
            socket.receive_soon(frame)
        return socket is not None

    def allowance_of(self, participant: str) -> Allowance:
        allowance = self._allowances.setdefault(participant, Allowance())
        self._allowances.move_to_end(participant)
        while len(self._allowances) > self.PEOPLE:
            self._allowances.popitem(last=False)
        return allowance

    def answer_to(self, sid: str, request_id: str) -> dict[str, Any] | None:
        return self._answers.get(sid, OrderedDict()).get(request_id)

    def remember(self, sid: str, request_id: str, answer: dict[str, Any]) -> None:
        answers = self._answers.setdefault(sid, OrderedDict())
        answers[request_id] = answer
        while len(answers) > self.ANSWERS_PER_SID:
            answers.popitem(last=False)
        while len(self._answers) > self.SIDS:
            self._answers.popitem(last=False)


hub = Hub()
