// @ts-check
/** Requests that wait for their `ack`: sent again under the same `id`, given up after a while. */
import { SignalError } from "./protocol.js";

/** @typedef {{setTimeout: (run: () => void, ms: number) => any, clearTimeout: (timer: any) => void}} Timers */

export class Pending {
  #waiting = new Map();

  /** @param {{timers: Timers, transmit: (text: string) => void, wait?: number, tries?: number}} options */
  constructor({ timers, transmit, wait = 5000, tries = 3 }) {
    this.timers = timers;
    this.transmit = transmit;
    this.wait = wait;
    this.tries = tries;
  }

  get size() {
    return this.#waiting.size;
  }

  /** @param {string} id @param {string} text @returns {Promise<Record<string, any>>} the `ack` */
  add(id, text) {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { text, resolve, reject, tries: 0, timer: null });
      this.#send(id);
    });
  }

  /** @param {Record<string, any>} message an `ack` or `error` @returns {boolean} whether somebody waited for it */
  settle(message) {
    const entry = this.#take(message.id);
    if (!entry) return false;
    if (message.t === "ack") entry.resolve(message);
    else entry.reject(new SignalError(message.code, message.detail, message.snapshot));
    return true;
  }

  /** Say everything unanswered again: the server answers a known `id` from its store. */
  resend() {
    for (const { text } of this.#waiting.values()) this.transmit(text);
  }

  /** @param {string} code */
  rejectAll(code) {
    for (const id of [...this.#waiting.keys()]) this.#take(id).reject(new SignalError(code));
  }

  /** @param {string} id */
  #send(id) {
    const entry = this.#waiting.get(id);
    if (!entry) return;
    if (entry.tries === this.tries) {
      this.#take(id).reject(new SignalError("timeout"));
      return;
    }
    entry.tries += 1;
    this.transmit(entry.text);
    entry.timer = this.timers.setTimeout(() => this.#send(id), this.wait);
  }

  /** @param {string} id */
  #take(id) {
    const entry = this.#waiting.get(id);
    if (entry) this.timers.clearTimeout(entry.timer);
    this.#waiting.delete(id);
    return entry;
  }
}
