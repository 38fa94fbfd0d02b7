// @ts-check
/** Asks the browser to keep the spool, and whether there is room in it for a whole consultation. */

/** An hour of pictures takes 0.4 GB. */
export const ROOM_BYTES = 1.5e9;

/**
 * Browsers may ask the person, or say no; the spool then works all the same, and may be cleared when the disk is full.
 * @param {StorageManager | undefined} storage
 * @returns {Promise<boolean>} is there less room than that? A browser that does not say is believed to have enough.
 */
export async function prepareStorage(storage) {
  await storage?.persist?.().catch(() => false);
  const { quota, usage = 0 } = (await storage?.estimate?.().catch(() => ({}))) ?? {};
  return quota !== undefined && quota - usage < ROOM_BYTES;
}
