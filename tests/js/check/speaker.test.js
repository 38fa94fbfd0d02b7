import assert from "node:assert/strict";
import { test } from "node:test";
import { createSpeaker } from "../../../static/js/check/speaker.js";
import { settle } from "../call/fakes.js";

/** An AudioContext that notes which tones were started when, and ends them when told to. */
function fakeSound() {
  const tones = [];
  const context = {
    currentTime: 3, destination: {}, resume: async () => {},
    createGain: () => ({ gain: { setValueAtTime() {}, linearRampToValueAtTime() {} }, connect: () => {} }),
    createOscillator: () => {
      const tone = Object.assign(new EventTarget(), {
        frequency: { value: 0 }, connect: (next) => next,
        start: (from) => { tone.from = from; }, stop: (until) => { tone.until = until; },
      });
      tones.push(tone);
      return tone;
    },
  };
  return { tones, context, end: () => tones.forEach((tone) => tone.dispatchEvent(new Event("ended"))) };
}

test("two tones follow each other and the page says when they are over", async () => {
  const { tones, context, end } = fakeSound();
  const said = [];
  const speaker = createSpeaker({ soundOf: () => context, patch: ({ sound }) => said.push(sound) });
  speaker.play();
  speaker.play();
  await settle();
  assert.deepEqual(tones.map(({ from, until }) => [from, until]), [[3, 3.5], [3.5, 4]]);
  assert.notEqual(tones[0].frequency.value, tones[1].frequency.value);
  assert.deepEqual(said, ["playing"]);
  end();
  await settle();
  assert.deepEqual(said, ["playing", "played"]);
});

test("a browser without sound is said, and the tones can be asked for again", async () => {
  const said = [];
  const soundOf = () => { throw new TypeError("no AudioContext"); };
  const speaker = createSpeaker({ soundOf, patch: ({ sound }) => said.push(sound) });
  await speaker.play();
  await speaker.play();
  assert.deepEqual(said, ["playing", "unsupported", "playing", "unsupported"]);
});
