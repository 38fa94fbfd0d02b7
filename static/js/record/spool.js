// @ts-check
/** Where chunks wait until the server has them: on disk, or in memory when the disk will not. */
import { DiskSpool } from "./spool-disk.js";
import { MemorySpool } from "./spool-memory.js";

const KEPT_MS = 7 * 24 * 3600 * 1000;

/** @typedef {import('./spool-memory.js').SegmentRow} SegmentRow */
/** @typedef {import('./spool-memory.js').ChunkRow} ChunkRow */

export class Spool {
  /** Would the latest chunk survive a crash of the browser? */
  crashSafe = true;
  #disk;
  #memory;

  /**
   * @param {{indexedDB?: IDBFactory, IDBKeyRange?: any, disk?: any, memory?: MemorySpool}} parts
   */
  constructor({ indexedDB, IDBKeyRange, disk, memory = new MemorySpool() }) {
    this.#disk = disk ?? (indexedDB ? new DiskSpool({ indexedDB, IDBKeyRange }) : null);
    this.#memory = memory;
  }

  /** @param {SegmentRow} row */
  saveSegment(row) {
    return this.#save("saveSegment", row);
  }

  /** @param {ChunkRow} chunk */
  saveChunk(chunk) {
    return this.#save("saveChunk", chunk);
  }

  /** @param {string} segment @returns {Promise<SegmentRow | undefined>} */
  async segment(segment) {
    return (await this.#memory.segment(segment)) ?? this.#ask(undefined, "segment", segment);
  }

  /** @param {string} user @returns {Promise<SegmentRow[]>} */
  async segmentsOf(user) {
    const [disk, memory] = [await this.#ask([], "segmentsOf", user), await this.#memory.segmentsOf(user)];
    return [...new Map([...disk, ...memory].map((row) => [row.segment, row])).values()];
  }

  /** @param {string} segment @param {number} number @returns {Promise<ChunkRow | undefined>} */
  async chunk(segment, number) {
    return (await this.#memory.chunk(segment, number)) ?? this.#ask(undefined, "chunk", segment, number);
  }

  /** @param {string} segment @returns {Promise<{number: number, size: number, from_ms: number, to_ms: number}[]>} */
  async waiting(segment) {
    return [...(await this.#ask([], "waiting", segment)), ...(await this.#memory.waiting(segment))];
  }

  /** @param {string} segment @returns {Promise<{number: number, sha256: string, size: number, to_ms: number}[]>} */
  async digests(segment) {
    return [...(await this.#ask([], "digests", segment)), ...(await this.#memory.digests(segment))];
  }

  /** The server has it. @param {string} segment @param {number} number */
  async acknowledge(segment, number) {
    await this.#memory.acknowledge(segment, number);
    await this.#ask(undefined, "acknowledge", segment, number);
  }

  /** @param {string} segment */
  async drop(segment) {
    await this.#memory.drop(segment);
    await this.#ask(undefined, "drop", segment);
  }

  /** Everybody's: what is a week old is of no use any more. @param {number} now this computer's ms */
  async forgetOld(now) {
    await this.#ask(undefined, "forgetCreatedBefore", now - KEPT_MS);
  }

  /** @param {'saveSegment' | 'saveChunk'} name @param {any} row */
  async #save(name, row) {
    try {
      if (!this.#disk) throw new Error("no disk");
      await this.#disk[name](row);
      this.crashSafe = true;
    } catch {
      this.crashSafe = false;
      await this.#memory[name](row);
    }
  }

  /** @param {any} otherwise @param {string} name @param {...any} rest */
  async #ask(otherwise, name, ...rest) {
    try {
      return this.#disk ? await this.#disk[name](...rest) : otherwise;
    } catch {
      return otherwise;
    }
  }
}
