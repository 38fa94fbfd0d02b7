import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { createPage } from "../../../static/js/check/page.js";

const NAMES = ["mic", "mic_text", "mic_name", "meter", "sound", "sound_text", "camera", "camera_text", "preview"];
const nothing = { mic: "off", micName: "", heard: false, check: "off", sound: "off" };

class FakeNode extends EventTarget {
  textContent = "";
  hidden = true;
  disabled = true;
  dataset = {};
  attributes = {};
  srcObject = null;
  style = { setProperty: (name, value) => { this.style[name] = value; } };
  setAttribute(name, value) { this.attributes[name] = value; }
  getAttribute(name) { return this.attributes[name] ?? null; }
  press() { this.dispatchEvent(new Event("click")); }
}

let parts, pressed, page;
beforeEach(() => {
  parts = Object.fromEntries(NAMES.map((name) => [name, new FakeNode()]));
  pressed = [];
  const press = { mic: () => pressed.push("mic"), camera: () => pressed.push("camera"), sound: () => pressed.push("sound") };
  page = createPage({ parts, picture: () => null, press });
});

test("buttons wake up with the script, and nothing is opened before one is pressed", () => {
  page.render(nothing);
  assert.deepEqual([parts.mic.disabled, parts.camera.disabled, parts.sound.disabled], [false, false, false]);
  assert.deepEqual([pressed, parts.mic_text.textContent, parts.meter.hidden], [[], "", true]);
  parts.mic.press();
  parts.sound.press();
  assert.deepEqual(pressed, ["mic", "sound"]);
});

test("a microphone works once somebody was heard", () => {
  page.render({ ...nothing, mic: "on", micName: "Headset" });
  assert.match(parts.mic_text.textContent, /^Say something/);
  assert.deepEqual([parts.meter.hidden, parts.mic_name.textContent], [false, "Headset"]);
  page.render({ ...nothing, mic: "on", heard: true });
  assert.match(parts.mic_text.textContent, /^Your microphone works/);
  parts.mic.press();
  assert.deepEqual(pressed, []);
  page.meter(0.5);
  assert.equal(parts.meter.style["--level"], "0.50");
});

test("a microphone that is refused is said in words and can be tried again", () => {
  page.render({ ...nothing, mic: "denied", heard: true });
  assert.match(parts.mic_text.textContent, /may not use your microphone/);
  assert.deepEqual([parts.mic_text.dataset.state, parts.mic.textContent, parts.meter.hidden], ["problem", "Try again", true]);
  parts.mic.press();
  assert.deepEqual(pressed, ["mic"]);
});

test("a camera shows its picture, or why there is none", () => {
  page.render({ ...nothing, check: "on" });
  assert.deepEqual([parts.preview.hidden, parts.camera.textContent], [false, "Turn the camera off"]);
  page.render({ ...nothing, check: "busy" });
  assert.match(parts.camera_text.textContent, /another program/);
  assert.deepEqual([parts.preview.hidden, parts.camera_text.dataset.state], [true, "problem"]);
});
