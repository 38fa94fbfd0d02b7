// @ts-check
/** Everything the recorder takes from the browser, in one object that tests replace. */

export function browserPlatform() {
  const { document, indexedDB, IDBKeyRange, crypto, navigator, MediaRecorder, MediaStream, Worker } = globalThis;
  return {
    document, indexedDB, IDBKeyRange, crypto, MediaRecorder, MediaStream, Worker,
    locks: navigator.locks,
    storage: navigator.storage,
    window: globalThis,
    random: Math.random,
    now: () => Date.now(),
    // Called as methods of another object, the browser's own functions refuse.
    fetch: (/** @type {Parameters<typeof fetch>} */ ...rest) => fetch(...rest),
    timers: {
      setTimeout: (/** @type {any} */ f, /** @type {number} */ ms) => setTimeout(f, ms),
      clearTimeout: (/** @type {any} */ id) => clearTimeout(id),
      setInterval: (/** @type {any} */ f, /** @type {number} */ ms) => setInterval(f, ms),
      clearInterval: (/** @type {any} */ id) => clearInterval(id),
    },
  };
}
