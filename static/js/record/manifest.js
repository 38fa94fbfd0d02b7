// @ts-check
/** The closed, ordered list of a segment's chunks, as the server is told it. */
import { fromHex, sha256, toHex } from "./digest.js";

/**
 * Hex SHA-256 over the concatenated raw digests.
 * @param {string[]} digests hex, in the order of the chunks
 * @param {any} subtle
 */
export async function rootOf(digests, subtle) {
  const raw = new Uint8Array(32 * digests.length);
  digests.forEach((digest, i) => raw.set(fromHex(digest), 32 * i));
  return toHex(await sha256(raw, subtle));
}

/**
 * @param {{number: number, sha256: string, size: number, to_ms: number}[]} entries in any order
 * @param {{reason: string, durationMs?: number}} closing
 * @param {any} subtle
 */
export async function manifestOf(entries, { reason, durationMs = 0 }, subtle) {
  const chunks = [...entries].sort((a, b) => a.number - b.number);
  const root = await rootOf(chunks.map((chunk) => chunk.sha256), subtle);
  return {
    chunks: chunks.length,
    bytes: chunks.reduce((sum, chunk) => sum + chunk.size, 0),
    root,
    duration_ms: Math.round(Math.max(durationMs, chunks.at(-1)?.to_ms ?? 0)),
    reason,
  };
}
