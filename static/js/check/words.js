// @ts-check
/** What the check of the devices says. Problems are said in the words of the call. */
import { gettext } from "../translated.js";

export const microphone = /** @type {Record<string, string>} */ ({
  on: gettext("Say something: the bar moves with your voice."),
  heard: gettext("Your microphone works: we can tell that you speak."),
});

export const camera = /** @type {Record<string, string>} */ ({
  off: gettext("You need it only if you want to use video. Every call starts with sound only."),
  on: gettext("Your camera works. Only you see this picture."),
});

export const sound = /** @type {Record<string, string>} */ ({
  playing: gettext("You should hear two tones now."),
  played: gettext("If you heard nothing, turn the sound of this device up, look which loudspeaker it uses, and play the tones again."),
  unsupported: gettext("This browser could not play a sound. Chrome, Edge, Firefox and Safari can."),
});

export const press = { microphone: gettext("Check my microphone"), again: gettext("Try again") };
