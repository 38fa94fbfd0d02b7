// @ts-check
/** The words of docs/signaling.md: codes, frames and the rule of `seq`. Knows no socket and no state. */

export const VERSION = 1;
export const MAX_FRAME = 64 * 1024;

export const CLOSE = Object.freeze({
  SIGNED_OUT: 4401, NOTHING_HERE: 4404, NO_HELLO: 4408, ELSEWHERE: 4409, ENDED: 4410,
  TOO_BIG: 4413, TOO_MANY: 4429, RESTARTING: 4503,
});

/** After these a client never reconnects by itself. */
export const FINAL_CLOSES = /** @type {Set<number>} */ (new Set([
  CLOSE.SIGNED_OUT, CLOSE.NOTHING_HERE, CLOSE.ELSEWHERE, CLOSE.ENDED,
]));

/** Delivered even when their `seq` is late: `gen` makes the one harmless, the other is the last word. */
export const ALWAYS_DELIVERED = new Set(["pair", "ended"]);

/** A request the server refused, or one that got no answer (`code` "timeout", "gone", "too_big"). */
export class SignalError extends Error {
  /** @param {string} code @param {string} [detail] @param {Record<string, any>} [snapshot] */
  constructor(code, detail = "", snapshot = undefined) {
    super(detail || code);
    this.name = "SignalError";
    this.code = code;
    this.snapshot = snapshot;
  }
}

/** @param {string} t @param {string} id @param {Record<string, any>} [body] @returns {string} */
export function frame(t, id, body = {}) {
  const text = JSON.stringify({ ...body, v: VERSION, t, id });
  if (new TextEncoder().encode(text).length > MAX_FRAME) throw new SignalError("too_big", t);
  return text;
}

/** @param {unknown} text @returns {Record<string, any> | null} null for anything that is not one of our messages */
export function parse(text) {
  try {
    const message = JSON.parse(String(text));
    return message && typeof message === "object" && typeof message.t === "string" ? message : null;
  } catch {
    return null;
  }
}

/**
 * Where a message stands in the call's log.
 * @param {number} last the `seq` applied last
 * @param {Record<string, any>} message
 * @returns {"free" | "next" | "old" | "gap"} free: it carries no `seq`
 */
export function order(last, message) {
  if (!Number.isInteger(message.seq)) return "free";
  if (message.seq <= last) return "old";
  return message.seq === last + 1 ? "next" : "gap";
}

/** The snapshot a message carries, nested or flat. @param {Record<string, any>} message */
export function snapshotOf(message) {
  return message.snapshot ?? (message.t === "snapshot" ? message : null);
}
