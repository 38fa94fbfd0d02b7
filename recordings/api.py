"""The capture API: reads requests, asks `capture`, answers as in docs/recordings.md."""

import base64
import binascii
import re
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import permissions, serializers
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from recordings import capture, live
from recordings.capture import CaptureRefused, OpenSegment
from recordings.models import Segment

DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
SPAN = re.compile(r"(\d{1,9})-(\d{1,9})")


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
    root = serializers.RegexField(r"^[0-9a-f]{64}$")
    duration_ms = serializers.IntegerField(min_value=0, max_value=24 * 3600 * 1000)
    reason = serializers.CharField(max_length=16)


class ChunkParser(BaseParser):
    """Reads at most one chunk and one byte, whatever the Content-Length says."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> bytes:
        return bytes(stream.read(capture.MAX_CHUNK_BYTES + 1))


class CaptureView(APIView):
    """Turns what `capture` refuses into a clear answer. Tokens are bearers, so no cookie can be abused with them."""

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, CaptureRefused):
            headers = {"Retry-After": "2"} if exc.status == 503 else None
            return Response({"code": exc.code, "detail": exc.detail}, status=exc.status, headers=headers)
        return super().handle_exception(exc)


class BySession(CaptureView):
    permission_classes = [permissions.IsAuthenticated]
    parser_classes = [JSONParser]


class ByToken(CaptureView):
    authentication_classes: list[Any] = []
    permission_classes = [permissions.AllowAny]  # the upload token is the right; `segment` reads it

    def segment(self, request: Request, segment_id: UUID) -> Segment:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return capture.segment_of_token(token, segment_id, now=timezone.now())


def described(opened: OpenSegment) -> dict[str, Any]:
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
        opened = capture.open_segment(
            request.user, segment_id=facts.pop("segment"), lease_id=facts.pop("lease"), now=timezone.now(), **facts
        )
        return Response(described(opened), status=201 if opened.created else 200)


class UnfinishedView(BySession):
    @extend_schema(responses={200: list})
    def get(self, request: Request) -> Response:
        """One's own segments that still wait for chunks."""
        opened = capture.unfinished_of(request.user)
        return Response(
            [described(o) | {"consultation": str(o.segment.recording.consultation_id)} for o in opened]
        )


class SegmentView(ByToken):
    @extend_schema(responses={200: dict})
    def get(self, request: Request, pk: UUID) -> Response:
        """What is stored of a segment: where an interrupted sender goes on."""
        segment = self.segment(request, pk)
        closed = segment.chunks_expected is not None
        facts = {"segment": str(segment.pk), "status": segment.status, "have": capture.ranges_of(segment), "closed": closed}
        return Response(facts)


class ChunkView(ByToken):
    parser_classes = [ChunkParser]

    @extend_schema(request=bytes, responses={200: dict, 201: dict})
    def put(self, request: Request, pk: UUID, number: int) -> Response:
        """Store one chunk; the answer comes once it is durable."""
        segment = self.segment(request, pk)
        digest = DIGEST.fullmatch(request.headers.get("Content-Digest", ""))
        span = SPAN.fullmatch(request.headers.get("X-Chunk-Time", ""))
        if digest is None or span is None:
            raise CaptureRefused(400, "bad_shape", "Content-Digest and X-Chunk-Time say what this piece is.")
        try:
            expected = base64.b64decode(digest.group(1), validate=True)
        except binascii.Error as error:
            raise CaptureRefused(400, "bad_shape", "Content-Digest is not readable.") from error
        _, is_new = capture.store_chunk(
            segment,
            number=number,
            body=request.data,
            digest=expected,
            from_ms=int(span.group(1)),
            to_ms=int(span.group(2)),
            now=timezone.now(),
        )
        if is_new:
            live.publish_status(segment.recording.call)
        missing = capture.missing_of(segment)
        numbers = capture.numbers_of(segment)
        have_through = (missing[0] if missing else len(numbers)) - 1
        saved = capture.saved_ms(segment.recording)
        answer = {"have_through": have_through, "missing": missing, "saved_ms": saved}
        return Response(answer, status=201 if is_new else 200)


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
