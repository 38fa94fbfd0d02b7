// @ts-check
/** Keeps exactly one segment running for the lease in force; hands over by overlap. Every change goes through one queue. */

const OVERLAP_MS = 250;
const REOPENINGS = 3;
const REOPENINGS_WITHIN_MS = 60_000;

/** @typedef {import('./segment.js').Lease} Lease */
/** @typedef {import('./segment.js').Segment} Segment */
/** @typedef {{onLost: (code: string) => void, onRefused: (code: string) => void}} Listeners */
/**
 * @typedef {object} SegmentsParts
 * @property {(lease: Lease, listeners: Listeners) => Segment} makeSegment
 * @property {{isRunning: () => Promise<boolean>}} mixer
 * @property {{now: () => number}} clock
 * @property {any} timers
 * @property {(code: string, lease: Lease | null) => void} onFault
 */

const nameOf = (/** @type {Lease} */ { lease, capture, epoch }) => `${lease}/${capture}/${epoch}`;

export class Segments {
  /** @type {Lease | null} */
  #wanted = null;
  /** @type {Segment | null} */
  #live = null;
  /** Everything that may be capturing: the live one, one that starts, one that is about to stop. @type {Set<Segment>} */
  #capturing = new Set();
  #why = "ended";
  #refused = "";
  #suspended = false;
  /** When a segment failed. @type {number[]} */
  #lapses = [];
  /** @type {Promise<void>} */
  #queue = Promise.resolve();
  #busy = 0;
  #parts;

  /** @param {SegmentsParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  get live() {
    return this.#live;
  }

  get lease() {
    return this.#wanted;
  }

  /** @param {Lease} lease */
  want(lease) {
    if (this.#wanted && nameOf(lease) !== nameOf(this.#wanted)) this.#lapses = [];
    this.#wanted = lease;
    this.#refused = "";
    // Even if its successor fails, a segment must not show more than is allowed now.
    if (lease.capture === "audio") for (const segment of this.#capturing) segment.veil();
    this.#then(() => this.#settle());
  }

  /** Nothing may be captured from now on. @param {string} why @returns {Promise<void>} when all of it is in the intakes */
  release(why) {
    this.#wanted = null;
    this.#why = why;
    for (const segment of this.#capturing) segment.stop(why).catch(() => {});
    return this.#then(() => this.#settle());
  }

  /** Once a second: look after what runs, try again what does not. */
  tick() {
    if (this.#busy) return;
    const stalled = this.#live?.isStalled() ? this.#live : null;
    if (stalled) this.#then(() => this.#lose(stalled, "stalled"));
    else if (this.#wanted && !this.#isSettled()) this.#then(() => this.#settle());
  }

  #isSettled() {
    return Boolean(this.#live && this.#wanted && nameOf(this.#live.lease) === nameOf(this.#wanted));
  }

  async #settle() {
    const wanted = this.#wanted;
    if (!wanted) {
      const last = this.#live;
      this.#live = null;
      if (last) await this.#end(last, this.#why);
    } else if (!this.#isSettled() && this.#mayOpen(wanted)) await this.#handOver(wanted);
  }

  /** @param {Lease} wanted */
  #mayOpen(wanted) {
    const since = this.#parts.clock.now() - REOPENINGS_WITHIN_MS;
    this.#lapses = this.#lapses.filter((at) => at > since);
    return nameOf(wanted) !== this.#refused && this.#lapses.length <= REOPENINGS;
  }

  /** @param {Lease} lease */
  async #handOver(lease) {
    if (!(await this.#hasSound(lease))) return;
    const next = await this.#begin(lease);
    if (!next) return;
    const old = this.#live;
    this.#live = next;
    if (!old) return;
    await new Promise((resolve) => this.#parts.timers.setTimeout(resolve, OVERLAP_MS));
    await this.#end(old, "switch");
  }

  /** A suspended AudioContext records nothing at all, so nothing is begun. @param {Lease} lease */
  async #hasSound(lease) {
    const running = await this.#parts.mixer.isRunning();
    if (!running && !this.#suspended) this.#parts.onFault("suspended", lease);
    this.#suspended = !running;
    return running;
  }

  /** @param {Lease} lease @returns {Promise<Segment | null>} null: it failed, and what runs keeps running */
  async #begin(lease) {
    /** @type {Segment | null} */
    let next = null;
    try {
      const segment = this.#parts.makeSegment(lease, {
        onLost: (code) => this.#then(() => this.#lose(segment, code)),
        onRefused: (code) => this.#then(() => this.#refuse(segment, code)),
      });
      next = segment;
      this.#capturing.add(segment);
      await segment.start();
      return segment;
    } catch (error) {
      if (next) {
        await next.discard();
        this.#capturing.delete(next);
      }
      if (!this.#wanted) return null;
      this.#lapses.push(this.#parts.clock.now());
      const code = /** @type {Error} */ (error).message === "no_format" ? "no_format" : "start_failed";
      this.#parts.onFault(code, lease);
      return null;
    }
  }

  /** It stopped or stalled by itself: close it, open another. @param {Segment} segment @param {string} code */
  async #lose(segment, code) {
    if (segment === this.#live) {
      this.#live = null;
      this.#lapses.push(this.#parts.clock.now());
      this.#parts.onFault(code, segment.lease);
    }
    await this.#end(segment, "error");
    await this.#settle();
  }

  /** The server does not want it; another one like it would not fare better. @param {Segment} segment @param {string} code */
  async #refuse(segment, code) {
    this.#refused = nameOf(segment.lease);
    if (segment === this.#live) this.#live = null;
    this.#parts.onFault(code, segment.lease);
    await this.#end(segment, "refused");
  }

  /** @param {Segment} segment @param {string} reason */
  async #end(segment, reason) {
    await segment.stop(reason);
    this.#capturing.delete(segment);
  }

  /** @param {() => Promise<void>} step @returns {Promise<void>} */
  #then(step) {
    this.#busy += 1;
    this.#queue = this.#queue
      .then(step)
      .catch(() => this.#parts.onFault("internal", this.#wanted))
      .finally(() => (this.#busy -= 1));
    return this.#queue;
  }
}
