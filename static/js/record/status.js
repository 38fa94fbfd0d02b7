// @ts-check
/** What the page is told about recorded media that the server does not have yet. */

/** @typedef {{pendingMs: number, pendingBytes: number, failed: string | null, crashSafe: boolean}} Status */
/** @typedef {{pendingMs: number, pendingBytes: number, finished: Promise<any>}} Pending */

export class PendingMedia {
  /** @type {string | null} */
  failed = null;
  /** @type {Set<Pending>} */
  #intakes = new Set();
  #parts;

  /** @param {{spool: {crashSafe: boolean}, onStatus: (status: Status) => void}} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** @param {Pending} intake */
  add(intake) {
    this.#intakes.add(intake);
    intake.finished.then(() => {
      this.#intakes.delete(intake);
      this.tell();
    });
  }

  get bytes() {
    return [...this.#intakes].reduce((sum, intake) => sum + intake.pendingBytes, 0);
  }

  /** @param {string} code */
  fail(code) {
    this.failed = code;
    this.tell();
  }

  tell() {
    const pendingMs = [...this.#intakes].reduce((sum, intake) => sum + intake.pendingMs, 0);
    this.#parts.onStatus({ pendingMs, pendingBytes: this.bytes, failed: this.failed, crashSafe: this.#parts.spool.crashSafe });
  }

  /** The network is back. */
  hurry() {
    for (const intake of this.#intakes) /** @type {any} */ (intake).hurry();
  }

  async settled() {
    await Promise.all([...this.#intakes].map((intake) => intake.finished));
  }
}
