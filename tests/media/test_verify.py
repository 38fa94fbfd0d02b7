"""A replay that is not sound is not published."""

import os

import pytest

from recordings.media import ebml
from recordings.media.faults import Unsound, UnsoundReplay
from recordings.media.join import Source, join
from recordings.media.probe import probe
from recordings.media.timeline import Part, Plan, SegmentSpan, plan
from recordings.media.verify import verify
from tests.media.conftest import SIZE, TONE_1, TONE_2, MakeFd, Studio, audio, video

KEY_FRAME = b"\x9d\x01\x2a"


def joined(studio: Studio) -> tuple[int, Plan]:
    first, second = (
        studio.segment(1, audio(TONE_1), 0),
        studio.segment(2, video(TONE_2, 5.0), 4_000),
    )
    facts = [probe(s, size=SIZE) for s in (first, second)]
    planned = plan(
        [
            SegmentSpan(1, "audio", 0, facts[0].duration_ms),
            SegmentSpan(2, "video", 4_000, facts[1].duration_ms),
        ]
    )
    output = studio.make_fd(b"")
    join(planned, {1: Source(first.fd, 0), 2: Source(second.fd, 4_000)}, output, SIZE)
    return output, planned


def fault(fd: int, planned: Plan) -> Unsound:
    with pytest.raises(UnsoundReplay) as found:
        verify(fd, planned)
    return found.value.reason


def test_what_the_join_makes_is_sound(studio: Studio) -> None:
    verify(*joined(studio))


def test_few_pictures_between_holes_are_sound(studio: Studio) -> None:
    """How long the last one stands is not in the file, and what is guessed from the others' distances is no fault."""
    result, _ = studio.run(
        studio.segment(1, audio(TONE_1, 1.0), 0),
        studio.segment(2, audio(TONE_1, 1.0), 4_500),
        studio.segment(3, video(TONE_2, 1.0), 10_000),
    )
    assert abs(result.duration_ms - 11_000) < 200


def test_a_replay_of_another_length_than_planned_is_refused(studio: Studio) -> None:
    output, planned = joined(studio)
    longer = Plan(0, planned.duration_ms + 600, planned.parts)
    assert fault(output, longer) == "output_duration"


def test_a_replay_without_its_pictures_is_refused(studio: Studio) -> None:
    output, planned = joined(studio)
    silent = Plan(0, planned.duration_ms, (Part("audio", 0, planned.duration_ms, 1),))
    assert fault(output, silent) == "output_streams"


def test_a_replay_with_its_index_at_the_end_is_refused(studio: Studio) -> None:
    _, planned = joined(studio)
    live = studio.make_fd(b"".join(video(TONE_1)))
    assert fault(live, planned) == "output_cues"


def test_a_replay_cut_short_is_refused(studio: Studio, make_fd: MakeFd) -> None:
    output, planned = joined(studio)
    whole = os.pread(output, 1 << 24, 0)
    assert fault(make_fd(whole[: len(whole) // 2]), planned) == "output_duration"


def test_a_replay_whose_pictures_do_not_decode_is_refused(studio: Studio, make_fd: MakeFd) -> None:
    output, planned = joined(studio)
    broken = os.pread(output, 1 << 24, 0).replace(KEY_FRAME, b"\x00\x00\x00")
    assert fault(make_fd(broken), planned) == "output_decode"


def test_a_replay_whose_last_pictures_do_not_decode_is_refused(studio: Studio, make_fd: MakeFd) -> None:
    output, planned = joined(studio)
    broken = bytearray(os.pread(output, 1 << 24, 0))
    last = broken.rindex(KEY_FRAME)
    broken[last : last + 3] = bytes(3)
    assert fault(make_fd(bytes(broken)), planned) == "output_decode"


def test_a_replay_that_steps_back_in_time_is_refused(studio: Studio, make_fd: MakeFd) -> None:
    output, planned = joined(studio)
    back = bytearray(os.pread(output, 1 << 24, 0))
    read_at = ebml.reader_of(bytes(back))
    *_, last = (e for e in ebml.level_one(read_at) if e.id == ebml.CLUSTER)
    time = next(ebml.children(read_at, last.body, last.end))
    assert time.id == ebml.CLUSTER_TIME and time.end is not None
    back[time.body : time.end] = bytes(time.end - time.body)
    assert fault(make_fd(bytes(back)), planned) == "output_order"
