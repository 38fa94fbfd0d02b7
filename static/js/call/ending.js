// @ts-check
/** The last seconds of a page: media off, what is left of a recording saved, then on to the next page. */

const FAREWELL = 1500;

/**
 * @param {{store: ReturnType<typeof import("./state.js").createStore>, recorder: () => {drain: () => Promise<void>} | null,
 *   timers: import("./pending.js").Timers, silence: () => void, go: () => void}} options
 */
export function createEnding({ store, recorder, timers, silence, go }) {
  const pause = () => new Promise((resolve) => { timers.setTimeout(() => resolve(null), FAREWELL); });

  async function drain() {
    try {
      await recorder()?.drain();
      return true;
    } catch {
      return false;
    }
  }

  /** @param {"ended" | "left" | "signedOut" | "nothing"} why */
  return async function finish(why) {
    if (store.get().local.over) return;
    store.dispatch({ t: "local", patch: { over: why } });
    const draining = drain();
    silence();
    const [drained] = await Promise.all([draining, pause()]);
    store.dispatch({ t: "local", patch: { drained } });
    if (drained && (why === "ended" || why === "left")) go();
  };
}
