"""Reads packets from a WebM behind a file descriptor. All untrusted media is opened here."""

import heapq
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import av
from av.container import InputContainer

from recordings.media import ebml
from recordings.media.faults import Unreadable, UnreadableMedia
from recordings.media.job import Size
from recordings.media.reader import SegmentReader

MAX_PIXELS = 4_194_304
MAX_STREAMS = 4
# SECURITY: without the forced format an ffconcat script, an SDP text or a playlist named as a
# recording makes the demuxer open other files and sockets; the lists close what it might still try.
_OPTIONS = {
    "format_whitelist": "matroska,webm",
    "protocol_whitelist": "none",
    "codec_whitelist": "opus,libopus,vp8,libvpx",
    "max_pixels": str(MAX_PIXELS),
    "max_streams": str(MAX_STREAMS),
    "threads": "1",
}
_REORDER_MS = 2000
_OPUS_FRAME_MS = {  # RFC 6716 section 3.1: frame length by TOC configuration
    **{config: (10, 20, 40, 60)[config % 4] for config in range(12)},
    **{config: (10, 20)[config % 2] for config in range(12, 16)},
    **{config: (2.5, 5, 10, 20)[config % 4] for config in range(16, 32)},
}


class MediaPacket(NamedTuple):
    """One encoded packet; times in ms on the file's own clock, never negative."""

    t_ms: int
    kind: Literal["audio", "video"]
    data: bytes
    duration_ms: int
    is_key: bool


def open_webm(fd: int, gaps: Sequence[int] = ()) -> InputContainer:
    """Open a WebM; the caller closes it.

    Errors: UnreadableMedia. The magic bytes are looked at before the media library sees the file.
    """
    reader = SegmentReader(fd, gaps)
    if reader.size == 0:
        raise UnreadableMedia(Unreadable.EMPTY)
    if reader.read_at(4, 0) != ebml.MAGIC:
        raise UnreadableMedia(Unreadable.NOT_WEBM)
    try:
        container = av.open(reader, "r", format="matroska", options=_OPTIONS, io_open=_open_nothing)
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableMedia(Unreadable.DAMAGED) from error
    for stream in (*container.streams.video, *container.streams.audio):
        if stream.codec_context is not None:
            stream.codec_context.thread_count = 1
    return container


def packets_of(container: InputContainer) -> Iterator[MediaPacket]:
    """Yield audio and video packets in file order, up to where a crash cut the file off.

    Streams are told apart by type: their order varies from one run of a recorder to the next.
    """
    demuxed = container.demux()
    while True:
        try:
            packet = next(demuxed, None)
        except av.FFmpegError:
            return
        if packet is None:
            return
        kind = packet.stream.type
        if packet.pts is None or packet.is_corrupt or not packet.size:
            continue
        if kind == "audio" or kind == "video":
            base = packet.time_base or Fraction(1, 1000)
            data = bytes(packet)
            lasts = opus_duration_ms(data) if kind == "audio" else 0
            is_key = kind == "audio" or not data[0] & 1
            yield MediaPacket(max(0, round(packet.pts * base * 1000)), kind, data, lasts, is_key)


def in_time_order(packets: Iterator[MediaPacket]) -> Iterator[MediaPacket]:
    """Sort packets across streams within a window of two seconds."""
    waiting: list[tuple[int, int, MediaPacket]] = []
    for index, packet in enumerate(packets):
        heapq.heappush(waiting, (packet.t_ms, index, packet))
        while waiting[0][0] < packet.t_ms - _REORDER_MS:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def opus_duration_ms(data: bytes) -> int:
    """Return how long an Opus packet plays. Source: RFC 6716 section 3.1 and 3.2."""
    code = data[0] & 3
    frames = (1, 2, 2, data[1] & 63 if len(data) > 1 else 0)[code]
    return round(_OPUS_FRAME_MS[data[0] >> 3] * frames)


def vp8_key_frame_size(data: bytes) -> Size | None:
    """Return the picture size a VP8 key frame declares, None if it is no VP8 key frame.

    Source: RFC 6386 section 9.1.
    """
    if len(data) < 10 or data[0] & 1 or data[3:6] != b"\x9d\x01\x2a":
        return None
    width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    return Size(width, height)


def _open_nothing(url: str, flags: int, options: dict[str, str]) -> Any:
    # SECURITY: whatever a file asks the demuxer to open besides itself is refused.
    raise PermissionError(url)
