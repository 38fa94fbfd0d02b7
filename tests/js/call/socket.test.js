import assert from "node:assert/strict";
import { test } from "node:test";
import { Pending } from "../../../static/js/call/pending.js";
import { SignalSocket } from "../../../static/js/call/socket.js";
import { FakeTime, fakeWebSocket, settle, snapshotOf } from "./fakes.js";

function make() {
  const time = new FakeTime();
  const net = fakeWebSocket();
  const socket = new SignalSocket({
    url: "ws://x/", WebSocket: net.WebSocket, timers: time.timers, clock: time.clock, tab: "tab-1", random: () => 0,
  });
  const seen = [];
  const lines = [];
  socket.on("*", (message) => seen.push(message));
  socket.on("status", (line) => lines.push(line.status));
  return { time, net, socket, seen, lines };
}

function joined(extra = {}) {
  const rig = make();
  rig.socket.connect();
  rig.net.last().open();
  rig.net.last().say({ t: "welcome", sid: "s-1", seq: 10, snapshot: snapshotOf(), ...extra });
  return rig;
}

test("the first message is hello with the tab, and no resume", () => {
  const { net } = joined();
  const [hello] = net.last().sent;
  assert.equal(hello.t, "hello");
  assert.equal(hello.v, 1);
  assert.equal(hello.tab, "tab-1");
  assert.equal("resume" in hello, false);
});

test("a lost line comes back after 0, 0.3, 1.2, 2.7, 4.8, 7 and 7 seconds", async () => {
  const { net, time, lines } = joined();
  net.last().drop(1006);
  for (const delay of [0, 300, 1200, 2700, 4800, 7000, 7000]) {
    const before = net.sockets.length;
    if (delay) {
      await time.pass(delay - 1);
      assert.equal(net.sockets.length, before, `too early before ${delay}`);
      await time.pass(1);
    } else await time.pass(0);
    assert.equal(net.sockets.length, before + 1, `no attempt after ${delay}`);
    net.last().drop(1006);
  }
  assert.equal(lines.at(-1), "reconnecting");
});

test("it resumes with its sid and last seq and says unanswered requests again under the same id", async () => {
  const { net, time, socket } = joined();
  net.last().say({ t: "media", seq: 11, epoch: 3, participant: { id: "osei" } });
  const asked = socket.request("mode.request", { want: "video", epoch: 3 });
  const [first] = net.last().of("mode.request");
  net.last().drop(4503);
  await time.pass(0);
  net.last().open();
  assert.deepEqual(net.last().of("hello")[0].resume, { sid: "s-1", last_seq: 11 });
  assert.equal(net.last().of("mode.request").length, 0);
  net.last().say({ t: "welcome", sid: "s-1", seq: 11, snapshot: snapshotOf({ seq: 11 }) });
  assert.deepEqual(net.last().of("mode.request"), [first]);
  net.last().say({ t: "ack", id: first.id });
  assert.equal((await asked).id, first.id);
});

test("requests of a session that did not come back are given up", async () => {
  const { net, time, socket } = joined();
  const asked = socket.request("ready", { mic: "on" });
  net.last().drop(1006);
  await time.pass(0);
  net.last().open();
  net.last().say({ t: "welcome", sid: "s-2", seq: 10, snapshot: snapshotOf() });
  await assert.rejects(asked, { code: "gone" });
  assert.equal(net.last().of("ready").length, 0);
});

for (const code of [4401, 4404, 4409, 4410]) {
  test(`after ${code} there is no further attempt`, async () => {
    const { net, time, socket, lines } = joined();
    net.last().drop(code);
    await time.pass(60_000);
    assert.equal(net.sockets.length, 1);
    assert.equal(lines.at(-1), "closed");
    await assert.rejects(socket.request("sync"), { code: "gone" });
  });
}

for (const code of [1001, 1006, 4408, 4413, 4429, 4503]) {
  test(`after ${code} it tries again`, async () => {
    const { net, time } = joined();
    net.last().drop(code);
    await time.pass(8000);
    assert.ok(net.sockets.length > 1);
  });
}

