"""A WebSocket that writes in order, closes once, piles nothing up and never stays half open. Knows no calls."""

import asyncio
import contextvars
import json
import logging
import traceback
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError
from django.http import Http404

log = logging.getLogger(__name__)
UNSENT_LIMIT_BYTES = 1024 * 1024
BROKEN, NOTHING_HERE, TRY_AGAIN = 1011, 4404, 4503


class Gone(Exception):
    """This socket may not go on; `code` is its close code, `farewell` a last frame."""

    def __init__(self, code: int, farewell: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code, self.farewell = code, farewell


class OrderlySocket(AsyncWebsocketConsumer):  # type: ignore[misc]
    send_within_s = 30.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_over, self._is_let_go, self._unsent, self._line = False, False, 0, asyncio.Lock()
        self._loop, self._tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()
        self._context = contextvars.copy_context()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._end()

    async def disconnect(self, code: int) -> None:
        await self._end()

    async def _end(self) -> None:
        """Stop what was to be done later, but not the task that says so, and let go; once."""
        if self._is_let_go:
            return
        self.is_over = self._is_let_go = True
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        await self.let_go()

    async def let_go(self) -> None:
        """What is to be done when the line is gone, however it ended."""

    async def tell(self, frame: dict[str, Any]) -> None:
        if not self.is_over:
            text = json.dumps(frame, allow_nan=False)
            await self._write({"type": "websocket.send", "text": text}, len(text))

    async def finish(self, code: int) -> None:
        """Close after everything that was told before; nothing is told or heard afterwards."""
        if not self.is_over:
            self.is_over = True
            await self._write({"type": "websocket.close", "code": code}, 0)

    async def _write(self, message: dict[str, Any], size: int) -> None:
        self._unsent += size
        try:
            if self._unsent > UNSENT_LIMIT_BYTES:
                raise TimeoutError
            async with asyncio.timeout(self.send_within_s), self._line:
                await self.base_send(message)
        except (OSError, RuntimeError):  # they do not read, or are gone; no `disconnect` may ever come to say so
            self.is_over = True
            self.later(self._end())
        finally:
            self._unsent -= size

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        # A context of its own: that of a database thread that handed something over forbids to use the database.
        task = self._loop.create_task(work, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def later_from_thread(self, work: Coroutine[Any, Any, None]) -> None:
        self._loop.call_soon_threadsafe(self.later, work)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("something a socket had to do later failed: %s", type(error).__name__)

    @asynccontextmanager
    async def or_close(self) -> AsyncIterator[None]:
        """Close when the socket may not go on, and when our own code fails: one left half open would hear nothing."""
        try:
            yield
        except Gone as gone:
            if gone.farewell:
                await self.tell(gone.farewell)
            await self.finish(gone.code)
        except Http404:
            await self.finish(NOTHING_HERE)
        except DatabaseError as error:
            log.warning("a socket found no database: %s", type(error).__name__)
            await self.finish(TRY_AGAIN)
        except Exception as error:
            # Where it failed but not with which words: an error's text can hold what somebody said.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("a socket failed: %s\n%s", type(error).__name__, where)
            await self.finish(BROKEN)


def is_from_our_pages(scope: dict[str, Any]) -> bool:
    """Say whether a page of this very origin opened the socket.

    SECURITY: cookies ignore ports, and the list of allowed hosts ignores ports and schemes; so another server on the
    same host could speak with a visitor's session. Only browsers are a danger here, and they always send `Host`.
    """
    headers = {name: value.decode("latin-1").lower() for name, value in scope["headers"]}
    schemes = ("https",) if settings.USES_TLS else ("http", "https")
    host = headers.get(b"host")
    return host is None or headers.get(b"origin") in {f"{scheme}://{host}" for scheme in schemes}
