// @ts-check
/** Which of the page's screens is shown; the focus follows to its heading. */
import { screenOf } from "../state.js";
import { show } from "./dom.js";

/** @param {{root: HTMLElement, parts: import("./dom.js").Parts}} options */
export function createScreens({ root, parts }) {
  let shown = "join";
  const headings = /** @type {Record<string, HTMLElement>} */ ({
    lobby: parts.lobby_title, room: parts.room, elsewhere: parts.elsewhere_focus, over: parts.over_focus,
  });
  return {
    /** @param {import("../state.js").CallState} state */
    render(state) {
      root.dataset.mode = state.mode;
      const screen = screenOf(state);
      if (screen === shown) return;
      shown = root.dataset.screen = screen;
      for (const name of ["join", "lobby", "room", "elsewhere", "over"]) show(parts[name], name === screen);
      headings[screen]?.focus();
    },
  };
}
