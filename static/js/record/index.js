// @ts-check
/** The recorder of a live call: obeys the server's lease, records the composite, uploads it. Knows nothing of the call's view. */
import { CaptureApi } from "./api.js";
import { Compositor } from "./compositor.js";
import { Mixer } from "./mixer.js";
import { heard, seen } from "./people.js";
import { browserPlatform } from "./platform.js";
import { recoverOnce } from "./recover.js";
import { Segment } from "./segment.js";
import { Segments } from "./segments.js";
import { Spool } from "./spool.js";
import { PendingMedia } from "./status.js";
import { Ticker } from "./ticker.js";
import { Uploader } from "./uploader.js";
import { Warnings } from "./warnings.js";

const WATCH_MS = 1000;
const BEAT_MS = 5000;

/**
 * @typedef {object} Options
 * @property {{user: string, consultation: string, csrf: string, urls: {segments: string, ticker: string}}} config
 * @property {{on: (t: string, listen: (message: any) => void) => void,
 *   request: (t: string, body: object) => Promise<any>}} socket
 * @property {{now: () => number}} clock server ms
 * @property {() => {local: any, remotes: any[]}} getTracks
 * @property {any} audioContext
 * @property {(status: import('./status.js').Status) => void} [onStatus]
 * @property {(warning: 'silent' | 'tight', on: boolean) => void} [onWarning] nobody is heard; there is little room to spool
 * @property {AbortSignal} signal
 */

/**
 * @param {Options} options
 * @param {any} platform
 * @returns {{tracksChanged: () => void, drain: () => Promise<void>}}
 */
export function createRecorder(options, platform = browserPlatform()) {
  const recorder = new CallRecorder(options, platform);
  return { tracksChanged: () => recorder.tracksChanged(), drain: () => recorder.drain() };
}

class CallRecorder {
  #options;
  #platform;
  #spool;
  #pending;
  #uploader;
  #api;
  #segments;
  #ticker;
  /** @type {Mixer | null} */
  #mixer = null;
  /** @type {Set<Compositor>} */
  #compositors = new Set();
  #warnings;
  #beating = false;
  /** @type {Promise<void> | null} */
  #draining = null;

