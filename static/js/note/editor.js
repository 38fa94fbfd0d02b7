// @ts-check
/** The note's field on a page: writes by itself, says whether it is saved, shows both when two windows wrote. */
import { createKeeper } from "./kept.js";
import { createSaver } from "./saver.js";
import { createSend } from "./send.js";
import * as words from "./words.js";

const QUIETLY = new Set(["waiting", "saving", "saved"]);

/** @param {HTMLFormElement} form */
export function mountEditor(form) {
  const parts = /** @type {Record<string, any>} */ ({});
  for (const node of form.querySelectorAll("[data-part]")) parts[/** @type {HTMLElement} */ (node).dataset.part ?? ""] = node;
  const field = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
  const me = document.querySelector('meta[name="signed-in"]')?.getAttribute("content") ?? "";
  const keeper = createKeeper(sessionStorage, me, form.dataset.note ?? "");
  let trouble = false;

  /** @param {string} state @param {any} [answer] */
  function showState(state, answer) {
    const text = words.shown[state](new Date());
    parts.state.hidden = false;
    parts.state.dataset.state = state;
    parts.state.textContent = text;
    // Spoken only when it goes wrong and when it is well again, not at every save.
    if (!QUIETLY.has(state)) parts.said.textContent = words.spoken[state];
    else if (state === "saved" && trouble) parts.said.textContent = words.spoken.saved;
    trouble = trouble ? state !== "saved" : !QUIETLY.has(state);
    if (state === "conflict") showOther(answer);
    if (state === "saved" && answer) {
      field("version").value = answer.version;
      field("revision").value = answer.revision;
    }
  }

  /** @param {import("./saver.js").Conflict} conflict */
  function showOther({ text, signed }) {
    if (signed) {
      parts.other_title.textContent = words.signedElsewhere.title;
      parts.other_words.textContent = words.signedElsewhere.words;
      parts.keep.textContent = words.signedElsewhere.keep;
      parts.take.textContent = words.signedElsewhere.take;
    }
    parts.other_text.textContent = text;
    parts.other_text.hidden = signed;
    parts.other_do.hidden = false;
    parts.other.hidden = false;
  }

  const saver = createSaver({
    seen: { version: Number(field("version").value), revision: Number(field("revision").value) },
    text: parts.text.defaultValue,
    send: createSend({ fetch: window.fetch.bind(window), url: form.action, csrf: () => field("csrfmiddlewaretoken").value }),
    keeper, timers: window, onState: showState,
  });
  const edited = () => saver.edited(parts.text.value);
  parts.text.addEventListener("input", edited);
  parts.fill.addEventListener("click", (/** @type {Event} */ event) => {
    event.preventDefault();
    if (parts.text.value.trim()) {
      parts.said.textContent = words.full;
      parts.state.hidden = false;
      parts.state.textContent = words.full;
      return;
    }
    parts.text.value = parts.template.selectedOptions[0]?.dataset.text ?? "";
    parts.text.focus();
    edited();
  });
  for (const which of /** @type {const} */ (["keep", "take"])) {
    parts[which].addEventListener("click", () => {
      parts.other.hidden = true;
      parts.text.value = saver.resolve(which);
      parts.text.focus();
    });
  }
  form.addEventListener("submit", async (event) => {
    const button = /** @type {SubmitEvent} */ (event).submitter;
    const saves = Boolean(parts.save) && button === parts.save;
    if (!saves && saver.isSaved()) return keeper.clear();
    event.preventDefault();
    await saver.flush();
    if (!saves && saver.isSaved()) form.requestSubmit(button);
  });
  window.addEventListener("online", () => saver.flush());
  window.addEventListener("pagehide", () => saver.flush());
  // A browser that goes back may have filled the field itself: what stands is what the server sent, or what was kept.
  const kept = keeper.get();
  parts.text.value = kept?.text ?? parts.text.defaultValue;
  if (kept) saver.restore(kept);
}
