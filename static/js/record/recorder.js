// @ts-check
/** One run of one MediaRecorder over a stream nobody else touches. It is never paused: that shortens the timeline. */

const START_TIMEOUT_MS = 3000;
const STOP_TIMEOUT_MS = 5000;
const STALLED_SLICES = 3;

/**
 * @typedef {object} RecorderParts
 * @property {any} MediaRecorder
 * @property {any} MediaStream
 * @property {{now: () => number}} clock
 * @property {any} timers
 * @property {any[]} tracks
 * @property {object} options of the MediaRecorder
 * @property {number} chunkMs
 * @property {(blob: Blob, from: number, to: number) => void} onChunk
 * @property {(code: string) => void} onLost it stopped, and nobody had asked it to
 */

export class SegmentRecorder {
  /** Server ms of the first sample. */
  t0 = 0;
  durationMs = 0;
  emptyBlobs = 0;
  #parts;
  #recorder;
  #through = 0;
  #lastData = 0;
  #error = "";
  #begun = false;
  #stopping = false;
  /** @type {Promise<void>} */
  #stopped;
  /** @type {() => void} */
  #started = () => {};

  /** @param {RecorderParts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#recorder = new parts.MediaRecorder(new parts.MediaStream(parts.tracks), parts.options);
    this.#recorder.addEventListener("dataavailable", (/** @type {any} */ event) => this.#take(event.data));
    this.#recorder.addEventListener("error", (/** @type {any} */ event) => (this.#error = event.error?.name ?? "error"));
    this.#recorder.addEventListener("start", () => this.#started());
    this.#stopped = new Promise((resolve) =>
      this.#recorder.addEventListener("stop", () => {
        resolve();
        if (!this.#stopping) this.#lose();
      }),
    );
  }

  /** Recording has begun when this resolves. */
  async start() {
    const { clock, chunkMs } = this.#parts;
    const begun = new Promise((resolve) => (this.#started = () => resolve(undefined)));
    // Content begins about when start() is called; the event comes 95 ms later.
    this.t0 = Math.round(clock.now());
    this.#lastData = this.t0;
    this.#recorder.start(chunkMs);
    this.#begun = true;
    const ended = this.#stopped.then(() => Promise.reject(new Error(this.#error || "stopped")));
    ended.catch(() => {});
    await this.#within(START_TIMEOUT_MS, Promise.race([begun, ended]), "start");
  }

  /** Resolves after the last data. Idempotent. */
  async stop() {
    if (!this.#stopping) {
      this.#stopping = true;
      this.durationMs = this.#elapsed();
      if (this.#recorder.state !== "inactive") this.#recorder.stop();
    }
    if (!this.#begun) return;
    await this.#within(STOP_TIMEOUT_MS, this.#stopped, "stop").catch(() => {});
  }

  /** Low data is silence, no data is a fault. */
  isStalled() {
    const quiet = this.#parts.clock.now() - this.#lastData;
    return this.#recorder.state === "recording" && quiet > STALLED_SLICES * this.#parts.chunkMs;
  }

  /** @param {Blob} blob */
  #take(blob) {
    if (!blob?.size) {
      this.emptyBlobs += 1;
      return;
    }
    this.#lastData = this.#parts.clock.now();
    const from = this.#through;
    this.#through = Math.max(this.#elapsed(), from + 1);
    this.#parts.onChunk(blob, from, this.#through);
  }

  #elapsed() {
    return Math.max(0, Math.round(this.#parts.clock.now()) - this.t0);
  }

  #lose() {
    this.#stopping = true;
    this.durationMs = this.#elapsed();
    this.#parts.onLost(this.#error || "stopped");
  }

  /** @template T @param {number} ms @param {Promise<T>} promise @param {string} what @returns {Promise<T>} */
  async #within(ms, promise, what) {
    const { timers } = this.#parts;
    let timer;
    const late = new Promise((_, reject) => {
      timer = timers.setTimeout(() => reject(new Error(`${what} timed out`)), ms);
    });
    try {
      return await Promise.race([promise, /** @type {Promise<never>} */ (late)]);
    } finally {
      timers.clearTimeout(timer);
    }
  }
}
