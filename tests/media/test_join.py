"""A consultation that changed its mode, heard and seen again."""

import itertools

import pytest

from recordings.media import ebml
from recordings.media.ebml import header_of
from recordings.media.job import JoinResult
from recordings.media.timeline import Absence
from tests.media.conftest import TONE_1, TONE_2, TONE_3, Studio, audio, video
from tests.media.instruments import Replay

SIMPLE_BLOCK, BLOCK_GROUP, VOID = 0xA3, 0xA0, 0xEC
Joined = tuple[JoinResult, Replay]


def there_and_back(studio: Studio, overlap_ms: int = 250, **order: bool) -> Joined:
    """Audio, video, audio: four seconds each, handed over by overlap."""
    step = 4_000 - overlap_ms
    return studio.run(
        studio.segment(1, audio(TONE_1), 1_000),
        studio.segment(2, video(TONE_2, **order), 1_000 + step),
        studio.segment(3, audio(TONE_3), 1_000 + 2 * step),
    )


def shape(result: JoinResult) -> list[tuple[str, str | None]]:
    return [(part.kind, part.reason) for part in result.timeline]


@pytest.mark.parametrize("overlap_ms", [0, 100, 250, 500])
def test_each_voice_is_heard_when_it_spoke_whatever_the_overlap(overlap_ms: int, studio: Studio) -> None:
    result, replay = there_and_back(studio, overlap_ms)
    step = 4_000 - overlap_ms
    assert abs(replay.duration_ms - result.duration_ms) < 100
    assert abs(replay.duration_ms - (2 * step + 4_000)) < 500
    assert abs(replay.switch_ms(TONE_1, TONE_2, step) - step) <= 60
    assert abs(replay.switch_ms(TONE_2, TONE_3, 2 * step) - 2 * step) <= 60
    heard = [replay.tone_at(at) for at in (500, step + 500, 2 * step + 500, 2 * step + 3_500)]
    assert heard == [TONE_1, TONE_2, TONE_3, TONE_3]
    assert shape(result) == [("audio", None), ("video", None), ("audio", None)]


@pytest.mark.parametrize("is_video_first", [True, False])
def test_pictures_move_in_the_video_part_and_a_card_stands_in_the_audio_parts(
    is_video_first: bool, studio: Studio
) -> None:
    result, replay = there_and_back(studio, is_video_first=is_video_first)
    assert all(replay.shows_card("audio", at) for at in (0, 1_000, 3_700, 7_600, 11_000))
    assert all(replay.moves_at(at) for at in (4_000, 5_000, 6_500))
    assert not replay.shows_card("audio", 4_000)
    assert result.content_type == "video/webm"


def test_no_sound_is_lost_where_segments_meet(studio: Studio) -> None:
    _, replay = there_and_back(studio)
    times = [t for t, kind, _ in replay.packets if kind == "audio"]
    assert max(b - a for a, b in itertools.pairwise(times)) <= 120


def test_the_index_lies_in_front_and_every_point_can_be_reached(studio: Studio) -> None:
    result, replay = there_and_back(studio)
    outline = [e.id for e in ebml.level_one(ebml.reader_of(replay.data))]
    assert outline.index(ebml.CUES) < outline.index(ebml.CLUSTER)
    with replay.open() as container:
        for target_ms in range(0, result.duration_ms, 1_500):
            container.seek(target_ms * 1000)
            frame = next(container.decode(video=0))
            assert target_ms - 5_000 <= frame.time * 1000 <= target_ms + 100


def test_a_long_audio_part_repeats_its_card_every_five_seconds(studio: Studio) -> None:
    _, replay = studio.run(studio.segment(1, video(TONE_1, 2.0), 0), studio.segment(2, audio(TONE_2, 12.0), 2_000))
    cards = [t for t, kind, _ in replay.packets if kind == "video" and t >= 2_000]
    assert cards == [2_000, 7_000, 12_000]


def test_two_video_parts_meet_without_a_card(studio: Studio) -> None:
    result, replay = studio.run(studio.segment(1, video(TONE_1), 0), studio.segment(2, video(TONE_2), 3_750))
    assert shape(result) == [("video", None)] * 2
    assert not any(replay.shows_card("hole", at) for at in range(100, 7_000, 250))
    assert abs(replay.switch_ms(TONE_1, TONE_2, 3_750) - 3_750) <= 60


def test_a_missing_chunk_is_a_hole_of_its_length_and_nothing_shifts_after_it(
    studio: Studio,
) -> None:
    chunks = video(TONE_2, 8.0)
    result, replay = studio.run(studio.segment(1, chunks[:3] + chunks[4:], 0))
    assert shape(result) == [("video", None), ("hole", "missing"), ("video", None)]
    hole = result.timeline[1]
    assert abs(hole.from_ms - 3_000) <= 100
    assert abs(hole.to_ms - 4_000) <= 100
    assert replay.tone_at(2_800) == TONE_2
    assert all(replay.loudness(TONE_2, at) < 0.01 for at in (3_150, 3_500, 3_850))
    assert replay.tone_at(4_200) == TONE_2
    assert replay.shows_card("hole", 3_500)
    assert_nothing_shifted(replay, chunks, 0)


