// @ts-check
/** Every word the call page says from script. Plain English: what happened, what it means, what to do. */

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

export const microphone = {
  asking: "Your browser is asking to use your microphone. Choose Allow.",
  on: "Your microphone works. Say something: the bar moves with your voice.",
  interrupted: "Your microphone is paused by another call or program. It comes back when that ends.",
  denied: "This page may not use your microphone. Allow it in the address bar, then press Try again. You can still join and listen.",
  missing: "No microphone was found. Plug one in, then press Try again. You can still join and listen.",
  busy: "Your microphone is used by another program. Close it, then press Try again. You can still join and listen.",
  unsupported: "This browser offers no microphone here. Chrome, Edge, Firefox and Safari do. You can still join and listen.",
};

/** With these nobody hears this person. */
export const silentMicrophones = new Set(["denied", "missing", "busy", "unsupported"]);

export const microphoneInRoom = /** @type {Record<string, string>} */ ({
  denied: "This page may not use your microphone, so nobody hears you. Allow it in the address bar, then turn it on again.",
  missing: "Your microphone is gone, so nobody hears you. Plug one in: it is used at once.",
  busy: "Your microphone is used by another program, so nobody hears you. Close it, then turn it on again.",
  interrupted: "Your microphone is paused by another call or program, so nobody hears you until that ends.",
});

export const cameraProblem = /** @type {Record<string, string>} */ ({
  denied: "This page may not use your camera. Allow it in the address bar, then try again.",
  missing: "No camera was found. Plug one in, then try again.",
  busy: "Your camera is used by another program. Close it, then try again.",
  unsupported: "This browser offers no camera here.",
});

export const cameraCheck = /** @type {Record<string, string>} */ ({
  off: "You start with sound only. Your camera is off.",
  asking: "Your browser is asking to use your camera. Choose Allow.",
  on: "Only you see this picture. It goes off when you join the room.",
});

export const lobby = {
  checkOn: "Check my camera", checkOff: "Turn the camera off",
  connecting: "Opening your room",
  connectingText: "One moment.",
  /** @param {string} name */ willLetYouIn: (name) => `${name} will let you in`,
  /** @param {string} name */ doctorHere: (name) => `${name} is here and knows that you are waiting.`,
  /** @param {string} name */ doctorAway: (name) => `${name} is not here yet. Keep this page open: nothing else to do.`,
  checking: "As soon as your microphone is checked, we tell them that you are waiting.",
  /** @param {string} name */ notHere: (name) => `${name} is not here yet`,
  notHereText: "This page tells you as soon as they are waiting.",
  /** @param {string} name */ preparing: (name) => `${name} is checking their microphone`,
  preparingText: "You can let them in when they are ready.",
  /** @param {string} name @param {string} time */ waiting: (name, time) => `${name} is waiting since ${time}`,
  waitingText: "Microphone checked. The call starts with sound only.",
  waitingSilent: "They have no working microphone, and can hear you.",
};

export const consent = {
  allowed: "You allow recording, sound and pictures.",
  allowed_audio: "You allow recording, sound only. Your consultation is never recorded with pictures.",
  declined: "You do not want a recording. The consultation is the same without it.",
  withdrawn: "You stopped the recording. What was saved before then is kept.",
  /** @param {string} name @param {string} answer */
  other: (name, answer) => ({
    unasked: `${name} has not answered yet.`, allowed: `${name} allows recording.`,
    allowed_audio: `${name} allows recording, sound only.`, declined: `${name} does not want a recording.`,
    withdrawn: `${name} stopped the recording.`,
  })[answer] ?? "",
};

export const recording = {
  /** @param {number} ms */ saved: (ms) => `REC ${duration(ms)} saved`,
  starting: "Recording is starting",
  behind: "Saving is behind",
  off: "Not recorded",
  stopped: "Recording stopped",
};

/** Said once to a screen reader when the state changes. */
export const recordingSaid = /** @type {Record<string, string>} */ ({
  recording: "Recording is on.", off: "Recording is off.", stopped: "Recording has stopped.",
});

export const line = {
  connecting: "Connecting", connected: "Connected", again: "Reconnecting",
  /** @param {string} name */ alone: (name) => `Waiting for ${name}`,
};

export const banner = {
  portal: "Your line to the portal dropped and is coming back. What you say still reaches the other person.",
  opening: "The portal cannot be reached at the moment. This page keeps trying.",
  /** @param {string} name */ media: (name) => `The sound to ${name} dropped. It is coming back.`,
  /** @param {string} name */ gone: (name) => `${name} is not here at the moment. You stay in the room until they are back.`,
};

export const room = {
  you: "You", muted: "muted", cameraOff: "Camera off", stalled: "Picture interrupted", cameraPaused: "Camera paused", noMicrophone: "no microphone",
  mute: "Mute", unmute: "Unmute", microphone: "Turn on microphone", video: "Turn on video", audio: "Back to audio",
  /** @param {string} name */ asks: (name) => `${name} asks to turn on video.`,
  stays: "Your camera stays off unless you accept.",
  pictures: "The recording would then include pictures.",
  soundOnly: "The recording stays sound only.",
  unrecorded: "Nothing is being recorded.",
  /** @param {string} name */ hear: (name) => `Tap to hear ${name}`,
};

/** One passing line, by name. @param {string} name @param {string} kind @param {string} who @returns {string} */
export function notice(name, kind, who) {
  return /** @type {Record<string, string>} */ ({
    asking: `Asking ${who}. Your camera is ready and goes on when they accept.`,
    declined: `${who} stays on audio for now.`,
    lapsed: `${who} did not answer. You stay on audio.`,
    lapsedToMe: "The question about video has passed. You stay on audio.",
    gone: `${who} left before answering. You stay on audio.`,
    goneToMe: `${who} no longer asks for video. You stay on audio.`,
    camera: `${cameraProblem[kind] ?? cameraProblem.busy} The call goes on with sound.`,
    cameraLost: "Your camera stopped. The call goes on with sound. You can turn it on again.",
    said: kind,
    notNow: "That did not reach the portal. Try again in a moment.",
    consentNotNoted: "Your answer did not reach the portal. Try again in a moment.",
  })[name] ?? "";
}

export const elsewhere = {
  conflict: "This consultation is open in another tab or on another device.",
  replaced: "This consultation continued in another tab or on another device.",
};

export const over = /** @type {Record<string, {title: string, text: string}>} */ ({
  ended: { title: "The consultation has ended", text: "Your microphone and camera are off." },
  left: { title: "You left the consultation", text: "Your microphone and camera are off." },
  signedOut: { title: "You are signed out", text: "Your microphone and camera are off. Sign in again to carry on." },
  nothing: { title: "There is no consultation here", text: "It may have moved. Your home page shows what is next." },
});

export const saving = {
  /** @param {number} seconds */
  left: (seconds) => `Keep this page open: ${seconds} s of recording left to save`,
  last: "Keep this page open: the last part of the recording is being saved",
  fragile: "The line is slow. Keep this page open until the rest of the recording is saved.",
  slow: "The line is slow. The rest of the recording waits safely on this device. It is saved while this page is open, "
    + "or when you open the portal here again.",
  done: "Everything is saved.",
};
