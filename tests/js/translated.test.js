import assert from "node:assert/strict";
import { test } from "node:test";

const OPEN = "\u2af7", CLOSE = "\u2af8";
// Before the words are loaded, as on a page.
globalThis.gettext = (sentence) => `${OPEN}${sentence}${CLOSE}`;
globalThis.document ??= { documentElement: { lang: "en" } };
const modules = { call: await import("../../static/js/call/words.js"), note: await import("../../static/js/note/words.js"), check: await import("../../static/js/check/words.js") };
// What they work with, and say to nobody.
const NOT_SAID = new Set(["shortName", "duration", "timeOfDay", "silentMicrophones"]);
const NOTICES = ["asking", "declined", "lapsed", "lapsedToMe", "gone", "goneToMe", "camera", "cameraLost", "notNow", "consentNotNoted"];
const ANSWERS = ["unasked", "allowed", "allowed_audio", "declined", "withdrawn"];

/** Yields [where, sentence] of all that is exported. */
function* said(value, where) {
  if (typeof value === "string") yield [where, value];
  else if (where.endsWith(".notice")) for (const name of NOTICES) yield [`${where} ${name}`, value(name, "busy", "Dr Osei")];
  else if (where.endsWith(".consent.other")) for (const answer of ANSWERS) yield [`${where} ${answer}`, value("Dr Osei", answer)];
  else if (where.includes("note.shown.")) yield [where, value(new Date(0))];
  else if (typeof value === "function") yield [where, value.length && /saved|left/.test(where) ? value(7) : value("Dr Osei", "09:30")];
  else for (const [name, part] of Object.entries(value)) yield* said(part, `${where}.${name}`);
}

const sentences = Object.entries(modules).flatMap(([page, words]) =>
  Object.entries(words).filter(([name]) => !NOT_SAID.has(name)).flatMap(([name, value]) => [...said(value, `${page}.${name}`)]));

test("every sentence that scripts say passes through gettext as a whole", () => {
  assert.ok(sentences.length > 90, `${sentences.length} sentences`);
  for (const [where, text] of sentences) {
    assert.ok(text.startsWith(OPEN) && text.endsWith(CLOSE), `${where}: ${text}`);
    assert.doesNotMatch(text, /%\(|undefined/, where);
  }
});