test("a request without an answer is repeated under one id, then given up", async () => {
  const { net, time, socket } = joined();
  const asked = assert.rejects(socket.request("admit", { participant: "ada" }), { code: "timeout" });
  await time.pass(15_001);
  await asked;
  const sent = net.sockets.flatMap((one) => one.of("admit"));
  assert.equal(sent.length, 3);
  assert.equal(new Set(sent.map(({ id }) => id)).size, 1);
});

test("a refusal carries its code and snapshot", async () => {
  const { net, socket } = joined();
  const asked = socket.request("mode.request", { want: "video", epoch: 1 });
  const { id } = net.last().of("mode.request")[0];
  net.last().say({ t: "error", id, code: "stale_epoch", detail: "The call changed.", snapshot: { epoch: 4 } });
  await assert.rejects(asked, (problem) => problem.code === "stale_epoch" && problem.snapshot.epoch === 4);
});

test("a gap asks once for a snapshot and holds back what came too early", () => {
  const { net, seen } = joined();
  net.last().say({ t: "media", seq: 13, epoch: 3, participant: { id: "ada" } });
  net.last().say({ t: "media", seq: 14, epoch: 3, participant: { id: "ada" } });
  assert.equal(net.last().of("sync").length, 1);
  assert.deepEqual(seen.map(({ t }) => t), ["welcome"]);
  net.last().say({ t: "snapshot", snapshot: snapshotOf({ seq: 14 }) });
  net.last().say({ t: "media", seq: 14, epoch: 3, participant: { id: "ada" } });
  net.last().say({ t: "media", seq: 15, epoch: 3, participant: { id: "ada" } });
  assert.deepEqual(seen.map(({ t, seq }) => [t, seq]), [["welcome", 10], ["snapshot", undefined], ["media", 15]]);
});

test("pair and ended are told even after a gap", () => {
  const { net, seen } = joined();
  net.last().say({ t: "pair", seq: 15, peer: "osei", gen: 2 });
  net.last().say({ t: "ended", seq: 17, phase: "ended", epoch: 9 });
  assert.deepEqual(seen.map(({ t }) => t), ["welcome", "pair", "ended"]);
});

test("the pair and the lease of a welcome are told like messages of their own", () => {
  const { seen } = joined({ pair: { peer: "osei", peer_sid: "s-9", gen: 1, impolite: false }, lease: { lease: "l-1", capture: "audio" } });
  assert.deepEqual(seen.map(({ t }) => t), ["welcome", "pair", "rec.lease"]);
  assert.equal(seen[2].lease, "l-1");
});

test("a conflict waits for the person, who may continue here on a new line", async () => {
  const { net, time, socket, lines } = make();
  socket.connect();
  net.last().open();
  net.last().say({ t: "conflict", since: "2027-01-12T09:00:00Z" });
  net.last().drop(4408);
  await time.pass(30_000);
  assert.equal(net.sockets.length, 1);
  assert.equal(lines.at(-1), "conflict");
  socket.connect({ takeover: true });
  net.last().open();
  assert.equal(net.last().of("hello")[0].takeover, true);
});

test("a line that hears nothing for 25 seconds counts as lost", async () => {
  const { net, time, lines } = joined();
  await time.pass(31_000);
  assert.ok(lines.includes("reconnecting"));
  assert.equal(net.sockets[0].readyState, 3);
});

test("the words of an abandoned WebSocket no longer count", async () => {
  const { net, time, seen } = joined();
  const [old] = net.sockets;
  await time.pass(31_000);
  old.say({ t: "media", seq: 11, participant: { id: "ada" } });
  assert.deepEqual(seen.map(({ t }) => t), ["welcome"]);
});

test("a frame above the limit is refused here", async () => {
  const { socket, net } = joined();
  await assert.rejects(socket.request("sig.offer", { sdp: "x".repeat(70_000) }), { code: "too_big" });
  assert.equal(net.last().of("sig.offer").length, 0);
});

test("answers for nobody are not mistaken for somebody's", async () => {
  const time = new FakeTime();
  const pending = new Pending({ timers: time.timers, transmit() {} });
  const asked = pending.add("c-1", "{}");
  assert.equal(pending.settle({ t: "ack", id: "c-2" }), false);
  assert.equal(pending.settle({ t: "ack", id: "c-1" }), true);
  await asked;
  await settle();
  assert.equal(pending.size, 0);
});
