// @ts-check
/** When a connection is lost: wait, restart twice, then ask for a new one. Decisions and timers only. */

const DOUBT = 4000;
const PATIENCE = 10000;
const RESTARTS = 2;

export class Recovery {
  #tries = 0;
  connected = false;
  #timer = /** @type {any} */ (null);

  /** @param {{timers: import("./pending.js").Timers, restart: () => void, reset: () => void}} options */
  constructor({ timers, restart, reset }) {
    this.timers = timers;
    this.restart = restart;
    this.reset = reset;
  }

  /** @param {RTCPeerConnectionState} state */
  connection(state) {
    this.connected = state === "connected";
    if (this.connected) {
      this.close();
      this.#tries = 0;
    } else if (state === "failed") this.attempt();
    else if (state === "disconnected") this.#later(DOUBT);
  }

  attempt() {
    this.close();
    this.#tries += 1;
    if (this.#tries > RESTARTS) {
      this.#tries = 0;
      this.reset();
    } else this.restart();
    this.#later(PATIENCE);
  }

  /** @param {number} ms */
  #later(ms) {
    this.#timer ??= this.timers.setTimeout(() => {
      this.#timer = null;
      if (!this.connected) this.attempt();
    }, ms);
  }

  close() {
    this.timers.clearTimeout(this.#timer);
    this.#timer = null;
  }
}
