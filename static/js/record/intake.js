// @ts-check
/** From the recorder's blobs to numbered, hashed, encrypted chunks in the spool, in order. */
import { backoffMs, Wait } from "./backoff.js";
import { pieces } from "./chunks.js";
import { importKey, lock } from "./cipher.js";
import { sha256, toHex } from "./digest.js";
import { holdSegment } from "./locks.js";
import { manifestOf } from "./manifest.js";
import { verdictOf } from "./verdict.js";

const MAX_CHUNK_BYTES = 2 * 1024 * 1024;

/**
 * @typedef {{segment: string, user: string, consultation: string, lease: string, capture: string, epoch: number,
 *   mime: string}} Facts
 */
/** @typedef {import('./upload.js').Outcome | 'unregistered'} Outcome */

export class Intake {
  /** @type {Promise<Outcome>} */
  finished;
  #parts;
  #facts;
  #wait;
  /** @type {import('./upload.js').Upload | null} */
  #upload = null;
  #maxChunk = MAX_CHUNK_BYTES;
  /** What is recorded but has no number yet. */
  #held = { bytes: 0, ms: 0 };
  /** @type {(outcome: Outcome) => void} */
  #finish = () => {};
  #sealed = () => {};
  /** @type {{number: number, sha256: string, size: number, to_ms: number}[]} */
  #entries = [];
  /** Registers the segment; blobs may queue up before, and until the server has answered. @type {(t0: number) => void} */
  open = () => {};
  /** Everything that must happen in order: registering, each blob, the manifest. @type {Promise<void>} */
  #chain;

  /**
   * @param {Facts} facts
   * @param {{api: any, spool: any, uploader: any, locks?: LockManager, crypto: Crypto, timers: any, random: () => number,
   *   now: () => number, onChange: () => void, onRefused: (code: string) => void,
   *   onTrouble: (code: string, segment: string) => void}} parts
   */
  constructor(facts, parts) {
    this.#facts = facts;
    this.#parts = parts;
    this.#wait = new Wait(parts.timers);
    this.finished = new Promise((resolve) => (this.#finish = resolve));
    const opened = new Promise((resolve) => (this.open = resolve));
    this.#chain = opened.then((t0) => this.#register(t0)).catch(() => this.#refuse("internal"));
  }

  /** Chunks numbered so far. */
  get made() {
    return this.#entries.length;
  }

  get acked() {
    return this.#upload?.acked ?? 0;
  }

  get pendingBytes() {
    return this.#held.bytes + (this.#upload?.pendingBytes ?? 0);
  }

  get pendingMs() {
    return this.#held.ms + (this.#upload?.pendingMs ?? 0);
  }

  /** @param {Blob} blob @param {number} from @param {number} to */
  add(blob, from, to) {
    this.#hold(blob.size, to - from);
    this.#then(async () => {
      await this.#store(this.#upload, blob, from, to);
      this.#hold(-blob.size, from - to);
    });
  }

  /** No blob will follow. @param {string} reason @param {number} durationMs */
  seal(reason, durationMs) {
    this.#then(async () => {
      if (!this.#upload) return;
      const manifest = await manifestOf(this.#entries, { reason, durationMs }, this.#parts.crypto.subtle);
      const row = await this.#parts.spool.segment(this.#facts.segment);
      // Stored before it is sent: a crash in between must not lead to a second, different one.
      if (row) await this.#parts.spool.saveSegment({ ...row, closed: manifest });
      this.#upload.seal(manifest);
      this.#sealed();
      this.#parts.uploader.wake();
    });
  }

  /** It never began. */
  abandon() {
    this.#finish("unregistered");
  }

  /** The network is back. */
  hurry() {
    this.#wait.cut();
  }

  /** @param {number} t0 */
  async #register(t0) {
    const { segment, user, consultation, lease, capture, epoch, mime } = this.#facts;
    const { spool, uploader, crypto, locks, now } = this.#parts;
    const release = await holdSegment(locks, segment);
    this.finished.then(release);
    const answer = await this.#ask({ segment, lease, mode: capture, epoch, mime, t0 });
    if (verdictOf(answer.status) !== "done") {
      this.#refuse(answer.body?.code ?? verdictOf(answer.status));
      return;
    }
    this.#maxChunk = answer.body.max_chunk ?? MAX_CHUNK_BYTES;
    const key = await importKey(answer.body.key, crypto);
    await spool.saveSegment({ segment, user, consultation, lease, capture, epoch, mime, t0, created_at: now(), closed: null });
    this.#upload = uploader.add({ segment, t0, token: answer.body.upload_token, key });
    const sealed = new Promise((resolve) => (this.#sealed = () => resolve(undefined)));
    this.#upload?.finished.then(async (/** @type {Outcome} */ outcome) => {
      if (outcome === "gone") this.#parts.onRefused("over");
      await sealed;
      // A chunk may have been stored while the rest was dropped.
      if (outcome === "gone" || outcome === "conflict") await spool.drop(segment);
      this.#finish(outcome);
    });
  }

  /** @param {object} body */
  async #ask(body) {
    for (let failures = 1; ; failures += 1) {
      const answer = await this.#parts.api.open(body);
      if (verdictOf(answer.status) !== "again") return answer;
      await this.#wait.for(Math.max(answer.retryAfterMs, backoffMs(failures, this.#parts.random)));
    }
  }

  /** @param {import('./upload.js').Upload | null} upload @param {Blob} blob @param {number} from @param {number} to */
  async #store(upload, blob, from, to) {
    const { spool, uploader, crypto } = this.#parts;
    const { segment } = this.#facts;
    if (!upload || upload.outcome === "gone" || upload.outcome === "conflict") return;
    const whole = new Uint8Array(await blob.arrayBuffer());
    for (const { bytes, from_ms, to_ms } of pieces(whole, from, to, this.#maxChunk)) {
      const number = this.made;
      const digest = toHex(await sha256(bytes, crypto.subtle));
      const { iv, ciphertext } = await lock(upload.key, { segment, number, bytes }, crypto);
      await spool.saveChunk({ segment, number, iv, ciphertext, size: bytes.length, sha256: digest, from_ms, to_ms });
      this.#entries.push({ number, sha256: digest, size: bytes.length, to_ms });
      upload.offer({ number, size: bytes.length, from_ms, to_ms });
    }
    uploader.wake();
  }

  /** @param {number} bytes @param {number} ms */
  #hold(bytes, ms) {
    this.#held = { bytes: this.#held.bytes + bytes, ms: this.#held.ms + ms };
    this.#parts.onChange();
  }

  /** @param {string} code */
  #refuse(code) {
    this.#finish("unregistered");
    this.#parts.onRefused(code);
  }

  /** @param {() => Promise<void>} step */
  #then(step) {
    this.#chain = this.#chain.then(step).catch(() => this.#parts.onTrouble("lost", this.#facts.segment));
  }
}
