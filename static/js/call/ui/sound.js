// @ts-check
/** One <audio> element per other person. Kept in the page: without it WebAudio hears nothing of a remote track either. */

/** @param {{place: HTMLElement, onBlocked: (blocked: boolean) => void}} options */
export function createSound({ place, onBlocked }) {
  /** @type {Map<string, HTMLAudioElement>} */
  const players = new Map();

  /** @param {HTMLAudioElement} player */
  async function play(player) {
    try {
      await player.play();
      onBlocked(false);
    } catch (problem) {
      if (/** @type {Error} */ (problem).name === "NotAllowedError") onBlocked(true);
    }
  }

  /** @param {string} participant @param {MediaStreamTrack} track */
  function attach(participant, track) {
    let player = players.get(participant);
    if (!player) {
      player = document.createElement("audio");
      player.autoplay = true;
      players.set(participant, player);
      place.append(player);
    }
    if (/** @type {MediaStream | null} */ (player.srcObject)?.getAudioTracks()[0] === track) return;
    player.srcObject = new MediaStream([track]);
    play(player);
  }

  return {
    /** @param {{participant: string, audio: MediaStreamTrack | null}[]} remotes */
    follow(remotes) {
      for (const { participant, audio } of remotes) if (audio) attach(participant, audio);
      for (const [participant, player] of players) {
        if (remotes.some((remote) => remote.participant === participant)) continue;
        player.remove();
        players.delete(participant);
      }
    },
    hear: () => players.forEach(play),
  };
}
