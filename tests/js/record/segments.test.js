import assert from "node:assert/strict";
import test from "node:test";
import { createRecorder } from "../../../static/js/record/index.js";
import { FakeStream, fakeMediaRecorder } from "./fakes.js";
import { surroundings, USER } from "./fixtures.js";

const AUDIO = {
  lease: "l1", capture: "audio", epoch: 1, chunk_ms: 2000,
  canvas: { width: 320, height: 240, frame_rate: 10 }, bitrates: { audio: 32_000, video: 400_000 },
};
const VIDEO = { ...AUDIO, capture: "video", epoch: 2 };

class FakeNode {
  stream = { getAudioTracks: () => ["mix"] };
  threshold = {};
  offset = {};
  connect() {}
  disconnect() {}
  start() {}
  stop() {}
}

class FakeContext extends EventTarget {
  state = "running";
  createMediaStreamDestination = () => new FakeNode();
  createDynamicsCompressor = () => new FakeNode();
  createConstantSource = () => new FakeNode();
  createMediaStreamSource = () => new FakeNode();
  createAnalyser = () => Object.assign(new FakeNode(), { getFloatTimeDomainData: (samples) => samples.fill(this.loudness) });
  loudness = 0.3;
  resume = async () => {
    if (!this.stuck) this.state = "running";
  };
}

function fakeDocument(log) {
  const paint = new Proxy({}, { get: (_, name) => (name === "measureText" ? () => ({ width: 1 }) : () => {}), set: () => true });
  const createElement = (tag) => ({
    tag, style: {}, setAttribute() {}, append() {}, remove() {}, pause() {}, play: async () => {}, getContext: () => paint,
    captureStream: () => ({ getVideoTracks: () => [{ stop: () => log.push("picture off") }] }),
  });
  const document = new EventTarget();
  return Object.assign(document, { createElement, body: { append() {} } });
}

/** A call page whose recorder, sound and server are fakes. */
function call() {
  const world = surroundings();
  const log = [];
  const heard = new Map();
  const requests = [];
  const MediaRecorder = fakeMediaRecorder(world.time, log);
  const context = new FakeContext();
  const statuses = [];
  const warnings = [];
  const storage = { persist: async () => warnings.push("asked"), estimate: async () => world.room };
  const end = new AbortController();
  const window = new EventTarget();
  const request = (t, body) => {
    requests.push({ t, ...body });
    return world.refuse ? Promise.reject({ code: world.refuse }) : Promise.resolve({});
  };
  const recorder = createRecorder(
    {
      config: { user: USER, consultation: "c", csrf: "x", urls: { segments: "/api/v1/segments/", ticker: "/t.js" } },
      socket: { on: (t, listen) => heard.set(t, listen), request },
      clock: { now: () => world.time.now },
      getTracks: () => ({ local: { audio: {}, video: null, name: "A", initials: "A" }, remotes: [] }),
      audioContext: context,
      onStatus: (status) => statuses.push(status),
      onWarning: (...warning) => warnings.push(warning.join(" ")),
      signal: end.signal,
    },
    { ...world.platform, MediaRecorder, MediaStream: FakeStream, document: fakeDocument(log), window, storage },
  );
  const say = (t, message) => heard.get(t)(message);
  const recorders = () => MediaRecorder.all;
  return { ...world, world, recorder, say, log, recorders, requests, MediaRecorder, context, statuses, warnings, end, window };
}

const manifests = ({ server }) => [...server.segments.values()].map(({ body, manifest }) => [body.mode, body.epoch, manifest?.reason]);
const faults = ({ requests }) => requests.filter(({ t }) => t === "rec.fault").map(({ code }) => code);

async function recording(page, lease = AUDIO) {
  const before = page.server.segments.size;
  page.say("rec.lease", lease);
  await page.time.until(() => page.server.segments.size > before);
}

test("at a switch the new recorder has started before the old one stops", async () => {
  const page = call();
  await recording(page);
  page.say("rec.lease", VIDEO);
  await page.time.until(() => page.log.includes("stopped 1"));
  assert.deepEqual(page.log.slice(0, 6), ["start 1", "started 1", "start 2", "started 2", "stop 1", "stopped 1"]);
  await page.time.until(() => manifests(page)[0][2]);
  assert.deepEqual(manifests(page), [["audio", 1, "switch"], ["video", 2, undefined]]);
});

