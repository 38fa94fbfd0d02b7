"""`GET /recordings/<uuid>/media/`: bytes of a replay, decrypted on the way, never more than a person may see."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from audit.ledger import actor_of
from recordings import playback, policy, safe
from recordings.models import Rendition
from recordings.playback import Opened
from recordings.ranges import MOST_BYTES, Span, Unsatisfiable, span_of
from recordings.vault import SeekableReader, StoreUnavailable, VaultError


R = TypeVar("R", bound=HttpResponseBase)


def entity_tag(rendition: Rendition, user_id: object) -> str:
    """Return a strong tag of this version for this person; it tells nothing about the content."""
    message = f"{rendition.pk}:{user_id}".encode()
    return '"' + hmac.new(settings.SECRET_KEY.encode(), message, sha256).hexdigest()[:32] + '"'


@require_safe
async def media(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    user = await request.auser()
    if not user.is_authenticated:
        return HttpResponse(status=401)
    actor = await sync_to_async(actor_of)(request)
    opened = await sync_to_async(playback.open_replay)(user, pk, actor=actor, now=timezone.now())
    tag = entity_tag(opened.rendition, user.pk)
    wanted = request.headers.get("Range")
    if request.headers.get("If-Range", tag) != tag:
        wanted = None
    length = opened.rendition.byte_length
    try:
        span = span_of(wanted, length)
    except Unsatisfiable:
        return _with_headers(HttpResponse(status=416), opened, tag, {"Content-Range": f"bytes */{length}"})
    headers = {"Content-Length": str(span.stop - span.start), "Content-Type": opened.rendition.content_type}
    if span.is_partial:
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{length}"
    status = 206 if span.is_partial else 200
    if request.method == "HEAD":
        return _with_headers(HttpResponse(status=status), opened, tag, headers)
    return await _streamed(opened, user.pk, span, tag, headers, status)


async def _streamed(
    opened: Opened, user_id: object, span: Span, tag: str, headers: dict[str, str], status: int
) -> HttpResponseBase:
    try:
        reader = await sync_to_async(safe.open_object)(opened.rendition, opened.recording.patient.vault_id)
    except StoreUnavailable:
        return HttpResponse(status=503, headers={"Retry-After": "5"})
    except VaultError:
        return HttpResponse(status=503)
    await sync_to_async(playback.count_bytes)(opened.viewing, span.stop - span.start)
    body = _bytes(reader, span, opened)
    return _with_headers(StreamingHttpResponse(body, status=status), opened, tag, headers)


def _with_headers(response: R, opened: Opened, tag: str, headers: dict[str, str]) -> R:
    suffix = "weba" if opened.rendition.content_type.startswith("audio") else "webm"
    for name, value in {
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Cache-Control": "private, no-store",
        "Vary": "Cookie",
        "Content-Disposition": f'inline; filename="consultation.{suffix}"',
        "X-Accel-Buffering": "no",
        **headers,
    }.items():
        response[name] = value
    return response


async def _bytes(reader: SeekableReader, span: Span, opened: Opened) -> AsyncIterator[bytes]:
    """Yield the span piece by piece; read and decrypted in a worker thread, so that other requests go on.

    Rights are read again every 2 MiB: somebody who loses them in the middle gets no more than that.
    """
    pieces, since_check = reader.iter_range(span.start, span.stop), 0
    try:
        while piece := await asyncio.to_thread(next, pieces, b""):
            since_check += len(piece)
            if since_check > MOST_BYTES:
                since_check = 0
                decision = await sync_to_async(policy.decide)(opened.viewing.user, opened.recording.pk)
                if decision.recording is None:
                    return
            yield piece
    finally:
        await asyncio.to_thread(reader.close)
