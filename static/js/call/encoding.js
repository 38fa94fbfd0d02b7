// @ts-check
/** How much of the line one direction may take, in bits per second. */

const BITRATE = /** @type {Record<string, number>} */ ({ audio: 32_000, video: 1_200_000 });

/** @param {RTCRtpTransceiver} transceiver */
export async function capBitrate({ sender, receiver }) {
  const parameters = sender.getParameters?.();
  if (!parameters?.encodings?.length) return;
  parameters.encodings[0].maxBitrate = BITRATE[receiver.track.kind];
  await sender.setParameters(parameters).catch(() => {});
}
