// @ts-check
/** Microphone and camera, one at a time, with the reason in a closed vocabulary when there is none. */

/** @typedef {"denied" | "missing" | "busy" | "unsupported"} ProblemKind */

const KINDS = /** @type {Record<string, ProblemKind>} */ ({
  NotAllowedError: "denied", SecurityError: "denied",
  NotFoundError: "missing", OverconstrainedError: "missing",
  NotReadableError: "busy", AbortError: "busy",
  TypeError: "unsupported",
});

/** No microphone or no camera. */
export class DeviceProblem extends Error {
  /** @param {"microphone" | "camera"} device @param {ProblemKind} kind */
  constructor(device, kind) {
    super(`${device}: ${kind}`);
    this.name = "DeviceProblem";
    this.device = device;
    this.kind = kind;
  }
}

/**
 * @param {{mediaDevices: Pick<MediaDevices, "getUserMedia"> | undefined,
 *   camera: {width: number, height: number, frame_rate: number}}} options
 */
export function createDevices({ mediaDevices, camera }) {
  /** @param {"microphone" | "camera"} device @param {MediaStreamConstraints} constraints */
  async function open(device, constraints) {
    if (!mediaDevices) throw new DeviceProblem(device, "unsupported");
    try {
      const stream = await mediaDevices.getUserMedia(constraints);
      return stream.getTracks()[0];
    } catch (problem) {
      throw new DeviceProblem(device, KINDS[/** @type {Error} */ (problem).name] ?? "busy");
    }
  }
  return {
    openMicrophone: () => open("microphone", {
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    }),
    openCamera: () => open("camera", {
      video: {
        width: { ideal: camera.width }, height: { ideal: camera.height },
        frameRate: { ideal: camera.frame_rate }, facingMode: "user",
      },
    }),
  };
}
