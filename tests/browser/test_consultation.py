"""The main job in real browsers: audio, video, audio; recorded, prepared, replayed by the right people only."""

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Playwright

from telehealth.demo import BY_EMAIL
from tests.browser import story
from tests.browser.media_checks import LEFT, RIGHT, Half, Replay, decode, loudness, pitch
from tests.browser.people import CHROMIUM, FLAGS, Somebody, sign_in
from tests.browser.portal import Portal

pytestmark = pytest.mark.browser
Enter = Callable[[str], Somebody]
ADA, OSEI, BEN, LIND = "ada@demo.test", "dr.osei@demo.test", "ben@demo.test", "dr.lind@demo.test"
EDGE_S = 0.5  # tones and pictures are judged this far away from a switch


def timeline_of(portal: Portal, replay: str) -> list[dict[str, Any]]:
    """Return the parts the portal shows for a replay."""
    pk = replay.strip("/").split("/")[1]
    return json.loads(portal.ask(f"__import__('json').dumps(Recording.objects.get(pk='{pk}').timeline)"))  # type: ignore[no-any-return]


def kinds(timeline: list[dict[str, Any]]) -> list[str]:
    """Return the modes in their order. A busy machine may lose moments, which are shown; it may not lose a part."""
    lost_ms = sum(part["to_ms"] - part["from_ms"] for part in timeline if part["kind"] == "hole")
    assert lost_ms < 2000, timeline
    heard = [part["kind"] for part in timeline if part["kind"] != "hole"]
    return [kind for kind, before in zip(heard, [None, *heard], strict=False) if kind != before]


