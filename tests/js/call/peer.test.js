import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { PeerLink } from "../../../static/js/call/peer.js";
import { PeerSet } from "../../../static/js/call/peers.js";
import { FakePeerConnection, FakeTime, FakeTrack, settle } from "./fakes.js";

let time;
beforeEach(() => {
  time = new FakeTime();
  FakePeerConnection.made = [];
});

function link(impolite, { gen = 1, mic = new FakeTrack("audio"), camera = null } = {}) {
  const sent = [];
  const tracks = [];
  const one = new PeerLink({
    pair: { peer: "p", peer_sid: "s-9", gen, impolite }, RTCPeerConnection: FakePeerConnection, iceServers: [],
    timers: time.timers, tracks: { audio: mic, video: camera },
    send: (t, body) => sent.push({ t, ...body }), onTrack: (track) => tracks.push(track), onState() {},
  });
  return { one, sent, tracks, pc: one.pc, of: (t) => sent.filter((message) => message.t === t) };
}

/** Hand over everything one side sent since the last time. */
async function deliver(from, to) {
  for (const { to: _, ...message } of from.sent.splice(0)) await to.one.receive({ ...message, from: "s-8" });
  await settle();
}

async function connected() {
  const osei = link(true);
  const ada = link(false);
  await settle();
  await deliver(osei, ada);
  await deliver(ada, osei);
  return { osei, ada };
}

test("the impolite side makes exactly one audio and one video transceiver, the video one silent; the polite side adopts them", async () => {
  const { osei, ada } = await connected();
  for (const { pc } of [osei, ada]) {
    assert.deepEqual(pc.transceivers.map(({ receiver, direction }) => [receiver.track.kind, direction]), [["audio", "sendrecv"], ["video", "sendrecv"]]);
    assert.equal(pc.transceivers[0].sender.track.kind, "audio");
    assert.equal(pc.transceivers[1].sender.track, null);
    assert.equal(pc.signalingState, "stable");
  }
  assert.deepEqual(ada.tracks.map(({ kind }) => kind), ["audio", "video"]);
});

test("the polite side makes nothing and offers nothing by itself", async () => {
  const ada = link(false);
  await settle();
  assert.equal(ada.pc.transceivers.length, 0);
  assert.deepEqual(ada.sent, []);
});

test("twenty switches change tracks and neither transceivers nor descriptions", async () => {
  const { osei, ada } = await connected();
  const before = osei.pc.log.length;
  for (let i = 0; i < 20; i += 1) await osei.one.replace("video", i % 2 ? null : new FakeTrack("video"));
  await settle();
  assert.equal(osei.pc.transceivers.length, 2);
  assert.equal(osei.pc.log.length, before);
  assert.equal(ada.pc.transceivers.length, 2);
});

test("glare: the polite side rolls back, the impolite side ignores, and both end stable with two transceivers", async () => {
  const { osei, ada } = await connected();
  osei.pc.restartIce();
  ada.pc.restartIce();
  await settle();
  assert.equal(osei.of("sig.offer").length, 1);
  assert.equal(ada.of("sig.offer").length, 1);
  const crossing = ada.sent.splice(0);
  await deliver(osei, ada);
  for (const message of crossing) await osei.one.receive(message);
  for (let i = 0; i < 4; i += 1) { await deliver(ada, osei); await deliver(osei, ada); }
  assert.ok(ada.pc.log.includes("rollback"));
  assert.ok(!osei.pc.log.includes("rollback"));
  for (const { pc } of [osei, ada]) {
    assert.equal(pc.signalingState, "stable");
    assert.equal(pc.transceivers.length, 2);
  }
});

test("candidates of an ignored offer are dropped without harm", async () => {
  const { osei, ada } = await connected();
  osei.pc.restartIce();
  ada.pc.restartIce();
  await settle();
  const known = osei.pc.candidates.length;
  for (const message of ada.sent.splice(0)) await osei.one.receive(message);
  await osei.one.receive({ t: "sig.cand", gen: 1, neg: 1, cs: [{ candidate: "of the ignored offer" }] });
  assert.equal(osei.pc.candidates.length, known);
  assert.deepEqual(osei.of("pc.reset"), []);
});

test("one candidate that does not fit costs nothing", async () => {
  const { ada } = await connected();
  await ada.one.receive({ t: "sig.cand", gen: 1, neg: 1, cs: [{ candidate: "odd", bad: true }, { candidate: "good" }] });
  assert.deepEqual(ada.pc.candidates, [{ candidate: "good" }]);
  assert.deepEqual(ada.of("pc.reset"), []);
});

test("a message of another gen never reaches the connection", async () => {
  const { osei, ada } = await connected();
  osei.pc.restartIce();
  await settle();
  const [before, beforeToo] = [osei.pc.log.length, ada.pc.log.length];
  await ada.one.receive({ ...osei.of("sig.offer")[0], gen: 0, neg: 99 });
  await osei.one.receive({ t: "sig.answer", gen: 2, neg: 2, sdp: "{}" });
  assert.deepEqual([osei.pc.log.length, ada.pc.log.length], [before, beforeToo]);
  assert.equal(osei.pc.signalingState, "have-local-offer");
});

test("an answer to anything but the latest own offer is ignored", async () => {
  const { osei, ada } = await connected();
  osei.pc.restartIce();
  await settle();
  await osei.one.receive({ t: "sig.answer", gen: 1, neg: 1, sdp: "{}" });
  assert.equal(osei.pc.signalingState, "have-local-offer");
  await deliver(osei, ada);
  await deliver(ada, osei);
  assert.equal(osei.pc.signalingState, "stable");
});

