// @ts-check
/** Which container and codecs to record, in order of preference. */

// No MP4: a truncated one holds no media at all, and the portal takes none.
const FORMATS = {
  audio: ["audio/webm;codecs=opus", "audio/webm"],
  video: ["video/webm;codecs=vp8,opus", "video/webm"],
};
const KEY_FRAME_INTERVAL_MS = 4000;

/** @param {'audio' | 'video'} capture @param {any} MediaRecorder @returns {string | undefined} */
export function formatFor(capture, MediaRecorder) {
  return FORMATS[capture].find((mime) => MediaRecorder?.isTypeSupported(mime));
}

/** All that this browser can record, for `hello.caps.rec`. @param {any} MediaRecorder @returns {string[]} */
export function supportedFormats(MediaRecorder) {
  return [...FORMATS.audio, ...FORMATS.video].filter((mime) => MediaRecorder?.isTypeSupported(mime));
}

/**
 * @param {'audio' | 'video'} capture
 * @param {string} mime
 * @param {{audio: number, video: number}} bitrates bit/s
 */
export function recorderOptions(capture, mime, bitrates) {
  const audio = { mimeType: mime, audioBitsPerSecond: bitrates.audio };
  if (capture === "audio") return audio;
  return { ...audio, videoBitsPerSecond: bitrates.video, videoKeyFrameIntervalDuration: KEY_FRAME_INTERVAL_MS };
}
