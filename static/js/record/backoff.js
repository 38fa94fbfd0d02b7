// @ts-check
/** How long to wait before trying again, and a wait that can be cut short. */

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** Full jitter. @param {number} failures in a row, from 1 @param {() => number} random */
export function backoffMs(failures, random) {
  return random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 16));
}

/** One wait at a time; `cut()` ends it early. */
export class Wait {
  #end = () => {};
  #timers;

  /** @param {any} timers */
  constructor(timers) {
    this.#timers = timers;
  }

  /** @param {number} ms @returns {Promise<void>} */
  for(ms) {
    return new Promise((resolve) => {
      const timer = this.#timers.setTimeout(resolve, ms);
      this.#end = () => {
        this.#timers.clearTimeout(timer);
        resolve();
      };
    });
  }

  cut() {
    this.#end();
  }
}
