"""What a crash of the recorder's browser, or a lost line to the portal, costs: nothing that was said."""

import dataclasses
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Playwright, Route, expect

from telehealth.demo import BY_EMAIL
from tests.browser import story
from tests.browser.conftest import CHROMIUM
from tests.browser.media_checks import decode
from tests.browser.people import AUTOPLAY, DEVICES_ALLOWED, FLAGS, Somebody, sign_in, sign_in_with
from tests.browser.portal import Portal
from tests.browser.proxy import line_to
from tests.browser.test_consultation import ADA, OSEI, is_heard, kinds, timeline_of
from tests.browser.test_portal_process import child

pytestmark = [pytest.mark.browser, pytest.mark.long]
Enter = Callable[[str], Somebody]
CHUNKS, CLOSE = "**/api/v1/segments/*/chunks/**", "**/api/v1/segments/*/close/"
COUNT = """async (store) => {
  const asked = indexedDB.open("spool");
  const database = await new Promise((done) => { asked.onsuccess = () => done(asked.result); });
  const counted = database.transaction(store).objectStore(store).count();
  const count = await new Promise((done) => { counted.onsuccess = () => done(counted.result); });
  database.close();
  return count;
}"""


def with_profile(playwright: Playwright, profile: Path) -> BrowserContext:
    """Start a browser on this profile, signed out; what its spool holds is still there."""
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=CHROMIUM, args=[*FLAGS, AUTOPLAY], permissions=DEVICES_ALLOWED
    )
    context.clear_cookies()
    return context


def wait_for_spool(person: Somebody, store: str, is_enough: Callable[[int], bool], within_s: float = 60) -> int:
    """Return how many rows the spool's store has once they are enough. Playwright takes a promise for an answer."""
    until = time.monotonic() + within_s
    while not is_enough(count := int(person.page.evaluate(COUNT, store))):
        assert time.monotonic() < until, f"{count} {store} in the spool"
        time.sleep(0.2)
    return count


def kill_browser_of(profile: Path) -> None:
    """Kill the browser's own process, by its profile; what it had started ends with it."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"--user-data-dir={profile}".encode() in words and not any(word.startswith(b"--type=") for word in words):
            os.kill(int(folder.name), signal.SIGKILL)
            return
    raise AssertionError("the browser was not found")


def test_what_a_killed_browser_had_not_uploaded_is_in_the_replay(
    playwright: Playwright, enter: Enter, portal: Portal, tmp_path: Path
) -> None:
    ada, profile = enter(ADA), tmp_path / "profile"
    osei = sign_in_with(with_profile(playwright, profile), portal, OSEI)
    story.begin(ada, osei)
    story.is_recording(osei)
    osei.context.route(CHUNKS, lambda route: route.abort())
    spooled = wait_for_spool(osei, "chunks", lambda count: count >= 4)
    kept = int(portal.ask("Chunk.objects.count()"))
    kill_browser_of(profile)

    again, held = with_profile(playwright, profile), list[Route]()
    again.route(CLOSE, lambda route: route.continue_() if held else held.append(route))
    osei = sign_in_with(again, portal, OSEI)
    leftover = osei.page.locator("#leftover")
    expect(leftover).to_be_visible(timeout=30_000)
    while not held:
        osei.page.wait_for_timeout(100)
    held[0].continue_()
    expect(leftover).to_be_hidden(timeout=30_000)
    wait_for_spool(osei, "segments", lambda count: count == 0)  # a segment's row goes once the server has all of it
    segment = "Segment.objects.get()"
    assert portal.ask(f"({segment}.status, {segment}.chunks.count() >= {kept + spooled})") == "('complete', True)"
    osei.opens(f"/consultations/{portal.ask('Call.objects.get().consultation_id')}/call/")
    osei.press("Join consultation")
    story.is_recording(osei)
    time.sleep(4)
    story.ends(osei)
    replay = story.replay_ready(ada)
    first = timeline_of(portal, replay)[0]
    assert first["kind"] == "audio" and first["to_ms"] - first["from_ms"] > 2000 * spooled
    media = decode(story.media_of(ada, replay))
    tail = {**first, "from_ms": first["to_ms"] - 2000 * spooled}
    assert all(is_heard(media, email, tail) for email in (ADA, OSEI)), first
    osei.context.close()


def of_call(portal: Portal) -> str:
    return portal.ask("(Call.objects.get().gen, Segment.objects.get().pk)")


def comes_back(osei: Somebody) -> None:
    expect(osei.page.get_by_text("Your line to the portal dropped").locator("visible=true")).to_have_count(
        0, timeout=60_000
    )
    story.is_recording(osei, within_s=60)


def assert_goes_on_and_holds_every_second(portal: Portal, ada: Somebody, osei: Somebody, longer_than_s: int) -> None:
    """What is asked of the portal works again, and the replay holds both people in each second of the audio part."""
    story.switch_to_video(osei, ada)
    time.sleep(4)
    story.ends(osei)
    replay = story.replay_ready(ada, within_s=90)
    timeline = timeline_of(portal, replay)
    assert kinds(timeline) == ["audio", "video"]
    spoken_s = timeline[-1]["from_ms"] // 1000
    assert spoken_s > longer_than_s
    media = decode(story.media_of(ada, replay))
    for at_s in range(1, spoken_s - 1):
        for email in (ADA, OSEI):
            assert media.loudness(BY_EMAIL[email].tone_hz, at_s, at_s + 1) > 0.15, (email, at_s)


def test_a_line_that_is_cut_for_twenty_seconds_ends_neither_call_nor_recording(enter: Enter, portal: Portal) -> None:
    ada = enter(ADA)
    with line_to(portal.url) as line:
        browser = ada.context.browser
        assert browser
        osei = sign_in(browser, dataclasses.replace(portal, url=line.url), OSEI)
        story.begin(ada, osei)
        story.is_recording(osei)
        before = of_call(portal)
        line.cut()
        osei.sees("Your line to the portal dropped")
        time.sleep(20)
        line.mend()
        comes_back(osei)
        assert of_call(portal) == before
        assert_goes_on_and_holds_every_second(portal, ada, osei, longer_than_s=20)
        osei.context.close()


def test_a_portal_that_dies_in_the_middle_ends_neither_call_nor_recording(enter: Enter, portal: Portal) -> None:
    ada, osei = enter(ADA), enter(OSEI)
    story.begin(ada, osei)
    story.is_recording(osei)
    before = of_call(portal)
    os.kill(child(portal, "uvicorn"), signal.SIGKILL)  # who watches it starts another one
    osei.sees("Your line to the portal dropped")
    comes_back(osei)
    assert of_call(portal) == before
    assert_goes_on_and_holds_every_second(portal, ada, osei, longer_than_s=3)
