"""What the caller and the media process say to each other, as JSON: a job, then a result."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, Self

from recordings.media.timeline import Absence, Mode, Part, Stretch

Stage = Literal["probing", "joining", "checking"]
STAGES: tuple[Stage, ...] = ("probing", "joining", "checking")
AUDIO_TYPE = "audio/webm"
VIDEO_TYPE = "video/webm"


class Size(NamedTuple):
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class SegmentInput:
    """One segment: `fd` reads its present chunks, concatenated; times on the recording's clock.

    `gaps` are the byte offsets in fd at which chunks are missing.
    `t_end_ms` is the wall-clock end as the server saw it; media claiming much more is refused.
    """

    number: int
    mode: Mode
    t0_ms: int
    fd: int
    t_end_ms: int | None = None
    gaps: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """All that the media process needs; every video segment and every card has the size given."""

    segments: tuple[SegmentInput, ...]
    output_fd: int
    size: Size
    absences: tuple[Absence, ...] = ()
    cut_at_ms: int | None = None
    capture_end_ms: int | None = None

    @property
    def wall_clock_ms(self) -> int:
        """How long the recording took as far as the server knows; 0 if it does not."""
        ends = [s.t_end_ms for s in self.segments] + [self.capture_end_ms]
        start = min((s.t0_ms for s in self.segments), default=0)
        return max((end - start for end in ends if end is not None), default=0)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(
            segments=tuple(SegmentInput(**{**s, "gaps": tuple(s["gaps"])}) for s in data["segments"]),
            output_fd=data["output_fd"],
            size=Size(*data["size"]),
            absences=tuple(Absence(**a) for a in data["absences"]),
            cut_at_ms=data["cut_at_ms"],
            capture_end_ms=data["capture_end_ms"],
        )


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """What one segment really holds; times on the segment's own clock."""

    number: int
    has_video: bool
    size: Size | None
    audio_packets: int
    video_packets: int
    first_pts_ms: int
    last_pts_ms: int
    duration_ms: int
    holes: tuple[Stretch, ...]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        size = None if data["size"] is None else Size(*data["size"])
        return cls(**{**data, "size": size, "holes": tuple(Stretch(*h) for h in data["holes"])})


@dataclass(frozen=True, slots=True)
class JoinResult:
    """A verified replay, which lies in the job's output fd."""

    timeline: tuple[Part, ...]
    duration_ms: int
    segments: tuple[SegmentFacts, ...]
    byte_length: int
    sha256: str
    content_type: str

    @property
    def has_holes(self) -> bool:
        return any(part.kind == "hole" for part in self.timeline)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "timeline": [part.to_json() for part in self.timeline]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Errors: KeyError, TypeError, ValueError for anything else than `to_json` gives."""
        return cls(
            timeline=tuple(Part.from_json(p) for p in data["timeline"]),
            duration_ms=int(data["duration_ms"]),
            segments=tuple(SegmentFacts.from_json(s) for s in data["segments"]),
            byte_length=int(data["byte_length"]),
            sha256=str(data["sha256"]),
            content_type=str(data["content_type"]),
        )
