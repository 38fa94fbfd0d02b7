"""Joins segments into one WebM by stream copy, following a plan: nothing is encoded again."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from fractions import Fraction
from typing import NamedTuple

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Stream

from recordings.media.cards import CardKind, key_frame
from recordings.media.faults import Unreadable, UnreadableMedia
from recordings.media.job import Size
from recordings.media.source import MediaPacket, in_time_order, open_webm, packets_of
from recordings.media.timeline import GAP_MS, Part, Plan

SILENCE = bytes.fromhex("F8FFFE")  # a 20 ms Opus packet that decodes to digital silence
SILENCE_MS = 20
MILLISECOND = Fraction(1, 1000)
CARD_EVERY_MS = 5000  # a card is a key frame: no seek lands further off than this
KEY_FRAME_PATIENCE_MS = 1000


class Source(NamedTuple):
    """A segment's file and the recording's time at which it starts."""

    fd: int
    t0_ms: int
    gaps: tuple[int, ...] = ()


def join(plan: Plan, sources: Mapping[int, Source], output_fd: int, size: Size | None) -> None:
    """Write the replay into output_fd, which must be empty and seekable; size None: sound only.

    Deterministic: the same plan and bytes give the same file.
    """
    with ExitStack() as stack:
        inputs = {
            number: stack.enter_context(open_webm(sources[number].fd, sources[number].gaps))
            for number in dict.fromkeys(p.segment for p in plan.parts if p.segment is not None)
        }
        if not inputs:
            raise UnreadableMedia(Unreadable.NO_MEDIA)
        template = next(iter(inputs.values())).streams.audio[0]
        replay = _Replay(stack.enter_context(_create(output_fd)), template, size)
        readers = {
            number: _Reader(in_time_order(packets_of(container)), sources[number].t0_ms - plan.origin_ms)
            for number, container in inputs.items()
        }
        for index, part in enumerate(plan.parts):
            if part.segment is None:
                replay.fill(part)
            else:
                # Two segments may meet within a packet; before a hole nothing may stick out.
                is_followed = plan.parts[index + 1 : index + 2]
                is_strict = not is_followed or is_followed[0].kind == "hole"
                replay.copy(part, readers[part.segment], is_strict=is_strict)


def _create(output_fd: int) -> OutputContainer:
    # Moving the cues to the front reads the file again by name, which a file object does not have.
    return av.open(
        f"/proc/self/fd/{output_fd}",
        "w",
        format="webm",
        options={"cues_to_front": "1", "fflags": "+bitexact"},
    )


class _Reader:
    """A segment's packets on the replay's clock, read once and in order by consecutive parts."""

    def __init__(self, packets: Iterator[MediaPacket], offset_ms: int) -> None:
        self._packets = packets
        self._offset_ms = offset_ms
        self._next = next(packets, None)

    def until(self, to_ms: int) -> Iterator[MediaPacket]:
        while self._next is not None and self._next.t_ms + self._offset_ms < to_ms:
            packet, self._next = self._next, next(self._packets, None)
            yield packet._replace(t_ms=packet.t_ms + self._offset_ms)


class _Replay:
    """The output file and how far each of its two streams has come."""

    def __init__(self, output: OutputContainer, template: AudioStream, size: Size | None) -> None:
        self._output = output
        self._size = size
        self._video: Stream | None = None
        if size is not None:
            self._video = output.add_mux_stream("vp8", width=size.width, height=size.height)
        self._audio: Stream = output.add_stream_from_template(template)
        self._last: dict[int, int] = {}
        self._audio_end = 0
        self._picture_at = 0

    def fill(self, part: Part) -> None:
        """Silence and a card."""
        card: CardKind = "paused" if part.reason == "paused" else "hole"
        self._show(card, part.from_ms)
        self._silence(part.to_ms, card)

    def copy(self, part: Part, reader: _Reader, *, is_strict: bool) -> None:
        """The packets of a part; a picture is shown only once a key frame has come."""
        needs_key = True
        if part.kind == "audio":
            self._show("audio", part.from_ms)
        else:
            self._picture_at = part.from_ms
        for packet in reader.until(part.to_ms):
            if packet.kind == "video":
                if packet.t_ms < part.from_ms or (needs_key and not packet.is_key):
                    continue
                needs_key = False
                self._picture(packet.t_ms, packet.data, is_key=packet.is_key)
            elif _fits(packet, part, is_strict):
                self._keep_showing(part, packet.t_ms, needs_key)
                if packet.t_ms - self._audio_end > GAP_MS:
                    self._silence(packet.t_ms, None)
                self._sound(packet.t_ms, packet.data, packet.duration_ms)
        if part.to_ms - self._audio_end > GAP_MS:
            self._silence(part.to_ms, None)
        self._keep_showing(part, part.to_ms - 1, needs_key)

    def _keep_showing(self, part: Part, until_ms: int, needs_key: bool) -> None:
        if part.kind == "audio":
            while self._picture_at + CARD_EVERY_MS <= until_ms:
                self._show("audio", self._picture_at + CARD_EVERY_MS)
        elif needs_key and until_ms - self._picture_at >= KEY_FRAME_PATIENCE_MS:
            self._show("hole", until_ms)

    def _silence(self, until_ms: int, card: CardKind | None) -> None:
        while self._audio_end + SILENCE_MS <= until_ms:
            if card is not None and self._audio_end - self._picture_at >= CARD_EVERY_MS:
                self._show(card, self._audio_end)
            self._sound(self._audio_end, SILENCE, SILENCE_MS)

    def _show(self, card: CardKind, at_ms: int) -> None:
        if self._size is not None:
            self._picture(at_ms, key_frame(card, self._size), is_key=True)
        self._picture_at = at_ms

    def _picture(self, at_ms: int, data: bytes, *, is_key: bool) -> None:
        if self._video is not None:
            self._mux(self._video, at_ms, data, is_key=is_key)
            self._picture_at = at_ms

    def _sound(self, at_ms: int, data: bytes, duration_ms: int) -> None:
        self._mux(self._audio, at_ms, data, duration_ms)
        self._audio_end = at_ms + duration_ms

    def _mux(self, stream: Stream, at_ms: int, data: bytes, lasts_ms: int = 0, *, is_key: bool = True) -> None:
        # The muxer refuses a stream that steps back or stands still.
        at_ms = max(at_ms, self._last.get(stream.index, -1) + 1)
        self._last[stream.index] = at_ms
        packet = av.Packet(data)
        packet.stream = stream
        packet.time_base = MILLISECOND
        packet.pts = packet.dts = at_ms
        packet.duration = lasts_ms
        packet.is_keyframe = is_key
        self._output.mux(packet)


def _fits(packet: MediaPacket, part: Part, is_strict: bool) -> bool:
    overhang = packet.duration_ms if is_strict else packet.duration_ms // 2
    return packet.t_ms >= part.from_ms and packet.t_ms + overhang <= part.to_ms
