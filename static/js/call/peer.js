// @ts-check
/**
 * One RTCPeerConnection for one pair and one `gen`: perfect negotiation, candidates, recovery. Knows no DOM and no socket.
 * Source: W3C webrtc-pc, "Perfect negotiation example".
 */
import { CandidateBatch, CandidateInbox } from "./candidates.js";
import { capBitrate } from "./encoding.js";
import { Recovery } from "./recovery.js";

const ANSWER_WAIT = 5000;
const RESENDS = 3;

/**
 * @typedef {{audio: MediaStreamTrack | null, video: MediaStreamTrack | null}} Tracks
 * @typedef {{peer: string, peer_sid: string, gen: number, impolite: boolean}} Pair
 * @typedef {{pair: Pair, RTCPeerConnection: any, iceServers: RTCIceServer[], timers: import("./pending.js").Timers,
 *   tracks: Tracks, stream?: MediaStream, send: (t: string, body: Record<string, any>) => void,
 *   onTrack: (track: MediaStreamTrack) => void, onState: (state: RTCPeerConnectionState) => void}} LinkOptions
 */

export class PeerLink {
  #neg = 0;
  #seen = 0;
  #makingOffer = false;
  #ignoreOffer = false;
  #answerPending = false;
  #offer = /** @type {{sdp: string, sent: number} | null} */ (null);
  #answer = /** @type {{neg: number, sdp: string} | null} */ (null);
  #offerTimer = /** @type {any} */ (null);
  #closed = false;

