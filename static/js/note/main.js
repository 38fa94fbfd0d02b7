// @ts-check
/** Entry of every page with a note: finds its fields, also in what htmx brings later. */
import { mountEditor } from "./editor.js";

const mounted = new WeakSet();

function mountAll() {
  for (const form of document.querySelectorAll("form[data-note]")) {
    if (mounted.has(form)) continue;
    mounted.add(form);
    mountEditor(/** @type {HTMLFormElement} */ (form));
  }
}

mountAll();
document.addEventListener("htmx:afterSettle", mountAll);
