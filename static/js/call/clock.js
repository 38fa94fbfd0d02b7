// @ts-check
/** The server's time on this machine: the median offset of the last five pings. Times in milliseconds. */

const KEPT = 5;

export class Clock {
  /** @type {number[]} */
  #offsets = [];

  /** @param {{timeOrigin: number, now: () => number}} performance a clock that never jumps */
  constructor(performance) {
    this.performance = performance;
  }

  /** This machine's own time, whole milliseconds. */
  local() {
    return Math.round(this.performance.timeOrigin + this.performance.now());
  }

  get settled() {
    return this.#offsets.length === KEPT;
  }

  /** @param {number} sent our time in the ping @param {number} server the server's time in its pong */
  sample(sent, server) {
    if (!Number.isFinite(sent) || !Number.isFinite(server)) return;
    const offset = server - (sent + this.local()) / 2;
    this.#offsets = [...this.#offsets, offset].slice(-KEPT);
  }

  get offset() {
    const sorted = [...this.#offsets].sort((a, b) => a - b);
    return sorted.length ? sorted[sorted.length >> 1] : 0;
  }

  /** The server's time, as far as we know it. */
  now() {
    return this.local() + this.offset;
  }
}
