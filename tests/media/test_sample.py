"""Generated media must be like a browser's, or the demo and the tests prove nothing."""

import time

import pytest

from recordings.media import ebml
from recordings.media.cards import key_frame
from recordings.media.ebml import header_of
from recordings.media.faults import UnreadableMedia
from recordings.media.job import Size
from recordings.media.sample import tone_and_bars
from recordings.media.source import vp8_key_frame_size
from tests.media.conftest import BLUE, GREEN, TONE_1, audio, video
from tests.media.instruments import Replay


def test_chunks_begin_with_a_header_or_a_cluster() -> None:
    chunks = video(TONE_1)
    assert [chunk[:4] for chunk in chunks] == [ebml.MAGIC] + [bytes.fromhex("1F43B675")] * 3


def test_each_person_has_a_tone_and_a_colour() -> None:
    chunks = tone_and_bars(tones_hz=[300, 700], colours=[BLUE, GREEN], mode="video", duration_s=2.0)
    replay = Replay(b"".join(chunks))
    assert min(replay.loudness(tone, 1_000) for tone in (300, 700)) > 0.1
    with replay.open() as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert picture[90, 120].argmax() == 2
    assert picture[90, 280].argmax() == 1
    assert replay.moves_at(500)


def test_twenty_seconds_are_made_in_less_than_three() -> None:
    began = time.monotonic()
    tone_and_bars(tones_hz=[440, 550], colours=[BLUE, GREEN], mode="video", duration_s=20.0)
    assert time.monotonic() - began < 3


def test_a_header_is_everything_before_the_first_cluster() -> None:
    first = audio(TONE_1)[0]
    header = header_of(first)
    assert first[len(header) :].startswith(bytes.fromhex("1F43B675"))
    assert len(header) < 1_000


def test_a_header_claims_no_length_for_what_follows() -> None:
    first = audio(TONE_1)[0]
    unknown = b"\x18\x53\x80\x67\x01" + b"\xff" * 7
    known = first.replace(unknown, b"\x18\x53\x80\x67\x01" + (len(first) - 48).to_bytes(7))
    assert known != first
    assert unknown in header_of(known)


def test_a_chunk_without_a_header_has_none_to_give() -> None:
    for chunk in (audio(TONE_1)[1], b"", header_of(audio(TONE_1)[0])):
        with pytest.raises(UnreadableMedia):
            header_of(chunk)


@pytest.mark.parametrize("size", [Size(320, 180), Size(1280, 720), Size(640, 480)])
def test_a_card_is_one_small_key_frame_of_the_size_asked_for(size: Size) -> None:
    frame = key_frame("audio", size)
    assert vp8_key_frame_size(frame) == size
    assert len(frame) < 15_000
    assert key_frame("audio", size) is frame