def test_pictures_wait_for_a_key_frame_after_a_hole(studio: Studio) -> None:
    chunks = video(TONE_2, 8.0)  # a key frame every two seconds, at even ones
    _, replay = studio.run(studio.segment(1, chunks[:2] + chunks[3:], 0))
    assert replay.tone_at(3_200) == TONE_2
    assert replay.shows_card("hole", 3_900)
    assert replay.moves_at(4_100)
    at_4 = [data for t, kind, data in replay.packets if kind == "video" and 2_950 < t < 4_050]
    assert all(data[0] & 1 == 0 for data in at_4)


def test_a_missing_first_chunk_is_read_with_the_header_of_a_sibling(studio: Studio) -> None:
    sibling, chunks = video(TONE_1), video(TONE_2)
    rescued = (header_of(sibling[0]), *chunks[1:])
    result, replay = studio.run(studio.segment(1, sibling, 0), studio.segment(2, rescued, 4_000))
    assert shape(result) == [("video", None), ("hole", "missing"), ("video", None)]
    hole = result.timeline[1]
    assert hole.from_ms == 4_000
    assert abs(hole.to_ms - 5_000) <= 100
    assert replay.tone_at(5_200) == TONE_2
    assert replay.loudness(TONE_2, 4_500) < 0.01
    assert_nothing_shifted(replay, chunks, 4_000)


