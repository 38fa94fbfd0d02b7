"""Makes recordings like a browser's for demos and tests: sine tones and moving bars of colour."""

import io
import math
from array import array
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from recordings.media import ebml
from recordings.media.job import Size
from recordings.media.timeline import Mode

RATE = 48_000
CLUSTER_MS = 100  # a chunk begins with a cluster, so this is how exactly chunks are cut
FRAME_SAMPLES = 2880  # 60 ms, as browsers' recorders make them
Colour = tuple[int, int, int]


def tone_and_bars(
    *,
    tones_hz: Sequence[int],
    colours: Sequence[Colour],
    mode: Mode,
    duration_s: float,
    size: tuple[int, int] = (320, 180),
    fps: int = 10,
    chunk_s: float = 2.0,
    key_every_s: float = 2.0,
    is_video_first: bool = True,
) -> list[bytes]:
    """Return a live WebM cut into chunks; joined they are the file, each begins with a cluster.

    One tone and one bar of colour per person; a pale stripe wanders through each bar. Tones are
    whole hertz, so that one second of sound repeats without a seam.
    """
    file = io.BytesIO()
    options = {"live": "1", "cluster_time_limit": str(CLUSTER_MS), "fflags": "+bitexact"}
    with av.open(file, "w", format="webm", options=options) as output:
        video: VideoStream | None = None
        if mode == "video" and is_video_first:
            video = _add_video(output, Size(*size), fps, key_every_s)
        audio = _add_audio(output)
        if mode == "video" and video is None:
            video = _add_video(output, Size(*size), fps, key_every_s)
        _write(output, audio, video, tones_hz, colours, round(duration_s * 1000), fps)
    return list(_cut(file.getvalue(), round(chunk_s * 1000)))


def _add_audio(output: OutputContainer) -> AudioStream:
    options = {"b": "32000", "frame_duration": "60", "flags": "+bitexact"}
    audio = output.add_stream("libopus", rate=RATE, options=options)
    assert isinstance(audio, AudioStream)
    audio.layout = "mono"
    audio.codec_context.format = "s16"
    return audio


def _add_video(output: OutputContainer, size: Size, fps: int, key_every_s: float) -> VideoStream:
    options = {"deadline": "realtime", "cpu-used": "8", "flags": "+bitexact"}
    video = output.add_stream("libvpx", rate=fps, options=options)
    assert isinstance(video, VideoStream)
    video.width, video.height = size
    video.pix_fmt = "yuv420p"
    video.bit_rate = 300_000
    video.codec_context.gop_size = max(1, round(fps * key_every_s))
    video.codec_context.thread_count = 1
    return video


def _write(
    output: OutputContainer,
    audio: AudioStream,
    video: VideoStream | None,
    tones_hz: Sequence[int],
    colours: Sequence[Colour],
    duration_ms: int,
    fps: int,
) -> None:
    second = _one_second(tones_hz)
    shown = 0
    for start in range(0, duration_ms * RATE // 1000, FRAME_SAMPLES):
        while video is not None and shown * RATE < start * fps + FRAME_SAMPLES * fps:
            if shown * 1000 < duration_ms * fps:
                output.mux(video.encode(_bars(colours, Size(video.width, video.height), shown, fps)))
            shown += 1
        output.mux(audio.encode(_sound(second, start)))
    if video is not None:
        output.mux(video.encode(None))
    output.mux(audio.encode(None))


def _one_second(tones_hz: Sequence[int]) -> bytes:
    loudness = 0.6 * 32767 / max(1, len(tones_hz))
    steps = [2 * math.pi * tone / RATE for tone in tones_hz]
    return array("h", (round(loudness * sum(math.sin(s * n) for s in steps)) for n in range(RATE))).tobytes()


def _sound(second: bytes, start: int) -> av.AudioFrame:
    frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
    at = start % RATE * 2
    frame.planes[0].update((second + second)[at : at + FRAME_SAMPLES * 2])
    frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
    return frame


def _bars(colours: Sequence[Colour], size: Size, number: int, fps: int) -> av.VideoFrame:
    frame = av.VideoFrame(size.width, size.height, "yuv420p")
    planes = zip(*(_yuv(colour) for colour in colours), strict=True)
    for index, levels in enumerate(planes):
        plane = frame.planes[index]
        width = plane.width // len(levels)
        row = bytearray()
        for level in levels:
            bar = bytearray([level]) * width
            if index == 0:
                stripe, at = max(2, width // 8), number * width // (2 * fps) % width
                bar[at : at + stripe] = bytes([235]) * len(bar[at : at + stripe])
            row += bar
        row += bytes([levels[-1]]) * (plane.line_size - len(row))
        plane.update(bytes(row) * plane.height)
    frame.pts, frame.time_base = number, Fraction(1, fps)
    return frame


def _yuv(colour: Colour) -> Colour:
    """BT.601, limited range."""
    red, green, blue = colour
    return (
        round(16 + (65.738 * red + 129.057 * green + 25.064 * blue) / 256),
        round(128 + (-37.945 * red - 74.494 * green + 112.439 * blue) / 256),
        round(128 + (112.439 * red - 94.154 * green - 18.285 * blue) / 256),
    )


def _cut(file: bytes, chunk_ms: int) -> Iterator[bytes]:
    """Cut before the first cluster of each chunk's time; the header stays with the first."""
    read_at = ebml.reader_of(file)
    begin, number = 0, 1
    for element in ebml.level_one(read_at):
        is_cluster = element.id == ebml.CLUSTER
        if is_cluster and ebml.cluster_time(read_at, element) >= number * chunk_ms:
            yield file[begin : element.start]
            begin = element.start
            number = ebml.cluster_time(read_at, element) // chunk_ms + 1
    yield file[begin:]
