"""`GET /recordings/<uuid>/media/` and `…/download/`: bytes of a replay, decrypted on the way, never more than a person
may see."""

import asyncio
import hmac
import logging
from collections.abc import Callable
from hashlib import sha256
from time import monotonic
from typing import TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.sessions import user_of_session
from audit.ledger import Actor, actor_of
from recordings import copies, intact, playback, policy
from recordings.models import Rendition
from recordings.playback import Opened
from recordings.ranges import MOST_BYTES, Span, Unsatisfiable, span_of
from recordings.vault import MasterKeyUnusable, SeekableReader, StoreUnavailable, VaultError

RECHECK_EVERY_S = 5.0
log = logging.getLogger(__name__)
OUTAGES = (StoreUnavailable, MasterKeyUnusable)
R = TypeVar("R", bound=HttpResponseBase)


def entity_tag(rendition: Rendition, user_id: object) -> str:
    """Return a strong tag of this version for this person; it tells nothing about the content."""
    message = f"{rendition.pk}:{user_id}".encode()
    return '"' + hmac.new(settings.SECRET_KEY.encode(), message, sha256).hexdigest()[:32] + '"'


@require_safe
async def media(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """For the player: a range at a time."""
    user = await request.auser()
    if not user.is_authenticated:
        return HttpResponse(status=401)
    actor = await sync_to_async(actor_of)(request)
    found = await sync_to_async(playback.find_replay)(user, pk, actor=actor, now=timezone.now())
    return await _answer(request, found, actor, playback.begin, most=MOST_BYTES, disposition="inline")


@require_safe
async def download(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """A file to keep, for the patient. What broke off goes on: a browser asks once for all of the rest."""
    user = await request.auser()
    if not user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    actor = await sync_to_async(actor_of)(request)
    found = await sync_to_async(copies.find_copy)(user, pk, actor=actor, now=timezone.now())
    most = found.rendition.byte_length
    return await _answer(request, found, actor, copies.begin, most=most, disposition="attachment")


async def _answer(
    request: HttpRequest, found: Opened, actor: Actor, begin: Callable[..., Opened], *, most: int, disposition: str
) -> HttpResponseBase:
    """Answer with bytes, which `begin` writes down before, or with headers alone, which tell nobody anything."""
    user, pk = found.shown.viewer, found.recording.pk
    tag = entity_tag(found.rendition, user.pk)
    wanted = request.headers.get("Range")
    if request.headers.get("If-Range", tag) != tag:
        wanted = None
    length = found.rendition.byte_length
    headers = {"Content-Type": found.rendition.content_type, "Content-Disposition": _named(found, disposition)}
    try:
        span = span_of(wanted, length, most)
    except Unsatisfiable:
        return _with_headers(HttpResponse(status=416), tag, headers | {"Content-Range": f"bytes */{length}"})
    headers["Content-Length"] = str(span.stop - span.start)
    if span.is_partial:
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{length}"
    status = 206 if span.is_partial else 200
    if request.method == "HEAD":
        return _with_headers(HttpResponse(status=status), tag, headers)

    def may_go_on() -> bool:
        try:
            signed_in = user_of_session(request.session.session_key)
            return signed_in is not None and signed_in.pk == user.pk and policy.decide(user, pk).recording is not None
        finally:
            _give_back_connection()

    opened = await sync_to_async(begin)(found, actor=actor, now=timezone.now())
    body = await sync_to_async(_body)(opened, span, actor, may_go_on)
    await sync_to_async(_give_back_connection)()
    if body is None:
        return HttpResponse(status=503, headers={"Retry-After": "5"})
    return _with_headers(StreamingHttpResponse(body, status=status), tag, headers)


def _give_back_connection() -> None:
    """A slow viewer takes minutes; a connection to the database is lent for as long as one is needed only."""
    if not connection.in_atomic_block:
        connection.close()


def _named(opened: Opened, disposition: str) -> str:
    """SECURITY: the name of a file lies open wherever it is kept, so it says nothing of whom, when or why."""
    suffix = "weba" if opened.rendition.content_type.startswith("audio") else "webm"
    return f'{disposition}; filename="consultation.{suffix}"'


def _with_headers(response: R, tag: str, headers: dict[str, str]) -> R:
    for name, value in {
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Cache-Control": "private, no-store",
        "Vary": "Cookie",
        "X-Accel-Buffering": "no",
        **headers,
    }.items():
        response[name] = value
    return response


def _body(opened: Opened, span: Span, actor: Actor, may_go_on: Callable[[], bool]) -> "ReplayBody | None":
    """Return the bytes to send, or None when not one of them can be given out; then that is in the ledger."""
    try:
        reader = intact.open_verified(opened.rendition, opened.recording.patient.vault_id)
    except VaultError as fault:
        _report(opened, fault, actor)
        return None
    playback.count_bytes(opened.viewing, span.stop - span.start)

    return ReplayBody(reader, span, may_go_on=may_go_on, on_fault=lambda fault: _report(opened, fault, actor))


def _report(opened: Opened, fault: VaultError, actor: Actor) -> None:
    """An outage refuses nobody and says nothing of what is stored; anything else does."""
    if isinstance(fault, OUTAGES):
        log.error("replays cannot be read just now: %s", fault)
    else:
        playback.report_unreadable(opened, fault, actor=actor, now=timezone.now())


class ReplayBody:
    """The span piece by piece; read and decrypted in worker threads, so that other requests go on.

    Rights and the breaker are read again every 2 MiB, and every few seconds where that takes longer: somebody who loses
    them in the middle gets no more than that.
    """

    def __init__(
        self,
        reader: SeekableReader,
        span: Span,
        *,
        may_go_on: Callable[[], bool],
        on_fault: Callable[[VaultError], None],
    ) -> None:
        self._reader, self._pieces = reader, reader.iter_range(span.start, span.stop)
        self._may_go_on, self._on_fault = may_go_on, on_fault
        self._since_check, self._check_at = 0, monotonic() + RECHECK_EVERY_S

    def __aiter__(self) -> "ReplayBody":
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await asyncio.to_thread(next, self._pieces, b"")
        except VaultError as fault:
            # Damaged or out of reach since it was verified: the answer ends short, which no player takes for the end.
            await sync_to_async(self._on_fault)(fault)
            raise StopAsyncIteration from fault
        if self._since_check + len(piece) > MOST_BYTES or monotonic() > self._check_at:
            self._since_check, self._check_at = 0, monotonic() + RECHECK_EVERY_S
            if not await sync_to_async(self._may_go_on)():
                raise StopAsyncIteration
        self._since_check += len(piece)
        if not piece:
            raise StopAsyncIteration
        return piece

    def close(self) -> None:
        """Called by Django with the response, also when nobody ever read it."""
        self._reader.close()
