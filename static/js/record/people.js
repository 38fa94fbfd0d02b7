// @ts-check
/** From the call's tracks to what the mixer hears and the compositor shows. */

/** Who is heard. @param {{local: any, remotes: any[]}} tracks @returns {Map<string, any>} */
export function heard({ local, remotes }) {
  const everybody = [["local", local.audio], ...remotes.map(({ participant, audio }) => [participant, audio])];
  return new Map(/** @type {[string, any][]} */ (everybody.filter(([, track]) => track && track.readyState !== "ended")));
}

/** Who is seen, oneself last; `video` is null where the camera is off. @param {{local: any, remotes: any[]}} tracks */
export function seen({ local, remotes }) {
  const off = !local.video || local.video.readyState === "ended" || local.video.enabled === false;
  const me = { id: "local", name: local.name, initials: local.initials, video: off ? null : local.video };
  return [
    ...remotes.map(({ participant: id, name, initials, video, videoOn }) => {
      // A camera that was switched off leaves a live track with a frozen picture.
      return { id, name, initials, video: videoOn ? (video ?? null) : null };
    }),
    me,
  ];
}
