// @ts-check
/** Sentences of scripts in the page's language: `gettext` is Django's catalogue (/jsi18n/), which a page loads before them. */

/** Without a catalogue the sentence stays English. @param {string} sentence @returns {string} */
export function gettext(sentence) {
  const { gettext: translate } = /** @type {any} */ (globalThis);
  return translate ? translate(sentence) : sentence;
}

/** @param {string} sentence holds names like %(name)s @param {Record<string, string | number>} facts @returns {string} */
export function filled(sentence, facts) {
  return sentence.replace(/%\((\w+)\)s/g, (whole, name) => String(facts[name] ?? whole));
}
