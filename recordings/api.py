"""The capture API: reads requests, asks `capture`, answers as in docs/recordings.md."""

import base64
import binascii
import logging
import re
from typing import Any
from uuid import UUID

from django.db import DatabaseError
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import permissions, serializers
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit import refusals
from audit.ledger import LedgerUnavailable, Line, actor_of
from audit.models import Action
from audit.refusals import TooManyRefusals
from recordings import capture, guard, live
from recordings.capture import ABSENT, CaptureRefused, OpenSegment
from recordings.models import Segment
from recordings.vault import VaultError

log = logging.getLogger(__name__)
DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
SPAN = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)


class OpenSegmentSerializer(serializers.Serializer[Any]):
    segment = serializers.UUIDField()
    lease = serializers.UUIDField()
    mode = serializers.ChoiceField(["audio", "video"])
    epoch = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    mime = serializers.CharField(max_length=64)
    t0 = serializers.IntegerField(min_value=0, max_value=2**52)


class CloseSegmentSerializer(serializers.Serializer[Any]):
    chunks = serializers.IntegerField(min_value=0, max_value=capture.MAX_CHUNKS)
    bytes = serializers.IntegerField(min_value=0)
    root = serializers.RegexField(r"^[0-9a-f]{64}\Z")  # type: ignore[assignment]
    duration_ms = serializers.IntegerField(min_value=0, max_value=24 * 3600 * 1000)
    reason = serializers.RegexField(r"^[a-z_]{1,16}\Z")


class CaptureView(APIView):
    """Turns what `capture` refuses into a clear answer. Tokens are bearers, so no cookie can be abused with them."""

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, LedgerUnavailable):
            exc = CaptureRefused(503, "ledger", "The portal rests. The recording is kept here and sent again.")
        elif isinstance(exc, VaultError | DatabaseError):
            log.exception("a recorder could not be served")
            exc = CaptureRefused(503, "storage", "Storage is busy. The recording is kept here and sent again.")
        elif isinstance(exc, guard.Leak):
            exc = CaptureRefused(*ABSENT)
        headers = {"Retry-After": "2"}
        if isinstance(exc, TooManyRefusals):
            headers = {"Retry-After": str(exc.retry_after_s)}
            exc = CaptureRefused(429, "too_many", "Wait a minute, then try again.")
        if isinstance(exc, CaptureRefused):
            headers = headers if exc.status in (429, 503) else {}
            return Response({"code": exc.code, "detail": exc.detail}, status=exc.status, headers=headers)
        response = super().handle_exception(exc)
        if isinstance(exc, APIException):
            response.data = _described_refusal(exc)
        return response


def _described_refusal(exc: APIException) -> dict[str, str]:
    if isinstance(exc, ValidationError | ParseError):
        names = ", ".join(exc.detail) if isinstance(exc.detail, dict) else "the body"
        return {"code": "bad_shape", "detail": f"This cannot be read: {names}."}
    return {"code": exc.default_code, "detail": str(exc.detail)}


class BySession(CaptureView):
    permission_classes = [permissions.IsAuthenticated]
    parser_classes = [JSONParser]


class ByToken(CaptureView):
    authentication_classes: list[Any] = []
    permission_classes = [permissions.AllowAny]  # the upload token is the right; `segment` reads it

    def segment(self, request: Request, segment_id: UUID) -> Segment:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return capture.segment_of_token(token, segment_id, now=timezone.now())


def shown_to(request: Request, opened: list[OpenSegment]) -> list[dict[str, Any]]:
    """Describe segments, with their keys, to somebody who was in that consultation. Errors: guard.Leak."""
    recordings = [one.segment.recording for one in opened]
    guard.show(request.user, recordings, actor=actor_of(request._request), now=timezone.now())
    return [_described(one) for one in opened]


def _described(opened: OpenSegment) -> dict[str, Any]:
    return {
        "segment": str(opened.segment.pk),
        "status": opened.segment.status,
        "upload_token": opened.upload_token,
        "key": base64.b64encode(opened.key).decode(),
        "max_chunk": capture.MAX_CHUNK_BYTES,
        "have": capture.ranges_of(opened.segment),
    }


