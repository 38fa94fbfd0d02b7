import assert from "node:assert/strict";
import test from "node:test";
import { Compositor } from "../../../static/js/record/compositor.js";
import { fit, tiles } from "../../../static/js/record/layout.js";
import { heard, seen } from "../../../static/js/record/people.js";
import { FakeStream } from "./fakes.js";

const CANVAS = { width: 640, height: 360, frame_rate: 10 };

/** A page whose canvas writes down what is drawn. */
function page() {
  const drawn = [];
  const paint = {
    fillRect() {}, beginPath() {}, arc() {}, fill() {}, measureText: () => ({ width: 1 }),
    fillText: (text) => drawn.push(text), drawImage: (element) => drawn.push(element.srcObject.tracks[0]),
  };
  const room = [];
  const createElement = (tag) => {
    const element = {
      tag, style: {}, readyState: 4, videoWidth: 320, videoHeight: 240, setAttribute() {}, play: async () => {}, getContext: () => paint,
      append: (child) => room.push(child), captureStream: () => ({ getVideoTracks: () => [{ stop() {} }] }),
      remove: () => room.includes(element) && room.splice(room.indexOf(element), 1),
    };
    return element;
  };
  const ticks = [];
  const clock = { now: () => (clock.time += 100), time: 0 };
  const compositor = new Compositor({
    document: { createElement, body: { append() {} } }, MediaStream: FakeStream, clock, canvas: CANVAS,
    people: [person("a", "track a"), person("b", null)],
    ticker: { every: (ms, tick) => (ticks.push({ ms, tick }), () => (ticks.length = 0)) },
  });
  const tick = () => {
    drawn.length = 0;
    ticks[0].tick();
    return drawn;
  };
  return { compositor, room, ticks, tick };
}

const person = (id, video) => ({ id, name: `name ${id}`, initials: id.toUpperCase(), video });

test("two people share the picture side by side, four in a square", () => {
  assert.deepEqual(tiles(2, 640, 360).map(({ x, y, width }) => [x, y, width]), [[0, 0, 320], [320, 0, 320]]);
  assert.deepEqual(tiles(4, 640, 360).map(({ x, y }) => [x, y]), [[0, 0], [320, 0], [0, 180], [320, 180]]);
  assert.deepEqual(tiles(1, 640, 360), [{ x: 0, y: 0, width: 640, height: 360 }]);
});

test("no camera's picture is cut off or stretched", () => {
  assert.deepEqual(fit({ x: 0, y: 0, width: 320, height: 360 }, 640, 480), { x: 0, y: 60, width: 320, height: 240 });
  assert.deepEqual(fit({ x: 0, y: 0, width: 640, height: 360 }, 360, 640), { x: 219, y: 0, width: 203, height: 360 });
});

test("a camera is drawn, and who has none is a card with initials", () => {
  const { tick, ticks } = page();
  assert.equal(ticks[0].ms, 100);
  const drawn = tick();
  assert.ok(drawn.includes("track a") && drawn.includes("B") && !drawn.includes("A"));
  assert.ok(drawn.includes("name a") && drawn.includes("name b"));
});

test("a camera that changes gets a new element, and one that goes leaves none", () => {
  const { compositor, room, tick } = page();
  compositor.sync([person("a", "track a2"), person("b", null)]);
  assert.deepEqual(room.map(({ srcObject }) => srcObject.tracks[0]), ["track a2"]);
  compositor.sync([person("a", null), person("b", null)]);
  assert.deepEqual(room, []);
  assert.ok(tick().includes("A"));
});

test("a veiled picture shows no camera any more", () => {
  const { compositor, tick } = page();
  compositor.veil();
  const drawn = tick();
  assert.ok(!drawn.includes("track a") && drawn.includes("A"));
});

test("a closed compositor draws nothing and keeps no element", () => {
  const { compositor, room, ticks } = page();
  compositor.close();
  assert.deepEqual([room.length, ticks.length, compositor.closed], [0, 0, true]);
});

test("a frozen remote picture is not shown: what counts is what the person said", () => {
  const remote = { participant: "p", name: "P", initials: "P", audio: null, video: { readyState: "live" }, videoOn: false };
  const local = { audio: null, video: { readyState: "ended" }, name: "L", initials: "L" };
  assert.deepEqual(seen({ local, remotes: [remote] }).map(({ id, video }) => [id, video]), [["p", null], ["local", null]]);
});

test("only live tracks are heard", () => {
  const live = { readyState: "live" };
  const remotes = [{ participant: "p", audio: { readyState: "ended" } }, { participant: "q", audio: null }];
  assert.deepEqual([...heard({ local: { audio: live }, remotes })], [["local", live]]);
});
