// @ts-check
/** What is said of microphone and camera, in the call and in the check before it. */
import { gettext } from "../translated.js";

export const microphone = {
  asking: gettext("Your browser is asking to use your microphone. Choose Allow."),
  on: gettext("Your microphone works. Say something: the bar moves with your voice."),
  interrupted: gettext("Your microphone is paused by another call or program. It comes back when that ends."),
  denied: gettext("This page may not use your microphone. Allow it in the address bar, then press Try again. You can still join and listen."),
  missing: gettext("No microphone was found. Plug one in, then press Try again. You can still join and listen."),
  busy: gettext("Your microphone is used by another program. Close it, then press Try again. You can still join and listen."),
  unsupported: gettext("This browser offers no microphone here. Chrome, Edge, Firefox and Safari do. You can still join and listen."),
};

/** With these nobody hears this person. */
export const silentMicrophones = new Set(["denied", "missing", "busy", "unsupported"]);

export const cameraProblem = /** @type {Record<string, string>} */ ({
  denied: gettext("This page may not use your camera. Allow it in the address bar, then try again."),
  missing: gettext("No camera was found. Plug one in, then try again."),
  busy: gettext("Your camera is used by another program. Close it, then try again."),
  unsupported: gettext("This browser offers no camera here."),
});

export const cameraCheck = /** @type {Record<string, string>} */ ({
  off: gettext("You start with sound only. Your camera is off."),
  asking: gettext("Your browser is asking to use your camera. Choose Allow."),
  on: gettext("Only you see this picture. It goes off when you join the room."),
});

export const pressCamera = { on: gettext("Check my camera"), off: gettext("Turn the camera off") };
