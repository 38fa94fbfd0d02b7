"""What is planned, on paper."""

import itertools
import json

from recordings.media.timeline import Absence, Part, Plan, SegmentSpan, Stretch, plan


def shape(planned: Plan) -> list[tuple[str, int, int, str | int | None]]:
    return [(p.kind, p.from_ms, p.to_ms, p.reason or p.segment) for p in planned.parts]


def spans(*facts: tuple[str, int, int]) -> list[SegmentSpan]:
    return [
        SegmentSpan(number, mode, t0, length)  # type: ignore[arg-type]
        for number, (mode, t0, length) in enumerate(facts, start=1)
    ]


def test_the_replay_starts_at_zero_with_the_first_segment() -> None:
    planned = plan(spans(("audio", 7_000, 1_000)))
    assert (planned.origin_ms, planned.duration_ms) == (7_000, 1_000)
    assert shape(planned) == [("audio", 0, 1_000, 1)]


def test_the_next_segment_ends_the_one_before() -> None:
    planned = plan(spans(("audio", 0, 5_250), ("video", 5_000, 4_000)))
    assert shape(planned) == [("audio", 0, 5_000, 1), ("video", 5_000, 9_000, 2)]


def test_segments_are_laid_out_by_time_whatever_their_order() -> None:
    late, early = spans(("audio", 5_000, 1_000), ("video", 0, 5_000))
    assert [p.segment for p in plan([late, early]).parts] == [2, 1]


def test_a_gap_of_sixty_milliseconds_is_closed_and_a_longer_one_is_a_hole() -> None:
    closed = plan(spans(("audio", 0, 1_000), ("audio", 1_060, 1_000)))
    assert shape(closed) == [("audio", 0, 1_060, 1), ("audio", 1_060, 2_060, 2)]
    hole = plan(spans(("audio", 0, 1_000), ("audio", 1_061, 1_000)))
    assert shape(hole)[1] == ("hole", 1_000, 1_061, "interrupted")


def test_a_hole_inside_a_segment_is_missing() -> None:
    span = SegmentSpan(1, "video", 100, 6_000, (Stretch(2_000, 4_000),))
    assert shape(plan([span])) == [
        ("video", 0, 2_000, 1),
        ("hole", 2_000, 4_000, "missing"),
        ("video", 4_000, 6_000, 1),
    ]


def test_a_segment_without_its_beginning_starts_the_replay_with_a_hole() -> None:
    span = SegmentSpan(1, "audio", 0, 3_000, (Stretch(0, 1_000),))
    assert shape(plan([span])) == [("hole", 0, 1_000, "missing"), ("audio", 1_000, 3_000, 1)]


def test_a_pause_names_the_gap_and_cuts_what_was_captured_in_it() -> None:
    pause = Absence(4_000, 44_000, "paused")
    planned = plan(spans(("audio", 0, 4_300), ("audio", 43_900, 2_000)), absences=[pause])
    assert shape(planned) == [
        ("audio", 0, 4_000, 1),
        ("hole", 4_000, 44_000, "paused"),
        ("audio", 44_000, 45_900, 2),
    ]


def test_a_damaged_segment_names_the_gap_and_cuts_nothing() -> None:
    lost = Absence(4_000, 8_000, "damaged")
    planned = plan(spans(("audio", 0, 4_250), ("audio", 7_800, 2_000)), absences=[lost])
    assert [s[:3] for s in shape(planned)] == [
        ("audio", 0, 4_250),
        ("hole", 4_250, 7_800),
        ("audio", 7_800, 9_800),
    ]
    assert planned.parts[1].reason == "damaged"


def test_nothing_is_kept_after_consent_was_withdrawn() -> None:
    planned = plan(spans(("audio", 0, 5_000), ("video", 5_000, 5_000)), cut_at_ms=3_000)
    assert shape(planned) == [("audio", 0, 3_000, 1)]
    assert plan(spans(("audio", 500, 1_000)), cut_at_ms=500).parts == ()


def test_media_that_ends_long_before_the_capture_leaves_a_hole_at_the_end() -> None:
    crashed = plan(spans(("audio", 0, 5_000)), capture_end_ms=9_000)
    assert shape(crashed)[-1] == ("hole", 5_000, 9_000, "interrupted")
    assert len(plan(spans(("audio", 0, 5_000)), capture_end_ms=5_900).parts) == 1


def test_media_after_the_capture_is_clipped() -> None:
    assert plan(spans(("audio", 0, 5_000)), capture_end_ms=4_000).duration_ms == 4_000


def test_an_empty_segment_ends_nobody() -> None:
    planned = plan(spans(("audio", 0, 5_000), ("video", 2_000, 0)))
    assert shape(planned) == [("audio", 0, 5_000, 1)]


def test_nothing_gives_an_empty_plan() -> None:
    assert plan([]) == Plan(0, 0, ())


def test_parts_touch_each_other_and_survive_json() -> None:
    holed = SegmentSpan(1, "video", 0, 6_000, (Stretch(2_000, 4_000), Stretch(5_000, 5_500)))
    parts = plan([holed, SegmentSpan(2, "audio", 7_000, 2_000)]).parts
    assert all(a.to_ms == b.from_ms for a, b in itertools.pairwise(parts))
    assert tuple(Part.from_json(json.loads(json.dumps(p.to_json()))) for p in parts) == parts
