// @ts-check
/** Every word the call page says from script. Plain English: what happened, what it means, what to do. */
import { filled, gettext } from "../translated.js";
import { cameraProblem, pressCamera } from "./deviceWords.js";

export * from "./deviceWords.js";

const TITLES = /^(dr|prof|professor|mr|mrs|ms|miss|mx|sir)\.?$/i;

/** "Dr Samuel Osei" is "Dr Osei"; a name without a title stays whole. @param {string} name */
export function shortName(name) {
  const words = name.split(/\s+/);
  return words.length > 2 && TITLES.test(words[0]) ? `${words[0]} ${words.at(-1)}` : name;
}

/** @param {number} ms @returns {string} 03:04, or 1:03:04 */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const tail = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds < 3600 ? tail : `${Math.floor(seconds / 3600)}:${tail}`;
}

/** @param {string} iso @param {string} [language] */
export function timeOfDay(iso, language) {
  return new Date(iso).toLocaleTimeString(language || undefined, { hour: "2-digit", minute: "2-digit" });
}

export const microphoneInRoom = /** @type {Record<string, string>} */ ({
  denied: gettext("This page may not use your microphone, so nobody hears you. Allow it in the address bar, then turn it on again."),
  missing: gettext("Your microphone is gone, so nobody hears you. Plug one in: it is used at once."),
  busy: gettext("Your microphone is used by another program, so nobody hears you. Close it, then turn it on again."),
  interrupted: gettext("Your microphone is paused by another call or program, so nobody hears you until that ends."),
});

export const lobby = {
  checkOn: pressCamera.on, checkOff: pressCamera.off,
  connecting: gettext("Opening your room"),
  connectingText: gettext("One moment."),
  /** @param {string} name */ willLetYouIn: (name) => filled(gettext("%(name)s will let you in"), { name }),
  /** @param {string} name */ doctorHere: (name) => filled(gettext("%(name)s is here and knows that you are waiting."), { name }),
  /** @param {string} name */ doctorAway: (name) => filled(gettext("%(name)s is not here yet. Keep this page open: nothing else to do."), { name }),
  checking: gettext("As soon as your microphone is checked, we tell them that you are waiting."),
  /** @param {string} name */ notHere: (name) => filled(gettext("%(name)s is not here yet"), { name }),
  notHereText: gettext("This page tells you as soon as they are waiting."),
  /** @param {string} name */ preparing: (name) => filled(gettext("%(name)s is checking their microphone"), { name }),
  preparingText: gettext("You can let them in when they are ready."),
  /** @param {string} name @param {string} time */ waiting: (name, time) => filled(gettext("%(name)s is waiting since %(time)s"), { name, time }),
  waitingText: gettext("Microphone checked. The call starts with sound only."),
  waitingSilent: gettext("They have no working microphone, and can hear you."),
};

export const consent = {
  allowed: gettext("You allow recording, sound and pictures."),
  allowed_audio: gettext("You allow recording, sound only. Your consultation is never recorded with pictures."),
  declined: gettext("You do not want a recording. The consultation is the same without it."),
  withdrawn: gettext("You stopped the recording. What was saved before then is kept."),
  /** @param {string} name @param {string} answer */
  other: (name, answer) => ({
    unasked: filled(gettext("%(name)s has not answered yet."), { name }), allowed: filled(gettext("%(name)s allows recording."), { name }),
    allowed_audio: filled(gettext("%(name)s allows recording, sound only."), { name }), declined: filled(gettext("%(name)s does not want a recording."), { name }),
    withdrawn: filled(gettext("%(name)s stopped the recording."), { name }),
  })[answer] ?? "",
};

export const recording = {
  /** @param {number} ms */ saved: (ms) => filled(gettext("REC %(time)s saved"), { time: duration(ms) }),
  starting: gettext("Recording is starting"),
  behind: gettext("Saving is behind"),
  off: gettext("Not recorded"),
  unsupported: gettext("Cannot be recorded"),
  stopped: gettext("Recording stopped"),
};

/** Said once to a screen reader when the state changes. */
export const recordingSaid = /** @type {Record<string, string>} */ ({
  recording: gettext("Recording is on."), off: gettext("Recording is off."), stopped: gettext("Recording has stopped."),
});

export const line = {
  connecting: gettext("Connecting"), connected: gettext("Connected"), again: gettext("Reconnecting"),
  fair: gettext("Connected, a little slow"), weak: gettext("Weak connection"),
  /** @param {string} name */ alone: (name) => filled(gettext("Waiting for %(name)s"), { name }),
};