test("an offer that was seen is not applied again; its answer is only repeated", async () => {
  const osei = link(true);
  const ada = link(false);
  await settle();
  const [offer] = osei.of("sig.offer");
  await ada.one.receive(offer);
  await ada.one.receive(offer);
  assert.equal(ada.pc.log.filter((entry) => entry === "remote offer").length, 1);
  assert.equal(ada.of("sig.answer").length, 2);
  assert.deepEqual(ada.of("sig.answer")[0], ada.of("sig.answer")[1]);
});

test("an offer without an answer is sent again three times with the same neg, then a new connection is asked for", async () => {
  const osei = link(true);
  await time.pass(19_999);
  assert.deepEqual(osei.of("sig.offer").map(({ neg }) => neg), [1, 1, 1, 1]);
  assert.deepEqual(osei.of("pc.reset"), []);
  await time.pass(1);
  assert.deepEqual(osei.of("pc.reset"), [{ t: "pc.reset", gen: 1 }]);
});

test("candidates leave together after 50 ms, at most twenty in a message", async () => {
  const { osei } = await connected();
  for (let i = 0; i < 25; i += 1) osei.pc.onicecandidate({ candidate: { toJSON: () => ({ candidate: `c${i}` }) } });
  osei.pc.onicecandidate({ candidate: null });
  assert.deepEqual(osei.of("sig.cand"), []);
  await time.pass(50);
  assert.deepEqual(osei.of("sig.cand").map(({ cs }) => cs.length), [20, 6]);
  assert.equal(osei.of("sig.cand")[1].cs.at(-1), null);
});

test("candidates that come before the offer wait for it", async () => {
  const osei = link(true);
  const ada = link(false);
  await settle();
  await ada.one.receive({ t: "sig.cand", gen: 1, neg: 1, cs: [{ candidate: "early" }, null] });
  assert.deepEqual(ada.pc.candidates, []);
  await deliver(osei, ada);
  assert.deepEqual(ada.pc.candidates, [{ candidate: "early" }, null]);
});

test("a failed connection is restarted by the impolite side; the polite one asks for it", async () => {
  const { osei, ada } = await connected();
  ada.pc.become("failed");
  assert.equal(ada.of("pc.restart_please").length, 1);
  assert.ok(!ada.pc.log.includes("restartIce"));
  await deliver(ada, osei);
  assert.ok(osei.pc.log.includes("restartIce"));
});

test("a moment of doubt is waited out for four seconds", async () => {
  const { osei } = await connected();
  osei.pc.become("connected");
  osei.pc.become("disconnected");
  await time.pass(3999);
  assert.ok(!osei.pc.log.includes("restartIce"));
  await time.pass(1);
  assert.ok(osei.pc.log.includes("restartIce"));
});

test("two restarts that lead nowhere end in a new connection; one that helps does not", async () => {
  const { osei } = await connected();
  osei.pc.become("failed");
  await time.pass(20_000);
  assert.ok(osei.of("pc.reset").length >= 1);
  const { osei: other } = await connected();
  other.pc.become("failed");
  other.pc.become("connected");
  await time.pass(4000);
  assert.deepEqual(other.of("pc.reset"), []);
});

test("a closed link is silent", async () => {
  const { osei, ada } = await connected();
  osei.one.close();
  await osei.one.receive({ t: "sig.offer", gen: 1, neg: 5, sdp: "{}" });
  await time.pass(60_000);
  assert.deepEqual(osei.sent, []);
  assert.equal(osei.pc.connectionState, "closed");
  assert.ok(ada.one);
});

function peerSet() {
  const sent = [];
  const set = new PeerSet({
    createLink: (options) => new PeerLink({ ...options, RTCPeerConnection: FakePeerConnection, iceServers: [], timers: time.timers }),
    request: async (t, body) => { sent.push({ t, ...body }); }, onTracks() {}, onState() {},
  });
  return { set, sent };
}
const pairOf = (gen, sid = `s-${gen}`) => ({ peer: "ada", peer_sid: sid, gen, impolite: false });

test("a new gen replaces the connection, the same one does not", () => {
  const { set } = peerSet();
  set.pair(pairOf(1, "s"));
  set.pair(pairOf(1, "s"));
  assert.equal(FakePeerConnection.made.length, 1);
  set.pair(pairOf(2, "s"));
  assert.equal(FakePeerConnection.made.length, 2);
  assert.equal(FakePeerConnection.made[0].connectionState, "closed");
});

test("an offer that overtakes its pair is kept for it", async () => {
  const { set, sent } = peerSet();
  const osei = link(true, { gen: 2 });
  await settle();
  set.receive({ ...osei.of("sig.offer")[0], from: "s-2" });
  assert.equal(FakePeerConnection.made.length, 1);
  set.pair(pairOf(2));
  await settle();
  assert.equal(sent.filter(({ t }) => t === "sig.answer").length, 1);
});

test("an offer of an earlier gen is never applied to a later connection", async () => {
  const { set, sent } = peerSet();
  const old = link(true, { gen: 1 });
  await settle();
  set.pair(pairOf(2, "s"));
  set.receive({ ...old.of("sig.offer")[0], from: "s" });
  await settle();
  assert.deepEqual(sent, []);
});

test("remote tracks are known by kind, and forgotten with their connection", async () => {
  const { set } = peerSet();
  const osei = link(true, { gen: 1 });
  await settle();
  set.pair(pairOf(1, "s"));
  await set.receive({ ...osei.of("sig.offer")[0], from: "s" });
  assert.equal(set.remotes.get("ada").audio.kind, "audio");
  assert.equal(set.remotes.get("ada").video.kind, "video");
  set.pair(pairOf(2, "s"));
  assert.deepEqual(set.remotes.get("ada"), { audio: null, video: null });
});
