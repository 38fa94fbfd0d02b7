// @ts-check
/** Entry of the device check: gives the call's modules their browser. Opens no socket and sends nothing. */
import { createCheck } from "../call/check.js";
import { createDevices } from "../call/devices.js";
import { Levels } from "../call/levels.js";
import { LocalMedia } from "../call/local.js";
import { partsOf } from "../call/ui/dom.js";
import { createPage } from "./page.js";
import { createSpeaker } from "./speaker.js";

const METER_MS = 100;
const VOICE = 0.15;

function start() {
  const root = /** @type {HTMLElement} */ (document.getElementById("check"));
  const config = JSON.parse(document.getElementById("check-config")?.textContent ?? "{}");
  let context = /** @type {AudioContext | null} */ (null);
  const soundOf = () => (context ??= new AudioContext());
  const devices = createDevices({ mediaDevices: navigator.mediaDevices, camera: config.camera });
  const levels = new Levels(soundOf, MediaStream);
  let found = { mic: "off", micName: "", heard: false, check: "off", sound: "off" };
  /** @param {Partial<typeof found>} piece */
  const patch = (piece) => {
    found = { ...found, ...piece };
    page.render(found);
  };
  const check = createCheck({ devices, patch });
  const speaker = createSpeaker({ soundOf, patch });
  const local = new LocalMedia({
    devices, onCameraLost: () => {},
    onMic: () => {
      levels.follow("me", local.mic);
      patch({ mic: local.micState, micName: local.mic?.label ?? "" });
    },
  });
  const page = createPage({
    parts: partsOf(root), picture: check.track,
    press: {
      mic: () => { soundOf().resume(); local.openMicrophone(); },
      camera: check.toggle,
      sound: speaker.play,
    },
  });
  page.render(found);
  window.setInterval(() => {
    const level = levels.level("me");
    page.meter(level);
    if (level > VOICE && !found.heard) patch({ heard: true });
  }, METER_MS);
  navigator.mediaDevices?.addEventListener("devicechange", () => local.devicesChanged());
  // A page that is left gives the devices back; one that comes back from the cache begins anew.
  window.addEventListener("pagehide", () => { check.stop(); local.close(); });
  window.addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
}

start();
