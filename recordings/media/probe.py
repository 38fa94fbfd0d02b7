"""Finds out what one segment really holds, and refuses what a recorder of ours cannot have made."""

from av.container import InputContainer

from recordings.media.faults import Unreadable, UnreadableMedia
from recordings.media.job import SegmentFacts, SegmentInput, Size
from recordings.media.source import (
    MAX_PIXELS,
    MediaPacket,
    in_time_order,
    open_webm,
    packets_of,
    vp8_key_frame_size,
)
from recordings.media.timeline import GAP_MS, Stretch

# No consultation is longer; a time stamp beyond it would make us write silence for hours.
MAX_DURATION_MS = 12 * 3600 * 1000
# A recorder's audio may begin a little after its video; a lost first chunk is at least a second.
LEAD_IN_MS = 500
# Fewer pictures than this in a stretch without sound: the stretch is lost, not silent.
_LIVE_PICTURES_PER_S = 2


def probe(segment: SegmentInput, *, size: Size) -> SegmentFacts:
    """Read one segment from end to end without decoding it.

    Errors: UnreadableMedia, naming the segment.
    """
    try:
        with open_webm(segment.fd, segment.gaps) as container:
            _check_streams(container)
            return _Tally(segment, size).read(container)
    except UnreadableMedia as fault:
        raise UnreadableMedia(fault.reason, segment.number) from fault


def _check_streams(container: InputContainer) -> None:
    streams = container.streams
    if len(streams.audio) > 1 or len(streams.video) > 1:
        raise UnreadableMedia(Unreadable.TOO_MANY_STREAMS)
    if len(streams) != len(streams.audio) + len(streams.video):
        raise UnreadableMedia(Unreadable.CODEC)
    if any(s.codec_context is None or s.codec_context.codec.name != "vp8" for s in streams.video):
        raise UnreadableMedia(Unreadable.CODEC)
    for audio in streams.audio:
        context = audio.codec_context
        is_opus = context is not None and context.codec.canonical_name == "opus"
        if not is_opus or context.rate != 48_000 or context.channels > 2:
            raise UnreadableMedia(Unreadable.CODEC)
    if not streams.audio:
        raise UnreadableMedia(Unreadable.NO_MEDIA)


class _Tally:
    """Counts packets and keeps the stretches in which none came."""

    def __init__(self, segment: SegmentInput, size: Size) -> None:
        self.segment = segment
        self.size = size
        self.audio = self.video = self.key_frames = 0
        self.first_ms: int | None = None
        self.last_ms = self.audio_end = self.video_end = 0
        self.pictures_since_sound = 0
        self.holes: list[Stretch] = []
        self.longest_ms = MAX_DURATION_MS
        if segment.t_end_ms is not None:
            wall_clock_ms = segment.t_end_ms - segment.t0_ms
            self.longest_ms = min(MAX_DURATION_MS, round(wall_clock_ms * 1.1) + 2000)

    def read(self, container: InputContainer) -> SegmentFacts:
        for packet in in_time_order(packets_of(container)):
            if packet.t_ms + packet.duration_ms > self.longest_ms:
                raise UnreadableMedia(Unreadable.TOO_LONG)
            if self.first_ms is None:
                self.first_ms = packet.t_ms
            self.last_ms = max(self.last_ms, packet.t_ms)
            self._hear(packet) if packet.kind == "audio" else self._see(packet)
        return self._facts()

    def _hear(self, packet: MediaPacket) -> None:
        self._close_hole(packet.t_ms)
        self.audio += 1
        self.pictures_since_sound = 0
        self.audio_end = max(self.audio_end, packet.t_ms + packet.duration_ms)

    def _see(self, packet: MediaPacket) -> None:
        if self.segment.mode == "audio":
            # SECURITY: pictures were not agreed to in an audio segment; they are never joined.
            raise UnreadableMedia(Unreadable.UNEXPECTED_VIDEO)
        self.video += 1
        self.pictures_since_sound += 1
        self.video_end = packet.t_ms
        if packet.is_key:
            self._check_picture(vp8_key_frame_size(packet.data))

    def _check_picture(self, size: Size | None) -> None:
        if size is None:
            raise UnreadableMedia(Unreadable.HEADER_MISMATCH)
        # SECURITY: a decoder allocates by the frame's own header, whatever the container says.
        if size.width * size.height > MAX_PIXELS:
            raise UnreadableMedia(Unreadable.TOO_LARGE_PICTURE)
        if size != self.size:
            raise UnreadableMedia(Unreadable.SIZE_CHANGED)
        self.key_frames += 1

    def _close_hole(self, until_ms: int) -> None:
        silent_ms = until_ms - self.audio_end
        longest_ms = GAP_MS if self.audio else LEAD_IN_MS
        is_alive = self.pictures_since_sound * 1000 >= _LIVE_PICTURES_PER_S * silent_ms
        if silent_ms > longest_ms and not (self.video and is_alive):
            self.holes.append(Stretch(self.audio_end, until_ms))

    def _facts(self) -> SegmentFacts:
        self._close_hole(self.video_end)
        if not self.audio:
            raise UnreadableMedia(Unreadable.NO_MEDIA)
        if self.video and not self.key_frames:
            raise UnreadableMedia(Unreadable.HEADER_MISMATCH)
        return SegmentFacts(
            number=self.segment.number,
            has_video=self.video > 0,
            size=self.size if self.video else None,
            audio_packets=self.audio,
            video_packets=self.video,
            first_pts_ms=self.first_ms or 0,
            last_pts_ms=self.last_ms,
            duration_ms=max(self.audio_end, self.video_end),
            holes=tuple(self.holes),
        )
