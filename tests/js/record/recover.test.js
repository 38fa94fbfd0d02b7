import assert from "node:assert/strict";
import test from "node:test";
import { recover } from "../../../static/js/record/recover.js";
import { FakeLocks } from "./fakes.js";
import { intakeIn, NEIGHBOUR, surroundings, USER } from "./fixtures.js";

/** Chunk 0 is stored, its answer came; the rest never left the browser. Then the page is gone. */
async function crash(world, segment, facts) {
  world.server.faults = (call) => (/chunks\/[1-9]/.test(call) ? 500 : undefined);
  const intake = intakeIn(world, segment, facts);
  intake.open(world.time.now);
  ["one ", "two ", "three "].forEach((text, i) => intake.add(new Blob([text]), 2000 * i, 2000 * (i + 1)));
  await world.time.until(() => intake.made === 3 && intake.acked === 1);
  world.crashed = true;
}

async function openNextPage(world, { user = USER, locks = new FakeLocks() } = {}) {
  world.server.faults = () => {};
  world.server.log.length = 0;
  let done = false;
  const statuses = [];
  const options = { user, segmentsUrl: "/api/v1/segments/", onStatus: (status) => statuses.push(status) };
  recover(options, { ...world.platform, locks }).then(() => (done = true));
  await world.time.until(() => done);
  return statuses;
}

test("what a crash left is uploaded and closed as recovered, its manifest covering what had arrived before", async () => {
  const world = surroundings();
  await crash(world, "s");
  const statuses = await openNextPage(world);
  const segment = world.server.segments.get("s");
  assert.equal(world.server.content("s"), "one two three ");
  assert.ok(segment.complete);
  assert.equal(segment.manifest.reason, "recovered");
  assert.equal(segment.manifest.duration_ms, 6000);
  assert.deepEqual(await world.spool.segmentsOf(USER), []);
  assert.deepEqual(statuses.at(-1), { pendingMs: 0, pendingBytes: 0, failed: null, open: 0 });
});

test("a segment that had been closed keeps its manifest", async () => {
  const world = surroundings();
  await crash(world, "s");
  const row = await world.spool.segment("s");
  const root = "0".repeat(64);
  await world.spool.saveSegment({ ...row, closed: { chunks: 3, bytes: 14, root, duration_ms: 5900, reason: "switch" } });
  await openNextPage(world);
  assert.deepEqual(world.server.segments.get("s").manifest.root, root);
});

test("a segment another tab is recording is left alone", async () => {
  const world = surroundings();
  await crash(world, "s");
  await openNextPage(world, { locks: world.locks });
  assert.deepEqual(world.server.log.filter((call) => call.includes("close")), []);
  assert.ok(await world.spool.segment("s"));
});

test("a segment the server no longer lists is deleted", async () => {
  const world = surroundings();
  await crash(world, "s");
  world.server.segments.get("s").complete = true;
  await openNextPage(world);
  assert.equal(await world.spool.segment("s"), undefined);
  assert.deepEqual(await world.spool.waiting("s"), []);
});

test("another person's leftovers are neither asked for nor deleted", async () => {
  const world = surroundings();
  await crash(world, "theirs", { user: NEIGHBOUR });
  await openNextPage(world);
  assert.ok(!world.server.log.includes("GET unfinished/"));
  assert.equal((await world.spool.waiting("theirs")).length, 2);
});

test("when the list cannot be had, nothing is deleted", async () => {
  const world = surroundings();
  await crash(world, "s");
  for (const status of [401, 500]) {
    let done = false;
    world.server.faults = () => status;
    const platform = { ...world.platform, locks: new FakeLocks() };
    recover({ user: USER, segmentsUrl: "/api/v1/segments/" }, platform).then(() => (done = true));
    await world.time.until(() => done);
    assert.equal((await world.spool.waiting("s")).length, 2);
  }
});
