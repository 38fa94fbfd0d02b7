"""A call in three segments, and instruments that hear and see what a replay holds at a time."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from recordings.media.job import Job, JoinResult, SegmentInput, Size
from recordings.media.runner import run_job
from recordings.media.sample import tone_and_bars
from tests.media.instruments import Replay

SIZE = Size(320, 180)
RED, BLUE, GREEN = (190, 70, 60), (60, 90, 190), (60, 150, 90)
TONE_1, TONE_2, TONE_3 = 440, 880, 1320
MakeFd = Callable[[bytes], int]


@cache
def audio(tone: int, duration_s: float = 4.0) -> tuple[bytes, ...]:
    """Chunks of one second."""
    made = tone_and_bars(tones_hz=[tone], colours=[RED], mode="audio", duration_s=duration_s, chunk_s=1.0)
    return tuple(made)


@cache
def video(tone: int, duration_s: float = 4.0, size: Size = SIZE, *, is_video_first: bool = True) -> tuple[bytes, ...]:
    made = tone_and_bars(
        tones_hz=[tone],
        colours=[BLUE, GREEN],
        mode="video",
        duration_s=duration_s,
        size=size,
        chunk_s=1.0,
        is_video_first=is_video_first,
    )
    return tuple(made)


@pytest.fixture
def make_fd() -> Iterator[MakeFd]:
    made: list[int] = []

    def make(data: bytes = b"") -> int:
        fd = os.memfd_create("media")
        made.append(fd)
        os.write(fd, data)
        return fd

    yield make
    for fd in made:
        os.close(fd)


@dataclass
class Studio:
    """Builds jobs and runs them."""

    make_fd: MakeFd

    def segment(self, number: int, chunks: tuple[bytes, ...], t0_ms: int, mode: str | None = None) -> SegmentInput:
        data = b"".join(chunks)
        found = "video" if b"V_VP8" in data[:1000] else "audio"
        return SegmentInput(number, mode or found, t0_ms, self.make_fd(data))  # type: ignore[arg-type]

    def job(self, *segments: SegmentInput, **facts: Any) -> Job:
        return Job(tuple(segments), self.make_fd(b""), facts.pop("size", SIZE), **facts)

    def run(self, *segments: SegmentInput, **facts: Any) -> tuple[JoinResult, Replay]:
        job = self.job(*segments, **facts)
        result = run_job(job)
        return result, Replay(os.pread(job.output_fd, result.byte_length + 1, 0))


@pytest.fixture
def studio(make_fd: MakeFd) -> Studio:
    return Studio(make_fd)
