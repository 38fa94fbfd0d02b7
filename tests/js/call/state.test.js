import assert from "node:assert/strict";
import { test } from "node:test";
import { initialState, me, other, reduce, screenOf } from "../../../static/js/call/state.js";
import { snapshotOf } from "./fakes.js";

const started = (changes) => reduce(initialState("ada"), { t: "welcome", seq: 10, snapshot: snapshotOf(changes) });

test("a state event is applied by assignment and replaces whole participants by id", () => {
  const entry = { ...me(started()), audio: "off" };
  const state = reduce(started(), { t: "media", seq: 11, epoch: 3, participant: entry });
  assert.equal(state.seq, 11);
  assert.deepEqual(me(state), entry);
  assert.equal(other(state).id, "osei");
  assert.equal(state.participants.length, 2);
});

test("an event that was seen before changes nothing, not even the object", () => {
  const state = started();
  assert.equal(reduce(state, { t: "mode.changed", seq: 10, epoch: 9, mode: "video" }), state);
});

test("an event after a gap is not applied and marks the state as behind until a snapshot comes", () => {
  const behind = reduce(started(), { t: "mode.changed", seq: 13, epoch: 4, mode: "video", question: null });
  assert.equal(behind.mode, "audio");
  assert.equal(behind.seq, 10);
  assert.equal(behind.behind, true);
  const caughtUp = reduce(behind, { t: "snapshot", snapshot: snapshotOf({ seq: 13, epoch: 4, mode: "video" }) });
  assert.equal(caughtUp.mode, "video");
  assert.equal(caughtUp.seq, 13);
  assert.equal(caughtUp.behind, false);
});

test("a snapshot older than what is known is ignored, one of a new call is not", () => {
  const state = started();
  assert.equal(reduce(state, { t: "snapshot", snapshot: snapshotOf({ seq: 4, mode: "video" }) }), state);
  assert.equal(reduce(state, { t: "snapshot", snapshot: snapshotOf({ call: "call-2", seq: 1, mode: "video" }) }).mode, "video");
});

test("the end is believed even after a gap", () => {
  assert.equal(reduce(started(), { t: "ended", seq: 40, epoch: 5, phase: "ended", reason: "ended" }).phase, "ended");
});

test("what carries no seq changes the recording and nothing else", () => {
  const recording = { state: "recording", saved_ms: 4000, capture: "audio" };
  assert.deepEqual(reduce(started(), { t: "rec.status", recording }).recording, recording);
  const state = started();
  assert.equal(reduce(state, { t: "rec.lease", epoch: 1, lease: "l" }), state);
});

test("a pair event keeps the count without changing anything else", () => {
  assert.deepEqual(reduce(started(), { t: "pair", seq: 11, epoch: 3, peer: "osei" }), { ...started(), seq: 11 });
});

test("the patient waits until admitted; the clinician who admits is in at once", () => {
  const joined = { t: "local", patch: { joined: true } };
  assert.equal(screenOf(initialState("ada")), "join");
  const waiting = snapshotOf();
  waiting.participants = waiting.participants.map((one) => ({ ...one, admitted: false }));
  assert.equal(screenOf(reduce(started(waiting), joined)), "lobby");
  const clinician = reduce(initialState("osei"), { t: "welcome", snapshot: waiting });
  assert.equal(screenOf(reduce(clinician, joined)), "room");
  assert.equal(screenOf(reduce(started(), joined)), "room");
});
