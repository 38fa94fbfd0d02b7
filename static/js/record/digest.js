// @ts-check
/** SHA-256 and the two spellings of bytes on the wire, hex and base64. */

/** @param {Uint8Array} bytes @param {any} subtle @returns {Promise<Uint8Array>} */
export async function sha256(bytes, subtle) {
  return new Uint8Array(await subtle.digest("SHA-256", bytes));
}

/** @param {Uint8Array} bytes */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} hex */
export function fromHex(hex) {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

/** @param {Uint8Array} bytes */
export function toBase64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

/** @param {string} text */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
