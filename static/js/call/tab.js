// @ts-check
/** Which tab this is: an id that survives a reload but is not shared with a duplicated tab. */

const KEY = "call-tab";
const PATIENCE = 400;

/** Held until the page goes away. @param {any} locks @param {string} id @returns {Promise<boolean>} */
function hold(locks, id) {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(PATIENCE);
    locks.request(`${KEY}:${id}`, { signal }, () => {
      resolve(true);
      return new Promise(() => {});
    }).catch(() => resolve(false));
  });
}

/**
 * `sessionStorage` is copied when a tab is duplicated; the lock tells the copies apart.
 * @param {{storage: Pick<Storage, "getItem" | "setItem">, locks: any, uuid: () => string}} options
 * @returns {Promise<string>}
 */
export async function claimTab({ storage, locks, uuid }) {
  const kept = storage.getItem(KEY);
  if (kept && (!locks || await hold(locks, kept))) return kept;
  const fresh = uuid();
  storage.setItem(KEY, fresh);
  if (locks) await hold(locks, fresh);
  return fresh;
}
