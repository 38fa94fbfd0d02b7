"""What a missing chunk tears: chunks of a real recorder are cut anywhere, even inside a packet."""

import os
from collections import Counter
from itertools import accumulate
from pathlib import Path

import pytest

from recordings.media.ebml import header_of
from recordings.media.job import JoinResult, SegmentInput
from recordings.media.join import SILENCE
from recordings.media.reader import SegmentReader
from recordings.media.source import MediaPacket, in_time_order
from tests.media.conftest import MakeFd, Studio
from tests.media.instruments import Replay

# Recorded by Chromium 156: 320x180 VP8 with a key frame every two seconds, Opus with a rising tone.
RECORDED = (Path(__file__).parent / "recorded" / "chromium.webm").read_bytes()
LENGTHS = (4836, 6047, 6460, 7170, 7788, 6537, 1140)
CHUNKS = [RECORDED[end - length : end] for end, length in zip(accumulate(LENGTHS), LENGTHS, strict=True)]
PACKETS = Counter(data for _, _, data in Replay(RECORDED).packets)
CAPTURED = {data: t for t, _, data in Replay(RECORDED).packets if PACKETS[data] == 1}


def without(missing: set[int]) -> tuple[bytes, tuple[int, ...]]:
    """Return what came of the recording, and where in it chunks are missing."""
    data, gaps = b"", []
    for number, chunk in enumerate(CHUNKS):
        if number not in missing:
            data += chunk
        elif number == 0:
            data = header_of(CHUNKS[0])
            gaps.append(len(data))
        else:
            gaps.append(len(data))
    return data, tuple(gaps)


def joined(studio: Studio, missing: set[int]) -> tuple[JoinResult, Replay]:
    data, gaps = without(missing)
    return studio.run(SegmentInput(1, "video", 0, studio.make_fd(data), gaps=gaps))


def test_a_recording_of_a_real_browser_is_joined_whole(studio: Studio) -> None:
    result, replay = joined(studio, set())
    assert [part.kind for part in result.timeline] == ["video"]
    assert abs(result.duration_ms - 6_200) < 200
    assert all(replay.moves_at(at) for at in (500, 2_500, 4_500))


@pytest.mark.parametrize("missing", [{1}, {2}, {3}, {4}, {5}, {2, 3}, {1, 4}, {0}, {0, 3}])
def test_a_missing_chunk_takes_nothing_with_it_and_moves_nothing(missing: set[int], studio: Studio) -> None:
    result, replay = joined(studio, missing)
    holes = [part for part in result.timeline if part.kind == "hole"]
    lost_ms = sum(hole.to_ms - hole.from_ms for hole in holes)
    assert {hole.reason for hole in holes} == {"missing"}
    assert lost_ms == pytest.approx(1_000 * len(missing), abs=200 * len(holes))
    kept = [(t, CAPTURED[data]) for t, _, data in replay.packets if data in CAPTURED]
    assert len(kept) > 60
    assert all(abs(shown - captured) <= 5 for shown, captured in kept)


@pytest.mark.parametrize("cut_at", [301, 2_903, 5_557, 9_001, 13_333, 17_171, 22_222, 30_001])
def test_bytes_missing_from_anywhere_move_nothing(cut_at: int, studio: Studio) -> None:
    data = RECORDED[:cut_at] + RECORDED[cut_at + 6_000 :]
    _, replay = studio.run(SegmentInput(1, "video", 0, studio.make_fd(data), gaps=(cut_at,)))
    kept = [(t, CAPTURED[data]) for t, _, data in replay.packets if data in CAPTURED]
    assert len(kept) > 60
    assert all(abs(shown - captured) <= 5 for shown, captured in kept)
    sounds = [data for _, kind, data in replay.packets if kind == "audio"]
    assert all(data in PACKETS or data == SILENCE for data in sounds)


def test_missing_last_chunks_shorten_the_recording_and_nothing_else(studio: Studio) -> None:
    result, _ = joined(studio, {5, 6})
    assert [part.kind for part in result.timeline] == ["video"]
    assert abs(result.duration_ms - 5_000) < 150


def test_what_is_left_around_a_gap_is_read_like_a_file(make_fd: MakeFd) -> None:
    data, gaps = without({2})
    reader = SegmentReader(make_fd(data), gaps)
    whole = reader.read()
    assert len(whole) == reader.size < len(data)
    assert reader.seek(-10, os.SEEK_END) == reader.size - 10
    assert reader.read() == whole[-10:]
    at = gaps[0] - 50
    assert reader.read_at(500, at) == whole[at : at + 500]
    assert reader.seek(5) == reader.tell() == 5
    assert reader.read(7) == whole[5:12]


def test_packets_of_two_streams_come_in_the_order_of_time() -> None:
    def packet(t_ms: int) -> MediaPacket:
        return MediaPacket(t_ms, "audio", b"\xf8", 20, is_key=True)

    mixed = [packet(t) for t in (0, 60, 40, 2_500, 2_000, 9_000, 8_500)]
    in_order = [p.t_ms for p in in_time_order(iter(mixed))]
    assert in_order == [0, 40, 60, 2_000, 2_500, 8_500, 9_000]
