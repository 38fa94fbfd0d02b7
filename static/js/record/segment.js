// @ts-check
/** One segment while it is being recorded: recorder, picture and intake under one identity. */
import { formatFor, recorderOptions } from "./formats.js";
import { Intake } from "./intake.js";
import { SegmentRecorder } from "./recorder.js";

/**
 * @typedef {object} Lease
 * @property {string} lease
 * @property {'audio' | 'video'} capture
 * @property {number} epoch
 * @property {number} chunk_ms
 * @property {{width: number, height: number, frame_rate: number}} canvas
 * @property {{audio: number, video: number}} bitrates
 */
/**
 * @typedef {object} SegmentParts
 * @property {any} MediaRecorder
 * @property {any} MediaStream
 * @property {{now: () => number}} clock
 * @property {any} timers
 * @property {{track: any}} mixer
 * @property {(canvas: Lease['canvas']) => any} makeCompositor
 * @property {any} intakeParts what every Intake needs
 * @property {string} user
 * @property {string} consultation
 */

export class Segment {
  /** @type {Intake} */
  intake;
  #recorder;
  #compositor;
  /** @type {Promise<void> | null} */
  #stopping = null;

  /**
   * @param {string} id
   * @param {Lease} lease
   * @param {SegmentParts} parts
   * @param {{onLost: (code: string) => void, onRefused: (code: string) => void}} listeners
   */
  constructor(id, lease, parts, { onLost, onRefused }) {
    const mime = formatFor(lease.capture, parts.MediaRecorder);
    if (!mime) throw new Error("no_format");
    this.id = id;
    this.lease = lease;
    const { user, consultation } = parts;
    const { lease: leaseId, capture, epoch } = lease;
    const facts = { segment: id, user, consultation, lease: leaseId, capture, epoch, mime };
    this.intake = new Intake(facts, { ...parts.intakeParts, onRefused });
    this.#compositor = capture === "video" ? parts.makeCompositor(lease.canvas) : null;
    try {
      this.#recorder = new SegmentRecorder({
        ...parts,
        tracks: [parts.mixer.track, ...(this.#compositor ? [this.#compositor.track] : [])],
        options: recorderOptions(capture, mime, lease.bitrates),
        chunkMs: lease.chunk_ms,
        onChunk: (blob, from, to) => this.intake.add(blob, from, to),
        onLost,
      });
    } catch (error) {
      this.#compositor?.close();
      throw error;
    }
  }

  /** Recording has begun when this resolves; the server is told then. */
  async start() {
    await this.#recorder.start();
    this.intake.open(this.#recorder.t0);
  }

  /** It never began. */
  async discard() {
    await this.#recorder.stop();
    this.#compositor?.close();
    this.intake.abandon();
  }

  /** No camera may be seen from now on. */
  veil() {
    this.#compositor?.veil();
  }

  /** Everything recorded is in the intake when this resolves. Idempotent. @param {string} reason */
  stop(reason) {
    this.#stopping ??= this.#stop(reason);
    return this.#stopping;
  }

  isStalled() {
    return !this.#stopping && this.#recorder.isStalled();
  }

  /** @param {string} reason */
  async #stop(reason) {
    await this.#recorder.stop();
    this.#compositor?.close();
    this.intake.seal(reason, this.#recorder.durationMs);
  }
}
