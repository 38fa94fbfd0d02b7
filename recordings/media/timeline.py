"""Plans a replay: which stretch of which segment is shown when, and why something is missing.

All times are integer milliseconds. Input times are on the recording's clock; the plan is on the
replay's own clock, which starts at 0 with the first segment.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, Self

Mode = Literal["audio", "video"]
Kind = Literal["audio", "video", "hole"]
AbsenceReason = Literal["paused", "damaged"]
HoleReason = Literal["paused", "damaged", "missing", "interrupted"]

# Two Opus packets of 60 ms may leave this much between them without anything being lost.
GAP_MS = 60
# A recorder loses up to 85 ms at stop() and both clocks differ a little: no hole at the very end.
TAIL_MS = 1000


class Stretch(NamedTuple):
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Absence:
    """A stretch of which the caller knows why it is absent.

    `paused` also cuts what was captured in it; `damaged` only names the hole.
    """

    from_ms: int
    to_ms: int
    reason: AbsenceReason


@dataclass(frozen=True, slots=True)
class SegmentSpan:
    """One segment: t0 on the recording's clock, holes on the segment's own clock."""

    number: int
    mode: Mode
    t0_ms: int
    media_duration_ms: int
    holes: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of the replay; `segment` is None in a hole, `reason` is None outside one."""

    kind: Kind
    from_ms: int
    to_ms: int
    segment: int | None = None
    reason: HoleReason | None = None

    def to_json(self) -> dict[str, Any]:
        """Shape: {kind, from_ms, to_ms} with `segment` for media and `reason` for holes."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Plan:
    """Parts without gap or overlap from 0 to duration_ms; 0 is origin_ms of the recording."""

    origin_ms: int
    duration_ms: int
    parts: tuple[Part, ...]

    @property
    def has_video(self) -> bool:
        return any(part.kind == "video" for part in self.parts)

    @property
    def has_holes(self) -> bool:
        return any(part.kind == "hole" for part in self.parts)


def plan(
    spans: Sequence[SegmentSpan],
    *,
    absences: Sequence[Absence] = (),
    cut_at_ms: int | None = None,
    capture_end_ms: int | None = None,
) -> Plan:
    """Lay the segments out in order: overlaps trimmed, gaps over 60 ms turned into holes.

    Nothing at or after `cut_at_ms` (consent withdrawn) is kept or shown. `capture_end_ms` is when
    capture should have ended: media after it is clipped, and missing media before it is a hole.
    """
    limit = min((t for t in (cut_at_ms, capture_end_ms) if t is not None), default=None)
    spans = sorted(
        (s for s in spans if s.media_duration_ms > 0 and (limit is None or s.t0_ms < limit)),
        key=lambda s: (s.t0_ms, s.number),
    )
    if not spans:
        return Plan(0, 0, ())
    # What was lost before the first media that came is shown, too.
    origin = min([spans[0].t0_ms, *(a.from_ms for a in absences if a.reason == "damaged")])
    kept, missing = _kept(spans, limit, [a for a in absences if a.reason == "paused"])
    known: list[_Label] = [_Label(a.from_ms, a.to_ms, a.reason) for a in absences] + missing
    parts = _with_holes(kept, known, origin, limit)
    duration = parts[-1].to_ms - origin if parts else 0
    shifted = (Part(p.kind, p.from_ms - origin, p.to_ms - origin, p.segment, p.reason) for p in parts)
    return Plan(origin, duration, tuple(shifted))


class _Label(NamedTuple):
    from_ms: int
    to_ms: int
    reason: HoleReason


def _kept(
    spans: Sequence[SegmentSpan], limit: int | None, pauses: Sequence[Absence]
) -> tuple[list[Part], list[_Label]]:
    """Return the media that is shown, and the stretches whose bytes never came."""
    kept: list[Part] = []
    missing: list[_Label] = []
    for index, span in enumerate(spans):
        ends = [span.t0_ms + span.media_duration_ms]
        ends += [later.t0_ms for later in spans[index + 1 : index + 2]]
        ends += [] if limit is None else [limit]
        holes = [Stretch(span.t0_ms + h.from_ms, span.t0_ms + h.to_ms) for h in span.holes]
        missing += [_Label(h.from_ms, h.to_ms, "missing") for h in holes]
        cuts = holes + [Stretch(p.from_ms, p.to_ms) for p in pauses]
        for left in _subtract(Stretch(span.t0_ms, min(ends)), cuts):
            kept.append(Part(span.mode, left.from_ms, left.to_ms, span.number))
    return kept, missing


def _subtract(whole: Stretch, cuts: Iterable[Stretch]) -> list[Stretch]:
    left: list[Stretch] = []
    cursor = whole.from_ms
    for cut in sorted(cuts):
        if cursor < min(cut.from_ms, whole.to_ms):
            left.append(Stretch(cursor, min(cut.from_ms, whole.to_ms)))
        cursor = max(cursor, cut.to_ms)
    if cursor < whole.to_ms:
        left.append(Stretch(cursor, whole.to_ms))
    return left


def _with_holes(kept: Sequence[Part], known: Sequence[_Label], origin: int, limit: int | None) -> list[Part]:
    """Return parts without a gap: long gaps become holes, short ones belong to what was before."""
    parts: list[Part] = []
    cursor = origin
    for part in kept:
        if part.from_ms - cursor > GAP_MS:
            parts.append(_hole(cursor, part.from_ms, known))
        elif parts and part.from_ms > cursor:
            parts[-1] = _ending_at(parts[-1], part.from_ms)
        elif not parts:
            part = Part(part.kind, origin, part.to_ms, part.segment)
        parts.append(part)
        cursor = part.to_ms
    if parts and limit is not None and limit - cursor > TAIL_MS:
        parts.append(_hole(cursor, limit, known))
    return parts


def _ending_at(part: Part, to_ms: int) -> Part:
    return Part(part.kind, part.from_ms, to_ms, part.segment, part.reason)


def _hole(from_ms: int, to_ms: int, known: Sequence[_Label]) -> Part:
    """Name a hole by what covers most of it; what nobody accounts for was interrupted."""

    def covered(label: _Label) -> int:
        return min(label.to_ms, to_ms) - max(label.from_ms, from_ms)

    best = max(known, key=covered, default=None)
    reason: HoleReason = "interrupted" if best is None or covered(best) <= 0 else best.reason
    return Part("hole", from_ms, to_ms, None, reason)
