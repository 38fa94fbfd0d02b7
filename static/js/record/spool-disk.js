// @ts-check
/**
 * The spool in IndexedDB: `segments`, `chunks` (what is not acknowledged yet, encrypted) and `digests` (one
 * small row per chunk ever made, so that the manifest can be computed after a crash).
 */

const NAME = "spool";
const VERSION = 1;

/** @typedef {import('./spool-memory.js').SegmentRow} SegmentRow */
/** @typedef {import('./spool-memory.js').ChunkRow} ChunkRow */

/** @param {any} request @returns {Promise<any>} */
const answer = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** @param {IDBFactory} indexedDB @returns {Promise<IDBDatabase>} */
async function open(indexedDB) {
  const request = indexedDB.open(NAME, VERSION);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("segments", { keyPath: "segment" });
    request.result.createObjectStore("chunks", { keyPath: ["segment", "number"] });
    request.result.createObjectStore("digests", { keyPath: ["segment", "number"] });
  };
  return answer(request);
}

export class DiskSpool {
  #database;
  #range;

  /** @param {{indexedDB: IDBFactory, IDBKeyRange: typeof IDBKeyRange}} parts */
  constructor({ indexedDB, IDBKeyRange }) {
    this.#database = open(indexedDB);
    this.#database.catch(() => {});
    this.#range = (/** @type {string} */ segment) => IDBKeyRange.bound([segment], [segment, []]);
  }

  /** @param {SegmentRow} row */
  saveSegment(row) {
    return this.#write(["segments"], ([segments]) => segments.put(row));
  }

  /** @param {string} segment @returns {Promise<SegmentRow | undefined>} */
  segment(segment) {
    return this.#read("segments", (store) => store.get(segment));
  }

  /** @param {string} user @returns {Promise<SegmentRow[]>} */
  async segmentsOf(user) {
    const rows = await this.#read("segments", (store) => store.getAll());
    return rows.filter((/** @type {SegmentRow} */ row) => row.user === user);
  }

  /** @param {ChunkRow} chunk */
  saveChunk(chunk) {
    const { segment, number, sha256, size, to_ms } = chunk;
    return this.#write(["chunks", "digests"], ([chunks, digests]) => {
      chunks.put(chunk);
      digests.put({ segment, number, sha256, size, to_ms });
    });
  }

  /** @param {string} segment @param {number} number @returns {Promise<ChunkRow | undefined>} */
  chunk(segment, number) {
    return this.#read("chunks", (store) => store.get([segment, number]));
  }

  /** @param {string} segment @param {number} number */
  acknowledge(segment, number) {
    return this.#write(["chunks"], ([chunks]) => chunks.delete([segment, number]));
  }

  /** Without the bytes. @param {string} segment */
  async waiting(segment) {
    const rows = await this.#read("chunks", (store) => store.getAll(this.#range(segment)));
    return rows.map((/** @type {ChunkRow} */ { number, size, from_ms, to_ms }) => ({ number, size, from_ms, to_ms }));
  }

  /** @param {string} segment @returns {Promise<{number: number, sha256: string, size: number, to_ms: number}[]>} */
  digests(segment) {
    return this.#read("digests", (store) => store.getAll(this.#range(segment)));
  }

  /** @param {string} segment */
  drop(segment) {
    return this.#write(["segments", "chunks", "digests"], ([segments, chunks, digests]) => {
      segments.delete(segment);
      chunks.delete(this.#range(segment));
      digests.delete(this.#range(segment));
    });
  }

  /** @param {number} before ms on this computer's clock */
  async forgetCreatedBefore(before) {
    const rows = await this.#read("segments", (store) => store.getAll());
    const old = rows.filter((/** @type {SegmentRow} */ row) => row.created_at < before);
    for (const row of old) await this.drop(row.segment);
  }

  /** @param {string} name @param {(store: IDBObjectStore) => IDBRequest} ask */
  async #read(name, ask) {
    const database = await this.#database;
    return answer(ask(database.transaction(name).objectStore(name)));
  }

  /**
   * Done means flushed to the disk.
   * @param {string[]} names
   * @param {(stores: IDBObjectStore[]) => void} change
   * @returns {Promise<void>}
   */
  async #write(names, change) {
    const database = await this.#database;
    const transaction = database.transaction(names, "readwrite", { durability: "strict" });
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(undefined);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
    change(names.map((name) => transaction.objectStore(name)));
    await done;
  }
}
