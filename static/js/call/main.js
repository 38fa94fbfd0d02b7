// @ts-check
/** Entry of the call page: gives the modules their browser and owns the page's life. */
import { supportedFormats } from "../record/formats.js";
import { createRecorder } from "../record/index.js";
import { Call } from "./call.js";
import { createCheck } from "./check.js";
import { Clock } from "./clock.js";
import { createDevices } from "./devices.js";
import { Levels } from "./levels.js";
import { PeerLink } from "./peer.js";
import { Quality } from "./quality.js";
import { SignalSocket } from "./socket.js";
import { screenOf } from "./state.js";
import { claimTab } from "./tab.js";
import { tracksOf } from "./tracks.js";
import { mountView } from "./view.js";
import { createWakeLock } from "./wakelock.js";

const METER_MS = 100;

/** @param {Window & typeof globalThis} window */
function timersOf(window) {
  return {
    setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => window.setTimeout(run, ms),
    clearTimeout: (/** @type {number} */ timer) => window.clearTimeout(timer),
  };
}

/** One AudioContext, made by the click that joins: browsers keep an earlier one silent. */
function lazySound() {
  let context = /** @type {AudioContext | null} */ (null);
  return () => (context ??= new AudioContext({ latencyHint: "interactive" }));
}

/**
 * @param {any} config
 * @param {string} tab
 * @param {AbortSignal} signal
 * @param {() => AudioContext} soundOf
 */
function createCall(config, tab, signal, soundOf) {
  const timers = timersOf(window);
  const clock = new Clock(performance);
  const url = new URL(config.socket, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new SignalSocket({
    url: url.href, WebSocket, timers, clock, tab, caps: { rec: supportedFormats(window.MediaRecorder) },
  });
  const stream = new MediaStream();
  const devices = createDevices({ mediaDevices: navigator.mediaDevices, camera: config.camera });
  const call = new Call({
    config, socket, devices, timers,
    createLink: (options) => new PeerLink({ ...options, RTCPeerConnection, timers, stream }),
    startRecorder: (self) => {
      try {
        return createRecorder({
          config, socket, clock, signal, audioContext: soundOf(),
          getTracks: () => tracksOf(self),
          onStatus: (/** @type {any} */ saving) => self.patch({ saving }),
          onWarning: (/** @type {string} */ warning, /** @type {boolean} */ on) => self.patch({ [warning]: on }),
        });
      } catch {
        return null; // A browser that cannot record can still call.
      }
    },
    go: () => location.assign(config.urls.after),
  });
  const quality = new Quality({
    timers, link: () => call.peers.links.get(config.other.participant), onChange: (patch) => call.patch(patch),
  });
  call.store.subscribe((state) => quality.set(screenOf(state) === "room"));
  return { call, clock, timers, devices };
}

/** @param {Call} call @param {AbortSignal} signal @param {() => AudioContext} soundOf */
function followPage(call, signal, soundOf) {
  const wakeLock = createWakeLock({ navigator, document, signal });
  call.store.subscribe((state) => wakeLock.set(screenOf(state) === "room"));
  window.addEventListener("online", () => {
    call.socket.check();
    call.peers.networkChanged();
  }, { signal });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && call.store.get().local.joined) soundOf().resume();
  }, { signal });
  navigator.mediaDevices?.addEventListener("devicechange", () => call.local.devicesChanged(), { signal });
  window.addEventListener("pageshow", ({ persisted }) => persisted && location.reload(), { signal });
}

async function start() {
  const config = JSON.parse(document.getElementById("call-config")?.textContent ?? "{}");
  const life = new AbortController();
  const tab = await claimTab({ storage: sessionStorage, locks: navigator.locks, uuid: () => crypto.randomUUID() });
  const soundOf = lazySound();
  const { call, clock, timers, devices } = createCall(config, tab, life.signal, soundOf);
  const levels = new Levels(soundOf, MediaStream);
  const check = createCheck({ devices, patch: (patch) => call.patch(patch) });
  const view = mountView({ call, check, clock, timers, join: () => { soundOf().resume(); call.join(); } });
  call.store.subscribe((state) => screenOf(state) !== "lobby" && check.stop());
  call.on("tracks", () => {
    const { local, remotes } = tracksOf(call);
    view.tracks();
    call.recorder?.tracksChanged();
    levels.follow("me", local.audio);
    for (const { participant, audio } of remotes) levels.follow(participant, audio);
  });
  window.setInterval(() => view.levels(levels.level("me"), levels.level(config.other.participant)), METER_MS);
  followPage(call, life.signal, soundOf);
  window.addEventListener("pagehide", () => life.abort());
}

start();
