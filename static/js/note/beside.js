// @ts-check
/** Opens and closes what stands beside the call. Knows nothing of the call and cannot disturb it. */

const WIDE = "(min-width: 64rem)";

function mountBeside() {
  const button = document.getElementById("beside-button");
  const panel = document.getElementById("beside");
  if (!button || !panel) return;
  /** @param {boolean} open @param {boolean} [takesFocus] */
  const show = (open, takesFocus = false) => {
    panel.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (open && takesFocus) panel.focus();
    if (!open && takesFocus) button.focus();
  };
  button.addEventListener("click", () => show(panel.hidden, true));
  document.getElementById("beside-close")?.addEventListener("click", () => show(false, true));
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !window.matchMedia(WIDE).matches) show(false, true);
  });
  button.hidden = false;
  show(window.matchMedia(WIDE).matches);
}

mountBeside();