test("the overlap lasts a quarter of a second, and the last data of the old one is kept", async () => {
  const page = call();
  await recording(page);
  const starts = [];
  page.MediaRecorder.prototype.stop = ((stop) => function stopAt() {
    starts.push(page.time.now);
    stop.call(this);
  })(page.MediaRecorder.prototype.stop);
  const asked = page.time.now;
  page.say("rec.lease", VIDEO);
  await page.time.until(() => manifests(page)[0][2]);
  assert.ok(starts[0] - asked >= 340 && starts[0] - asked <= 500, `${starts[0] - asked}`);
  const [first] = page.server.segments.keys();
  assert.equal(page.server.content(first), "tail");
});

test("the same lease told twice changes nothing", async () => {
  const page = call();
  await recording(page);
  page.say("rec.lease", { ...AUDIO });
  page.say("welcome", { lease: { ...AUDIO } });
  await page.time.pass(1000);
  assert.equal(page.recorders().length, 1);
});

test("each recorder has a stream of its own", async () => {
  const page = call();
  await recording(page);
  await recording(page, { ...AUDIO, epoch: 3 });
  const [a, b] = page.recorders();
  assert.notEqual(a.stream, b.stream);
  assert.deepEqual([a.stream.tracks, b.stream.tracks], [["mix"], ["mix"]]);
});

test("a video segment records exactly one sound and one picture", async () => {
  const page = call();
  await recording(page, VIDEO);
  assert.equal(page.recorders()[0].stream.tracks.length, 2);
});

test("when the new recorder does not start, the old one keeps running and the fault is told", async () => {
  const page = call();
  await recording(page);
  page.MediaRecorder.script.starts = false;
  page.say("rec.lease", VIDEO);
  await page.time.until(() => faults(page).length);
  assert.equal(page.recorders()[0].state, "recording");
  assert.equal(faults(page)[0], "start_failed");
  page.MediaRecorder.script.starts = true;
  await page.time.until(() => page.server.segments.size === 2);
  await page.time.until(() => page.recorders()[0].state === "inactive");
});

test("a withdrawal stops what runs at once, in the middle of a hand-over too", async () => {
  const page = call();
  await recording(page);
  page.MediaRecorder.script.starts = false;
  page.say("rec.lease", VIDEO);
  await page.time.until(() => page.recorders().length === 2);
  page.say("rec.revoke", { lease: "l1", why: "withdrawn" });
  await page.time.pass(100);
  assert.deepEqual(page.recorders().map(({ state }) => state), ["inactive", "inactive"]);
  await page.time.until(() => manifests(page)[0][2]);
  assert.deepEqual(manifests(page), [["audio", 1, "revoked"]]);
});

test("a revocation of an older lease is not ours", async () => {
  const page = call();
  await recording(page);
  page.say("rec.revoke", { lease: "l0" });
  await page.time.pass(500);
  assert.equal(page.recorders()[0].state, "recording");
});

test("a recorder that gives no data for three slices is replaced", async () => {
  const page = call();
  await recording(page);
  page.recorders()[0].emit("a");
  await page.time.pass(5500);
  assert.equal(page.recorders().length, 1);
  await page.time.until(() => page.recorders().length === 2);
  assert.deepEqual(faults(page), ["stalled"]);
  assert.equal(page.recorders()[0].state, "inactive");
});

test("an empty blob is no sign of life and no chunk", async () => {
  const page = call();
  await recording(page);
  for (let i = 0; i < 4; i += 1) {
    page.recorders()[0].emit("");
    await page.time.pass(2000);
  }
  assert.deepEqual(faults(page), ["stalled"]);
});

test("a recorder that breaks is replaced, at most three times a minute", async () => {
  const page = call();
  await recording(page);
  for (let i = 1; i <= 3; i += 1) {
    page.recorders().at(-1).breakDown("InvalidModificationError");
    await page.time.until(() => page.recorders().length === i + 1 && page.log.includes(`started ${i + 1}`));
    await page.time.pass(200);
  }
  page.recorders().at(-1).breakDown("UnknownError");
  await page.time.pass(30_000);
  assert.equal(page.recorders().length, 4);
  await page.time.until(() => page.recorders().length === 5);
  const known = "InvalidModificationError";
  assert.deepEqual(faults(page).slice(0, 4), [known, known, known, "UnknownError"]);
});

test("nothing begins while the sound is suspended, and it begins once it runs", async () => {
  const page = call();
  Object.assign(page.context, { state: "suspended", stuck: true });
  page.say("rec.lease", AUDIO);
  await page.time.pass(5000);
  assert.equal(page.recorders().length, 0);
  assert.deepEqual(faults(page), ["suspended"]);
  page.context.stuck = false;
  await page.time.until(() => page.recorders().length === 1);
});

