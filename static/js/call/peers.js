// @ts-check
/** Everybody this page is connected to: one PeerLink per other person, made and replaced by `pair` alone. */

const HELD = 60;

/** @typedef {{audio: MediaStreamTrack | null, video: MediaStreamTrack | null}} Tracks */

export class PeerSet {
  /** @type {Map<string, any>} by participant */ links = new Map();
  /** @type {Map<string, Tracks>} by participant */ remotes = new Map();
  /** @type {Tracks} */ tracks = { audio: null, video: null };
  /** @type {Record<string, any>[]} */ #held = [];
  #queue = Promise.resolve();

  /**
   * @param {{createLink: (options: any) => any, request: (t: string, body: any) => Promise<any>,
   *   onTracks: () => void, onState: (participant: string, state: string) => void}} options
   */
  constructor({ createLink, request, onTracks, onState }) {
    this.createLink = createLink;
    this.request = request;
    this.onTracks = onTracks;
    this.onState = onState;
  }

  /** @param {import("./peer.js").Pair} pair */
  pair(pair) {
    const old = this.links.get(pair.peer);
    if (old && old.pair.gen >= pair.gen && old.pair.peer_sid === pair.peer_sid) return;
    this.remove(pair.peer);
    this.remotes.set(pair.peer, { audio: null, video: null });
    const link = this.createLink({
      pair,
      tracks: { ...this.tracks },
      send: (/** @type {string} */ t, /** @type {any} */ body) => { this.request(t, body).catch(() => {}); },
      onTrack: (/** @type {MediaStreamTrack} */ track) => this.#remoteTrack(pair.peer, track),
      onState: (/** @type {string} */ state) => this.onState(pair.peer, state),
    });
    this.links.set(pair.peer, link);
    this.onState(pair.peer, "connecting");
    this.#releaseHeld();
  }

  /** What came before the `pair` it belongs to is kept for it. @param {Record<string, any>} message */
  receive(message) {
    const link = [...this.links.values()].find(({ pair }) => pair.peer_sid === message.from);
    if (link && link.pair.gen === message.gen) return link.receive(message);
    if (!link || message.gen > link.pair.gen) this.#held = [...this.#held, message].slice(-HELD);
    return undefined;
  }

  #releaseHeld() {
    const held = this.#held;
    this.#held = [];
    for (const message of held) this.receive(message);
  }

  /** @param {string} participant @param {MediaStreamTrack} track */
  #remoteTrack(participant, track) {
    const tracks = this.remotes.get(participant);
    const kind = /** @type {"audio" | "video"} */ (track.kind);
    if (!tracks || tracks[kind] === track) return;
    tracks[kind] = track;
    this.onTracks();
  }

  /**
   * Everything that changes what is sent goes through one queue, in order.
   * @param {"audio" | "video"} kind @param {MediaStreamTrack | null} track @returns {Promise<void>}
   */
  replace(kind, track) {
    this.tracks[kind] = track;
    this.#queue = this.#queue.then(async () => {
      for (const link of this.links.values()) await link.replace(kind, track).catch(() => {});
    });
    return this.#queue;
  }

  /** The way to the network changed: look for a new route before the old one times out. */
  networkChanged() {
    for (const link of this.links.values()) link.recovery.attempt();
  }

  /** Somebody's line to the portal is back. Their media may never have stopped. @param {string} participant */
  back(participant) {
    const link = this.links.get(participant);
    if (link && !link.recovery.connected) link.recovery.attempt();
  }

  /** Somebody left, or may not be here any more: whatever their browser does, nothing reaches it. @param {string} participant */
  remove(participant) {
    this.links.get(participant)?.close();
    this.links.delete(participant);
    if (this.remotes.delete(participant)) this.onTracks();
  }

  close() {
    for (const participant of [...this.links.keys()]) this.remove(participant);
    this.#held = [];
  }
}
