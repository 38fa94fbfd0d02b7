// @ts-check
/**
 * Counts the seconds of a replay that were really played and reports them for the access history.
 * Shape of a report: `{"seconds": whole seconds played since the last report, "final": the viewing ends here}`.
 */

const REPORT_EVERY_S = 30;
// The server takes no more at once; more than this gathers only while reports do not arrive.
const MOST_PER_REPORT_S = 120;
// Rounding must not lose or invent time: a report of 29.9999 s is one of 30.
const EPSILON_S = 1e-6;

/**
 * Adds up forward play; a jump is not play.
 * @returns {{ tick(position: number): void, jump(): void, played(): number, take(final?: boolean): number, giveBack(seconds: number): void }}
 *   Units: seconds of the replay.
 */
export function makeCounter() {
  /** @type {number | null} */
  let last = null;
  let unreported = 0;
  return {
    tick(position) {
      if (last !== null && position > last) unreported += position - last;
      last = position;
    },
    jump() { last = null; },
    played() { return unreported; },
    /** Whole seconds to report; what is left over stays for the next report, the final one rounds. */
    take(final = false) {
      const seconds = final ? Math.round(unreported) : Math.floor(unreported + EPSILON_S);
      unreported = Math.max(0, unreported - seconds);
      if (final) unreported = 0;
      return seconds;
    },
    giveBack(seconds) { unreported += seconds; },
  };
}

/**
 * Sends reports; a report that did not arrive is part of the next one. Refused (4xx) means that the right has ended: no more reports.
 * @param {{ url: string, csrf: string, fetch: typeof fetch }} with_
 * @param {ReturnType<typeof makeCounter>} counter
 */
export function makeReporter({ url, csrf, fetch: send }, counter) {
  let refused = false;
  // A viewing that was reported gets its final report, even when not another second was played.
  let open = false;
  /** @param {number} seconds @param {boolean} final */
  async function post(seconds, final) {
    try {
      const response = await send(url, {
        method: 'POST',
        body: JSON.stringify({ seconds, final }),
        headers: { 'Content-Type': 'application/json', 'X-CSRFToken': csrf },
        credentials: 'same-origin',
        keepalive: true,
      });
      if (response.status >= 500) counter.giveBack(seconds);
      // A redirect leads to the sign-in page.
      else if (!response.ok || response.redirected) refused = true;
    } catch {
      counter.giveBack(seconds);
    }
  }

  /** @param {boolean} final */
  return async function report(final) {
    let seconds = counter.take(final);
    if (refused || (seconds < 1 && !(final && open))) return;
    open = !final;
    const sending = [];
    for (; seconds > MOST_PER_REPORT_S; seconds -= MOST_PER_REPORT_S) sending.push(post(MOST_PER_REPORT_S, false));
    sending.push(post(seconds, final));
    // Together, not one after the other: when the page is being put away nothing runs after this turn.
    await Promise.all(sending);
  };
}

/**
 * Watches the media element: a report about every 30 s of play, when the page is put away, and at the end.
 * @param {HTMLMediaElement} media
 * @param {{ url: string, csrf: string, fetch?: typeof fetch, page?: EventTarget, document?: Document }} options
 * @param {AbortSignal} signal
 */
export function watch(media, { url, csrf, fetch: send = fetch.bind(globalThis), page = window, document: doc = document }, signal) {
  const counter = makeCounter();
  const report = makeReporter({ url, csrf, fetch: send }, counter);
  const tick = () => {
    if (media.seeking) counter.jump();
    else counter.tick(media.currentTime);
    return counter.played();
  };
  const on = (/** @type {EventTarget} */ target, /** @type {string} */ name, /** @type {() => void} */ act) => target.addEventListener(name, act, { signal });

  on(media, 'play', () => { counter.jump(); tick(); });
  on(media, 'timeupdate', () => { if (tick() + EPSILON_S >= REPORT_EVERY_S) void report(false); });
  on(media, 'seeking', () => counter.jump());
  on(media, 'pause', () => { tick(); counter.jump(); });
  on(media, 'emptied', () => counter.jump());
  on(media, 'ended', () => { tick(); counter.jump(); void report(true); });
  // A phone may never say `pagehide`: hidden is the last moment one can count on.
  on(doc, 'visibilitychange', () => { if (doc.visibilityState === 'hidden') { tick(); void report(false); } });
  on(page, 'pagehide', () => { tick(); void report(true); });
}
