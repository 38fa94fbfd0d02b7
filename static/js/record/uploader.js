// @ts-check
/** Sends what the spool holds, one tab at a time, until the server has it. */
import { backoffMs, Wait } from "./backoff.js";
import { unlock } from "./cipher.js";
import { asUploader } from "./locks.js";
import { Upload } from "./upload.js";
import { verdictOf } from "./verdict.js";

const LANES = 2;
/** Then another tab that waits for the lock has its turn. */
const JOBS_A_ROUND = 32;

/** @typedef {import('./upload.js').Job} Job */

export class Uploader {
  /** @type {Set<Upload>} */
  #uploads = new Set();
  #failures = 0;
  #running = false;
  #parts;
  #wait;

  /**
   * @param {{api: any, spool: any, crypto: Crypto, locks?: LockManager, timers: any, random?: () => number,
   *   onChange?: () => void, onTrouble?: (code: string, segment: string) => void}} parts
   */
  constructor(parts) {
    this.#parts = { random: Math.random, onChange: () => {}, onTrouble: () => {}, ...parts };
    this.#wait = new Wait(parts.timers);
  }

  /** @param {{segment: string, t0: number, token: string, key: CryptoKey}} facts */
  add(facts) {
    const upload = new Upload(facts);
    this.#uploads.add(upload);
    upload.finished.then(() => {
      this.#uploads.delete(upload);
      this.#parts.onChange();
    });
    return upload;
  }

  /** Something waits. */
  wake() {
    this.#parts.onChange();
    if (!this.#running) this.#run();
  }

  /** The network is back: do not sit out the wait. */
  hurry() {
    this.#wait.cut();
  }

  async #run() {
    this.#running = true;
    while (this.#pick()) {
      const retryAfterMs = await asUploader(this.#parts.locks, () => this.#round()).catch(() => 0);
      if (retryAfterMs === null) continue;
      this.#failures += 1;
      await this.#wait.for(Math.max(retryAfterMs, backoffMs(this.#failures, this.#parts.random)));
    }
    this.#running = false;
  }

  /** @returns {Promise<number | null>} null when nothing has to be tried again, else the wait the server asks for */
  async #round() {
    /** @type {number | null} */
    let again = null;
    let jobs = JOBS_A_ROUND;
    const lane = async () => {
      for (let pick = this.#pick(); pick && again === null && jobs > 0; pick = this.#pick()) {
        jobs -= 1;
        const { upload, job } = pick;
        upload.begin(job);
        const failed = await this.#perform(upload, job).catch(() => (upload.putBack(job), 0));
        if (failed === null) this.#failures = 0;
        else again = Math.max(again ?? 0, failed);
        this.#parts.onChange();
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return again;
  }

  /** Headers before all else, since nothing is readable without; then the oldest. */
  #pick() {
    const open = [...this.#uploads].sort((a, b) => a.t0 - b.t0);
    const ready = open.flatMap((upload) => {
      const job = upload.next();
      return job ? [{ upload, job }] : [];
    });
    return ready.find(({ job }) => job.number === 0) ?? ready[0];
  }

  /** @param {Upload} upload @param {Job} job @returns {Promise<number | null>} */
  async #perform(upload, job) {
    const answer = job.kind === "close" ? await this.#close(upload) : await this.#put(upload, job);
    if (!answer) return null;
    const verdict = verdictOf(answer.status);
    if (verdict === "again") {
      upload.putBack(job);
      return answer.retryAfterMs;
    }
    if (verdict === "done") await (job.kind === "close" ? this.#closed(upload, job, answer) : this.#stored(upload, job));
    else await this.#troubled(upload, job, verdict, answer.body?.code ?? verdict);
    return null;
  }

  /** @param {Upload} upload */
  #close({ segment, token, manifest }) {
    return this.#parts.api.close(segment, token, manifest);
  }

  /** @param {Upload} upload @param {Job} job */
  async #put(upload, job) {
    const { segment, token, key } = upload;
    const row = await this.#parts.spool.chunk(segment, job.number);
    const bytes = row && (await unlock(key, row, this.#parts.crypto).catch(() => null));
    if (bytes) return this.#parts.api.put(segment, token, { ...row, bytes });
    this.#parts.onTrouble("lost", segment);
    upload.settle(job);
    return null;
  }

  /** @param {Upload} upload @param {Job} job */
  async #stored(upload, job) {
    await this.#parts.spool.acknowledge(upload.segment, job.number);
    upload.acked += 1;
    upload.settle(job);
  }

  /** @param {Upload} upload @param {Job} job @param {{status: number, body: any}} answer */
  async #closed(upload, job, { status, body }) {
    const missing = new Set(status === 202 ? (body.missing ?? []) : []);
    const here = await this.#parts.spool.waiting(upload.segment);
    const rest = here.filter((/** @type {{number: number}} */ chunk) => missing.has(chunk.number));
    if (rest.length) {
      for (const chunk of rest) upload.offer(chunk);
      upload.putBack(job);
      return;
    }
    if (missing.size) this.#parts.onTrouble("lost", upload.segment);
    await this.#parts.spool.drop(upload.segment);
    upload.end(missing.size ? "incomplete" : "complete");
  }

  /**
   * @param {Upload} upload
   * @param {Job} job
   * @param {'locked_out' | 'conflict' | 'gone' | 'refused'} verdict
   * @param {string} code
   */
  async #troubled(upload, job, verdict, code) {
    const { segment } = upload;
    this.#parts.onTrouble(code, segment);
    if (verdict === "conflict" && job.kind === "chunk") {
      await this.#parts.spool.acknowledge(segment, job.number);
      upload.settle(job);
      return;
    }
    // Locked out or refused: kept on disk, for the next page after signing in.
    if (verdict === "gone" || verdict === "conflict") await this.#parts.spool.drop(segment);
    upload.end(verdict);
  }
}
