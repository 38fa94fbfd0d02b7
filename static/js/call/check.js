// @ts-check
/** A look at one's own camera before the call. Its track is its own and never sent. */

/** @param {{devices: import("./local.js").Devices, patch: (patch: any) => void}} options */
export function createCheck({ devices, patch }) {
  /** @type {MediaStreamTrack | null} */
  let track = null;
  let wanted = false;

  function stop() {
    wanted = false;
    if (!track) return;
    track.stop();
    track = null;
    patch({ check: "off" });
  }

  async function start() {
    wanted = true;
    patch({ check: "asking" });
    try {
      track = await devices.openCamera();
      patch({ check: "on" });
      if (!wanted) stop();
    } catch (problem) {
      patch({ check: /** @type {any} */ (problem).kind });
    }
  }

  return { track: () => track, stop, toggle: () => (track ? stop() : start()) };
}
