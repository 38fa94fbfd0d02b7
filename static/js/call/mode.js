// @ts-check
/** Audio to video and back: the camera comes before the question, and goes off with the mode. */

const DWELL = 2000;
const LONGEST = 35000;

/**
 * @typedef {{request: (t: string, body: any) => Promise<any>, state: () => import("./state.js").CallState,
 *   local: import("./local.js").LocalMedia, peers: Pick<import("./peers.js").PeerSet, "replace">,
 *   timers: import("./pending.js").Timers, onSnapshot: (snapshot: any) => void,
 *   onChange: () => void, notice: (name: string, kind?: string) => void, refused: (problem: any) => void}} ModeOptions
 */

export class ModeController {
  /** @type {"asking" | "answering" | "opening" | null} why a camera is held or awaited before it is seen */ why = null;
  published = false;
  #queue = Promise.resolve();
  #timer = /** @type {any} */ (null);

  /** @param {ModeOptions} options */
  constructor(options) {
    this.options = options;
  }

  /** Ask the other person for video. Without a camera nothing is sent. */
  async askVideo() {
    if (this.why) return;
    this.#hold("asking");
    if (!await this.#openCamera()) {
      this.#release();
      return;
    }
    await this.#request("video");
    if (this.why === "asking") this.#timer = this.options.timers.setTimeout(() => this.#release(), LONGEST);
    await this.settle();
  }

  /** Everybody may end video for all, without a question. */
  async backToAudio() {
    await this.#request("audio");
    await this.settle();
  }

  /** @param {Record<string, any>} question */
  async accept(question) {
    if (this.why) return;
    this.#hold("answering");
    const opened = await this.#openCamera();
    if (this.options.state().question?.id !== question.id) {
      if (this.options.state().mode !== "video") {
        this.options.notice("lapsedToMe");
        this.#release();
      }
      await this.settle();
      return;
    }
    try {
      await this.options.request("mode.answer", { question: question.id, answer: opened ? "accept" : "accept_camera_off" });
      if (!opened) this.#announce("denied");
    } catch (problem) {
      this.#refused(problem, "video");
    }
    if (!opened) this.#release();
    await this.settle();
  }

  /** @param {Record<string, any>} question */
  async decline(question) {
    await this.options.request("mode.answer", { question: question.id, answer: "decline" }).catch(() => {});
  }

  /** In video mode: one's own camera, which nobody else can turn on. */
  async openOwnCamera() {
    if (this.why || this.options.state().mode !== "video") return;
    this.#hold("opening");
    if (!await this.#openCamera() || this.options.state().mode !== "video") this.#release();
    await this.settle();
  }

  /**
   * Called after every change of the call's state.
   * @param {import("./state.js").CallState} next @param {import("./state.js").CallState} previous
   */
  changed(next, previous) {
    const answered = previous.question && !next.question && next.mode === "audio";
    if (answered && this.why && this.options.local.camera) this.#release();
    if (next.mode !== previous.mode || answered) this.settle();
  }

  /** Make what is sent agree with the mode. */
  settle() {
    this.#queue = this.#queue.then(() => this.#settle());
    return this.#queue;
  }

  async #settle() {
    const { local, peers, state } = this.options;
    if (state().mode === "video" && local.camera && !this.published) {
      this.published = true;
      await peers.replace("video", local.camera);
      this.#announce("on");
      this.#hold(null);
    } else if (state().mode === "audio" && this.published) {
      this.published = false;
      local.closeCamera();
      await peers.replace("video", null);
      this.#announce("off");
      this.options.onChange();
    }
  }

  /** The camera was unplugged or taken by the system: the mode stays. */
  async cameraLost() {
    if (!this.published) {
      this.#hold(null);
      return;
    }
    this.published = false;
    await this.options.peers.replace("video", null);
    this.#announce("interrupted");
    this.options.notice("cameraLost");
    this.options.onChange();
  }

  async #openCamera() {
    try {
      await this.options.local.openCamera();
      return true;
    } catch (problem) {
      this.options.notice("camera", /** @type {any} */ (problem).kind);
      return false;
    }
  }

  /** @param {"audio" | "video"} want @param {boolean} [again] */
  async #request(want, again = true) {
    const { request, state, timers } = this.options;
    if (state().mode === want) return;
    try {
      await request("mode.request", { want, epoch: state().epoch });
    } catch (problem) {
      if (/** @type {any} */ (problem).code === "dwell" && again) {
        await new Promise((resolve) => { timers.setTimeout(() => resolve(null), DWELL); });
        await this.#request(want, false);
      } else this.#refused(problem, want);
    }
  }

  /**
   * A stale request is a success when somebody else already brought what was wanted.
   * @param {any} problem @param {string} want
   */
  #refused(problem, want) {
    if (problem.snapshot) this.options.onSnapshot(problem.snapshot);
    if (this.options.state().mode === want) return;
    if (problem.code === "no_question") this.options.notice("lapsedToMe");
    else this.options.refused(problem);
    if (want === "video") this.#release();
  }

  /** @param {"on" | "off" | "interrupted" | "denied"} video */
  #announce(video) {
    this.options.request("media.update", { video }).catch(() => {});
  }

  /** @param {"asking" | "answering" | "opening" | null} why */
  #hold(why) {
    this.options.timers.clearTimeout(this.#timer);
    this.why = why;
    this.options.onChange();
  }

  #release() {
    if (!this.published) this.options.local.closeCamera();
    this.#hold(null);
  }
}
