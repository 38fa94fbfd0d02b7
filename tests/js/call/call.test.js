import assert from "node:assert/strict";
import { test } from "node:test";
import { Call } from "../../../static/js/call/call.js";
import { createDevices } from "../../../static/js/call/devices.js";
import { SignalSocket } from "../../../static/js/call/socket.js";
import { tracksOf } from "../../../static/js/call/tracks.js";
import { FakeTime, FakeTrack, fakeWebSocket, settle, snapshotOf } from "./fakes.js";

const config = {
  me: { participant: "ada", name: "Ada Lovell", initials: "AL" }, other: { participant: "osei", name: "Dr Samuel Osei", initials: "SO" },
  role: "patient", consent: { version: "2026-11", sha256: "ab", text: "" }, camera: { width: 320, height: 240, frame_rate: 10 },
};

/** Ada's page after `Join consultation`. `refuse` is the name of the microphone's DOMException. */
function page({ refuse = "" } = {}) {
  const time = new FakeTime();
  const net = fakeWebSocket();
  const rig = { time, net, gone: 0, drained: 0, links: [], refuse };
  const mediaDevices = {
    async getUserMedia({ audio }) {
      if (audio && rig.refuse) throw Object.assign(new Error(), { name: rig.refuse });
      const track = new FakeTrack(audio ? "audio" : "video");
      return { getTracks: () => [track] };
    },
  };
  const socket = new SignalSocket({ url: "ws://x/", WebSocket: net.WebSocket, timers: time.timers, clock: time.clock, tab: "t", random: () => 0 });
  rig.call = new Call({
    config, socket, timers: time.timers, devices: createDevices({ mediaDevices, camera: config.camera }),
    createLink: (options) => { const link = { ...options, replace: async () => {}, receive() {}, close() { link.closed = true; }, recovery: { attempt() {} } }; rig.links.push(link); return link; },
    startRecorder: () => ({ tracksChanged() {}, drain: async () => { rig.drained += 1; } }),
    go: () => { rig.gone += 1; },
  });
  rig.ws = () => net.last();
  rig.welcome = (changes = {}, more = {}) => { net.last().open(); net.last().say({ t: "welcome", sid: "s-1", seq: 10, snapshot: snapshotOf(changes), ...more }); };
  rig.call.join();
  return rig;
}

test("ready is said once the microphone is known, and not before", async () => {
  const rig = page();
  rig.welcome();
  assert.equal(rig.ws().of("ready").length, 0);
  await settle();
  assert.deepEqual(rig.ws().of("ready").map(({ mic }) => mic), ["on"]);
});

for (const [name, mic] of [["NotAllowedError", "denied"], ["NotFoundError", "none"], ["NotReadableError", "none"]]) {
  test(`somebody whose microphone gives ${name} still joins, as "${mic}"`, async () => {
    const rig = page({ refuse: name });
    rig.welcome();
    await settle();
    assert.deepEqual(rig.ws().of("ready").map((message) => message.mic), [mic]);
  });
}

test("a microphone that works on the second try is announced", async () => {
  const rig = page({ refuse: "NotReadableError" });
  rig.welcome();
  await settle();
  rig.refuse = "";
  await rig.call.local.openMicrophone();
  assert.deepEqual(rig.ws().of("media.update").map(({ audio }) => audio), ["on"]);
});

test("mute is told and silences the track", async () => {
  const rig = page();
  rig.welcome();
  await settle();
  rig.call.toggleMute();
  assert.equal(rig.call.local.mic.enabled, false);
  assert.deepEqual(rig.ws().of("media.update").map(({ audio }) => audio), ["off"]);
});

test("a resumed line repeats nothing; a new session is told everything again", async () => {
  const rig = page();
  rig.welcome();
  await settle();
  rig.ws().say({ t: "ack", id: rig.ws().of("ready")[0].id });
  rig.ws().drop(1006);
  await rig.time.pass(0);
  rig.welcome();
  await settle();
  assert.equal(rig.ws().of("ready").length, 0);
  rig.ws().drop(1006);
  await rig.time.pass(300);
  rig.welcome({}, { sid: "s-2" });
  await settle();
  assert.equal(rig.ws().of("ready").length, 1);
});

test("after a reload in a video call the others are told that this camera is off", async () => {
  const rig = page();
  const participants = snapshotOf().participants.map((one) => ({ ...one, video: "on" }));
  rig.welcome({ mode: "video", participants });
  await settle();
  assert.deepEqual(rig.ws().of("media.update").map(({ video }) => video), ["off"]);
});