export const banner = {
  portal: gettext("Your line to the portal dropped and is coming back. What you say still reaches the other person."),
  opening: gettext("The portal cannot be reached at the moment. This page keeps trying."),
  /** @param {string} name */ media: (name) => filled(gettext("The sound to %(name)s dropped. It is coming back."), { name }),
  /** @param {string} name */ gone: (name) => filled(gettext("%(name)s is not here at the moment. You stay in the room until they are back."), { name }),
  narrow: gettext("The line is too slow for video at the moment. Sound alone needs much less: press Back to audio, and turn video on again whenever you like."),
  silent: gettext("Nobody has been heard in the recording for 20 seconds. If you are speaking, look whether your microphones are on."),
  tight: gettext("This device has little room left. The recording goes on and is saved as you speak. Keep this page open until all of it is saved."),
  unsupported: gettext("This consultation cannot be recorded from this browser. The call works as usual. To record it, continue in Chrome, Edge or Firefox, or in Safari 18.4 or later."),
  /** @param {string} name */ unsupportedThere: (name) => filled(gettext("This consultation cannot be recorded from the browser that %(name)s uses. The call works as usual. %(name)s can record in Chrome, Edge or Firefox, or in Safari 18.4 or later."), { name }),
};

export const room = {
  you: gettext("You"), muted: gettext("muted"), cameraOff: gettext("Camera off"), stalled: gettext("Picture interrupted"), cameraPaused: gettext("Camera paused"), noMicrophone: gettext("no microphone"),
  mute: gettext("Mute"), unmute: gettext("Unmute"), microphone: gettext("Turn on microphone"), video: gettext("Turn on video"), audio: gettext("Back to audio"),
  /** @param {string} name */ asks: (name) => filled(gettext("%(name)s asks to turn on video."), { name }),
  stays: gettext("Your camera stays off unless you accept."),
  pictures: gettext("The recording would then include pictures."),
  soundOnly: gettext("The recording stays sound only."),
  unrecorded: gettext("Nothing is being recorded."),
  /** @param {string} name */ hear: (name) => filled(gettext("Tap to hear %(name)s"), { name }),
};

/** One passing line, by name. @param {string} name @param {string} kind @param {string} who @returns {string} */
export function notice(name, kind, who) {
  return /** @type {Record<string, string>} */ ({
    asking: filled(gettext("Asking %(who)s. Your camera is ready and goes on when they accept."), { who }),
    declined: filled(gettext("%(who)s stays on audio for now."), { who }),
    lapsed: filled(gettext("%(who)s did not answer. You stay on audio."), { who }),
    lapsedToMe: gettext("The question about video has passed. You stay on audio."),
    gone: filled(gettext("%(who)s left before answering. You stay on audio."), { who }),
    goneToMe: filled(gettext("%(who)s no longer asks for video. You stay on audio."), { who }),
    camera: filled(gettext("%(reason)s The call goes on with sound."), { reason: cameraProblem[kind] ?? cameraProblem.busy }),
    cameraLost: gettext("Your camera stopped. The call goes on with sound. You can turn it on again."),
    said: kind,
    notNow: gettext("That did not reach the portal. Try again in a moment."),
    consentNotNoted: gettext("Your answer did not reach the portal. Try again in a moment."),
  })[name] ?? "";
}

export const elsewhere = {
  conflict: gettext("This consultation is open in another tab or on another device."),
  replaced: gettext("This consultation continued in another tab or on another device."),
};

export const over = /** @type {Record<string, {title: string, text: string}>} */ ({
  ended: { title: gettext("The consultation has ended"), text: gettext("Your microphone and camera are off.") },
  left: { title: gettext("You left the consultation"), text: gettext("Your microphone and camera are off.") },
  signedOut: { title: gettext("You are signed out"), text: gettext("Your microphone and camera are off. Sign in again to carry on.") },
  nothing: { title: gettext("There is no consultation here"), text: gettext("It may have moved. Your home page shows what is next.") },
});

export const saving = {
  /** @param {number} seconds */
  left: (seconds) => filled(gettext("Keep this page open: %(seconds)s s of recording left to save"), { seconds }),
  last: gettext("Keep this page open: the last part of the recording is being saved"),
  fragile: gettext("The line is slow. Keep this page open until the rest of the recording is saved."),
  slow: gettext("The line is slow. The rest of the recording waits safely on this device. It is saved while this page is open, or when you open the portal here again."),
  done: gettext("Everything is saved."),
};
