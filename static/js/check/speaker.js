// @ts-check
/** Two short tones, so that somebody knows whether they would hear the other person. */

const TONES_HZ = [523, 659];
const TONE_S = 0.5;
const LOUD = 0.2;
const FADE_S = 0.03;

/** @param {AudioContext} context @param {number} hz @param {number} from */
function tone(context, hz, from) {
  const source = context.createOscillator();
  const gain = context.createGain();
  source.frequency.value = hz;
  // Fades, because a tone that is cut clicks.
  gain.gain.setValueAtTime(0, from);
  gain.gain.linearRampToValueAtTime(LOUD, from + FADE_S);
  gain.gain.setValueAtTime(LOUD, from + TONE_S - FADE_S);
  gain.gain.linearRampToValueAtTime(0, from + TONE_S);
  source.connect(gain).connect(context.destination);
  source.start(from);
  source.stop(from + TONE_S);
  return new Promise((resolve) => source.addEventListener("ended", resolve, { once: true }));
}

/** @param {{soundOf: () => AudioContext, patch: (patch: any) => void}} options */
export function createSpeaker({ soundOf, patch }) {
  let playing = false;

  async function play() {
    if (playing) return;
    playing = true;
    patch({ sound: "playing" });
    try {
      const context = soundOf();
      await context.resume();
      await Promise.all(TONES_HZ.map((hz, index) => tone(context, hz, context.currentTime + index * TONE_S)));
      patch({ sound: "played" });
    } catch {
      patch({ sound: "unsupported" });
    } finally {
      playing = false;
    }
  }

  return { play };
}
