// @ts-check
/** Stand-ins for the browser: a clock with timers, a WebSocket, media tracks and an RTCPeerConnection that negotiates. */

/** Let every promise that can settle do so. */
export const settle = async () => { for (let i = 0; i < 30; i += 1) await Promise.resolve(); };

/** Time that moves when told to. */
export class FakeTime {
  now = 1000;
  #timers = new Map();
  #count = 0;
  timers = {
    setTimeout: (run, ms) => { this.#count += 1; this.#timers.set(this.#count, { run, at: this.now + ms }); return this.#count; },
    clearTimeout: (timer) => { this.#timers.delete(timer); },
  };
  clock = { local: () => this.now, sample() {}, settled: true };

  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      await settle();
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.now = Math.max(this.now, due[1].at);
      due[1].run();
    }
    this.now = end;
    await settle();
  }
}

/** Makes a WebSocket class whose instances are kept in `sockets`. */
export function fakeWebSocket() {
  const sockets = [];
  class FakeWebSocket {
    readyState = 0;
    sent = [];
    constructor(url) { this.url = url; sockets.push(this); }
    send(text) { this.sent.push(JSON.parse(text)); }
    close() { this.readyState = 3; }
    open() { this.readyState = 1; this.onopen?.(); }
    say(message) { this.onmessage?.({ data: JSON.stringify({ v: 1, ...message }) }); }
    drop(code) { this.readyState = 3; this.onclose?.({ code }); }
    of(t) { return this.sent.filter((message) => message.t === t); }
  }
  return { WebSocket: FakeWebSocket, sockets, last: () => sockets.at(-1) };
}

export class FakeTrack extends EventTarget {
  readyState = "live";
  enabled = true;
  label = "";
  constructor(kind) { super(); this.kind = kind; }
  stop() { this.readyState = "ended"; }
}

class FakeSender {
  constructor(pc, track) { this.pc = pc; this.track = track; }
  async replaceTrack(track) {
    if (this.pc.connectionState === "closed") throw new Error("closed");
    this.track = track;
  }
  getParameters() { return { encodings: [{}] }; }
  async setParameters(parameters) { this.parameters = parameters; }
}

const kindOf = (what) => (typeof what === "string" ? what : what.kind);

/** Signalling states, glare and rollback as webrtc-pc has them; SDP is JSON with a serial number. */
export class FakePeerConnection {
  static made = [];
  signalingState = "stable";
  connectionState = "new";
  localDescription = null;
  remoteDescription = null;
  transceivers = [];
  candidates = [];
  log = [];
  #serial = 0;
  #chain = Promise.resolve();

  constructor(configuration) { this.configuration = configuration; FakePeerConnection.made.push(this); }

  addTransceiver(what, init) {
    const track = typeof what === "string" ? null : what;
    const transceiver = {
      sender: new FakeSender(this, track), receiver: { track: new FakeTrack(kindOf(what)) }, direction: init?.direction ?? "sendrecv",
    };
    this.transceivers.push(transceiver);
    this.#needed();
    return transceiver;
  }

  getTransceivers() { return this.transceivers; }
  restartIce() { this.log.push("restartIce"); this.#needed(); }

  #needed() {
    if (this.waiting) return;
    this.waiting = true;
    queueMicrotask(() => {
      if (this.signalingState !== "stable") { this.later = true; this.waiting = false; return; }
      this.waiting = false;
      this.onnegotiationneeded?.();
    });
  }

  #queued(work) {
    const done = this.#chain.then(work);
    this.#chain = done.catch(() => {});
    return done;
  }

  setLocalDescription() {
    return this.#queued(() => {
      this.#serial += 1;
      const type = this.signalingState === "have-remote-offer" ? "answer" : "offer";
      this.localDescription = { type, sdp: JSON.stringify({ type, n: this.#serial, kinds: this.transceivers.map((t) => t.receiver.track.kind) }) };
      this.signalingState = type === "offer" ? "have-local-offer" : "stable";
      this.log.push(`local ${type}`);
    });
  }

  setRemoteDescription({ type, sdp }) {
    return this.#queued(() => {
      if (type === "answer" && this.signalingState !== "have-local-offer") throw new Error("InvalidStateError");
      if (type === "offer" && this.signalingState === "have-local-offer") { this.log.push("rollback"); this.later = true; }
      this.remoteDescription = { type, sdp };
      if (type === "offer") {
        for (const kind of JSON.parse(sdp).kinds) {
          if (this.transceivers.some((t) => t.receiver.track.kind === kind)) continue;
          this.transceivers.push({ sender: new FakeSender(this, null), receiver: { track: new FakeTrack(kind) }, direction: "recvonly" });
        }
      }
      this.signalingState = type === "offer" ? "have-remote-offer" : "stable";
      this.log.push(`remote ${type}`);
      if (this.later && this.signalingState === "stable") { this.later = false; this.#needed(); }
    });
  }

  addIceCandidate(candidate) {
    return this.#queued(() => {
      if (!this.remoteDescription) throw new Error("InvalidStateError");
      if (candidate?.bad) throw new Error("OperationError");
      this.candidates.push(candidate ?? null);
    });
  }

  become(state) { this.connectionState = state; this.onconnectionstatechange?.(); }
  close() { this.connectionState = "closed"; this.signalingState = "closed"; }
}

/** Two people's state as the server would tell it. */
export function snapshotOf(changes = {}) {
  const person = (id, role, name) => ({
    id, role, name, present: true, waiting_at: null, admitted: true, audio: "on", video: "off", recording: "unasked",
  });
  return {
    call: "call-1", seq: 10, epoch: 3, phase: "in_call", mode: "audio", started_at: "2027-01-12T09:00:00Z", question: null,
    participants: [person("ada", "patient", "Ada Lovell"), person("osei", "clinician", "Dr Samuel Osei")],
    recording: { state: "off", saved_ms: 0, capture: null }, ...changes,
  };
}
