// @ts-check
/** Cuts what a recorder emitted into pieces the server accepts. */

/**
 * A stalled recorder may release minutes at once. Chunks are byte ranges of a segment in order, so a
 * big one may be cut anywhere; the time is shared out by bytes.
 * @param {Uint8Array} bytes
 * @param {number} from ms from the segment's start
 * @param {number} to
 * @param {number} max bytes
 */
export function pieces(bytes, from, to, max) {
  const cut = [];
  const at = (/** @type {number} */ offset) => Math.round(from + ((to - from) * offset) / bytes.length);
  for (let start = 0; start < bytes.length; start += max) {
    const end = Math.min(start + max, bytes.length);
    cut.push({ bytes: bytes.subarray(start, end), from_ms: at(start), to_ms: at(end) });
  }
  return cut;
}
