// @ts-check
/** The recording question: in the lobby, and as a sheet in the room for whoever has not answered or changes their mind. */
import { allows, me, other, screenOf } from "../state.js";
import * as words from "../words.js";
import { enable, onPress, setText, show } from "./dom.js";

/** @param {{parts: import("./dom.js").Parts, call: import("../call.js").Call}} options */
export function createConsentPanel({ parts, call }) {
  const name = words.shortName(call.config.other.name);
  let reopened = false;
  let place = "lobby";

  /** @param {() => Promise<boolean>} say */
  async function answer(say) {
    if (await say()) reopened = false;
    render(call.store.get());
  }
  onPress(parts.allow, () => answer(() => call.consent.allow(parts.sound_only.checked ? "audio" : "audio_video")));
  onPress(parts.refuse, () => answer(() => call.consent.refuse()));
  onPress(parts.consent_change, open);
  onPress(parts.consent_close, () => { reopened = false; render(call.store.get()); });

  function open() {
    reopened = true;
    render(call.store.get());
    parts.consent_title.focus();
  }

  /** @param {string} screen */
  function move(screen) {
    const target = screen === "room" ? "room" : "lobby";
    if (target === place) return;
    place = target;
    parts[`${target}_consent`].append(parts.consent);
  }

  /** @param {import("../state.js").CallState} state */
  function render(state) {
    const screen = screenOf(state);
    move(screen);
    const mine = me(state)?.recording ?? "unasked";
    const asking = mine === "unasked" || reopened;
    show(parts.consent, screen !== "room" || asking);
    show(parts.consent_question, asking);
    show(parts.consent_answer, !asking);
    show(parts.consent_close, asking && mine !== "unasked");
    setText(parts.consent_mine, words.consent[/** @type {"allowed"} */ (mine)] ?? "");
    setText(parts.consent_other, words.consent.other(name, other(state)?.recording ?? "unasked"));
    parts.consent_answer.dataset.state = allows(me(state)) ? "allowed" : "declined";
    for (const button of [parts.allow, parts.refuse]) enable(button, Boolean(me(state)) && !state.local.consenting);
  }

  return { render, open };
}
