// @ts-check
/** The two people: circles with initials in audio mode, pictures or cards in video mode. */
import { me, other } from "../state.js";
import { tracksOf } from "../tracks.js";
import * as words from "../words.js";
import { onPress, setPicture, setText, show } from "./dom.js";

const SPEAKING = 0.06;
const STILL_SECONDS = 2;

/** What stands under a name. @param {Record<string, any> | undefined} person @param {string} mode */
function remark(person, mode) {
  if (!person) return "";
  if (person.audio === "off") return words.room.muted;
  if (person.audio === "none" || person.audio === "interrupted") return words.room.noMicrophone;
  if (mode !== "video") return "";
  if (person.video === "interrupted") return words.room.cameraPaused;
  return person.video === "on" ? "" : words.room.cameraOff;
}

/** @param {{parts: import("./dom.js").Parts, call: import("../call.js").Call}} options */
export function createTiles({ parts, call }) {
  let frames = 0;
  let still = 0;
  onPress(parts.own_camera, () => call.mode.openOwnCamera());

  /** @param {import("../state.js").CallState} state */
  function render(state) {
    const video = state.mode === "video";
    const { local, remotes } = tracksOf(call);
    const remote = remotes.find(({ participant }) => participant === other(state)?.id) ?? remotes[0];
    const theirs = video && Boolean(remote?.videoOn && remote.video);
    setPicture(parts.other_picture, remote?.video ?? null);
    setPicture(parts.own_picture, local.video);
    const stalled = theirs && still >= STILL_SECONDS;
    parts.other_tile.dataset.picture = stalled ? "stalled" : String(theirs);
    parts.own_tile.dataset.picture = String(video && Boolean(local.video));
    parts.other_tile.dataset.here = String(Boolean(other(state)?.present) || state.local.link === "connected");
    setText(parts.other_remark, stalled ? words.room.stalled : remark(other(state), state.mode));
    setText(parts.own_remark, state.local.muted ? words.room.muted : remark({ ...me(state), video: "on" }, state.mode));
    show(parts.own_camera, video && !state.local.published);
  }

  /** @param {HTMLElement} tile @param {number} level */
  function voice(tile, level) {
    tile.classList.toggle("speaking", level > SPEAKING);
    tile.style.setProperty("--level", level.toFixed(2));
  }

  return {
    render,
    /** Every second: a picture that stands still gives way to the card. @param {import("../state.js").CallState} state */
    tick(state) {
      const shown = parts.other_picture.getVideoPlaybackQuality?.().totalVideoFrames ?? frames + 1;
      still = shown === frames && document.visibilityState === "visible" ? still + 1 : 0;
      frames = shown;
      if (state.mode === "video") render(state);
    },
    /** @param {number} mine @param {number} theirs loudness, 0 to 1 */
    voices(mine, theirs) {
      voice(parts.own_tile, mine);
      voice(parts.other_tile, theirs);
    },
  };
}
