// @ts-check
/** One segment's way to the server: what waits, what is under way, and how it ended. Knows no HTTP. */

/** @typedef {{number: number, size: number, from_ms: number, to_ms: number}} Waiting */
/** @typedef {'complete' | 'incomplete' | 'gone' | 'conflict' | 'locked_out' | 'refused'} Outcome */
/** @typedef {{kind: 'chunk' | 'close', number: number}} Job */

export class Upload {
  acked = 0;
  /** @type {Outcome | null} */
  outcome = null;
  /** @type {object | null} */
  manifest = null;
  /** @type {Promise<Outcome>} */
  finished;
  /** @type {(outcome: Outcome) => void} */
  #finish = () => {};
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  /** @type {Set<number>} */
  #underWay = new Set();
  #closing = false;

  /** @param {{segment: string, t0: number, token: string, key: CryptoKey}} facts */
  constructor({ segment, t0, token, key }) {
    this.segment = segment;
    this.t0 = t0;
    this.token = token;
    this.key = key;
    this.finished = new Promise((resolve) => (this.#finish = resolve));
  }

  /** @param {Waiting} chunk */
  offer(chunk) {
    if (!this.outcome) this.#waiting.set(chunk.number, chunk);
  }

  /** No chunk will follow. @param {object} manifest */
  seal(manifest) {
    this.manifest = manifest;
  }

  /** The job to do next, if any. @returns {Job | null} */
  next() {
    if (this.outcome) return null;
    const free = [...this.#waiting.keys()].filter((number) => !this.#underWay.has(number));
    if (free.length) return { kind: "chunk", number: Math.min(...free) };
    const ready = this.manifest && !this.#waiting.size && !this.#closing;
    return ready ? { kind: "close", number: Infinity } : null;
  }

  /** @param {Job} job */
  begin(job) {
    if (job.kind === "close") this.#closing = true;
    else this.#underWay.add(job.number);
  }

  /** It did not go through: it waits again. @param {Job} job */
  putBack(job) {
    if (job.kind === "close") this.#closing = false;
    else this.#underWay.delete(job.number);
  }

  /** The server has it, or nobody ever will. @param {Job} job */
  settle(job) {
    this.putBack(job);
    this.#waiting.delete(job.number);
  }

  /** @param {Outcome} outcome */
  end(outcome) {
    this.outcome ??= outcome;
    this.#waiting.clear();
    this.#finish(this.outcome);
  }

  get pendingBytes() {
    return this.#sum((chunk) => chunk.size);
  }

  get pendingMs() {
    return this.#sum((chunk) => chunk.to_ms - chunk.from_ms);
  }

  /** @param {(chunk: Waiting) => number} measure */
  #sum(measure) {
    return [...this.#waiting.values()].reduce((sum, chunk) => sum + measure(chunk), 0);
  }
}
