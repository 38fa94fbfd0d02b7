// @ts-check
/** Questions that rise over the controls: video, and ending for both. The focus goes there and comes back. */
import { allows } from "../state.js";
import * as words from "../words.js";
import { enable, onPress, setText, show } from "./dom.js";

const TAKE_BACK_MS = 3000;

/** What accepting video would do to the recording. @param {import("../state.js").CallState} state */
export function consequence(state) {
  const everybody = state.participants.length > 1 && state.participants.every(allows);
  if (!everybody) return words.room.unrecorded;
  const pictures = state.participants.every(({ recording }) => recording === "allowed");
  return pictures ? words.room.pictures : words.room.soundOnly;
}

/** @param {HTMLElement} sheet */
function createSheet(sheet) {
  let back = /** @type {HTMLElement | null} */ (null);
  return (/** @type {boolean} */ visible) => {
    if (sheet.hidden !== visible) return;
    if (visible) back = /** @type {HTMLElement | null} */ (document.activeElement);
    const inside = sheet.contains(document.activeElement);
    show(sheet, visible);
    if (visible) sheet.focus();
    else if (inside) back?.focus();
  };
}

/**
 * Ending takes one press; for three seconds it can be taken back.
 * @param {{parts: import("./dom.js").Parts, timers: import("../pending.js").Timers, end: () => void}} options
 */
export function createEndSheet({ parts, timers, end }) {
  if (!parts.ending) return () => {};
  const showSheet = createSheet(parts.ending);
  let timer = /** @type {any} */ (null);
  const settle = (/** @type {boolean} */ ends) => {
    if (timer === null) return;
    timers.clearTimeout(timer);
    timer = null;
    showSheet(false);
    if (ends) end();
  };
  onPress(parts.end_yes, () => settle(true));
  onPress(parts.end_no, () => settle(false));
  parts.ending.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") settle(false);
  });
  return () => {
    if (timer !== null) return;
    timer = timers.setTimeout(() => settle(true), TAKE_BACK_MS);
    showSheet(true);
  };
}

/** @param {{parts: import("./dom.js").Parts, call: import("../call.js").Call, timers: import("../pending.js").Timers}} options */
export function createSheets({ parts, call, timers }) {
  const name = words.shortName(call.config.other.name);
  const showQuestion = createSheet(parts.ask);
  const question = () => call.store.get().question;
  onPress(parts.accept, () => call.mode.accept(question() ?? { id: "" }));
  onPress(parts.stay, () => call.mode.decline(question() ?? { id: "" }));
  return {
    beginToEnd: createEndSheet({ parts, timers, end: () => call.end() }),
    /** @param {import("../state.js").CallState} state */
    render(state) {
      const asked = Boolean(state.question && state.question.by !== state.me);
      if (asked) {
        setText(parts.ask_title, words.room.asks(name));
        setText(parts.ask_text, `${words.room.stays} ${consequence(state)}`);
      }
      const busy = state.local.camera !== "off";
      for (const button of [parts.accept, parts.stay]) enable(button, !busy);
      showQuestion(asked && state.local.camera !== "asking");
    },
  };
}
