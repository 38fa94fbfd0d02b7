// @ts-check
/** The capture API (docs/recordings.md) as calls that always answer: status 0 means nobody did. */
import { fromHex, toBase64 } from "./digest.js";

const TIMEOUT_MS = 60_000;

/** @typedef {{status: number, body: any, retryAfterMs: number}} Answer */

export class CaptureApi {
  #base;
  #csrf;
  #fetch;
  #timers;

  /** @param {{base: string, csrf?: string, fetch: typeof fetch, timers: any}} parts */
  constructor({ base, csrf = "", fetch, timers }) {
    this.#base = base;
    this.#csrf = csrf;
    this.#fetch = fetch;
    this.#timers = timers;
  }

  /** @param {object} segment */
  open(segment) {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": this.#csrf };
    return this.#call("", { method: "POST", headers, body: JSON.stringify(segment) });
  }

  /**
   * @param {string} segment
   * @param {string} token
   * @param {{number: number, bytes: Uint8Array, sha256: string, from_ms: number, to_ms: number}} chunk
   */
  put(segment, token, { number, bytes, sha256, from_ms, to_ms }) {
    const headers = {
      ...bearer(token),
      "Content-Type": "application/octet-stream",
      "Content-Digest": `sha-256=:${toBase64(fromHex(sha256))}:`,
      "X-Chunk-Time": `${from_ms}-${to_ms}`,
    };
    const options = { method: "PUT", headers, body: bytes, credentials: "omit" };
    return this.#call(`${segment}/chunks/${number}/`, options);
  }

  /** @param {string} segment @param {string} token @param {object} manifest */
  close(segment, token, manifest) {
    const headers = { ...bearer(token), "Content-Type": "application/json" };
    const options = { method: "POST", headers, body: JSON.stringify(manifest), credentials: "omit" };
    return this.#call(`${segment}/close/`, options);
  }

  unfinished() {
    return this.#call("unfinished/", { method: "GET" });
  }

  /** @param {string} path @param {any} options @returns {Promise<Answer>} */
  async #call(path, options) {
    const abort = new AbortController();
    const timer = this.#timers.setTimeout(() => abort.abort(), TIMEOUT_MS);
    try {
      const response = await this.#fetch(this.#base + path, {
        credentials: "same-origin", cache: "no-store", redirect: "manual", signal: abort.signal, ...options,
      });
      // A redirect can only lead to the sign-in page.
      if (response.type === "opaqueredirect") return { status: 401, body: {}, retryAfterMs: 0 };
      const retryAfterMs = 1000 * (Number(response.headers.get("Retry-After")) || 0);
      return { status: response.status, body: await json(response), retryAfterMs };
    } catch {
      return { status: 0, body: {}, retryAfterMs: 0 };
    } finally {
      this.#timers.clearTimeout(timer);
    }
  }
}

const bearer = (/** @type {string} */ token) => ({ Authorization: `Bearer ${token}` });

/**
 * A torn success is not an answer (it throws); a failure without JSON still is one.
 * @param {Response} response
 */
async function json(response) {
  if (response.ok) return response.json();
  return response.json().catch(() => ({}));
}