test("somebody's lost line does not touch the connection; only a new gen does", async () => {
  const rig = page();
  rig.welcome({}, { pair: { peer: "osei", peer_sid: "s-9", gen: 1, impolite: false } });
  rig.ws().say({ t: "left", seq: 11, epoch: 3, participant: { ...snapshotOf().participants[1], present: false } });
  assert.equal(rig.links[0].closed, undefined);
  rig.ws().say({ t: "pair", seq: 12, epoch: 3, peer: "osei", peer_sid: "s-10", gen: 2, impolite: false });
  assert.equal(rig.links[0].closed, true);
  assert.equal(rig.links.length, 2);
});

test("the end lets the recorder finish, stops everything and moves on", async () => {
  const rig = page();
  rig.welcome({}, { pair: { peer: "osei", peer_sid: "s-9", gen: 1, impolite: false } });
  await settle();
  const { mic } = rig.call.local;
  rig.ws().say({ t: "ended", seq: 11, epoch: 4, phase: "ended", reason: "ended" });
  assert.equal(rig.drained, 1);
  assert.equal(mic.readyState, "ended");
  assert.equal(rig.links[0].closed, true);
  assert.equal(rig.gone, 0);
  await rig.time.pass(1500);
  assert.equal(rig.gone, 1);
  assert.equal(rig.net.sockets.length, 1);
});

test("a tab that was replaced goes silent and can take the call back", async () => {
  const rig = page();
  rig.welcome();
  await settle();
  const { mic } = rig.call.local;
  rig.ws().drop(4409);
  assert.equal(mic.readyState, "ended");
  assert.equal(rig.call.store.get().local.elsewhere, true);
  await rig.time.pass(60_000);
  assert.equal(rig.net.sockets.length, 1);
  rig.call.takeOver();
  await settle();
  rig.ws().open();
  assert.equal(rig.ws().of("hello")[0].takeover, true);
  assert.equal(rig.call.local.mic.readyState, "live");
});

test("signed out or nothing here: everything stops and nobody is moved anywhere", async () => {
  for (const [code, why] of [[4401, "signedOut"], [4404, "nothing"]]) {
    const rig = page();
    rig.welcome();
    await settle();
    rig.ws().drop(code);
    await rig.time.pass(5000);
    assert.equal(rig.call.store.get().local.over, why);
    assert.equal(rig.gone, 0);
  }
});

test("leaving says so, waits two seconds at most, and moves on", async () => {
  const rig = page();
  rig.welcome();
  await settle();
  rig.call.leave();
  assert.equal(rig.ws().of("leave").length, 1);
  await rig.time.pass(3500);
  assert.equal(rig.gone, 1);
});

test("the answer to the recording question carries the wording that was shown", async () => {
  const rig = page();
  rig.welcome();
  rig.call.consent.allow("audio");
  const [give] = rig.ws().of("consent.give");
  assert.deepEqual([give.version, give.sha256, give.scope], ["2026-11", "ab", "audio"]);
});

test("whoever declines says decline; whoever allowed it before withdraws", async () => {
  const rig = page();
  rig.welcome();
  rig.call.consent.refuse();
  assert.equal(rig.ws().of("consent.decline").length, 1);
  rig.ws().say({ t: "consent.changed", seq: 11, epoch: 3, participant: { ...snapshotOf().participants[0], recording: "allowed" } });
  rig.call.consent.refuse();
  assert.equal(rig.ws().of("consent.withdraw").length, 1);
});

test("the recorder is told the truth about pictures: what is announced, not what is frozen", async () => {
  const rig = page();
  rig.welcome({}, { pair: { peer: "osei", peer_sid: "s-9", gen: 1, impolite: false } });
  rig.links[0].onTrack(new FakeTrack("video"));
  const [remote] = tracksOf(rig.call).remotes;
  assert.equal(remote.initials, "SO");
  assert.equal(remote.video.kind, "video");
  assert.equal(remote.videoOn, false);
  rig.ws().say({ t: "media", seq: 11, epoch: 3, participant: { ...snapshotOf().participants[1], video: "on" } });
  assert.equal(tracksOf(rig.call).remotes[0].videoOn, true);
});

test("somebody who left for good is let go of, somebody whose line is away is not", async () => {
  const rig = page();
  rig.welcome();
  await settle();
  rig.ws().say({ t: "pair", seq: 11, peer: "osei", peer_sid: "s-9", gen: 1, impolite: false });
  rig.ws().say({ t: "left", seq: 12, participant: { id: "osei", present: false }, for_good: false });
  assert.equal(rig.links[0].closed, undefined);
  rig.ws().say({ t: "left", seq: 13, participant: { id: "osei", present: false }, for_good: true });
  assert.equal(rig.links[0].closed, true);
});
