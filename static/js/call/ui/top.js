// @ts-check
/** The line along the top: how long, how well connected, and what is saved. */
import { other, screenOf } from "../state.js";
import * as words from "../words.js";
import { setText, show } from "./dom.js";

/** `REC` only while the server stores what is recorded. @param {Record<string, any>} recording @returns {[string, string]} */
export function badge({ state, saved_ms }) {
  if (state === "recording") return ["recording", words.recording.saved(saved_ms)];
  if (state === "starting") return saved_ms > 0 ? ["behind", words.recording.behind] : ["starting", words.recording.starting];
  if (state === "unsupported") return ["off", words.recording.unsupported];
  return state === "stopped" ? ["stopped", words.recording.stopped] : ["off", words.recording.off];
}

/** @param {import("../state.js").CallState} state @param {string} name @returns {[string, string]} */
export function connection(state, name) {
  const { link } = state.local;
  if (!other(state)?.present && link !== "connected") return ["wait", words.line.alone(name)];
  if (state.line.status === "reconnecting" || link === "disconnected" || link === "failed") return ["wait", words.line.again];
  if (link !== "connected") return ["wait", words.line.connecting];
  if (state.local.quality === "weak") return ["wait", words.line.weak];
  return ["ok", state.local.quality === "fair" ? words.line.fair : words.line.connected];
}

/** @param {{parts: import("./dom.js").Parts, call: import("../call.js").Call, now: () => number}} options */
export function createTop({ parts, call, now }) {
  const name = words.shortName(call.config.other.name);
  let said = "";
  return {
    /** @param {import("../state.js").CallState} state */
    render(state) {
      const inRoom = screenOf(state) === "room";
      const [kind, text] = badge(state.recording);
      parts.rec.dataset.state = kind;
      setText(parts.rec, text);
      show(parts.rec, inRoom);
      if (inRoom && kind !== said && words.recordingSaid[kind]) setText(parts.said, words.recordingSaid[kind]);
      said = inRoom ? kind : said;
      const [mood, line] = connection(state, name);
      parts.line.dataset.state = mood;
      setText(parts.line, line);
      show(parts.line, inRoom);
    },
    /** Every second. @param {import("../state.js").CallState} state */
    tick(state) {
      const running = screenOf(state) === "room" && state.started_at;
      setText(parts.clock, running ? words.duration(now() - Date.parse(String(state.started_at))) : "");
    },
  };
}
