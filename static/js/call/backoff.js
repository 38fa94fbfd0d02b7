// @ts-check
/** How long to wait before the next attempt to connect. */
import { CLOSE } from "./protocol.js";

const DELAYS = [0, 300, 1200, 2700, 4800, 7000];
const STEADY = 5000;
const CROWDED = 3;

export class Backoff {
  #attempt = 0;
  #welcomedAt = /** @type {number | null} */ (null);

  /** @param {{random: () => number, clock: {local: () => number}}} options */
  constructor({ random, clock }) {
    this.random = random;
    this.clock = clock;
  }

  welcomed() {
    this.#welcomedAt = this.clock.local();
  }

  /** A line that held for a while starts over; one that drops at once does not. @param {number} code @returns {number} ms */
  next(code) {
    if (this.#welcomedAt !== null && this.clock.local() - this.#welcomedAt > STEADY) this.#attempt = 0;
    if (code === CLOSE.TOO_MANY) this.#attempt = Math.max(this.#attempt, CROWDED);
    this.#welcomedAt = null;
    const step = Math.min(this.#attempt, DELAYS.length - 1);
    this.#attempt += 1;
    return DELAYS[step] + (step > 1 ? this.random() * 1000 : 0);
  }
}
