import assert from "node:assert/strict";
import test from "node:test";
import { Spool } from "../../../static/js/record/spool.js";
import { MemorySpool } from "../../../static/js/record/spool-memory.js";
import { intakeIn, surroundings } from "./fixtures.js";

/** Three chunks in, sealed, and waited for. */
async function record(world, segment, texts = ["one ", "two ", "three "]) {
  const intake = intakeIn(world, segment);
  intake.open(world.time.now);
  texts.forEach((text, i) => intake.add(new Blob([text]), 2000 * i, 2000 * (i + 1)));
  intake.seal("ended", 2000 * texts.length);
  let outcome;
  intake.finished.then((value) => (outcome = value));
  await world.time.until(() => outcome);
  return { intake, outcome };
}

test("what is recorded arrives whole, is acknowledged, and leaves nothing behind", async () => {
  const world = surroundings();
  const { intake, outcome } = await record(world, "s");
  assert.equal(outcome, "complete");
  assert.equal(world.server.content("s"), "one two three ");
  assert.deepEqual([intake.made, intake.acked, intake.pendingBytes, intake.pendingMs], [3, 3, 0, 0]);
  assert.deepEqual(world.server.segments.get("s").manifest.reason, "ended");
  assert.deepEqual(await world.spool.segmentsOf("11111111-1111-4111-8111-111111111111"), []);
  assert.deepEqual(await world.spool.waiting("s"), []);
});

test("lost answers to every first call duplicate nothing", async () => {
  const world = surroundings();
  world.server.faults = (call, times) => (times === 1 ? "lose" : undefined);
  const { outcome } = await record(world, "s");
  assert.equal(outcome, "complete");
  assert.equal(world.server.content("s"), "one two three ");
});

for (const status of [500, 503, 422, 429]) {
  test(`a chunk answered with ${status} is sent again until it is stored`, async () => {
    const world = surroundings();
    world.server.faults = (call, times) => (call.startsWith("PUT") && times <= 4 ? status : undefined);
    const { outcome } = await record(world, "s");
    assert.equal(outcome, "complete");
    assert.equal(world.server.content("s"), "one two three ");
    assert.deepEqual(world.troubles, []);
  });
}

test("Retry-After is kept even where the own wait would be shorter", async () => {
  const world = surroundings();
  const busy = { status: 503, body: { code: "storage" }, headers: { "Retry-After": "20" } };
  world.server.faults = (call, times) => (call === "PUT s/chunks/0/" && times === 1 ? busy : undefined);
  const began = world.time.now;
  await record(world, "s", ["one "]);
  assert.ok(world.time.now - began >= 20_000);
});

test("a chunk that conflicts is reported and skipped; the others still arrive", async () => {
  const world = surroundings();
  const conflict = { status: 409, body: { code: "digest_conflict" } };
  world.server.faults = (call) => (call === "PUT s/chunks/1/" ? conflict : undefined);
  const { outcome } = await record(world, "s");
  assert.deepEqual([...world.server.segments.get("s").chunks.keys()], [0, 2]);
  assert.deepEqual(world.troubles, ["digest_conflict", "lost"]);
  assert.equal(outcome, "incomplete");
});

test("after 410 nothing more of the segment is sent or kept", async () => {
  const world = surroundings();
  const over = { status: 410, body: { code: "over" } };
  world.server.faults = (call) => (/chunks\/[12]/.test(call) ? over : undefined);
  const { outcome } = await record(world, "s");
  assert.equal(outcome, "gone");
  assert.deepEqual(world.refusals, ["over"]);
  assert.deepEqual(await world.spool.waiting("s"), []);
  assert.ok(!world.server.log.some((call) => call.includes("close")));
});

for (const status of [401, 403]) {
  test(`${status} stops the upload and keeps the chunks for after the sign-in`, async () => {
    const world = surroundings();
    world.server.faults = (call) => (call.startsWith("PUT") ? status : undefined);
    const { outcome } = await record(world, "s");
    assert.equal(outcome, "locked_out");
    assert.equal((await world.spool.waiting("s")).length, 3);
    assert.ok(world.server.log.filter((call) => call.startsWith("PUT")).length <= 2);
    assert.equal((await world.spool.segment("s")).closed.chunks, 3);
  });
}

test("what the server misses at the close is sent again", async () => {
  const world = surroundings();
  let asked = 0;
  const { spool } = world;
  spool.acknowledge = async () => {};
  world.server.faults = (call) => {
    if (!call.includes("close") || (asked += 1) > 1) return undefined;
    world.server.segments.get("s").chunks.delete(1);
    return undefined;
  };
  const { outcome } = await record(world, "s");
  assert.equal(outcome, "complete");
  assert.equal(world.server.content("s"), "one two three ");
});