test("a refused segment stops and is not tried again until the lease changes", async () => {
  const page = call();
  page.server.faults = (call) => (call === "POST " ? { status: 409, body: { code: "stale_epoch" } } : undefined);
  page.say("rec.lease", AUDIO);
  await page.time.until(() => page.log.includes("stopped 1"));
  await page.time.pass(10_000);
  assert.equal(page.recorders().length, 1);
  assert.equal(page.statuses.at(-1).failed, "stale_epoch");
  page.server.faults = () => {};
  await recording(page, { ...AUDIO, epoch: 2 });
});

test("each five seconds the server hears which segment lives and how much of it is safe", async () => {
  const page = call();
  await recording(page);
  page.recorders()[0].emit("abc");
  await page.time.pass(5000);
  const [segment] = page.server.segments.keys();
  assert.deepEqual(page.requests.find(({ t }) => t === "rec.beat"), { t: "rec.beat", lease: "l1", segment, made: 1, acked: 1 });
});

test("a beat answered with no_lease stops the recorder", async () => {
  const page = call();
  await recording(page);
  page.world.refuse = "no_lease";
  await page.time.pass(5500);
  assert.equal(page.recorders()[0].state, "inactive");
});

test("after the end everything is uploaded and closed, and no lease counts any more", async () => {
  const page = call();
  await recording(page);
  page.recorders()[0].emit("one ");
  let drained = false;
  page.say("ended", {});
  page.recorder.drain().then(() => (drained = true));
  await page.time.until(() => drained);
  const [segment] = page.server.segments.keys();
  assert.equal(page.server.content(segment), "one tail");
  assert.deepEqual(manifests(page), [["audio", 1, "ended"]]);
  const { pendingBytes, pendingMs, failed } = page.statuses.at(-1);
  assert.deepEqual([pendingBytes, pendingMs, failed], [0, 0, null]);
  page.say("rec.lease", { ...AUDIO, epoch: 9 });
  await page.time.pass(500);
  assert.equal(page.recorders().length, 1);
});

test("leaving the page is questioned only while something remains to be uploaded after the end", async () => {
  const page = call();
  const asked = () => {
    const event = new Event("beforeunload", { cancelable: true });
    page.window.dispatchEvent(event);
    return event.defaultPrevented;
  };
  await recording(page);
  page.server.faults = (call) => (call.startsWith("PUT") ? 503 : undefined);
  page.recorders()[0].emit("one ");
  await page.time.pass(200);
  assert.equal(asked(), false);
  page.say("ended", {});
  await page.time.pass(500);
  assert.equal(asked(), true);
  assert.ok(page.statuses.at(-1).pendingBytes > 0);
  page.server.faults = () => {};
  await page.time.until(() => page.statuses.at(-1).pendingBytes === 0);
  await page.time.pass(100);
  assert.equal(asked(), false);
});

test("no recorder is ever paused", async () => {
  const { readdir, readFile } = await import("node:fs/promises");
  const home = new URL("../../../static/js/record/", import.meta.url);
  for (const name of await readdir(home)) {
    const source = await readFile(new URL(name, home), "utf8");
    assert.doesNotMatch(source, /ecorder\??\.pause\(/, name);
  }
});

test("when nobody is heard for 20 seconds whoever records is told, until somebody is", async () => {
  const page = call();
  page.context.loudness = 0;
  await page.time.pass(30_000, 500);
  assert.deepEqual(page.warnings, []); // nothing is recorded yet
  await recording(page);
  await page.time.pass(19_000, 500);
  assert.doesNotMatch(page.warnings.join(), /silent/);
  await page.time.pass(3000, 500);
  assert.equal(page.warnings.at(-1), "silent true");
  page.context.loudness = -0.01;
  await page.time.pass(1500, 500);
  assert.equal(page.warnings.at(-1), "silent false");
  page.context.loudness = 0;
  await page.time.pass(23_000, 500);
  assert.equal(page.warnings.at(-1), "silent true");
  page.say("ended");
  await page.time.until(() => page.warnings.at(-1) === "silent false");
});

test("a short silence is no matter, and what was quiet before a sound does not count", async () => {
  const page = call();
  await recording(page);
  for (let time = 0; time < 4; time += 1) {
    page.context.loudness = 0;
    await page.time.pass(15_000, 500);
    page.context.loudness = 0.3;
    await page.time.pass(2_000, 500);
  }
  assert.doesNotMatch(page.warnings.join(), /silent/);
});

test("the browser is asked once to keep the spool, by who records, and little room is said", async () => {
  const page = call();
  page.world.room = { quota: 3e9, usage: 1.6e9 };
  await page.time.pass(3000);
  assert.deepEqual(page.warnings, []);
  await recording(page);
  await page.time.until(() => page.warnings.length > 1);
  await recording(page, VIDEO);
  await page.time.pass(3000);
  assert.deepEqual(page.warnings, ["asked", "tight true"]);
});
