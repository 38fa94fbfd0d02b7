"""The main job in real browsers: audio, video, audio; recorded, prepared, replayed by the right people only."""

import time
from collections.abc import Callable

import pytest

from tests.browser import story
from tests.browser.media_checks import decode
from tests.browser.people import Somebody

pytestmark = pytest.mark.browser
Enter = Callable[[str], Somebody]


def test_consultation_switches_three_times_and_only_its_people_replay_it(enter: Enter) -> None:
    ada, osei = enter("ada@demo.test"), enter("dr.osei@demo.test")
    consultation = story.begin(ada, osei)
    story.is_recording(osei)
    story.is_recording(ada)
    time.sleep(4)
    first_picture = story.switch_to_video(osei, ada)
    time.sleep(6)
    story.back_to_audio(ada, osei)
    time.sleep(5)
    second_picture = story.switch_to_video(ada, osei)
    time.sleep(5)
    story.ends(osei)
    ended = time.monotonic()
    replay = story.replay_ready(osei)
    assert story.replay_ready(ada) == replay
    print(f"first picture {first_picture:.2f} s and {second_picture:.2f} s, ready {time.monotonic() - ended:.1f} s after the end")
    media = decode(story.media_of(ada, replay))
    print(media.duration_s, len(media.pictures), consultation)