def long_parts(timeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts that are long enough to be judged."""
    return [p for p in timeline if p["kind"] != "hole" and p["to_ms"] - p["from_ms"] >= 2000]


def is_heard(media: Replay, email: str, part: dict[str, Any]) -> bool:
    from_s, to_s = part["from_ms"] / 1000 + EDGE_S, part["to_ms"] / 1000 - EDGE_S
    return media.loudness(BY_EMAIL[email].tone_hz, from_s, to_s) > 0.15


def within(part: dict[str, Any]) -> tuple[float, float]:
    return part["from_ms"] / 1000 + EDGE_S, part["to_ms"] / 1000 - EDGE_S


def is_shown(media: Replay, email: str, part: dict[str, Any]) -> bool:
    return media.shows(BY_EMAIL[email].colour, *within(part)) > 0.05


def assert_moves_to_the_end(media: Replay, email: str, half: Half, part: dict[str, Any]) -> None:
    """In this half of the picture is this person, who stands still in neither half of the part."""
    from_s, to_s = within(part)
    middle_s = (from_s + to_s) / 2
    for stretch in ((from_s, middle_s), (middle_s, to_s)):
        assert media.shows(BY_EMAIL[email].colour, *stretch, half) > 0.1, (email, stretch, part)
        assert media.moves(*stretch, half) > 0.5, (email, stretch, part)


def assert_holds(media: Replay, timeline: list[dict[str, Any]], people: list[str], strangers: list[str]) -> None:
    """Everybody is heard in each part; in video parts everybody's own picture moves, in audio parts the card stands.

    `people` are patient and clinician: the recorder, who is the clinician, draws itself last. Strangers are in no part.
    """
    judged = long_parts(timeline)
    assert {part["kind"] for part in judged} == {"audio", "video"}, timeline
    for part in judged:
        for email in people:
            assert is_heard(media, email, part), f"{email} is not heard in {part}"
            assert is_shown(media, email, part) == (part["kind"] == "video"), f"{email} and {part}"
        for email in strangers:
            assert not is_heard(media, email, part), f"{email} is heard in {part}"
            assert not is_shown(media, email, part), f"{email} is seen in {part}"
        if part["kind"] == "video":
            for email, half in zip(people, (LEFT, RIGHT), strict=True):
                assert_moves_to_the_end(media, email, half, part)
        else:
            assert media.moves(*within(part)) < 0.5, part
            assert all(media.shows_card("audio", at_s) for at_s in within(part)), part


def test_consultation_switches_three_times_and_only_its_people_replay_it(
    enter: Enter, portal: Portal, say: Callable[[str], None]
) -> None:
    ada, osei = enter(ADA), enter(OSEI)
    consultation = story.begin(ada, osei)
    story.is_recording(osei)
    story.is_recording(ada)
    began = time.monotonic()
    assert_hear_each_other_alone(ada, osei)
    time.sleep(2)
    first_picture = story.switch_to_video(osei, ada)
    time.sleep(5)
    story.back_to_audio(ada, osei)
    time.sleep(4)
    second_picture = story.switch_to_video(ada, osei)
    time.sleep(5)
    story.ends(osei)
    ended = time.monotonic()
    replay = story.replay_ready(osei)
    ready = time.monotonic() - ended
    assert story.replay_ready(ada) == replay
    say(f"first remote frame {first_picture:.2f} s and {second_picture:.2f} s after accepting video")
    say(f"replay ready {ready:.1f} s after hanging up a call of {ended - began:.0f} s")

    timeline = timeline_of(portal, replay)
    assert kinds(timeline) == ["audio", "video", "audio", "video"]
    media = decode(story.media_of(ada, replay))
    assert_holds(media, timeline, [ADA, OSEI], strangers=[BEN, LIND])
    captured_s = timeline[-1]["to_ms"] / 1000
    assert abs(media.duration_s - captured_s) < 0.5
    assert ended - began - 1 < media.duration_s < ended - began + 6
    for person in (ada, osei):
        assert_seeks(person, replay, timeline, media)
    assert_absent(enter("cleo@demo.test"), consultation, replay)
    assert_absent(enter("dr.haddad@demo.test"), consultation, replay)
    assert "the chain holds" in portal.manage("verify_ledger")


HEAR = """async () => {
  const player = [...document.querySelectorAll('[data-part="sound"] audio')].find(({ srcObject }) => srcObject);
  if (player.paused || player.muted) return [];
  const context = new AudioContext({ sampleRate: 48000 });
  await context.resume();
  const ear = new AnalyserNode(context, { fftSize: 32768 });
  context.createMediaStreamSource(player.srcObject).connect(ear);
  await new Promise((done) => setTimeout(done, 1000));
  const samples = new Float32Array(ear.fftSize);
  ear.getFloatTimeDomainData(samples);
  await context.close();
  return Array.from(samples);
}"""


def assert_hear_each_other_alone(one: Somebody, other: Somebody) -> None:
    for listener, speaker in ((one, other), (other, one)):
        samples = np.array(listener.page.evaluate(HEAR))
        assert len(samples) and np.abs(samples).max() > 0.01, f"{listener.email} hears nothing"
        assert loudness(samples, 48_000, BY_EMAIL[speaker.email].tone_hz) > 0.5
        assert loudness(samples, 48_000, BY_EMAIL[listener.email].tone_hz) < 0.1, f"{listener.email} hears an echo"


SEEK = """async ([at]) => {
  const player = document.querySelector("video");
  player.muted = true;
  const once = (name) => new Promise((done) => player.addEventListener(name, done, { once: true }));
  if (player.readyState < 1) await once("loadedmetadata");
  let frame = -1;
  const follow = (_, facts) => { frame = facts?.mediaTime ?? frame; player.requestVideoFrameCallback(follow); };
  follow();
  const sought = once("seeked");
  player.currentTime = at;
  await sought;
  await new Promise((done) => setTimeout(done, 400));
  return [player.currentTime, frame];
}"""


LISTEN = """async () => {
  const player = document.querySelector("video");
  player.muted = false;
  await player.play();
  const context = (window.__context ??= new AudioContext({ sampleRate: 48000 }));
  await context.resume();
  const ear = (window.__ear ??= (() => {
    const node = new AnalyserNode(context, { fftSize: 32768 });
    context.createMediaElementSource(player).connect(node);
    node.connect(context.destination);
    return node;
  })());
  await new Promise((done) => setTimeout(done, 1200));
  const samples = new Float32Array(ear.fftSize);
  ear.getFloatTimeDomainData(samples);
  const at = player.currentTime;
  player.pause();
  return [at, Array.from(samples)];
}"""
PITCH_RISES_HZ_PER_S = 2


def assert_seeks(person: Somebody, replay: str, timeline: list[dict[str, Any]], media: Replay) -> None:
    """The real player lands where it is sent – by its pictures, and by its sound – and chapters lead to their parts."""
    assert person.opens(replay) == 200
    for part in long_parts(timeline):
        target = part["from_ms"] / 1000 + 1.5
        current, frame = person.page.evaluate(SEEK, [target])
        assert abs(current - target) < 0.3
        if part["kind"] == "video":
            assert abs(frame - media.picture_at(current)) < 0.3
            continue
        at, samples = person.page.evaluate(LISTEN)
        # The recorder's own microphone: its tone has not been through the network, which bends it a little.
        heard = pitch(np.array(samples), 48_000, BY_EMAIL[OSEI].tone_hz)
        there = media.pitch(BY_EMAIL[OSEI].tone_hz, at - len(samples) / 48_000, at)
        assert abs(heard - there) / PITCH_RISES_HZ_PER_S < 0.3, (part, at, heard, there)
    chapters = person.page.locator("[data-timeline] button")
    assert chapters.count() == len(timeline)
    assert len(timeline) > 1
    chapters.nth(1).click()
    person.page.wait_for_function(
        "([at]) => Math.abs(document.querySelector('video').currentTime - at) < 0.3",
        arg=[timeline[1]["from_ms"] / 1000],
    )


SOCKET = """([url]) => new Promise((done) => {
  const socket = new WebSocket(url);
  const heard = [];
  socket.onmessage = ({ data }) => heard.push(data);
  socket.onopen = () => socket.send(JSON.stringify({ v: 1, t: "hello", id: "1", tab: crypto.randomUUID() }));
  socket.onclose = ({ code }) => done([code, heard]);
  setTimeout(() => done([0, heard]), 8000);
})"""
NOBODY = "00000000-0000-4000-8000-000000000000"


def assert_absent(stranger: Somebody, consultation: str, replay: str) -> None:
    """For a stranger with the real ids there is nothing: page, media, API, socket – the same as for invented ids."""
    recording = replay.strip("/").split("/")[1]
    for path in (
        "/consultations/{c}/", "/consultations/{c}/call/", "/recordings/{r}/", "/recordings/{r}/media/",
        "/recordings/of/{c}/status/", "/api/v1/segments/{r}/",
    ):  # fmt: skip
        real = stranger.context.request.get(stranger.portal.url + path.format(c=consultation, r=recording))
        invented = stranger.context.request.get(stranger.portal.url + path.format(c=NOBODY, r=NOBODY))
        assert real.status == invented.status in (401, 404), (path, real.status, invented.status)
        assert real.body() == invented.body()
    stranger.opens("/")
    assert_uploads_nothing(stranger, recording)
    socket = stranger.portal.url.replace("http", "ws") + "/ws/consultations/{}/"
    for target in (consultation, NOBODY):
        assert stranger.page.evaluate(SOCKET, [socket.format(target)]) == [4404, []]


def assert_uploads_nothing(stranger: Somebody, recording: str) -> None:
    """Real ids of the recorder's lease and segments open nothing: the same answers as for invented ones."""
    portal, page = stranger.portal, stranger.page
    lease = portal.ask(f"RecorderLease.objects.filter(recording='{recording}').first().pk")
    segment = portal.ask(f"Segment.objects.filter(recording='{recording}').first().pk")
    token = page.locator("input[name=csrfmiddlewaretoken]").first.get_attribute("value")
    answers = [
        stranger.context.request.post(
            f"{portal.url}/api/v1/segments/",
            data={"segment": NOBODY, "lease": each, "mode": "audio", "epoch": 1, "mime": "audio/webm", "t0": 1},
            headers={"X-CSRFToken": token or "", "Referer": portal.url},
        )
        for each in (lease, NOBODY)
    ]
    assert [answer.status for answer in answers] == [404, 404]
    assert answers[0].body() == answers[1].body()
    for each in (segment, NOBODY):
        answer = stranger.context.request.put(
            f"{portal.url}/api/v1/segments/{each}/chunks/99/",
            data=b"\x1a\x45\xdf\xa3",
            headers={"Authorization": "Bearer made-up", "Content-Digest": "sha-256=:AAAA:", "X-Chunk-Time": "0-1"},
        )
        assert answer.status == 401


def test_two_consultations_switch_at_once_and_each_replay_holds_its_own_people(enter: Enter, portal: Portal) -> None:
    ada, osei, ben, lind = (enter(email) for email in (ADA, OSEI, BEN, LIND))
    story.begin(ada, osei)
    story.begin(ben, lind)
    story.is_recording(osei)
    story.is_recording(lind)
    for asker in (osei, lind):
        asker.press("Turn on video")
    for other in (ada, ben):
        other.press("Accept video")
    time.sleep(6)
    for clinician in (osei, lind):
        story.ends(clinician)
    for patient, clinician, strangers in ((ada, osei, [BEN, LIND]), (ben, lind, [ADA, OSEI])):
        replay = story.replay_ready(patient)
        timeline = timeline_of(portal, replay)
        assert kinds(timeline) == ["audio", "video"]
        media = decode(story.media_of(patient, replay))
        assert_holds(media, timeline, [patient.email, clinician.email], strangers)


def test_declining_to_be_recorded_leaves_the_call_usable_and_nothing_is_captured(enter: Enter, portal: Portal) -> None:
    ada, osei = enter(ADA), enter(OSEI)
    consultation = story.begin(ada, osei, patient_allows=False)
    story.switch_to_video(ada, osei)
    time.sleep(4)
    assert "REC" not in osei.page.inner_text("body")
    story.ends(osei)
    ada.page.wait_for_url(f"**/consultations/{consultation}/", timeout=20_000)
    ada.sees("not recorded")
    assert portal.ask("(Recording.objects.count(), Segment.objects.count(), Chunk.objects.count())") == "(0, 0, 0)"
    vaults = portal.data_dir / "storage" / "vaults"
    assert not vaults.exists() or not any(vaults.rglob("*"))


def test_reloading_the_recorders_page_loses_at_most_moments(enter: Enter, portal: Portal) -> None:
    ada, osei = enter(ADA), enter(OSEI)
    story.begin(ada, osei)
    story.is_recording(osei)
    time.sleep(5)
    osei.page.reload()
    osei.press("Join consultation")
    osei.page.get_by_role("button", name="Mute").wait_for(state="visible", timeout=15_000)
    story.is_recording(osei)
    time.sleep(6)
    story.ends(osei)
    replay = story.replay_ready(ada)
    timeline = timeline_of(portal, replay)
    lost_ms = sum(part["to_ms"] - part["from_ms"] for part in timeline if part["kind"] == "hole")
    media = decode(story.media_of(ada, replay))
    spoken = [part for part in timeline if part["kind"] == "audio"]
    assert len(spoken) >= 2 and lost_ms < 8000, timeline
    for part in (spoken[0], spoken[-1]):
        assert is_heard(media, ADA, part) and is_heard(media, OSEI, part)


@pytest.mark.long
def test_recording_works_without_the_autoplay_flag(playwright: Playwright, portal: Portal) -> None:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    try:
        ada, osei = sign_in(browser, portal, ADA), sign_in(browser, portal, OSEI)
        story.begin(ada, osei)
        story.is_recording(osei)
        story.switch_to_video(osei, ada)
        time.sleep(5)
        story.ends(osei)
        replay = story.replay_ready(ada)
        timeline = timeline_of(portal, replay)
        assert_holds(decode(story.media_of(ada, replay)), timeline, [ADA, OSEI], strangers=[BEN, LIND])
    finally:
        browser.close()
