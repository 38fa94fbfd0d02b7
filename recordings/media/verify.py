"""Checks a finished replay the way a player meets it, before anyone is shown it."""

import itertools
import os

import av
from av.container import InputContainer

from recordings.media import ebml
from recordings.media.faults import UnreadableMedia, Unsound, UnsoundReplay
from recordings.media.reader import SegmentReader
from recordings.media.source import open_webm
from recordings.media.timeline import Plan

TOLERANCE_MS = 500
WINDOW_MS = 2000


def verify(fd: int, plan: Plan) -> None:
    """Check index, length, streams, order of packets, and that four windows really decode.

    Errors: UnsoundReplay.
    """
    _require(_has_cues_in_front(fd), Unsound.CUES)
    try:
        with open_webm(fd) as container:
            kinds = sorted(stream.type for stream in container.streams)
            _require(kinds == ["audio", "video"][: 1 + plan.has_video], Unsound.STREAMS)
            _require(_is_close((container.duration or 0) / 1000, plan), Unsound.DURATION)
            _check_order(container, plan)
            last = max(0, plan.duration_ms - WINDOW_MS)
            for start_ms in sorted({0, last // 3, last * 2 // 3}):
                _decode(container, start_ms, start_ms + WINDOW_MS)
            _decode(container, last, None)
    except UnreadableMedia as fault:
        raise UnsoundReplay(Unsound.CONTAINER) from fault
    except av.FFmpegError as error:
        raise UnsoundReplay(Unsound.DECODE) from error


def _require(holds: bool, otherwise: Unsound) -> None:
    if not holds:
        raise UnsoundReplay(otherwise)


def _is_close(found_ms: float, plan: Plan) -> bool:
    return abs(found_ms - plan.duration_ms) <= TOLERANCE_MS


def _has_cues_in_front(fd: int) -> bool:
    outline = (element.id for element in ebml.level_one(SegmentReader(fd).read_at))
    before = itertools.takewhile(lambda found: found != ebml.CLUSTER, outline)
    return ebml.CUES in before and os.fstat(fd).st_size > 0


def _check_order(container: InputContainer, plan: Plan) -> None:
    last: dict[str, int] = {}
    end_ms = 0.0
    for packet in container.demux():
        if packet.pts is None:
            continue
        kind = packet.stream.type
        _require(packet.pts > last.get(kind, packet.pts - 1), Unsound.ORDER)
        last[kind] = packet.pts
        base = packet.time_base
        _require(base is not None, Unsound.CONTAINER)
        # How long a picture stands is nowhere in the file: FFmpeg guesses it from all the others, holes included.
        lasts = packet.duration or 0 if kind == "audio" else 0
        end_ms = max(end_ms, float((packet.pts + lasts) * (base or 0) * 1000))
    _require(len(last) == 1 + plan.has_video, Unsound.STREAMS)
    _require(_is_close(end_ms, plan), Unsound.DURATION)


def _decode(container: InputContainer, from_ms: int, to_ms: int | None) -> None:
    """Decode from the key frame before from_ms on; each stream must give at least one frame."""
    container.seek(from_ms * 1000)
    found: set[str] = set()
    for packet in container.demux():
        frames = packet.decode()
        if frames:
            found.add(packet.stream.type)
        at_ms = None if packet.pts is None else packet.pts * float(packet.time_base) * 1000
        if to_ms is not None and at_ms is not None and at_ms > to_ms:
            break
    _require(found == {stream.type for stream in container.streams}, Unsound.DECODE)
