"""The judge of watermarks can tell: otherwise everything it finds pure would mean nothing."""

from datetime import timedelta

import pytest

from recordings import safe
from recordings.models import Recording, Rendition
from tests.babylon.marks import Mark, Verdict, judge, marks
from tests.cast import Cast
from tests.visits import CANVAS, Visit

ALL = marks(50)
OWNER, OTHER = ALL[0], ALL[1]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_pictures(settings) -> None:
    settings.RECORDING_CANVAS = CANVAS


@pytest.fixture
def visit(cast: Cast) -> Visit:
    return Visit(cast.ada, at=cast.now - timedelta(hours=6)).begin()


def replayed(visit: Visit, *, audio: Mark, video: Mark) -> tuple[bytes, Recording]:
    """Hold a call whose sound is one person's and whose pictures are another's; return its replay."""
    visit.record("audio", chunks=audio.media("audio"))
    visit.switch("video")
    visit.record("video", chunks=video.media("video"))
    recording = visit.end().process()
    replay = Rendition.objects.get(recording=recording)
    with safe.open_object(replay, recording.patient.vault_id) as reader:
        return reader.read_range(0, replay.byte_length), recording


def verdict_on(visit: Visit, owner: Mark, **whose: Mark) -> Verdict:
    replay, recording = replayed(visit, **whose)
    return judge(replay, owner, [mark for mark in ALL if mark != owner], recording.timeline)


def test_no_two_people_have_a_tone_or_a_colour_in_common() -> None:
    assert len({mark.tone_hz for mark in ALL}) == len({mark.colour for mark in ALL}) == len(ALL)


def test_nobodys_overtones_are_near_somebodys_tone() -> None:
    overtones = [times * mark.tone_hz for mark in ALL for times in (2, 3, 4)]
    assert min(abs(overtone - mark.tone_hz) for overtone in overtones for mark in ALL) > 20


@pytest.mark.parametrize("mark", [ALL[0], ALL[24], ALL[45], ALL[49]], ids=lambda mark: str(mark.number))
def test_ones_own_recording_is_pure(visit: Visit, mark: Mark) -> None:
    verdict = verdict_on(visit, mark, audio=mark, video=mark)
    assert verdict.is_pure, verdict
    assert verdict.windows > 8 and verdict.pictures > 15


@pytest.mark.parametrize("swapped", ["audio", "video"])
def test_one_part_of_somebody_elses_is_found(visit: Visit, swapped: str) -> None:
    verdict = verdict_on(visit, OWNER, **({"audio": OWNER, "video": OWNER} | {swapped: OTHER}))
    assert any(f"tone of {OTHER.number} " in what for what in verdict.foreign)
    assert any("tone" in what for what in verdict.absent)
    assert any(f"colour of {OTHER.number} " in what for what in verdict.foreign) == (swapped == "video")
