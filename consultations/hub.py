"""The sockets of this process by channel name, so that frames between two of them skip the channel layer."""

from collections import OrderedDict
from typing import Any, Protocol


class Socket(Protocol):
    def receive_soon(self, frame: dict[str, Any]) -> None: ...


class Hub:
    """Also keeps the answers given to recent requests of each `sid`, for requests that are sent twice."""

    ANSWERS_PER_SID, SIDS = 200, 2000

    def __init__(self) -> None:
        self._sockets: dict[str, Socket] = {}
        self._answers: OrderedDict[str, OrderedDict[str, dict[str, Any]]] = OrderedDict()

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

    def answer_to(self, sid: str, request_id: str) -> dict[str, Any] | None:
        return self._answers.get(sid, {}).get(request_id)

    def remember(self, sid: str, request_id: str, answer: dict[str, Any]) -> None:
        answers = self._answers.setdefault(sid, OrderedDict())
        answers[request_id] = answer
        while len(answers) > self.ANSWERS_PER_SID:
            answers.popitem(last=False)
        while len(self._answers) > self.SIDS:
            self._answers.popitem(last=False)


hub = Hub()