def test_a_tail_cut_off_by_a_crash_keeps_what_was_written(studio: Studio) -> None:
    data = b"".join(video(TONE_1, 4.0))
    result, replay = studio.run(studio.segment(1, (data[: len(data) * 3 // 4],), 0))
    assert 2_000 < result.duration_ms < 4_000
    assert replay.tone_at(result.duration_ms - 200) == TONE_1
    assert replay.moves_at(1_000)


def test_time_between_segments_is_silence_under_a_card(studio: Studio) -> None:
    result, replay = studio.run(studio.segment(1, video(TONE_1), 0), studio.segment(2, audio(TONE_2), 12_000))
    assert shape(result)[1] == ("hole", "interrupted")
    assert all(replay.loudness(TONE_1, at) < 0.01 for at in (4_300, 8_000, 11_800))
    assert all(replay.shows_card("hole", at) for at in (4_300, 8_000, 11_800))
    assert abs(replay.duration_ms - 16_000) < 500
    assert replay.tone_at(12_200) == TONE_2


def test_a_long_hole_repeats_its_card_and_its_silence(studio: Studio) -> None:
    _, replay = studio.run(
        studio.segment(1, video(TONE_1), 0),
        studio.segment(2, audio(TONE_2), 16_000),
        capture_end_ms=26_000,
    )
    cards = [t for t, kind, _ in replay.packets if kind == "video" and t >= 4_050]
    gaps = [later - t for t, later in itertools.pairwise([*cards, 26_000])]
    assert len(cards) == 6
    assert max(gaps) <= 5_020
    sounds = [t for t, kind, _ in replay.packets if kind == "audio"]
    assert max(later - t for t, later in itertools.pairwise(sounds)) <= 120
    assert abs(replay.duration_ms - 26_000) <= 60


def test_a_chunk_that_came_twice_does_not_stop_the_join(studio: Studio) -> None:
    chunks = video(TONE_1)
    _, replay = studio.run(studio.segment(1, (*chunks[:2], chunks[1], *chunks[2:]), 0))
    assert abs(replay.duration_ms - 4_000) < 500


def test_silence_keeps_the_time_where_pictures_went_on_without_sound(studio: Studio) -> None:
    """A microphone that says nothing at all for a while is no hole: the pictures are there."""
    whole = b"".join(video(TONE_1, 6.0))
    muted = without_sound(whole, 2_000, 4_000)
    result, replay = studio.run(studio.segment(1, (muted,), 0))
    assert shape(result) == [("video", None)]
    assert all(replay.moves_at(at) for at in (1_000, 2_500, 3_200, 5_000))
    assert replay.loudness(TONE_1, 3_000) < 0.01
    sounds = [t for t, kind, _ in replay.packets if kind == "audio"]
    assert max(later - t for t, later in itertools.pairwise(sounds)) <= 120
    ends_early, replay = studio.run(studio.segment(1, (without_sound(whole, 4_000, 9_000),), 0))
    assert shape(ends_early) == [("video", None)]
    assert max(t for t, kind, _ in replay.packets if kind == "audio") > 5_700


def test_a_lone_picture_after_the_sound_broke_off_does_not_hide_the_loss(studio: Studio) -> None:
    whole = b"".join(video(TONE_1, 6.0))
    lone = without_sound(whole, 2_000, 9_000, pictures_too_until_ms=5_800)
    result, _ = studio.run(studio.segment(1, (lone,), 0), studio.segment(2, audio(TONE_2), 6_000))
    assert shape(result) == [("video", None), ("hole", "missing"), ("audio", None)]


def test_a_card_stands_in_while_a_long_wait_for_a_key_frame_lasts(studio: Studio) -> None:
    whole = b"".join(video(TONE_1, 4.0))  # key frames at 0 and 2 s
    _, replay = studio.run(studio.segment(1, (without_sound(whole, 0, 0, pictures_too_until_ms=150),), 0))
    assert replay.shows_card("hole", 1_500)
    assert replay.moves_at(2_100)


def test_what_was_said_off_the_record_is_not_in_the_file(studio: Studio) -> None:
    chunks = video(TONE_2, 8.0)
    pause = Absence(2_500, 4_700, "paused")
    result, replay = studio.run(studio.segment(1, chunks, 0), absences=(pause,))
    assert shape(result) == [("video", None), ("hole", "paused"), ("video", None)]
    assert replay.shows_card("paused", 4_000)
    held = {data for t, _, data in Replay(b"".join(chunks)).packets if 2_500 <= t < 4_700}
    shown = {data for t, _, data in replay.packets if 2_450 <= t < 4_700}
    assert not held & shown
    assert replay.tone_at(4_900) == TONE_2


def test_nothing_after_the_withdrawal_is_in_the_file(studio: Studio) -> None:
    result, replay = studio.run(
        studio.segment(1, audio(TONE_1), 0),
        studio.segment(2, video(TONE_2), 4_000),
        cut_at_ms=2_500,
    )
    assert result.duration_ms == 2_500
    assert replay.packets[-1][0] <= 2_500
    assert result.content_type == "audio/webm"
    assert all(replay.loudness(TONE_2, at) < 0.01 for at in range(100, 2_400, 100))


def test_a_consultation_in_audio_alone_has_no_pictures(studio: Studio) -> None:
    result, replay = studio.run(studio.segment(1, audio(TONE_1), 0), studio.segment(2, audio(TONE_2), 5_000))
    assert result.content_type == "audio/webm"
    assert {kind for _, kind, _ in replay.packets} == {"audio"}
    assert abs(replay.duration_ms - 9_000) < 500
    assert [replay.tone_at(at) for at in (500, 4_500, 5_500)] == [TONE_1, None, TONE_2]
    outline = [e.id for e in ebml.level_one(ebml.reader_of(replay.data))]
    assert outline.index(ebml.CUES) < outline.index(ebml.CLUSTER)


def test_the_same_job_gives_the_same_bytes(studio: Studio) -> None:
    first, second = there_and_back(studio), there_and_back(studio)
    assert first[1].data == second[1].data
    assert first[0] == second[0]


def assert_nothing_shifted(replay: Replay, chunks: tuple[bytes, ...], t0_ms: int) -> None:
    """Every packet stands within 50 ms of a moment at which just this packet was captured."""
    captured: dict[bytes, list[float]] = {}
    for t, _, data in Replay(b"".join(chunks)).packets:
        captured.setdefault(data, []).append(t + t0_ms)
    shown = [(t, kind, data) for t, kind, data in replay.packets if t >= t0_ms and data in captured]
    assert all(min(abs(t - then) for then in captured[data]) <= 50 for t, _, data in shown)
    kinds = [kind for _, kind, _ in shown]
    assert kinds.count("audio") > 40
    assert kinds.count("video") > 15


def without_sound(data: bytes, from_ms: int, to_ms: int, *, pictures_too_until_ms: int = 0) -> bytes:
    """Blank the blocks of a stretch: sound in all of it, pictures in its beginning."""
    blanked = bytearray(data)
    read_at = ebml.reader_of(data)
    for cluster in (e for e in ebml.level_one(read_at) if e.id == ebml.CLUSTER):
        base = ebml.cluster_time(read_at, cluster)
        for block in ebml.children(read_at, cluster.body, cluster.end):
            if block.id not in (SIMPLE_BLOCK, BLOCK_GROUP):
                continue
            is_group = block.id == BLOCK_GROUP
            body = next(ebml.children(read_at, block.body, None)).body if is_group else block.body
            at = base + int.from_bytes(data[body + 1 : body + 3], signed=True)
            is_picture = data[body] == 0x81  # the first track of these samples
            if from_ms <= at < (pictures_too_until_ms if is_picture else to_ms):
                blanked[block.start] = VOID
    return bytes(blanked)
