// @ts-check
/** The views after the call, and the one for a consultation that is open somewhere else. */
import * as words from "../words.js";
import { onPress, setText, show } from "./dom.js";

/** What is left to save, in words; empty when nothing is. @param {Record<string, any>} local */
export function savingText({ saving, drained, slow }) {
  if (drained === true) return saving ? words.saving.done : "";
  if (drained === false || (saving && (slow || saving.failed))) {
    return saving?.crashSafe === false ? words.saving.fragile : words.saving.slow;
  }
  if (!saving?.pendingMs) return saving ? words.saving.last : "";
  return words.saving.left(Math.ceil(saving.pendingMs / 1000));
}

/** @param {{parts: import("./dom.js").Parts, call: import("../call.js").Call}} options */
export function createOver({ parts, call }) {
  onPress(parts.continue, () => call.takeOver());
  /** @param {import("../state.js").CallState} state */
  return function render({ local }) {
    setText(parts.elsewhere_focus, local.elsewhere ? words.elsewhere.replaced : words.elsewhere.conflict);
    if (!local.over) return;
    const { title, text } = words.over[local.over];
    setText(parts.over_focus, title);
    setText(parts.over_text, text);
    const saving = savingText(local);
    setText(parts.saving, saving);
    show(parts.saving, saving !== "");
    const moving = (local.over === "ended" || local.over === "left") && !local.slow && local.drained !== false;
    show(parts.onward, !moving);
  };
}
