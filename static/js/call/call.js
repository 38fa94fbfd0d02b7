// @ts-check
/** One person's side of a call: joins socket, peers, media, mode and consent into one state. Knows no DOM. */
import { ConsentController } from "./consent.js";
import { Emitter } from "./emitter.js";
import { createEnding } from "./ending.js";
import { LocalMedia } from "./local.js";
import { ModeController } from "./mode.js";
import { PeerSet } from "./peers.js";
import { CLOSE } from "./protocol.js";
import { createStore, initialState } from "./state.js";

const LEAVE_WAIT = 2000;
const FINAL_WORDS = /** @type {Record<number, "ended" | "signedOut" | "nothing">} */ ({
  [CLOSE.ENDED]: "ended", [CLOSE.SIGNED_OUT]: "signedOut", [CLOSE.NOTHING_HERE]: "nothing",
});

/** What the server said about a refused request, in its own words. @param {any} problem */
const refusal = ({ code, message }) => (message && message !== code ? { name: "said", kind: message } : { name: "notNow", kind: "" });

/**
 * Emits "tracks" when any local or remote track, or what is known about one, changed.
 * @typedef {{config: any, socket: import("./socket.js").SignalSocket, devices: import("./local.js").Devices,
 *   createLink: (options: any) => any, startRecorder: (call: Call) => any, timers: import("./pending.js").Timers,
 *   go: () => void}} Environment
 */
export class Call extends Emitter {
  #announced = "";
  #welcome = 0;
  /** @type {any} */ recorder = null;
  /** @type {RTCIceServer[]} */ iceServers = [];

