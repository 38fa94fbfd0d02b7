import assert from "node:assert/strict";
import { test } from "node:test";
import { createDevices } from "../../../static/js/call/devices.js";
import { LocalMedia } from "../../../static/js/call/local.js";
import { ModeController } from "../../../static/js/call/mode.js";
import { SignalError } from "../../../static/js/call/protocol.js";
import { createStore, initialState } from "../../../static/js/call/state.js";
import { FakeTime, FakeTrack, settle, snapshotOf } from "./fakes.js";

/** Ada's side of a call. `refuse` is the name of the camera's DOMException, `answer` what the server does with a request. */
function ada({ refuse = "", answer = async () => ({}), snapshot = {} } = {}) {
  const time = new FakeTime();
  const store = createStore(initialState("ada"));
  store.dispatch({ t: "welcome", snapshot: snapshotOf(snapshot) });
  const rig = { sent: [], notices: [], replaced: [], cameras: [], refused: [], time, store, gate: null };
  const mediaDevices = {
    async getUserMedia() {
      if (rig.gate) await rig.gate;
      if (refuse) throw Object.assign(new Error(), { name: refuse });
      const track = new FakeTrack("video");
      rig.cameras.push(track);
      return { getTracks: () => [track] };
    },
  };
  const devices = createDevices({ mediaDevices, camera: { width: 320, height: 240, frame_rate: 10 } });
  const local = new LocalMedia({ devices, onMic() {}, onCameraLost: () => rig.mode.cameraLost() });
  rig.mode = new ModeController({
    request: async (t, body) => { rig.sent.push({ t, ...body }); return answer(t, body, rig); },
    state: store.get, local, timers: time.timers,
    peers: { replace: async (kind, track) => { rig.replaced.push(track); } },
    onSnapshot: (pieces) => store.dispatch({ t: "snapshot", snapshot: pieces }),
    onChange() {}, notice: (name, kind) => rig.notices.push([name, kind]), refused: ({ code }) => rig.refused.push(code),
  });
  store.subscribe((next, previous) => rig.mode.changed(next, previous));
  rig.event = (t, pieces) => store.dispatch({ t, seq: store.get().seq + 1, epoch: store.get().epoch, ...pieces });
  rig.switched = (mode) => rig.event("mode.changed", { mode, epoch: store.get().epoch + 1, by: "osei", question: null });
  rig.asked = (by = "osei") => rig.event("mode.asked", { question: { id: "q-1", by, want: "video" } });
  return rig;
}
const of = (rig, t) => rig.sent.filter((message) => message.t === t);

for (const [name, kind] of [["NotAllowedError", "denied"], ["NotFoundError", "missing"], ["NotReadableError", "busy"]]) {
  test(`without a camera (${kind}) nothing is sent, and the person is told why`, async () => {
    const rig = ada({ refuse: name });
    await rig.mode.askVideo();
    assert.deepEqual(rig.sent, []);
    assert.deepEqual(rig.notices, [["camera", kind]]);
    assert.equal(rig.mode.why, null);
  });
}

test("the camera is there before the question, and is sent only once the mode has changed", async () => {
  const rig = ada();
  await rig.mode.askVideo();
  assert.deepEqual(rig.sent, [{ t: "mode.request", want: "video", epoch: 3 }]);
  assert.deepEqual(rig.replaced, []);
  rig.asked("ada");
  rig.switched("video");
  await settle();
  assert.deepEqual(rig.replaced, rig.cameras);
  assert.deepEqual(of(rig, "media.update"), [{ t: "media.update", video: "on" }]);
});

test("a question that lapses turns the camera off again", async () => {
  const rig = ada();
  await rig.mode.askVideo();
  rig.asked("ada");
  rig.event("mode.declined", { question: null, by: null, why: "lapsed" });
  await settle();
  assert.equal(rig.cameras[0].readyState, "ended");
  assert.deepEqual(rig.replaced, []);
  assert.equal(rig.mode.why, null);
});

