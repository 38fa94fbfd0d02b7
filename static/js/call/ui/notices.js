// @ts-check
/** One banner for what is wrong with the line, one passing note for what just happened. Both are read aloud politely. */
import { me, other, screenOf } from "../state.js";
import * as words from "../words.js";
import { onPress, setText, show } from "./dom.js";

const STAYS = 9000;

/** @param {import("../state.js").CallState} state @param {string} name */
export function bannerText(state, name) {
  const inRoom = state.phase === "in_call";
  if (state.line.status === "reconnecting") return inRoom ? words.banner.portal : words.banner.opening;
  return (inRoom && connectionText(state, name)) || recordingText(state, name);
}

/** @param {import("../state.js").CallState} state @param {string} name */
function connectionText(state, name) {
  const { link } = state.local;
  if (!other(state)?.present && link !== "connected") return words.banner.gone(name);
  if (link === "disconnected" || link === "failed") return words.banner.media(name);
  return state.local.narrow && state.mode === "video" ? words.banner.narrow : "";
}

/** What keeps the recording from being whole. @param {import("../state.js").CallState} state @param {string} name */
function recordingText(state, name) {
  const { recording, local } = state;
  if (recording.state === "unsupported") {
    return me(state)?.role === "clinician" ? words.banner.unsupported : words.banner.unsupportedThere(name);
  }
  if (local.silent) return words.banner.silent;
  return local.tight && recording.capture ? words.banner.tight : "";
}

/** @param {{parts: import("./dom.js").Parts, call: import("../call.js").Call, timers: any, hear: () => void}} options */
export function createNotices({ parts, call, timers, hear }) {
  const name = words.shortName(call.config.other.name);
  let timer = /** @type {any} */ (null);
  onPress(parts.hear, hear);
  setText(parts.hear, words.room.hear(name));

  /** @param {string} text */
  function note(text) {
    timers.clearTimeout(timer);
    setText(parts.note, text);
    if (text) timer = timers.setTimeout(() => setText(parts.note, ""), STAYS);
  }

  /** @param {import("../state.js").CallState} next @param {import("../state.js").CallState} previous */
  return function render(next, previous) {
    for (const banner of [parts.banner, parts.lobby_banner]) setText(banner, bannerText(next, name));
    show(parts.hear, next.local.blocked);
    const { notice, camera, mic } = next.local;
    if (mic !== previous.local.mic && screenOf(next) === "room") note(words.microphoneInRoom[mic] ?? "");
    if (notice && notice !== previous.local.notice) note(words.notice(notice.name, notice.kind, name));
    else if (next.mode !== previous.mode) note("");
    else if (camera === "asking" && next.question && next.question !== previous.question) note(words.notice("asking", "", name));
  };
}
