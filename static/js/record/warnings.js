// @ts-check
/** What whoever records should know while it still can be mended: nobody is heard; there is little room for the spool. */
import { prepareStorage } from "./storage.js";

const SILENT_AFTER_MS = 20_000;
/** Of full scale, -60 dB: a quiet room is louder, a dead microphone is not. */
const HEARD_ABOVE = 0.001;

export class Warnings {
  #parts;
  #prepared = false;
  #silent = false;
  /** @type {number | null} */
  #quietSince = null;

  /**
   * @param {{clock: {now: () => number}, storage?: StorageManager,
   *   onWarning?: (warning: 'silent' | 'tight', on: boolean) => void}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Once a second. @param {number | null} peak of the mix since the last look, 0 to 1; null while nothing is recorded */
  look(peak) {
    if (peak !== null) this.#prepare();
    const now = this.#parts.clock.now();
    if (peak === null || peak > HEARD_ABOVE) this.#quietSince = null;
    else this.#quietSince ??= now;
    const silent = this.#quietSince !== null && now - this.#quietSince >= SILENT_AFTER_MS;
    if (silent === this.#silent) return;
    this.#silent = silent;
    this.#parts.onWarning?.("silent", silent);
  }

  /** When this page records, not before: browsers may ask the person, and most people never record. */
  #prepare() {
    if (this.#prepared) return;
    this.#prepared = true;
    prepareStorage(this.#parts.storage).then((tight) => this.#parts.onWarning?.("tight", tight));
  }
}
