// @ts-check
/**
 * How well the line carries the call: read from the browser's own statistics, of use to this page alone, sent to nobody.
 * Decisions and timers only.
 */

const EVERY = 5000;
const NARROW = 150_000; // bits per second; less does not carry a picture worth looking at
const NARROW_READINGS = 3; // two whole intervals: ten seconds
const FAIR = { delay: 0.3, loss: 0.03 };
const WEAK = { delay: 0.7, loss: 0.1 };

/**
 * @typedef {"good" | "fair" | "weak"} Level
 * @typedef {{received: number, lost: number}} Packets since the connection was made
 * @typedef {{delay: number, lossThere: number, outgoing: number | null, packets: Packets}} Reading
 *   `delay` there and back in seconds, `lossThere` the part of ours that does not arrive, `outgoing` bits per second
 */

/** @param {Iterable<any>} report RTCStats @returns {Reading} */
export function read(report) {
  const reading = /** @type {Reading} */ ({ delay: 0, lossThere: 0, outgoing: null, packets: { received: 0, lost: 0 } });
  for (const stats of report) {
    if (stats.type === "candidate-pair" && stats.nominated && stats.state === "succeeded") {
      reading.delay = stats.currentRoundTripTime ?? 0;
      reading.outgoing = stats.availableOutgoingBitrate ?? null;
    } else if (stats.type === "remote-inbound-rtp") reading.lossThere = Math.max(reading.lossThere, stats.fractionLost ?? 0);
    else if (stats.type === "inbound-rtp") {
      reading.packets.received += stats.packetsReceived ?? 0;
      reading.packets.lost += Math.max(0, stats.packetsLost ?? 0);
    }
  }
  return reading;
}

/** @param {Reading} now @param {Packets} before @returns {Level} */
export function levelOf(now, before) {
  const lost = Math.max(0, now.packets.lost - before.lost);
  const sent = lost + Math.max(0, now.packets.received - before.received);
  const loss = Math.max(now.lossThere, sent ? lost / sent : 0);
  if (now.delay > WEAK.delay || loss > WEAK.loss) return "weak";
  return now.delay > FAIR.delay || loss > FAIR.loss ? "fair" : "good";
}

/** Watches one connection at a time: a call has two people. */
export class Quality {
  #on = false;
  #link = /** @type {any} */ (null);
  #before = /** @type {Packets | null} */ (null);
  #narrowReadings = 0;
  #timer = /** @type {any} */ (null);

  /**
   * @param {{timers: import("./pending.js").Timers, link: () => any,
   *   onChange: (quality: {quality: Level | "", narrow: boolean}) => void}} options
   *   `link` gives the present PeerLink; `narrow` says that for ten seconds the line was too weak for video
   */
  constructor({ timers, link, onChange }) {
    this.timers = timers;
    this.link = link;
    this.onChange = onChange;
  }

  /** @param {boolean} on */
  set(on) {
    if (on === this.#on) return;
    this.#on = on;
    this.timers.clearTimeout(this.#timer);
    if (on) this.#later();
    else this.#forget(null);
  }

  #later() {
    this.#timer = this.timers.setTimeout(async () => {
      await this.#look().catch(() => this.#forget(null));
      if (this.#on) this.#later();
    }, EVERY);
  }

  async #look() {
    const link = this.link();
    if (link !== this.#link) this.#forget(link);
    if (!link || link.pc.connectionState !== "connected") return;
    const now = read((await link.pc.getStats()).values());
    if (link !== this.#link || !this.#on) return;
    const before = this.#before;
    this.#before = now.packets;
    if (!before) return;
    const quality = levelOf(now, before);
    const isNarrow = quality === "weak" || (now.outgoing !== null && now.outgoing < NARROW);
    this.#narrowReadings = isNarrow ? this.#narrowReadings + 1 : 0;
    this.onChange({ quality, narrow: this.#narrowReadings >= NARROW_READINGS });
  }

  /** @param {any} link the one to begin with */
  #forget(link) {
    this.#link = link;
    this.#before = null;
    this.#narrowReadings = 0;
    this.onChange({ quality: "", narrow: false });
  }
}