  /** @param {Environment} environment */
  constructor({ config, socket, devices, createLink, startRecorder, timers, go }) {
    super();
    this.config = config;
    this.socket = socket;
    this.timers = timers;
    this.startRecorder = startRecorder;
    this.store = createStore(initialState(config.me.participant));
    const state = this.store.get;
    const request = (/** @type {string} */ t, /** @type {any} */ body) => socket.request(t, body);
    const notice = (/** @type {string} */ name, kind = "") => this.patch({ notice: { name, kind } });
    const refused = (/** @type {any} */ problem) => this.patch({ notice: refusal(problem) });
    this.local = new LocalMedia({
      devices, onMic: () => this.#micChanged(), onCameraLost: () => this.mode.cameraLost(),
    });
    this.peers = new PeerSet({
      createLink: (options) => createLink({ ...options, iceServers: this.iceServers }), request,
      onTracks: () => this.emit("tracks", null),
      onState: (_, link) => this.patch({ link }),
    });
    this.mode = new ModeController({
      request, state, timers, notice, refused, local: this.local, peers: this.peers,
      onSnapshot: (snapshot) => this.store.dispatch({ t: "snapshot", snapshot }),
      onChange: () => this.#cameraChanged(),
    });
    this.consent = new ConsentController({
      request, state, notice, wording: config.consent, onBusy: (consenting) => this.patch({ consenting }),
    });
    this.finish = createEnding({ store: this.store, recorder: () => this.recorder, timers, silence: () => this.#silence(), go });
    this.#listen();
  }

  #listen() {
    const { socket, store } = this;
    store.subscribe((next, previous) => {
      this.mode.changed(next, previous);
      if (next.participants !== previous.participants) this.emit("tracks", null);
    });
    socket.on("status", (line) => this.#lineChanged(line));
    socket.on("*", (message) => store.dispatch(message));
    socket.on("welcome", (message) => this.#welcomed(message));
    socket.on("pair", (pair) => pair.peer && this.peers.pair(pair));
    for (const t of ["sig.offer", "sig.answer", "sig.cand", "pc.restart_please"]) {
      socket.on(t, (message) => this.peers.receive(message));
    }
    socket.on("joined", ({ participant }) => this.peers.back(participant.id));
    socket.on("left", ({ participant, for_good }) => for_good && this.peers.remove(participant.id));
    socket.on("mode.declined", ({ why }) => this.#unanswered(why));
    socket.on("ended", () => this.finish("ended"));
  }

  /** @param {Record<string, any>} patch what only this page knows */
  patch(patch) {
    this.store.dispatch({ t: "local", patch });
  }

  /** The one click: it also starts sound and asks for the microphone. */
  join() {
    this.patch({ joined: true, elsewhere: false });
    this.recorder ??= this.startRecorder(this);
    this.local.openMicrophone();
    this.socket.connect();
  }

  /** Bring the consultation from another tab to this one. */
  takeOver() {
    this.patch({ elsewhere: false });
    if (!this.local.mic) this.local.openMicrophone();
    this.socket.connect({ takeover: true });
  }

  /** @param {string} participant */
  admit(participant) {
    this.#ask("admit", { participant });
  }

  toggleMute() {
    this.local.setMuted(!this.local.muted);
    this.#micChanged();
  }

  async leave() {
    const patience = new Promise((resolve) => { this.timers.setTimeout(() => resolve(null), LEAVE_WAIT); });
    await Promise.race([this.socket.request("leave").catch(() => {}), patience]);
    this.socket.close();
    await this.finish("left");
  }

  end() {
    this.#ask("end", { epoch: this.store.get().epoch });
  }

  /** @param {string} t @param {Record<string, any>} body */
  async #ask(t, body) {
    try {
      await this.socket.request(t, body);
    } catch (problem) {
      const { code, snapshot } = /** @type {any} */ (problem);
      if (snapshot) this.store.dispatch({ t: "snapshot", snapshot });
      if (code !== "closed") this.patch({ notice: refusal(problem) });
    }
  }

  /** @param {Record<string, any>} line */
  #lineChanged(line) {
    this.store.dispatch({ t: "line", line });
    if (line.status !== "closed") return;
    if (line.code === CLOSE.ELSEWHERE) {
      this.patch({ elsewhere: true });
      this.#silence();
    } else if (FINAL_WORDS[line.code]) this.finish(FINAL_WORDS[line.code]);
  }

  /** @param {Record<string, any>} message */
  #welcomed(message) {
    this.iceServers = message.ice_servers ?? [];
    if (message.resumed) return;
    this.#announced = "";
    this.#welcome += 1;
    this.#announce();
    const video = this.mode.published ? "on" : "off";
    const known = message.snapshot?.participants.find((/** @type {any} */ { id }) => id === this.config.me.participant);
    if (known && known.video !== video) this.socket.request("media.update", { video }).catch(() => {});
  }

  #micChanged() {
    const { micState, muted, mic } = this.local;
    this.patch({ mic: micState, muted, micLabel: mic?.label ?? "" });
    this.peers.replace("audio", mic);
    this.#announce();
    this.emit("tracks", null);
  }

  /** Tell the others what became of the microphone, once per session and after each change. */
  #announce() {
    const { audio, ready, micState } = this.local;
    if (this.socket.status !== "open" || micState === "asking" || this.#announced === audio) return;
    const first = this.#announced === "";
    this.#announced = audio;
    if (first) {
      const welcome = this.#welcome;
      this.socket.request("ready", { mic: ready }).then(() => this.patch({ ready: true }), () => {
        if (welcome === this.#welcome) this.#announced = "";
      });
    }
    if (!first || this.local.muted) this.socket.request("media.update", { audio }).catch(() => {});
  }

  /** @param {"declined" | "lapsed" | "gone"} why a question ended without video */
  #unanswered(why) {
    const mine = this.store.get().question?.by === this.config.me.participant;
    if (mine || why !== "declined") this.patch({ notice: { name: mine ? why : `${why}ToMe`, kind: "" } });
  }

  #cameraChanged() {
    const { why, published } = this.mode;
    this.patch({ camera: published ? "on" : why ?? "off", published });
    this.emit("tracks", null);
  }

  #silence() {
    if (this.socket.status !== "closed") this.socket.close();
    this.peers.close();
    this.mode.published = false;
    this.mode.why = null;
    this.local.close();
    this.emit("tracks", null);
  }
}