test("back to audio stops the track itself, so that the light goes off", async () => {
  const rig = ada();
  await rig.mode.askVideo();
  rig.switched("video");
  await settle();
  await rig.mode.backToAudio();
  rig.switched("audio");
  await settle();
  assert.equal(rig.cameras[0].readyState, "ended");
  assert.equal(rig.replaced.at(-1), null);
  assert.equal(rig.mode.published, false);
});

test("accepting with a camera says accept, without one accept_camera_off", async () => {
  const willing = ada();
  willing.asked();
  await willing.mode.accept({ id: "q-1" });
  assert.deepEqual(of(willing, "mode.answer"), [{ t: "mode.answer", question: "q-1", answer: "accept" }]);
  const blind = ada({ refuse: "NotAllowedError" });
  blind.asked();
  await blind.mode.accept({ id: "q-1" });
  assert.deepEqual(of(blind, "mode.answer"), [{ t: "mode.answer", question: "q-1", answer: "accept_camera_off" }]);
  assert.deepEqual(of(blind, "media.update"), [{ t: "media.update", video: "denied" }]);
});

test("a question that lapses while the browser asks for the camera is not answered, and the camera goes off", async () => {
  const rig = ada();
  rig.asked();
  let open;
  rig.gate = new Promise((resolve) => { open = resolve; });
  const accepting = rig.mode.accept({ id: "q-1" });
  rig.event("mode.declined", { question: null, by: null, why: "lapsed" });
  open();
  await accepting;
  assert.deepEqual(rig.sent, []);
  assert.equal(rig.cameras[0].readyState, "ended");
  assert.deepEqual(rig.notices, [["lapsedToMe", undefined]]);
});

test("a stale request is a success when the mode is already the wanted one", async () => {
  const rig = ada({
    answer: async (t, body, { store }) => {
      if (t !== "mode.request") return {};
      throw new SignalError("stale_epoch", "", snapshotOf({ seq: store.get().seq, epoch: 4, mode: "video" }));
    },
  });
  await rig.mode.askVideo();
  assert.deepEqual(rig.refused, []);
  assert.deepEqual(rig.replaced, rig.cameras);
});

test("a stale request for something else turns the camera off and says so", async () => {
  const rig = ada({ answer: async () => { throw new SignalError("stale_epoch", "", snapshotOf({ epoch: 4 })); } });
  await rig.mode.askVideo();
  assert.deepEqual(rig.refused, ["stale_epoch"]);
  assert.equal(rig.cameras[0].readyState, "ended");
});

test("a switch that came too soon is asked for once more", async () => {
  let times = 0;
  const rig = ada({ snapshot: { mode: "video" }, answer: async () => { times += 1; if (times === 1) throw new SignalError("dwell"); return {}; } });
  const back = rig.mode.backToAudio();
  await rig.time.pass(2000);
  await back;
  assert.equal(of(rig, "mode.request").length, 2);
});

test("a mode that changes while the camera opens for nothing leaves no camera on", async () => {
  const rig = ada({ snapshot: { mode: "video" } });
  let open;
  rig.gate = new Promise((resolve) => { open = resolve; });
  const opening = rig.mode.openOwnCamera();
  rig.switched("audio");
  open();
  await opening;
  assert.equal(rig.cameras[0].readyState, "ended");
  assert.deepEqual(of(rig, "media.update"), []);
});

test("nobody else can turn this camera on", async () => {
  const rig = ada();
  rig.switched("video");
  await settle();
  assert.deepEqual(rig.cameras, []);
  assert.deepEqual(rig.sent, []);
});

test("an unplugged camera is told and leaves the mode alone", async () => {
  const rig = ada();
  await rig.mode.askVideo();
  rig.switched("video");
  await settle();
  rig.cameras[0].dispatchEvent(new Event("ended"));
  await settle();
  assert.deepEqual(of(rig, "media.update").at(-1), { t: "media.update", video: "interrupted" });
  assert.equal(rig.replaced.at(-1), null);
  assert.equal(rig.store.get().mode, "video");
});
