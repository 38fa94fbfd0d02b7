// @ts-check
/** Who sends what at this moment: what the recorder mixes and the tiles show. */

/** @param {import("./call.js").Call} call */
export function tracksOf(call) {
  const { config, local, mode, peers, store } = call;
  const { participants } = store.get();
  return {
    local: {
      audio: local.mic, video: mode.published ? local.camera : null,
      name: config.me.name, initials: config.me.initials,
    },
    remotes: [...peers.remotes].map(([participant, { audio, video }]) => {
      const entry = participants.find(({ id }) => id === participant);
      const known = participant === config.other.participant ? config.other : null;
      const name = entry?.name ?? known?.name ?? "";
      return {
        participant, name, initials: known?.initials ?? initialsOf(name), audio, video,
        videoOn: entry?.video === "on",
      };
    }),
  };
}

/** @param {string} name */
function initialsOf(name) {
  const words = name.split(/\s+/).filter(Boolean);
  return [words.at(0), words.length > 1 ? words.at(-1) : ""].map((word) => word?.[0] ?? "").join("").toUpperCase();
}
