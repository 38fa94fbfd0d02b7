// @ts-check
/**
 * Saves a note as it is written, by compare-and-set: what another window saved is never overwritten unseen.
 * Knows no DOM and no network.
 */

const QUIET_MS = 800;
const AGAIN_MS = 5000;

/**
 * @typedef {{version: number, revision: number}} Seen which draft the words were written upon
 * @typedef {Seen & {text: string}} Words
 * @typedef {{kind: "saved"} & Seen} Saved
 * @typedef {{kind: "conflict", text: string, signed: boolean} & Seen} Conflict
 * @typedef {Saved | Conflict | {kind: "offline"} | {kind: "refused"} | {kind: "gone"}} Answer
 * @typedef {{put: (words: Words) => void, clear: () => void}} Keeper
 */

/**
 * @param {{seen: Seen, text: string, send: (words: Words) => Promise<Answer>, keeper: Keeper,
 *   timers: {setTimeout: (run: () => void, ms: number) => any, clearTimeout: (timer: any) => void},
 *   onState: (state: string, answer?: any) => void}} options `text` is what is saved
 */
export function createSaver({ seen, text, send, keeper, timers, onState }) {
  let saved = text;
  let current = text;
  let timer = /** @type {any} */ (null);
  let running = /** @type {Promise<void> | null} */ (null);
  let conflict = /** @type {Conflict | null} */ (null);
  let unanswered = /** @type {string | null} */ (null);

  const words = () => ({ ...seen, text: current });

  function later(/** @type {number} */ ms) {
    timers.clearTimeout(timer);
    timer = timers.setTimeout(flush, ms);
  }

  /** Our own words were taken and the answer was lost on the way: that is no conflict. @param {Conflict} answer */
  const isOurs = (answer) => !answer.signed && (answer.text === current || answer.text === unanswered);

  /** @param {Answer} answer @param {string} sent */
  function take(answer, sent) {
    if (answer.kind === "conflict" && isOurs(answer)) {
      const { version, revision, text } = answer;
      return take({ kind: "saved", version, revision }, text);
    }
    if (answer.kind === "offline") unanswered = sent;
    if (answer.kind === "saved") {
      seen = { version: answer.version, revision: answer.revision };
      saved = sent;
      unanswered = null;
      if (current === saved) keeper.clear();
      else {
        keeper.put(words());
        later(QUIET_MS);
      }
    }
    if (answer.kind === "conflict") conflict = answer;
    if (answer.kind === "offline") later(AGAIN_MS);
    onState(answer.kind === "saved" && current !== saved ? "waiting" : answer.kind, answer);
  }

  async function run() {
    const sent = current;
    onState("saving");
    take(await send({ ...seen, text: sent }), sent);
  }

  /** Save now what is not saved; settles when it is answered. @returns {Promise<void>} */
  function flush() {
    timers.clearTimeout(timer);
    // One at a time: the next one must name the revision that this one makes.
    if (running) return running.then(flush);
    if (conflict || current === saved) return Promise.resolve();
    running = run().finally(() => { running = null; });
    return running;
  }

  return {
    seen: () => seen,
    isSaved: () => current === saved && !running,
    flush,
    /** @param {string} next what stands in the field now */
    edited(next) {
      current = next;
      keeper.put(words());
      if (conflict) return;
      onState("waiting");
      later(QUIET_MS);
    },
    /** Words that were written before a reload, upon the draft they had seen. @param {Words} kept */
    restore(kept) {
      if (kept.text === saved) {
        keeper.clear();
        return Promise.resolve();
      }
      current = kept.text;
      seen = { version: kept.version, revision: kept.revision };
      return flush();
    },
    /** The person has seen both and decides. @param {"keep" | "take"} which @returns {string} the words that stand now */
    resolve(which) {
      if (!conflict) return current;
      // What was signed is not said again in its addendum.
      if (conflict.signed && current.startsWith(saved)) current = current.slice(saved.length).trimStart();
      seen = { version: conflict.version, revision: conflict.revision };
      saved = conflict.text;
      if (which === "take") current = saved;
      conflict = null;
      if (current === saved) {
        keeper.clear();
        onState("saved", seen);
      } else {
        keeper.put(words());
        flush();
      }
      return current;
    },
  };
}
