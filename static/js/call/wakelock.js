// @ts-check
/** Keeps the screen on during a call, where the browser can. */

/** @param {{navigator: any, document: Document, signal: AbortSignal}} options */
export function createWakeLock({ navigator, document, signal }) {
  let wanted = false;
  let lock = /** @type {any} */ (null);

  async function hold() {
    if (!wanted || document.visibilityState !== "visible") return;
    lock = await navigator.wakeLock?.request("screen").catch(() => null);
  }
  document.addEventListener("visibilitychange", hold, { signal });
  return {
    /** @param {boolean} on */
    set(on) {
      if (on === wanted) return;
      wanted = on;
      if (on) hold();
      else lock?.release().catch(() => {});
    },
  };
}
