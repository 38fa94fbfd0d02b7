import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Quality, levelOf, read } from "../../../static/js/call/quality.js";
import { FakeTime } from "./fakes.js";

let time;
beforeEach(() => { time = new FakeTime(); });

const NONE = { received: 0, lost: 0 };
const stats = ({ delay = 0.05, outgoing = 900_000, received = 1000, lost = 0, lossThere = 0 } = {}) => new Map([
  ["old", { type: "candidate-pair", nominated: false, state: "succeeded", currentRoundTripTime: 9, availableOutgoingBitrate: 1 }],
  ["now", { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: delay, availableOutgoingBitrate: outgoing }],
  ["in", { type: "inbound-rtp", packetsReceived: received, packetsLost: lost }],
  ["there", { type: "remote-inbound-rtp", fractionLost: lossThere }],
]);

function watch(link) {
  const said = [];
  const links = { link };
  const quality = new Quality({ timers: time.timers, link: () => links.link, onChange: (change) => said.push(change) });
  quality.set(true);
  return { quality, said, links, last: () => said.at(-1) };
}

const linkWith = (next) => ({ pc: { connectionState: "connected", getStats: async () => next() } });

test("only the route in use counts, and both directions' losses", () => {
  const reading = read(stats({ delay: 0.2, outgoing: 70_000, received: 90, lost: 10, lossThere: 0.4 }).values());
  assert.deepEqual(reading, { delay: 0.2, lossThere: 0.4, outgoing: 70_000, packets: { received: 90, lost: 10 } });
});

test("a browser that says little is not called weak", () => {
  assert.equal(levelOf(read([]), NONE), "good");
});

for (const [level, line] of [
  ["good", { delay: 0.3, received: 97, lost: 3 }], ["fair", { delay: 0.31 }], ["fair", { received: 96, lost: 4 }], ["fair", { lossThere: 0.1 }],
  ["weak", { delay: 0.71 }], ["weak", { received: 89, lost: 11 }], ["weak", { lossThere: 0.11 }],
]) {
  test(`${JSON.stringify(line)} is ${level}`, () => assert.equal(levelOf(read(stats(line).values()), NONE), level));
}

test("losses are those since the last look, not of the whole call", async () => {
  const looks = [stats({ received: 100, lost: 90 }), stats({ received: 1100, lost: 90 })];
  const one = watch(linkWith(() => looks.shift()));
  await time.pass(10_000);
  assert.equal(one.last().quality, "good");
});

test("a line is narrow after ten seconds, and no longer after one good look", async () => {
  let line = { outgoing: 149_999 };
  const one = watch(linkWith(() => stats(line)));
  await time.pass(15_000);
  assert.equal(one.last().narrow, false);
  await time.pass(5_000);
  assert.deepEqual(one.last(), { quality: "good", narrow: true });
  line = { outgoing: 150_000 };
  await time.pass(5_000);
  assert.equal(one.last().narrow, false);
});

test("where the browser tells no bitrate, losing much for ten seconds is narrow, too", async () => {
  const one = watch(linkWith(() => stats({ outgoing: undefined, lossThere: 0.3 })));
  await time.pass(20_000);
  assert.deepEqual(one.last(), { quality: "weak", narrow: true });
});

test("a new connection begins anew, and a lost one is not judged", async () => {
  const one = watch(linkWith(() => stats({ outgoing: 1 })));
  await time.pass(20_000);
  one.links.link = linkWith(() => stats({ outgoing: 1 }));
  await time.pass(5_000);
  assert.deepEqual(one.last(), { quality: "", narrow: false });
  one.links.link.pc.connectionState = "disconnected";
  const before = one.said.length;
  await time.pass(60_000);
  assert.equal(one.said.length, before);
});

test("statistics that cannot be had are no fault, and looking goes on", async () => {
  let fails = true;
  const one = watch(linkWith(() => { if (fails) throw new Error("no"); return stats(); }));
  await time.pass(10_000);
  fails = false;
  await time.pass(15_000);
  assert.equal(one.last().quality, "good");
});

test("outside of the room nobody looks", async () => {
  let looks = 0;
  const one = watch(linkWith(() => { looks += 1; return stats(); }));
  await time.pass(10_000);
  one.quality.set(false);
  await time.pass(60_000);
  assert.equal(looks, 2);
  assert.deepEqual(one.last(), { quality: "", narrow: false });
});
