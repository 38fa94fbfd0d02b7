// @ts-check
/** AES-GCM for chunks that wait on this computer. The key is never written here. */
import { fromBase64 } from "./digest.js";

const ALGORITHM = "AES-GCM";

/** @param {string} base64 @param {Crypto} crypto */
export function importKey(base64, crypto) {
  // SECURITY: not extractable, so that injected script cannot carry the key away.
  return crypto.subtle.importKey("raw", fromBase64(base64), ALGORITHM, false, ["encrypt", "decrypt"]);
}

// SECURITY: bound to its place, so that rows swapped on disk do not open.
const place = (/** @type {string} */ segment, /** @type {number} */ number) =>
  new TextEncoder().encode(`${segment}/${number}`);

/**
 * @param {CryptoKey} key
 * @param {{segment: string, number: number, bytes: Uint8Array}} chunk
 * @param {Crypto} crypto
 */
export async function lock(key, { segment, number, bytes }, crypto) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const options = { name: ALGORITHM, iv, additionalData: place(segment, number) };
  return { iv, ciphertext: await crypto.subtle.encrypt(options, key, /** @type {any} */ (bytes)) };
}

/**
 * @param {CryptoKey} key
 * @param {{segment: string, number: number, iv: Uint8Array, ciphertext: ArrayBuffer}} chunk
 * @param {Crypto} crypto
 */
export async function unlock(key, { segment, number, iv, ciphertext }, crypto) {
  const options = { name: ALGORITHM, iv: /** @type {any} */ (iv), additionalData: place(segment, number) };
  return new Uint8Array(await crypto.subtle.decrypt(options, key, ciphertext));
}
