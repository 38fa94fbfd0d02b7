// @ts-check
/** Ticks from a worker; from the page itself when there is no worker to be had. */

export class Ticker {
  #timers;
  #worker;
  #count = 0;
  /** @type {Map<number, {ms: number, tick: () => void, timer: any}>} */
  #ticks = new Map();

  /** @param {{Worker: any, url: string, timers: any}} parts */
  constructor({ Worker, url, timers }) {
    this.#timers = timers;
    try {
      this.#worker = new Worker(url, { type: "module" });
      this.#worker.addEventListener("message", (/** @type {any} */ { data }) => this.#ticks.get(data)?.tick());
      this.#worker.addEventListener("error", () => this.#doWithout());
    } catch {
      this.#worker = null;
    }
  }

  /** @param {number} ms @param {() => void} tick @returns {() => void} stop */
  every(ms, tick) {
    const id = (this.#count += 1);
    this.#ticks.set(id, { ms, tick, timer: null });
    if (this.#worker) this.#worker.postMessage({ id, every: ms });
    else this.#keepTime(id);
    return () => {
      this.#timers.clearInterval(this.#ticks.get(id)?.timer);
      this.#ticks.delete(id);
      this.#worker?.postMessage({ id });
    };
  }

  close() {
    for (const { timer } of this.#ticks.values()) this.#timers.clearInterval(timer);
    this.#ticks.clear();
    this.#worker?.terminate();
  }

  #doWithout() {
    this.#worker?.terminate();
    this.#worker = null;
    for (const id of this.#ticks.keys()) this.#keepTime(id);
  }

  /** @param {number} id */
  #keepTime(id) {
    const entry = this.#ticks.get(id);
    if (entry) entry.timer = this.#timers.setInterval(entry.tick, entry.ms);
  }
}
