import assert from "node:assert/strict";
import test from "node:test";
import { Mixer } from "../../../static/js/record/mixer.js";
import { Ticker } from "../../../static/js/record/ticker.js";
import { FakeStream, FakeTime } from "./fakes.js";

/** An audio graph that remembers what leads where. */
function graph({ heard = [] } = {}) {
  const edges = new Set();
  const node = (name, more = {}) => {
    const made = {
      name, threshold: {}, offset: {}, start() {}, stop() {}, ...more,
      connect: (to) => edges.add(`${name} > ${to.name}`),
      disconnect: () => [...edges].filter((edge) => edge.startsWith(`${name} >`)).forEach((edge) => edges.delete(edge)),
    };
    return made;
  };
  const context = Object.assign(new EventTarget(), {
    state: "running",
    resume: async () => (context.state = "running"),
    destination: node("loudspeaker"),
    createMediaStreamDestination: () => node("recording", { stream: { getAudioTracks: () => ["mix"] } }),
    createDynamicsCompressor: () => node("compressor"),
    createConstantSource: () => node("silence"),
    createAnalyser: () => node("ear", { getFloatTimeDomainData: (samples) => samples.set(heard) }),
    createMediaStreamSource: (stream) => node(stream.tracks[0]),
  });
  const players = [];
  const createElement = () => {
    const player = { play: async () => {}, pause() {} };
    players.push(player);
    return player;
  };
  const document = Object.assign(new EventTarget(), { createElement });
  const { timers } = new FakeTime();
  const { signal } = new AbortController();
  const mixer = new Mixer({ context, document, MediaStream: FakeStream, timers, signal });
  return { mixer, edges, players, context, document };
}

test("an empty mix still has a source, and nothing reaches the loudspeaker", () => {
  const { edges } = graph();
  assert.deepEqual([...edges], ["compressor > recording", "compressor > ear", "silence > recording"]);
});

test("people come and go, a new microphone takes the place of the old, and the mix stays the same track", () => {
  const { mixer, edges, players } = graph();
  const voices = () => [...edges].filter((edge) => edge.endsWith("> compressor"));
  const before = mixer.track;
  mixer.sync(new Map([["a", "mic a"], ["b", "mic b"]]));
  assert.deepEqual(voices(), ["mic a > compressor", "mic b > compressor"]);
  mixer.sync(new Map([["a", "mic a2"], ["b", "mic b"]]));
  assert.deepEqual(voices(), ["mic b > compressor", "mic a2 > compressor"]);
  mixer.sync(new Map());
  assert.deepEqual(voices(), []);
  assert.equal(mixer.track, before);
  assert.ok(players.every(({ muted, srcObject }) => muted && srcObject === null));
});

test("the loudest moment of the mix counts, whichever way it swings", () => {
  assert.ok(Math.abs(graph({ heard: [0, 0.1, -0.4, 0.2] }).mixer.peak() - 0.4) < 1e-6);
  assert.equal(graph().mixer.peak(), 0);
});

test("a context that falls asleep is woken, by its own event or by a touch", async () => {
  const { context, document, mixer } = graph();
  context.state = "suspended";
  context.dispatchEvent(new Event("statechange"));
  assert.equal(context.state, "running");
  context.state = "interrupted";
  document.dispatchEvent(new Event("pointerdown"));
  assert.equal(context.state, "running");
  context.state = "suspended";
  assert.equal(await mixer.isRunning(), true);
});

test("ticks come from the worker, each to its own listener, until stopped", () => {
  let worker;
  class FakeWorker extends EventTarget {
    sent = [];
    constructor(url, options) {
      super();
      worker = Object.assign(this, { url, options });
    }
    postMessage(message) {
      this.sent.push(message);
    }
    tick(id) {
      this.dispatchEvent(Object.assign(new Event("message"), { data: id }));
    }
  }
  const ticker = new Ticker({ Worker: FakeWorker, url: "/ticker.abc.js", timers: new FakeTime().timers });
  const counts = [0, 0];
  const stop = ticker.every(66, () => (counts[0] += 1));
  ticker.every(1000, () => (counts[1] += 1));
  assert.deepEqual([worker.url, worker.options, worker.sent[0]], ["/ticker.abc.js", { type: "module" }, { id: 1, every: 66 }]);
  worker.tick(1);
  worker.tick(2);
  stop();
  worker.tick(1);
  assert.deepEqual(counts, [1, 1]);
});

test("without a worker the page keeps time itself", async () => {
  const time = new FakeTime();
  const ticker = new Ticker({ Worker: undefined, url: "", timers: time.timers });
  let count = 0;
  ticker.every(100, () => (count += 1));
  await time.pass(500);
  assert.equal(count, 5);
  ticker.close();
  await time.pass(500);
  assert.equal(count, 5);
});
