// @ts-check
/** Everybody's sound in one audio track that lasts the whole call. Never connected to the loudspeaker: that would echo. */

const THRESHOLD_DB = -18;
const RESUME_MS = 400;
/** 0.7 s at 48 kHz: a look once a second misses nothing that lasts. */
const HEARD_SAMPLES = 32_768;

/** @typedef {{track: any, stop: () => void}} Source */

export class Mixer {
  #context;
  #parts;
  #compressor;
  #silence;
  #destination;
  #ear;
  #samples = new Float32Array(HEARD_SAMPLES);
  /** @type {Map<string, Source>} */
  #sources = new Map();

  /** @param {{context: any, document: any, MediaStream: any, timers: any, signal: AbortSignal}} parts */
  constructor(parts) {
    this.#parts = parts;
    const { context, document, signal } = parts;
    this.#context = context;
    this.#destination = context.createMediaStreamDestination();
    this.#destination.channelCount = 1;
    this.#compressor = context.createDynamicsCompressor();
    this.#compressor.threshold.value = THRESHOLD_DB;
    this.#compressor.connect(this.#destination);
    this.#ear = context.createAnalyser();
    this.#ear.fftSize = HEARD_SAMPLES;
    this.#compressor.connect(this.#ear);
    // A destination without any source emits nothing, and a recorder of nothing writes 0 bytes.
    this.#silence = context.createConstantSource();
    this.#silence.offset.value = 0;
    this.#silence.connect(this.#destination);
    this.#silence.start();
    const wake = () => this.#resume();
    context.addEventListener("statechange", wake, { signal });
    for (const type of ["pointerdown", "keydown", "visibilitychange"]) document.addEventListener(type, wake, { signal });
  }

  get track() {
    return this.#destination.stream.getAudioTracks()[0];
  }

  /** Who speaks now. @param {Map<string, any>} tracks person → audio track */
  sync(tracks) {
    for (const [person, source] of this.#sources) {
      if (tracks.get(person) === source.track) continue;
      source.stop();
      this.#sources.delete(person);
    }
    for (const [person, track] of tracks) {
      if (!this.#sources.has(person)) this.#sources.set(person, this.#listenTo(track));
    }
  }

  /** How loud the mix was at its loudest within the last moments, 0 to 1. */
  peak() {
    this.#ear.getFloatTimeDomainData(this.#samples);
    return this.#samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  }

  /** Tries to wake it first. @returns {Promise<boolean>} */
  async isRunning() {
    if (this.#context.state !== "running") {
      const { timers } = this.#parts;
      await Promise.race([this.#resume(), new Promise((resolve) => timers.setTimeout(resolve, RESUME_MS))]);
    }
    return this.#context.state === "running";
  }

  close() {
    this.sync(new Map());
    this.#silence.stop();
    this.#silence.disconnect();
    this.#compressor.disconnect();
  }

  /** @param {any} track @returns {Source} */
  #listenTo(track) {
    const { document, MediaStream } = this.#parts;
    const stream = new MediaStream([track]);
    // A remote track yields silence unless a media element plays it, if only muted.
    const element = document.createElement("audio");
    element.muted = true;
    element.srcObject = stream;
    element.play().catch(() => {});
    const node = this.#context.createMediaStreamSource(stream);
    node.connect(this.#compressor);
    const stop = () => {
      node.disconnect();
      element.pause();
      element.srcObject = null;
    };
    return { track, stop };
  }

  async #resume() {
    if (this.#context.state === "running" || this.#context.state === "closed") return;
    await this.#context.resume().catch(() => {});
  }
}
