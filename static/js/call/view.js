// @ts-check
/** Joins the views to one call: each draws its part of every new state. */
import { createConsentPanel } from "./ui/consentPanel.js";
import { createControls } from "./ui/controls.js";
import { onPress, partsOf } from "./ui/dom.js";
import { createLobby } from "./ui/lobby.js";
import { createNotices } from "./ui/notices.js";
import { createOver } from "./ui/over.js";
import { createScreens } from "./ui/screens.js";
import { createSheets } from "./ui/sheets.js";
import { createSound } from "./ui/sound.js";
import { createTiles } from "./ui/tiles.js";
import { createTop } from "./ui/top.js";
import { tracksOf } from "./tracks.js";

const SECOND = 1000;
const SLOW = 20_000;

/**
 * @param {{call: import("./call.js").Call, check: any, clock: import("./clock.js").Clock,
 *   timers: import("./pending.js").Timers, join: () => void}} options
 */
export function mountView({ call, check, clock, timers, join }) {
  const root = /** @type {HTMLElement} */ (document.getElementById("call"));
  const parts = partsOf(root);
  const { store } = call;
  const sound = createSound({ place: parts.sound, onBlocked: (blocked) => call.patch({ blocked }) });
  const consentPanel = createConsentPanel({ parts, call });
  const sheets = createSheets({ parts, call, timers });
  const tiles = createTiles({ parts, call });
  const top = createTop({ parts, call, now: () => clock.now() });
  const lobby = createLobby({ parts, call, check, language: document.documentElement.lang });
  const renders = [
    createScreens({ root, parts }).render, top.render, lobby.render, consentPanel.render, sheets.render, tiles.render,
    createControls({ parts, call, beginToEnd: sheets.beginToEnd, askForConsent: consentPanel.open }),
    createNotices({ parts, call, timers, hear: sound.hear }), createOver({ parts, call }),
  ];
  onPress(parts.join_button, join);
  parts.join_button.disabled = false; // before, a press would be lost
  store.subscribe((next, previous) => {
    for (const render of renders) render(next, previous);
    if (next.local.over && !previous.local.over) timers.setTimeout(() => call.patch({ slow: true }), SLOW);
  });
  setInterval(() => {
    top.tick(store.get());
    tiles.tick(store.get());
  }, SECOND);
  root.dataset.ready = "true";
  return {
    tracks() {
      sound.follow(tracksOf(call).remotes);
      tiles.render(store.get());
    },
    /** @param {number} mine @param {number} theirs */
    levels(mine, theirs) {
      lobby.meter(mine);
      tiles.voices(mine, theirs);
    },
  };
}