  /** @param {LinkOptions} options */
  constructor(options) {
    const { pair, RTCPeerConnection, iceServers, timers } = options;
    this.options = options;
    this.pair = pair;
    this.tracks = { ...options.tracks };
    this.pc = /** @type {RTCPeerConnection} */ (new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" }));
    this.inbox = new CandidateInbox(this.pc);
    this.batch = new CandidateBatch({ timers, flush: (cs) => this.#send("sig.cand", { neg: this.#neg || this.#seen, cs }) });
    this.recovery = new Recovery({
      timers,
      restart: () => this.#restart(),
      reset: () => this.#startOver(),
    });
    this.pc.onnegotiationneeded = () => this.#negotiate();
    this.pc.onicecandidate = ({ candidate }) => this.batch.add(candidate);
    this.pc.onconnectionstatechange = () => this.#stateChanged();
    if (pair.impolite) this.#createTransceivers();
  }

  /** Only one side creates them, once: two creators end with four m-lines. */
  #createTransceivers() {
    const streams = this.options.stream ? [this.options.stream] : [];
    this.pc.addTransceiver(this.tracks.audio ?? "audio", { direction: "sendrecv", streams });
    this.pc.addTransceiver("video", { direction: "sendrecv", streams });
    if (this.tracks.video) this.replace("video", this.tracks.video);
  }

  /** The polite side takes the transceivers it was offered. */
  async #adoptTransceivers() {
    for (const transceiver of this.pc.getTransceivers()) {
      const kind = /** @type {"audio" | "video"} */ (transceiver.receiver.track.kind);
      transceiver.direction = "sendrecv";
      if (this.options.stream) transceiver.sender.setStreams?.(this.options.stream);
      await transceiver.sender.replaceTrack(this.tracks[kind]);
    }
  }

  /** @param {"audio" | "video"} kind @param {MediaStreamTrack | null} track */
  async replace(kind, track) {
    this.tracks[kind] = track;
    const transceiver = this.pc.getTransceivers().find(({ receiver }) => receiver.track.kind === kind);
    await transceiver?.sender.replaceTrack(track);
  }

  /** @param {Record<string, any>} message `sig.*` or `pc.restart_please` of this pair and `gen` */
  async receive(message) {
    if (this.#closed || message.gen !== this.pair.gen) return;
    try {
      if (message.t === "sig.offer") await this.#receiveOffer(message);
      else if (message.t === "sig.answer") await this.#receiveAnswer(message);
      else if (message.t === "sig.cand") await this.#receiveCandidates(message);
      else if (message.t === "pc.restart_please" && this.pair.impolite) this.pc.restartIce();
    } catch {
      this.#startOver();
    }
  }

  async #negotiate() {
    try {
      this.#makingOffer = true;
      await this.pc.setLocalDescription();
      if (this.#closed || this.pc.localDescription?.type !== "offer") return;
      this.#neg += 1;
      this.#offer = { sdp: this.pc.localDescription.sdp, sent: 0 };
      this.#sendOffer();
    } catch {
      this.#startOver();
    } finally {
      this.#makingOffer = false;
    }
  }

  /** Descriptions that cannot be made or applied: only a new connection helps. */
  #startOver() {
    if (!this.#closed) this.options.send("pc.reset", { gen: this.pair.gen });
  }

  #sendOffer() {
    if (!this.#offer) return;
    this.options.timers.clearTimeout(this.#offerTimer);
    if (this.#offer.sent > RESENDS) {
      this.#offer = null;
      this.#startOver();
      return;
    }
    this.#offer.sent += 1;
    this.#send("sig.offer", { neg: this.#neg, sdp: this.#offer.sdp });
    this.#offerTimer = this.options.timers.setTimeout(() => this.#sendOffer(), ANSWER_WAIT);
  }

  #offerDone() {
    this.#offer = null;
    this.options.timers.clearTimeout(this.#offerTimer);
  }

  /** @param {Record<string, any>} message */
  async #receiveOffer({ neg, sdp }) {
    if (neg <= this.#seen) {
      if (this.#answer && neg === this.#answer.neg) this.#send("sig.answer", this.#answer);
      return;
    }
    this.#seen = neg;
    const stable = this.pc.signalingState === "stable" || this.#answerPending;
    this.#ignoreOffer = this.pair.impolite && (this.#makingOffer || !stable);
    if (this.#ignoreOffer) return;
    this.#offerDone();
    await this.pc.setRemoteDescription({ type: "offer", sdp });
    await this.#adoptTransceivers();
    await this.pc.setLocalDescription();
    if (this.#closed || !this.pc.localDescription) return;
    this.#answer = { neg, sdp: this.pc.localDescription.sdp };
    this.#send("sig.answer", this.#answer);
    await this.#described();
  }

  /** @param {Record<string, any>} message */
  async #receiveAnswer({ neg, sdp }) {
    if (neg !== this.#neg || this.pc.signalingState !== "have-local-offer") return;
    this.#offerDone();
    this.#answerPending = true;
    try {
      await this.pc.setRemoteDescription({ type: "answer", sdp });
    } finally {
      this.#answerPending = false;
    }
    await this.#described();
  }

  /** @param {Record<string, any>} message */
  async #receiveCandidates({ cs }) {
    if (!this.#ignoreOffer) await this.inbox.receive(cs);
  }

  async #described() {
    await this.inbox.release();
    if (this.#closed) return;
    for (const { receiver } of this.pc.getTransceivers()) this.options.onTrack(receiver.track);
  }

  #restart() {
    if (this.pair.impolite) this.pc.restartIce();
    else this.#send("pc.restart_please", {});
  }

  #stateChanged() {
    const state = this.pc.connectionState;
    this.recovery.connection(state);
    if (state === "connected") this.pc.getTransceivers().forEach(capBitrate);
    this.options.onState(state);
  }

  /** @param {string} t @param {Record<string, any>} body */
  #send(t, body) {
    if (!this.#closed) this.options.send(t, { to: this.pair.peer_sid, gen: this.pair.gen, ...body });
  }

  close() {
    this.#closed = true;
    this.#offerDone();
    this.batch.close();
    this.recovery.close();
    this.pc.onnegotiationneeded = this.pc.onicecandidate = this.pc.onconnectionstatechange = null;
    this.pc.close();
  }
}
