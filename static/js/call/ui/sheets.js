// @ts-check
/** Questions that rise over the controls: video, and ending for both. The focus goes there and comes back. */
import { allows } from "../state.js";
import * as words from "../words.js";
import { enable, onPress, setText, show } from "./dom.js";

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

/** @param {{parts: import("./dom.js").Parts, call: import("../call.js").Call}} options */
export function createSheets({ parts, call }) {
  const name = words.shortName(call.config.other.name);
  const showQuestion = createSheet(parts.ask);
  const showEnding = parts.ending && createSheet(parts.ending);
  const question = () => call.store.get().question;
  onPress(parts.accept, () => call.mode.accept(question() ?? { id: "" }));
  onPress(parts.stay, () => call.mode.decline(question() ?? { id: "" }));
  onPress(parts.end_yes, () => { call.end(); showEnding(false); });
  onPress(parts.end_no, () => showEnding(false));
  parts.ending?.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") showEnding(false);
  });
  return {
    askToEnd: () => showEnding?.(true),
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
