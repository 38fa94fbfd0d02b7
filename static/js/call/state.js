// @ts-check
/** What is known about the call: a pure function from state and event to state, as docs/signaling.md describes. */
import { order, snapshotOf } from "./protocol.js";

const SHARED = ["call", "seq", "epoch", "phase", "mode", "started_at", "question", "participants", "recording"];
const REPEATED = ["epoch", "phase", "mode", "started_at", "question", "recording"];

/** @typedef {ReturnType<typeof initialState>} CallState */

/** @param {string} me the participant who sits here */
export function initialState(me) {
  return {
    me,
    call: /** @type {string | null} */ (null), seq: 0, epoch: 0, phase: "waiting", mode: "audio",
    started_at: /** @type {string | null} */ (null),
    question: /** @type {Record<string, any> | null} */ (null),
    participants: /** @type {Record<string, any>[]} */ ([]),
    recording: /** @type {Record<string, any>} */ ({ state: "off", saved_ms: 0, capture: null }),
    behind: false,
    line: /** @type {Record<string, any>} */ ({ status: "idle" }),
    local: /** @type {Record<string, any>} */ ({
      joined: false, ready: false, mic: "asking", micLabel: "", muted: false, camera: "off", cameraProblem: "",
      published: false, check: "off", link: "new", blocked: false, consenting: false, saving: null, over: null,
      silent: false, tight: false, quality: "", narrow: false,
    }),
  };
}

/**
 * Assign the pieces a message carries.
 * @param {CallState} state @param {string[]} names @param {Record<string, any>} pieces @returns {CallState}
 */
function assign(state, names, pieces) {
  const present = names.filter((name) => name in pieces).map((name) => [name, pieces[name]]);
  return { ...state, ...Object.fromEntries(present) };
}

/** @param {CallState} state @param {Record<string, any> | undefined} entry one whole participant */
function replaceParticipant(state, entry) {
  if (!entry?.id) return state;
  const known = state.participants.some(({ id }) => id === entry.id);
  const participants = known
    ? state.participants.map((one) => (one.id === entry.id ? entry : one))
    : [...state.participants, entry];
  return { ...state, participants };
}

/** @param {CallState} state @param {Record<string, any>} event */
function snapshot(state, event) {
  const pieces = snapshotOf(event);
  if (!pieces) return state;
  const older = pieces.seq < state.seq && (pieces.call ?? state.call) === state.call;
  return older && event.t !== "welcome" ? state : { ...assign(state, SHARED, pieces), behind: false };
}

/** @param {CallState} state @param {Record<string, any>} event */
function stateEvent(state, event) {
  const place = order(state.seq, event);
  if (place === "old") return state;
  if (place === "gap" && event.t !== "ended") return { ...state, behind: true };
  if (place === "free") return event.t === "rec.status" ? assign(state, ["recording"], event) : state;
  const next = assign(state, ["seq", ...REPEATED], event);
  return replaceParticipant(next, event.participant);
}

/**
 * @param {CallState} state
 * @param {Record<string, any>} event a message of the server, `{t: "line"}` (the socket) or `{t: "local", patch}` (this page)
 * @returns {CallState}
 */
export function reduce(state, event) {
  switch (event.t) {
    case "local": return { ...state, local: { ...state.local, ...event.patch } };
    case "line": return { ...state, line: event.line };
    case "welcome": case "snapshot": case "error": return snapshot(state, event);
    case "pair": return order(state.seq, event) === "next" ? { ...state, seq: event.seq } : state;
    default: return stateEvent(state, event);
  }
}

/** @param {CallState} state */
export const me = (state) => state.participants.find(({ id }) => id === state.me);

/** @param {CallState} state @returns {Record<string, any> | undefined} the first other person of the call */
export const other = (state) => state.participants.find(({ id, role }) => id !== state.me && role !== "guest")
  ?? state.participants.find(({ id }) => id !== state.me);

/** @param {Record<string, any> | undefined} person */
export const allows = (person) => person?.recording === "allowed" || person?.recording === "allowed_audio";

/** Whoever admits the first person is in with them. @param {Record<string, any> | undefined} person */
const mayEnter = (person) => Boolean(person?.admitted || person?.role === "clinician");

/** @param {CallState} state @returns {"join" | "lobby" | "room" | "elsewhere" | "over"} */
export function screenOf(state) {
  if (state.local.over) return "over";
  if (state.line.status === "conflict" || state.local.elsewhere) return "elsewhere";
  if (!state.local.joined) return "join";
  return state.phase === "in_call" && mayEnter(me(state)) ? "room" : "lobby";
}

/** Holds the state and tells who listens. @param {CallState} state */
export function createStore(state) {
  /** @type {((next: CallState, previous: CallState) => void)[]} */
  const listeners = [];
  return {
    get: () => state,
    /** @param {Record<string, any>} event */
    dispatch(event) {
      const previous = state;
      state = reduce(state, event);
      if (state !== previous) for (const listener of listeners) listener(state, previous);
    },
    /** @param {(next: CallState, previous: CallState) => void} listener */
    subscribe: (listener) => listeners.push(listener),
  };
}
