// @ts-check
/** The one row of controls under the room. */
import { allows, me } from "../state.js";
import * as words from "../words.js";
import { enable, onPress, setText, show } from "./dom.js";

/**
 * @param {{parts: import("./dom.js").Parts, call: import("../call.js").Call, beginToEnd: () => void,
 *   askForConsent: () => void}} options
 */
export function createControls({ parts, call, beginToEnd, askForConsent }) {
  let leaving = false;
  onPress(parts.mute, () => (call.local.mic ? call.toggleMute() : call.local.openMicrophone()));
  onPress(parts.mode, () => (call.store.get().mode === "video" ? call.mode.backToAudio() : call.mode.askVideo()));
  onPress(parts.stop, () => call.consent.refuse());
  onPress(parts.choice, askForConsent);
  onPress(parts.end, beginToEnd);
  for (const button of [parts.leave, parts.lobby_leave]) {
    onPress(button, () => {
      if (!leaving) call.leave();
      leaving = true;
    });
  }

  /** @param {import("../state.js").CallState} state */
  return function render(state) {
    const { local, mode } = state;
    const silent = words.silentMicrophones.has(local.mic);
    setText(parts.mute_label, silent ? words.room.microphone : local.muted ? words.room.unmute : words.room.mute);
    parts.mute.dataset.state = local.muted || silent ? "muted" : "on";
    enable(parts.mute, local.mic !== "asking" && local.mic !== "unsupported");
    setText(parts.mode_label, mode === "video" ? words.room.audio : words.room.video);
    parts.mode.dataset.state = mode;
    enable(parts.mode, local.camera === "off" || mode === "video");
    const capturing = allows(me(state)) && ["starting", "recording"].includes(state.recording.state);
    show(parts.stop, capturing);
    show(parts.choice, !capturing);
    for (const button of [parts.stop, parts.choice]) enable(button, !local.consenting);
  };
}
