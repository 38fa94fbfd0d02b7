// @ts-check
/** Shows what the check has found. Draws; opens no device itself. */
import { enable, onPress, setPicture, setText, show } from "../call/ui/dom.js";
import * as call from "../call/deviceWords.js";
import * as words from "./words.js";

/** @typedef {{mic: string, micName: string, heard: boolean, check: string, sound: string}} Findings */

/**
 * @param {{parts: import("../call/ui/dom.js").Parts, picture: () => MediaStreamTrack | null,
 *   press: {mic: () => void, camera: () => void, sound: () => void}}} options
 */
export function createPage({ parts, picture, press }) {
  for (const name of /** @type {const} */ (["mic", "camera", "sound"])) {
    parts[name].disabled = false;
    onPress(parts[name], press[name]);
  }

  /** @param {Findings} found */
  function render({ mic, micName, heard, check, sound }) {
    if (mic !== "off") {
      const said = mic === "on" && heard ? "heard" : mic;
      setText(parts.mic_text, words.microphone[said] ?? call.microphone[/** @type {"busy"} */ (mic)]);
    }
    parts.mic_text.dataset.state = call.silentMicrophones.has(mic) ? "problem" : mic;
    setText(parts.mic_name, micName);
    show(parts.meter, mic === "on");
    setText(parts.mic, call.silentMicrophones.has(mic) ? words.press.again : words.press.microphone);
    enable(parts.mic, mic !== "asking" && mic !== "on");
    setText(parts.camera_text, words.camera[check] ?? call.cameraCheck[check] ?? call.cameraProblem[check] ?? call.cameraProblem.busy);
    parts.camera_text.dataset.state = check in call.cameraProblem ? "problem" : check;
    setText(parts.camera, check === "on" ? call.pressCamera.off : call.pressCamera.on);
    show(parts.preview, check === "on");
    setPicture(parts.preview, picture());
    if (sound !== "off") setText(parts.sound_text, words.sound[sound]);
    enable(parts.sound, sound !== "playing");
  }

  return {
    render,
    /** @param {number} level */
    meter: (level) => parts.meter.style.setProperty("--level", level.toFixed(2)),
  };
}
