// @ts-check
/** The line to the portal: hello and resume, backoff, acknowledged requests, order of events. Knows no DOM. */
import { Backoff } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { Pending } from "./pending.js";
import { ALWAYS_DELIVERED, FINAL_CLOSES, frame, order, parse, SignalError, snapshotOf } from "./protocol.js";

const SILENCE = 25000;
const BEAT = 10000;
const FIRST_BEATS = 400;
const OPEN = 1;

/**
 * Emits every message under its `t` and once more under "*", `rec.lease` and `pair` also when `welcome` brought them, and
 * "status" `{status, code?, since?}` with status `connecting | open | reconnecting | conflict | closed`.
 * @typedef {{url: string, WebSocket: any, timers: import("./pending.js").Timers, clock: import("./clock.js").Clock,
 *   tab: string, caps?: {rec: string[]}, random?: () => number}} SocketOptions
 */
export class SignalSocket extends Emitter {
  #options;
  #ws = /** @type {any} */ (null);
  #sid = /** @type {string | null} */ (null);
  #seq = 0;
  #count = 0;
  #heardAt = 0;
  #syncing = false;
  #retryTimer = /** @type {any} */ (null);
  #beatTimer = /** @type {any} */ (null);
  status = "idle";

  /** @param {SocketOptions} options */
  constructor({ caps = { rec: [] }, random = Math.random, ...options }) {
    super();
    const { timers, clock } = options;
    this.#options = { ...options, caps };
    this.backoff = new Backoff({ random, clock });
    this.pending = new Pending({ timers, transmit: (text) => this.#transmit(text) });
  }

  /** @param {{takeover?: boolean}} [options] takeover: move the consultation from another tab to this one */
  connect({ takeover = false } = {}) {
    if (takeover && this.status === "conflict" && this.#ws?.readyState === OPEN) {
      this.#hello(true);
      return;
    }
    this.#drop();
    if (this.status !== "reconnecting") this.#tell("connecting");
    const ws = this.#ws = new this.#options.WebSocket(this.#options.url);
    ws.onopen = () => this.#hello(takeover);
    ws.onmessage = (/** @type {{data: unknown}} */ { data }) => this.#receive(parse(data));
    ws.onclose = (/** @type {{code: number}} */ { code }) => this.#lost(code);
  }

  /**
   * @param {string} t
   * @param {Record<string, any>} [body]
   * @returns {Promise<Record<string, any>>} the `ack`; rejects with SignalError
   */
  request(t, body = {}) {
    if (this.status === "closed") return Promise.reject(new SignalError("gone", t));
    try {
      const id = this.#nextId();
      return this.pending.add(id, frame(t, id, body));
    } catch (problem) {
      return Promise.reject(problem);
    }
  }

  close() {
    this.#end(1000);
    this.#drop(1000);
  }

  /** Say now that nothing may be heard any more, as after the network changed. */
  check() {
    if (this.status === "reconnecting") this.connect();
    else if (this.status === "open") this.#ping();
  }

  #nextId() {
    this.#count += 1;
    return `c-${this.#count}`;
  }

  /** @param {string} text */
  #transmit(text) {
    if (this.status === "open" && this.#ws?.readyState === OPEN) this.#ws.send(text);
  }

  /** @param {string} status @param {Record<string, any>} [more] */
  #tell(status, more = {}) {
    this.status = status;
    this.emit("status", { status, ...more });
  }

  /** @param {boolean} takeover */
  #hello(takeover) {
    const resume = this.#sid && !takeover ? { resume: { sid: this.#sid, last_seq: this.#seq } } : {};
    const { tab, caps } = this.#options;
    this.#ws.send(frame("hello", this.#nextId(), { tab, caps, ...resume, ...(takeover ? { takeover } : {}) }));
  }

  /** @param {Record<string, any> | null} message */
  #receive(message) {
    this.#heardAt = this.#options.clock.local();
    if (!message) return;
    if (message.t === "welcome") this.#welcome(message);
    else if (message.t === "ack" || message.t === "error") this.pending.settle(message) || this.emit(message.t, message);
    else if (message.t === "pong") this.#options.clock.sample(message.c, message.s);
    else if (message.t === "conflict") this.#tell("conflict", { since: message.since });
    else this.#sequence(message);
  }

  /** @param {Record<string, any>} message */
  #welcome(message) {
    const resumed = message.sid === this.#sid;
    this.#sid = message.sid;
    this.#seq = message.snapshot?.seq ?? (resumed ? this.#seq : message.seq);
    this.backoff.welcomed();
    this.#syncing = false;
    this.#tell("open", { resumed });
    if (resumed) this.pending.resend();
    else this.pending.rejectAll("gone");
    this.#deliver({ ...message, resumed });
    if (message.pair) this.#deliver({ ...message.pair, t: "pair" });
    if (message.lease) this.#deliver({ ...message.lease, t: "rec.lease" });
    this.#beat();
  }

  /** @param {Record<string, any>} message */
  #sequence(message) {
    if (message.t === "snapshot") {
      this.#seq = Math.max(this.#seq, snapshotOf(message).seq ?? 0);
      this.#syncing = false;
      this.#deliver(message);
      return;
    }
    const place = order(this.#seq, message);
    if (place === "next") this.#seq = message.seq;
    if (place === "gap") this.#sync();
    if (place === "free" || place === "next" || ALWAYS_DELIVERED.has(message.t)) this.#deliver(message);
  }

  #sync() {
    if (this.#syncing) return;
    this.#syncing = true;
    this.#transmit(frame("sync", this.#nextId()));
    this.#options.timers.setTimeout(() => { this.#syncing = false; }, 3000);
  }

  /** @param {Record<string, any>} message */
  #deliver(message) {
    this.emit(message.t, message);
    this.emit("*", message);
  }

  #beat() {
    this.#options.timers.clearTimeout(this.#beatTimer);
    if (this.#options.clock.local() - this.#heardAt > SILENCE) {
      this.#lost(1006);
      return;
    }
    this.#ping();
    this.#beatTimer = this.#options.timers.setTimeout(() => this.#beat(), this.#options.clock.settled ? BEAT : FIRST_BEATS);
  }

  #ping() {
    this.#transmit(frame("ping", this.#nextId(), { c: this.#options.clock.local() }));
  }

  /** @param {number} code */
  #lost(code) {
    this.#drop();
    if (this.status === "closed" || this.status === "conflict") return;
    if (FINAL_CLOSES.has(code)) {
      this.#end(code);
      return;
    }
    this.#tell("reconnecting", { code });
    this.#retryTimer = this.#options.timers.setTimeout(() => this.connect(), this.backoff.next(code));
  }

  /** @param {number} code */
  #end(code) {
    this.#sid = null;
    this.pending.rejectAll("gone");
    this.#tell("closed", { code });
  }

  /** Let go of the present WebSocket, whose late words no longer count. @param {number} [code] */
  #drop(code) {
    this.#options.timers.clearTimeout(this.#retryTimer);
    this.#options.timers.clearTimeout(this.#beatTimer);
    if (!this.#ws) return;
    this.#ws.onopen = this.#ws.onmessage = this.#ws.onclose = null;
    this.#ws.close(code);
    this.#ws = null;
  }
}
