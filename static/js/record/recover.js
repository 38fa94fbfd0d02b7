// @ts-check
/** Uploads what a crash or a reload left in the spool. Never touches a segment that a tab is recording. */
import { CaptureApi } from "./api.js";
import { backoffMs, Wait } from "./backoff.js";
import { importKey } from "./cipher.js";
import { ifAbandoned } from "./locks.js";
import { manifestOf } from "./manifest.js";
import { Spool } from "./spool.js";
import { Uploader } from "./uploader.js";
import { verdictOf } from "./verdict.js";

// SECURITY: asked for a while only. After a change of user the list would be somebody else's, and ours deleted as unlisted.
const ATTEMPTS = 5;

/** @typedef {{pendingMs: number, pendingBytes: number, failed: string | null, open: number}} RecoveryStatus */
/** @typedef {{segment: string, upload_token: string, key: string, have: [number, number][]}} Unfinished */

/** @type {Promise<void> | undefined} */
let running;

/**
 * Once a page, whoever asks first.
 * @param {{user: string, segmentsUrl: string, onStatus?: (status: RecoveryStatus) => void}} options
 * @param {any} platform
 */
export function recoverOnce(options, platform) {
  running ??= recover(options, platform);
  return running;
}

/**
 * @param {{user: string, segmentsUrl: string, onStatus?: (status: RecoveryStatus) => void}} options
 * @param {any} platform
 */
export async function recover({ user, segmentsUrl, onStatus = () => {} }, platform) {
  const { fetch, timers, now } = platform;
  const spool = platform.spool ?? new Spool(platform);
  await spool.forgetOld(now());
  const rows = await spool.segmentsOf(user);
  if (!rows.length) return;
  const api = new CaptureApi({ base: segmentsUrl, fetch, timers });
  const unfinished = await unfinishedOf(api, platform);
  if (!unfinished) return;
  const progress = new Progress(onStatus);
  const uploader = new Uploader({
    ...platform, api, spool, onChange: () => progress.tell(), onTrouble: (code) => progress.fail(code),
  });
  const hurry = () => uploader.hurry();
  platform.window?.addEventListener?.("online", hurry);
  const parts = { spool, uploader, platform, progress };
  const finishing = rows.map((/** @type {{segment: string}} */ { segment }) =>
    ifAbandoned(platform.locks, segment, () => finish(segment, unfinished.get(segment), parts)),
  );
  await Promise.all(finishing);
  platform.window?.removeEventListener?.("online", hurry);
  progress.tell();
}

/** @param {CaptureApi} api @param {any} platform @returns {Promise<Map<string, Unfinished> | null>} */
async function unfinishedOf(api, { timers, random }) {
  const wait = new Wait(timers);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const { status, body } = await api.unfinished();
    if (verdictOf(status) === "done" && Array.isArray(body)) return new Map(body.map((entry) => [entry.segment, entry]));
    if (verdictOf(status) !== "again") return null;
    await wait.for(backoffMs(attempt, random));
  }
  return null;
}

/**
 * @param {string} segment
 * @param {Unfinished | undefined} listed
 * @param {{spool: any, uploader: Uploader, platform: any, progress: Progress}} parts
 */
async function finish(segment, listed, { spool, uploader, platform, progress }) {
  // Read again: the tab that held the segment may have finished it just now.
  const row = await spool.segment(segment);
  if (!row) return;
  if (!listed) {
    await spool.drop(segment);
    return;
  }
  for (const { number } of await spool.waiting(segment)) {
    if (listed.have.some(([from, to]) => from <= number && number <= to)) await spool.acknowledge(segment, number);
  }
  const digests = await spool.digests(segment);
  const manifest = row.closed ?? (await manifestOf(digests, { reason: "recovered" }, platform.crypto.subtle));
  const key = await importKey(listed.key, platform.crypto);
  const upload = uploader.add({ segment, t0: row.t0, token: listed.upload_token, key });
  progress.add(upload);
  for (const chunk of await spool.waiting(segment)) upload.offer(chunk);
  upload.seal(manifest);
  uploader.wake();
  await upload.finished;
}

class Progress {
  #failed = /** @type {string | null} */ (null);
  #onStatus;
  /** @type {import('./upload.js').Upload[]} */
  #uploads = [];

  /** @param {(status: RecoveryStatus) => void} onStatus */
  constructor(onStatus) {
    this.#onStatus = onStatus;
  }

  /** @param {import('./upload.js').Upload} upload */
  add(upload) {
    this.#uploads.push(upload);
  }

  /** @param {string} code */
  fail(code) {
    this.#failed = code;
    this.tell();
  }

  tell() {
    const open = this.#uploads.filter((upload) => !upload.outcome);
    this.#onStatus({
      pendingMs: open.reduce((sum, upload) => sum + upload.pendingMs, 0),
      pendingBytes: open.reduce((sum, upload) => sum + upload.pendingBytes, 0),
      failed: this.#failed,
      open: open.length,
    });
  }
}
