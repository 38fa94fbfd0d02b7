"""What this process remembers of its sockets. Nothing here is the only place of a fact."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

RATE_PER_S, BURST = 20, 120
# Of one person and of everybody in one consultation. A phone that changes networks leaves dead lines for a while.
SOCKETS_OF_ONE, SOCKETS_OF_ALL = 6, 12
CANDIDATES_MOST = 200  # of one sender for one description; a home has tens


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
    requests of each `sid`, for requests sent twice; everybody's allowance, so that reconnecting refills none; and how
    many sockets and candidates somebody has already.
    """

    ANSWERS_PER_SID, SIDS, PEOPLE = 200, 2000, 5000

    def __init__(self) -> None:
        self._sockets: dict[str, Socket] = {}
        self._answers: OrderedDict[str, OrderedDict[str, dict[str, Any]]] = OrderedDict()
        self._allowances: OrderedDict[str, Allowance] = OrderedDict()
        self._places: dict[str, tuple[UUID, UUID]] = {}
        self._candidates: OrderedDict[str, int] = OrderedDict()

    def has_room(self, channel: str, consultation: UUID, participant: UUID) -> bool:
        """Count a socket in from its first right on, until `discard`; False if there are too many already."""
        all_of_it = [who for where, who in self._places.values() if where == consultation]
        if len(all_of_it) >= SOCKETS_OF_ALL or all_of_it.count(participant) >= SOCKETS_OF_ONE:
            return False
        self._places[channel] = (consultation, participant)
        return True

    def add(self, channel: str, socket: Socket) -> None:
        self._sockets[channel] = socket

    def discard(self, channel: str) -> None:
        self._sockets.pop(channel, None)
        self._places.pop(channel, None)

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

    def described(self, sid: str) -> None:
        """Count this sender's candidates anew: every description, that of a restart too, gathers its own."""
        self._candidates.pop(sid, None)

    def may_add_candidates(self, sid: str, number: int) -> bool:
        known = self._candidates.get(sid, 0) + number
        if known > CANDIDATES_MOST:
            return False
        self._candidates[sid] = known
        self._candidates.move_to_end(sid)
        while len(self._candidates) > self.SIDS:
            self._candidates.popitem(last=False)
        return True

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
