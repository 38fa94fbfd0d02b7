// @ts-check
/** This person's microphone and camera tracks and what became of them. Publishes nothing itself. */

/** @typedef {ReturnType<typeof import("./devices.js").createDevices>} Devices */

export class LocalMedia {
  /** @type {MediaStreamTrack | null} */ mic = null;
  /** @type {MediaStreamTrack | null} */ camera = null;
  /** @type {"asking" | "on" | "interrupted" | import("./devices.js").ProblemKind} */ micState = "asking";
  muted = false;

  /** @param {{devices: Devices, onMic: () => void, onCameraLost: () => void}} options */
  constructor({ devices, onMic, onCameraLost }) {
    this.devices = devices;
    this.onMic = onMic;
    this.onCameraLost = onCameraLost;
  }

  /** Never throws: without a microphone one can still listen. */
  async openMicrophone() {
    this.#mic("asking", this.mic);
    try {
      const track = await this.devices.openMicrophone();
      track.enabled = !this.muted;
      track.addEventListener("ended", () => track === this.mic && this.openMicrophone());
      track.addEventListener("mute", () => track === this.mic && this.#mic("interrupted", track));
      track.addEventListener("unmute", () => track === this.mic && this.#mic("on", track));
      this.#mic("on", track);
    } catch (problem) {
      this.#mic(/** @type {any} */ (problem).kind ?? "busy", null);
    }
  }

  /** @param {any} micState @param {MediaStreamTrack | null} track */
  #mic(micState, track) {
    if (this.mic && this.mic !== track) this.mic.stop();
    this.mic = track;
    this.micState = micState;
    this.onMic();
  }

  /** A new device may be the one that was missing. */
  devicesChanged() {
    if (this.micState === "missing" || this.micState === "busy") this.openMicrophone();
  }

  /** @param {boolean} muted */
  setMuted(muted) {
    this.muted = muted;
    if (this.mic) this.mic.enabled = !muted;
  }

  /** For `media.update`. */
  get audio() {
    if (this.micState === "on") return this.muted ? "off" : "on";
    return this.micState === "interrupted" ? "interrupted" : "none";
  }

  /** For `ready`. */
  get ready() {
    return this.micState === "on" || this.micState === "denied" ? this.micState : "none";
  }

  /** @returns {Promise<MediaStreamTrack>} rejects with DeviceProblem */
  async openCamera() {
    if (this.camera) return this.camera;
    const track = await this.devices.openCamera();
    track.addEventListener("ended", () => {
      if (track !== this.camera) return;
      this.camera = null;
      this.onCameraLost();
    });
    this.camera = track;
    return track;
  }

  /** Stops the track itself, so that the camera's light goes off. */
  closeCamera() {
    this.camera?.stop();
    this.camera = null;
  }

  close() {
    this.closeCamera();
    this.mic?.stop();
    this.mic = null;
  }
}
