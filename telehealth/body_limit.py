"""Refuses request bodies above a limit while they arrive, whatever their Content-Length says."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class _TooBig(Exception):
    pass


class BodyLimit:
    """ASGI middleware. Django would spool a large body to disk before any view could refuse it."""

    def __init__(self, application: Callable[..., Awaitable[None]], most_bytes: int) -> None:
        self.application, self.most_bytes = application, most_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        received, started = 0, False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.most_bytes:
                raise _TooBig
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.application(scope, counted, noted)
        except _TooBig:
            if not started:
                await self._refuse(send)

    async def _refuse(self, send: Send) -> None:
        body = b'{"code": "too_big", "detail": "Send at most 2 MiB at a time."}'
        headers = [(b"content-type", b"application/json"), (b"connection", b"close"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})