  /** @param {Options} options @param {any} platform */
  constructor(options, platform) {
    const { config, clock, onStatus = () => {} } = options;
    const { fetch, timers, Worker } = platform;
    this.#options = options;
    this.#platform = platform;
    this.#spool = platform.spool ?? new Spool(platform);
    this.#pending = new PendingMedia({ spool: this.#spool, onStatus });
    this.#api = new CaptureApi({ base: config.urls.segments, csrf: config.csrf, fetch, timers });
    this.#uploader = new Uploader({
      ...platform,
      api: this.#api,
      spool: this.#spool,
      onChange: () => this.#pending.tell(),
      onTrouble: (code) => this.#pending.fail(code),
    });
    this.#ticker = new Ticker({ Worker, url: config.urls.ticker, timers });
    this.#segments = new Segments({
      makeSegment: (lease, listeners) => this.#makeSegment(lease, listeners),
      mixer: { isRunning: () => this.#sound().isRunning() },
      clock,
      timers,
      onFault: (code, lease) => this.#fault(code, lease),
    });
    this.#warnings = new Warnings({ clock, storage: platform.storage, onWarning: options.onWarning });
    this.#listen();
    recoverOnce({ user: config.user, segmentsUrl: config.urls.segments }, { ...platform, spool: this.#spool }).catch(() => {});
  }

  tracksChanged() {
    const tracks = this.#options.getTracks();
    this.#mixer?.sync(heard(tracks));
    for (const compositor of this.#compositors) {
      if (compositor.closed) this.#compositors.delete(compositor);
      else compositor.sync(seen(tracks));
    }
  }

  /** Stops; resolves when the server has everything, or when it is certain that it will not. */
  drain(why = "ended") {
    this.#draining ??= this.#drain(why);
    return this.#draining;
  }

  #listen() {
    const { socket, signal } = this.#options;
    const { window } = this.#platform;
    const take = (/** @type {any} */ lease) => lease && !this.#draining && this.#segments.want(lease);
    socket.on("welcome", ({ lease }) => take(lease));
    socket.on("rec.lease", take);
    socket.on("rec.revoke", ({ lease }) => this.#lost(lease));
    socket.on("replaced", () => this.#segments.release("revoked"));
    socket.on("ended", () => this.drain());
    signal.addEventListener("abort", () => this.drain("left"));
    this.#ticker.every(WATCH_MS, () => this.#segments.tick());
    this.#ticker.every(WATCH_MS, () => this.#warnings.look(this.#segments.lease && this.#sound().peak()));
    this.#ticker.every(BEAT_MS, () => this.#beat());
    const online = () => {
      this.#uploader.hurry();
      this.#pending.hurry();
    };
    window.addEventListener("online", online, { signal });
  }

  #beat() {
    const live = this.#segments.live;
    // While the line is down requests pile up, and one beat says as much as a hundred.
    if (!live || this.#beating) return;
    const { lease } = live.lease;
    const { made, acked } = live.intake;
    const lost = (/** @type {any} */ error) => error?.code === "no_lease" && this.#lost(lease);
    this.#beating = true;
    const beat = this.#options.socket.request("rec.beat", { lease, segment: live.id, made, acked });
    beat.catch(lost).finally(() => (this.#beating = false));
  }

  /** @param {string} lease */
  #lost(lease) {
    if (lease === this.#segments.lease?.lease) this.#segments.release("revoked");
  }

  /** @param {string} code @param {import('./segment.js').Lease | null} lease */
  #fault(code, lease) {
    if (lease) this.#options.socket.request("rec.fault", { lease: lease.lease, code }).catch(() => {});
  }

  #sound() {
    const { audioContext: context, getTracks, signal } = this.#options;
    if (!this.#mixer) {
      this.#mixer = new Mixer({ ...this.#platform, context, signal });
      this.#mixer.sync(heard(getTracks()));
    }
    return this.#mixer;
  }

  /** @param {import('./segment.js').Lease} lease @param {any} listeners */
  #makeSegment(lease, listeners) {
    const { config: { user, consultation }, clock } = this.#options;
    const platform = this.#platform;
    const intakeParts = {
      ...platform,
      api: this.#api,
      spool: this.#spool,
      uploader: this.#uploader,
      onChange: () => this.#pending.tell(),
      onTrouble: (/** @type {string} */ code) => this.#pending.fail(code),
    };
    const makeCompositor = (/** @type {any} */ canvas) => this.#makeCompositor(canvas);
    const parts = { ...platform, clock, mixer: this.#sound(), makeCompositor, intakeParts, user, consultation };
    const onRefused = (/** @type {string} */ code) => {
      this.#pending.fail(code);
      listeners.onRefused(code);
    };
    const segment = new Segment(platform.crypto.randomUUID(), lease, parts, { ...listeners, onRefused });
    this.#pending.add(segment.intake);
    return segment;
  }

  /** @param {{width: number, height: number, frame_rate: number}} canvas */
  #makeCompositor(canvas) {
    const { clock, getTracks } = this.#options;
    const people = seen(getTracks());
    const compositor = new Compositor({ ...this.#platform, clock, canvas, people, ticker: this.#ticker });
    this.#compositors.add(compositor);
    return compositor;
  }

  /** @param {string} why */
  async #drain(why) {
    const { window } = this.#platform;
    const warn = (/** @type {Event} */ event) => this.#pending.bytes > 0 && event.preventDefault();
    window.addEventListener("beforeunload", warn);
    await this.#segments.release(why);
    this.#ticker.close();
    this.#warnings.look(null);
    this.#mixer?.close();
    await this.#pending.settled();
    window.removeEventListener("beforeunload", warn);
  }
}
