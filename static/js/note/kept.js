// @ts-check
/** Unsaved words, kept in this window until the portal has them: they survive a reload and a lost line. */

const PREFIX = "note:";

/**
 * SECURITY: sessionStorage, not localStorage: it ends with the window, and the next person at a shared computer opens
 * another. What somebody else left in this very window is removed as soon as a note is opened here.
 * @param {Storage} storage @param {string} user @param {string} consultation
 */
export function createKeeper(storage, user, consultation) {
  const mine = `${PREFIX}${user}:`;
  const key = mine + consultation;
  for (const name of Object.keys(storage)) {
    if (name.startsWith(PREFIX) && !name.startsWith(mine)) storage.removeItem(name);
  }
  return {
    /** @param {import("./saver.js").Words} words */
    put(words) {
      try {
        storage.setItem(key, JSON.stringify(words));
      } catch {
        // A full or forbidden storage: the words stand in the field, and saving goes on.
      }
    },
    clear: () => storage.removeItem(key),
    /** @returns {import("./saver.js").Words | null} */
    get() {
      try {
        return JSON.parse(storage.getItem(key) ?? "null");
      } catch {
        return null;
      }
    },
  };
}