test("recording does not wait for the server to know the segment", async () => {
  const world = surroundings();
  world.server.faults = (call, times) => (call === "POST " && times <= 5 ? 502 : undefined);
  const { outcome } = await record(world, "s");
  assert.equal(outcome, "complete");
  assert.equal(world.server.content("s"), "one two three ");
});

test("chunks are kept while the segment's registration is unanswered, and count as pending", async () => {
  const world = surroundings();
  world.server.faults = () => 502;
  const intake = intakeIn(world, "s");
  intake.open(world.time.now);
  intake.add(new Blob(["abc"]), 0, 2000);
  await world.time.pass(1000);
  assert.deepEqual([intake.pendingBytes, intake.pendingMs], [3, 2000]);
});

test("a segment the server refuses is reported once and ends", async () => {
  const world = surroundings();
  world.server.faults = (call) => (call === "POST " ? { status: 409, body: { code: "lease_over" } } : undefined);
  const { outcome } = await record(world, "s");
  assert.equal(outcome, "unregistered");
  assert.deepEqual(world.refusals, ["lease_over"]);
});

test("a blob above the server's limit arrives in several numbers, unchanged", async () => {
  const world = surroundings();
  world.server.maxChunk = 4;
  const { intake, outcome } = await record(world, "s", ["abcdefghij"]);
  assert.equal(outcome, "complete");
  assert.equal(intake.made, 3);
  assert.equal(world.server.content("s"), "abcdefghij");
});

test("headers go first, then the oldest", async () => {
  const world = surroundings();
  world.server.faults = (call, times) => (call.startsWith("PUT") && times === 1 ? 500 : undefined);
  const [old, young] = [intakeIn(world, "old"), intakeIn(world, "young")];
  old.open(1000);
  young.open(2000);
  for (let i = 0; i < 3; i += 1) old.add(new Blob([`o${i}`]), i, i + 1);
  for (let i = 0; i < 3; i += 1) young.add(new Blob([`y${i}`]), i, i + 1);
  const puts = () => world.server.log.filter((call) => call.startsWith("PUT"));
  const first = () => puts().length;
  await world.time.until(() => young.made === 3 && old.made === 3 && first());
  world.server.log.length = 0;
  world.server.faults = () => {};
  await world.time.until(() => old.acked === 3 && young.acked === 3);
  const order = puts().map((call) => call.slice(4).replace("/chunks", ""));
  // Two at a time, so the order within a pair is anybody's.
  const pairs = [0, 2, 4].map((i) => order.slice(i, i + 2).sort());
  assert.deepEqual(pairs, [["old/0/", "young/0/"], ["old/1/", "old/2/"], ["young/1/", "young/2/"]]);
});

test("two tabs of one browser never upload at the same time", async () => {
  const [here, there] = [surroundings()].flatMap((tab) => [tab, surroundings(tab)]);
  const running = new Set();
  let together = false;
  for (const tab of [here, there]) {
    tab.api.put = ((put) => async (...rest) => {
      running.add(tab);
      together ||= running.size > 1;
      const result = await put.apply(tab.api, rest);
      running.delete(tab);
      return result;
    })(tab.api.put);
  }
  await Promise.all([record(here, "a"), record(there, "b")]);
  assert.deepEqual([here.server.content("a"), here.server.content("b")], ["one two three ", "one two three "]);
  assert.equal(together, false);
});

test("when the disk is full, chunks wait in memory and the status says so", async () => {
  const world = surroundings();
  const full = async () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  const disk = { saveSegment: full, saveChunk: full, chunk: full, waiting: full, segment: full, acknowledge: full, drop: full };
  const there = surroundings({ ...world, spool: new Spool({ disk }) });
  const { outcome } = await record(there, "s");
  assert.equal(outcome, "complete");
  assert.equal(world.server.content("s"), "one two three ");
  assert.equal(there.spool.crashSafe, false);
});

test("memory that is full gives up its oldest chunk, never a header", async () => {
  const ring = new MemorySpool({ limit: 10 });
  for (let number = 0; number < 4; number += 1) {
    const place = { segment: "s", number, size: 4, sha256: "", from_ms: 0, to_ms: 1 };
    await ring.saveChunk({ ...place, ciphertext: new ArrayBuffer(4), iv: new Uint8Array(12) });
  }
  assert.deepEqual((await ring.waiting("s")).map(({ number }) => number), [0, 3]);
  assert.equal((await ring.digests("s")).length, 4);
});
