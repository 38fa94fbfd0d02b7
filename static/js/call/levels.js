// @ts-check
/** How loud each person is, 0 to 1, smoothed. Only listens: nothing is connected to the loudspeaker. */

const FLOOR = 0.012;
const FALL = 0.75;

export class Levels {
  /** @type {Map<string, {track: MediaStreamTrack, source: AudioNode, analyser: AnalyserNode, level: number}>} */
  #voices = new Map();
  #samples = new Float32Array(512);

  /** @param {() => AudioContext} soundOf @param {typeof MediaStream} Stream */
  constructor(soundOf, Stream) {
    this.soundOf = soundOf;
    this.Stream = Stream;
  }

  /** @param {string} who @param {MediaStreamTrack | null} track */
  follow(who, track) {
    const voice = this.#voices.get(who);
    if (voice?.track === track) return;
    voice?.source.disconnect();
    this.#voices.delete(who);
    if (!track || track.readyState === "ended") return;
    const context = this.soundOf();
    const source = context.createMediaStreamSource(new this.Stream([track]));
    const analyser = context.createAnalyser();
    analyser.fftSize = this.#samples.length;
    source.connect(analyser);
    this.#voices.set(who, { track, source, analyser, level: 0 });
  }

  /** Call about ten times a second. @param {string} who */
  level(who) {
    const voice = this.#voices.get(who);
    if (!voice) return 0;
    voice.analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / this.#samples.length;
    const loudness = Math.max(0, Math.sqrt(power) - FLOOR);
    voice.level = Math.max(Math.min(1, loudness * 6), voice.level * FALL);
    return voice.level < 0.02 ? 0 : voice.level;
  }
}
