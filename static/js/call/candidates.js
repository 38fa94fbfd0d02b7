// @ts-check
/** ICE candidates on their way: out in batches, in once the other side's description is known. */

const PAUSE = 50;
const MOST = 20;
const LARGEST = 1024;

/** Gathers candidates for a moment and hands them over at most twenty at a time. */
export class CandidateBatch {
  /** @type {(RTCIceCandidateInit | null)[]} */ #waiting = [];
  #timer = /** @type {any} */ (null);

  /** @param {{timers: import("./pending.js").Timers, flush: (cs: (RTCIceCandidateInit | null)[]) => void}} options */
  constructor({ timers, flush }) {
    this.timers = timers;
    this.flush = flush;
  }

  /** @param {RTCIceCandidate | null} candidate null: no more of them */
  add(candidate) {
    const init = candidate ? candidate.toJSON() : null;
    if (init && JSON.stringify(init).length > LARGEST) return;
    this.#waiting.push(init);
    this.#timer ??= this.timers.setTimeout(() => this.#flush(), PAUSE);
  }

  #flush() {
    this.#timer = null;
    while (this.#waiting.length) this.flush(this.#waiting.splice(0, MOST));
  }

  close() {
    this.timers.clearTimeout(this.#timer);
    this.#waiting = [];
  }
}

/** Keeps what arrives before a remote description does. */
export class CandidateInbox {
  /** @type {(RTCIceCandidateInit | null)[]} */ #early = [];

  /** @param {RTCPeerConnection} pc */
  constructor(pc) {
    this.pc = pc;
  }

  /** @param {(RTCIceCandidateInit | null)[]} candidates */
  async receive(candidates) {
    if (!this.pc.remoteDescription) {
      this.#early.push(...candidates);
      return;
    }
    for (const candidate of candidates) await this.#add(candidate);
  }

  async release() {
    const early = this.#early;
    this.#early = [];
    for (const candidate of early) await this.#add(candidate);
  }

  /** One candidate that does not fit, such as that of an ignored offer, costs nothing. @param {any} candidate */
  async #add(candidate) {
    try {
      await this.pc.addIceCandidate(candidate ?? undefined);
    } catch {
      // The others still count; recovery acts if none of them leads anywhere.
    }
  }
}
