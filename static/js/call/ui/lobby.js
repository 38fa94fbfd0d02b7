// @ts-check
/** Before the call: the microphone, a look at the camera, and who lets whom in. */
import { me, other } from "../state.js";
import * as words from "../words.js";
import { enable, onPress, setPicture, setText, show } from "./dom.js";

/** What the clinician reads. @param {import("../state.js").CallState} state @param {string} name @param {string} language */
function clinicianWords(state, name, language) {
  const patient = other(state);
  if (!patient?.present) return [words.lobby.notHere(name), words.lobby.notHereText];
  if (!patient.waiting_at) return [words.lobby.preparing(name), words.lobby.preparingText];
  const silent = patient.audio === "none";
  return [
    words.lobby.waiting(name, words.timeOfDay(patient.waiting_at, language)),
    silent ? words.lobby.waitingSilent : words.lobby.waitingText,
  ];
}

/** @param {import("../state.js").CallState} state @param {string} name */
function patientWords(state, name) {
  if (!state.local.ready) return [words.lobby.willLetYouIn(name), words.lobby.checking];
  const here = other(state)?.present;
  return [words.lobby.willLetYouIn(name), here ? words.lobby.doctorHere(name) : words.lobby.doctorAway(name)];
}

/** @param {{parts: import("./dom.js").Parts, call: import("../call.js").Call, check: any, language: string}} options */
export function createLobby({ parts, call, check, language }) {
  const { config } = call;
  const clinician = config.role === "clinician";
  const name = clinician ? config.other.name : words.shortName(config.other.name);
  onPress(parts.admit, () => {
    const patient = other(call.store.get());
    if (patient) call.admit(patient.id);
  });
  onPress(parts.mic_again, () => call.local.openMicrophone());
  onPress(parts.check, () => check.toggle());

  /** @param {import("../state.js").CallState} state */
  function render(state) {
    const known = state.participants.length > 0;
    const [title, text] = !known ? [words.lobby.connecting, words.lobby.connectingText]
      : clinician ? clinicianWords(state, name, language) : patientWords(state, name);
    setText(parts.lobby_title, title);
    setText(parts.lobby_text, text);
    renderDevices(state.local);
    if (!clinician) return;
    const patient = other(state);
    const waiting = Boolean(patient?.present && patient.waiting_at && !patient.admitted);
    show(parts.admit, waiting);
    enable(parts.admit, waiting && state.local.ready && Boolean(me(state)));
  }

  /** @param {Record<string, any>} local */
  function renderDevices(local) {
    const problem = words.silentMicrophones.has(local.mic);
    setText(parts.mic_text, words.microphone[/** @type {keyof typeof words.microphone} */ (local.mic)]);
    setText(parts.mic_name, local.micLabel);
    parts.mic.dataset.state = problem ? "problem" : local.mic;
    show(parts.mic_again, problem && local.mic !== "unsupported");
    show(parts.meter, local.mic === "on");
    setText(parts.check_text, words.cameraCheck[local.check] ?? words.cameraProblem[local.check] ?? words.cameraProblem.busy);
    setText(parts.check, local.check === "on" ? words.lobby.checkOff : words.lobby.checkOn);
    show(parts.preview, local.check === "on");
    setPicture(parts.preview, check.track());
  }

  return {
    render,
    /** @param {number} level */
    meter: (level) => parts.meter.style.setProperty("--level", level.toFixed(2)),
  };
}
