// @ts-check
/** One's own answer to the recording question. The wording that was shown is part of it. */
import { allows, me } from "./state.js";

export class ConsentController {
  /**
   * @param {{request: (t: string, body?: any) => Promise<any>, state: () => import("./state.js").CallState,
   *   wording: {version: string, sha256: string}, onBusy: (busy: boolean) => void, notice: (name: string) => void}} options
   */
  constructor({ request, state, wording, onBusy, notice }) {
    this.request = request;
    this.state = state;
    this.wording = wording;
    this.onBusy = onBusy;
    this.notice = notice;
  }

  /** @param {"audio" | "audio_video"} scope */
  allow(scope) {
    const { version, sha256 } = this.wording;
    return this.#say("consent.give", { version, sha256, scope });
  }

  /** Whoever allowed it before takes that back; what was captured until now stays. */
  refuse() {
    return this.#say(allows(me(this.state())) ? "consent.withdraw" : "consent.decline", {});
  }

  /** @param {string} t @param {Record<string, string>} body @returns {Promise<boolean>} whether it was noted */
  async #say(t, body) {
    this.onBusy(true);
    try {
      await this.request(t, body);
      return true;
    } catch {
      this.notice("consentNotNoted");
      return false;
    } finally {
      this.onBusy(false);
    }
  }
}
