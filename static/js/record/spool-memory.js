// @ts-check
/** The spool's interface without a disk: for private windows and a full disk. */

const LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * @typedef {object} SegmentRow
 * @property {string} segment
 * @property {string} user
 * @property {string} consultation
 * @property {string} lease
 * @property {string} capture
 * @property {number} epoch
 * @property {string} mime
 * @property {number} t0 server ms
 * @property {number} created_at this computer's ms
 * @property {object | null} closed the manifest, once it is final
 */
/**
 * @typedef {object} ChunkRow
 * @property {string} segment
 * @property {number} number
 * @property {Uint8Array} iv
 * @property {ArrayBuffer} ciphertext
 * @property {number} size plain bytes
 * @property {string} sha256 hex, of the plain bytes
 * @property {number} from_ms
 * @property {number} to_ms
 */

/** A ring: when full, the oldest chunk that is not a header makes room. */
export class MemorySpool {
  #bytes = 0;
  #limit;
  /** @type {Map<string, SegmentRow>} */
  #segments = new Map();
  /** @type {Map<string, ChunkRow>} */
  #chunks = new Map();
  /** @type {Map<string, {number: number, sha256: string, size: number, to_ms: number}[]>} */
  #digests = new Map();

  constructor({ limit = LIMIT_BYTES } = {}) {
    this.#limit = limit;
  }

  /** @param {SegmentRow} row */
  async saveSegment(row) {
    this.#segments.set(row.segment, { ...row });
  }

  /** @param {string} segment */
  async segment(segment) {
    return this.#segments.get(segment);
  }

  /** @param {string} user */
  async segmentsOf(user) {
    return [...this.#segments.values()].filter((row) => row.user === user);
  }

  /** @param {ChunkRow} chunk */
  async saveChunk(chunk) {
    const { segment, number, sha256, size, to_ms } = chunk;
    this.#chunks.set(`${segment}/${number}`, chunk);
    this.#bytes += chunk.ciphertext.byteLength;
    this.#digests.set(segment, [...(this.#digests.get(segment) ?? []), { number, sha256, size, to_ms }]);
    for (const [key, oldest] of this.#chunks) {
      if (this.#bytes <= this.#limit) break;
      if (oldest.number !== 0) this.#remove(key);
    }
  }

  /** @param {string} segment @param {number} number */
  async chunk(segment, number) {
    return this.#chunks.get(`${segment}/${number}`);
  }

  /** @param {string} segment @param {number} number */
  async acknowledge(segment, number) {
    this.#remove(`${segment}/${number}`);
  }

  /** @param {string} segment */
  async waiting(segment) {
    const mine = [...this.#chunks.values()].filter((chunk) => chunk.segment === segment);
    return mine.map(({ number, size, from_ms, to_ms }) => ({ number, size, from_ms, to_ms }));
  }

  /** @param {string} segment */
  async digests(segment) {
    return [...(this.#digests.get(segment) ?? [])];
  }

  /** @param {string} segment */
  async drop(segment) {
    for (const [key, chunk] of this.#chunks) if (chunk.segment === segment) this.#remove(key);
    this.#digests.delete(segment);
    this.#segments.delete(segment);
  }

  /** @param {number} before */
  async forgetCreatedBefore(before) {
    const old = [...this.#segments.values()].filter((row) => row.created_at < before);
    for (const row of old) await this.drop(row.segment);
  }

  /** @param {string} key */
  #remove(key) {
    this.#bytes -= this.#chunks.get(key)?.ciphertext.byteLength ?? 0;
    this.#chunks.delete(key);
  }
}