class SegmentsView(BySession):
    @extend_schema(request=OpenSegmentSerializer, responses={200: dict, 201: dict})
    def post(self, request: Request) -> Response:
        """Open a segment under one's own lease."""
        wanted = OpenSegmentSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        facts = dict(wanted.validated_data)
        segment_id, lease_id, now = facts.pop("segment"), facts.pop("lease"), timezone.now()
        try:
            opened = capture.open_segment(request.user, segment_id=segment_id, lease_id=lease_id, now=now, **facts)
        except CaptureRefused as refused:
            if refused.status == 404:
                _note_refusal(request, lease_id)
            raise
        return Response(shown_to(request, [opened])[0], status=201 if opened.created else 200)


def _note_refusal(request: Request, lease_id: UUID) -> None:
    """Errors: TooManyRefusals. Without the ledger it is a refusal all the same."""
    try:
        line = Line(Action.REFUSED, "recorderlease", lease_id)
        refusals.note(actor_of(request), line, now=timezone.now())
    except LedgerUnavailable:
        log.warning("a refusal stands in no ledger: %s asked for lease %s", request.user.pk, lease_id)


class UnfinishedView(BySession):
    @extend_schema(responses={200: {"type": "array", "items": {"type": "object"}}})
    def get(self, request: Request) -> Response:
        """One's own segments that still wait for chunks."""
        opened = capture.unfinished_of(request.user, now=timezone.now())
        rows = zip(shown_to(request, opened), opened, strict=True)
        return Response([row | {"consultation": str(one.segment.recording.consultation_id)} for row, one in rows])


class SegmentView(ByToken):
    @extend_schema(responses={200: dict})
    def get(self, request: Request, pk: UUID) -> Response:
        """What is stored of a segment: where an interrupted sender goes on."""
        segment = self.segment(request, pk)
        closed = segment.chunks_expected is not None
        facts = {
            "segment": str(segment.pk),
            "status": segment.status,
            "have": capture.ranges_of(segment),
            "closed": closed,
        }
        return Response(facts)


class ChunkView(ByToken):
    @extend_schema(request=bytes, responses={200: dict, 201: dict})
    def put(self, request: Request, pk: UUID, number: int) -> Response:
        """Store one chunk; the answer comes once it is durable."""
        segment = self.segment(request, pk)
        digest, (from_ms, to_ms) = digest_of(request), span_of(request)
        # The bytes that came are counted, whatever the Content-Length said.
        body = request._request.read(capture.MAX_CHUNK_BYTES + 1)
        _, is_new = capture.store_chunk(
            segment, number=number, body=body, digest=digest, from_ms=from_ms, to_ms=to_ms, now=timezone.now()
        )
        if is_new:
            live.publish_status(segment.recording.call)
        missing = capture.missing_of(segment)
        have_through = (missing[0] if missing else len(capture.numbers_of(segment))) - 1
        answer = {"have_through": have_through, "missing": missing, "saved_ms": capture.saved_ms(segment.recording)}
        return Response(answer, status=201 if is_new else 200)


def digest_of(request: Request) -> bytes:
    """Source: RFC 9530 §2, one SHA-256 digest."""
    match = DIGEST.fullmatch(request.headers.get("Content-Digest", ""))
    try:
        return base64.b64decode(match.group(1) if match else "?", validate=True)
    except binascii.Error as error:
        raise CaptureRefused(400, "bad_shape", "Content-Digest says what these bytes are.") from error


def span_of(request: Request) -> tuple[int, int]:
    match = SPAN.fullmatch(request.headers.get("X-Chunk-Time", ""))
    if match is None:
        raise CaptureRefused(400, "bad_shape", "X-Chunk-Time says when these bytes were recorded.")
    return int(match.group(1)), int(match.group(2))


class CloseView(ByToken):
    parser_classes = [JSONParser]

    @extend_schema(request=CloseSegmentSerializer, responses={200: dict, 202: dict})
    def post(self, request: Request, pk: UUID) -> Response:
        """Take the manifest of a segment."""
        segment = self.segment(request, pk)
        manifest = CloseSegmentSerializer(data=request.data)
        manifest.is_valid(raise_exception=True)
        facts = dict(manifest.validated_data)
        facts.pop("bytes")
        segment = capture.close_segment(segment, now=timezone.now(), **facts)
        missing = capture.missing_of(segment)
        if missing:
            return Response({"status": "closed", "missing": missing}, status=202)
        return Response({"status": "complete"})
