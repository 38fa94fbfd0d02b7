// @ts-check
/**
 * The timeline under the player: parts as buttons, the current one marked, a playhead. Knows nothing of reporting.
 */

/** @typedef {{ from: number, to: number }} Part  Units: milliseconds of the replay. */

/** `m:ss`, or `h:mm:ss` from an hour on. @param {number} ms */
export function clock(ms) {
  const total = Math.max(0, Math.floor(ms / 1000));
  const pad = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return hours ? `${hours}:${pad(minutes)}:${pad(seconds)}` : `${minutes}:${pad(seconds)}`;
}

/**
 * Index of the part playing at `ms`; the last one also owns its end; -1 in a gap or without parts.
 * @param {Part[]} parts @param {number} ms
 */
export function partAt(parts, ms) {
  const index = parts.findLastIndex((part) => ms >= part.from && ms < part.to);
  if (index >= 0) return index;
  const last = parts.length - 1;
  return last >= 0 && ms >= parts[last].to ? last : -1;
}

/** How far `ms` is into the part, 0 to 1. @param {Part} part @param {number} ms */
export function fractionOf(part, ms) {
  const length = part.to - part.from;
  return length > 0 ? Math.min(1, Math.max(0, (ms - part.from) / length)) : 0;
}

/** @param {HTMLElement} element @returns {Part} */
const partOf = (element) => ({ from: Number(element.dataset.from), to: Number(element.dataset.to) });

/** Writes the clocks that the template left empty. @param {ParentNode} root */
export function writeClocks(root) {
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll('[data-clock]'))) {
    element.textContent = clock(Number(element.dataset.clock));
  }
}

/**
 * Joins the part buttons to the media element.
 * @param {ParentNode} root @param {HTMLMediaElement} media @param {AbortSignal} signal
 */
export function joinTimeline(root, media, signal) {
  const bar = /** @type {HTMLElement | null} */ (root.querySelector('[data-timeline]'));
  if (!bar) return;
  const buttons = /** @type {HTMLElement[]} */ ([...bar.querySelectorAll('button[data-from]')]);
  const chapters = /** @type {HTMLElement[]} */ ([...root.querySelectorAll('[data-chapters] button[data-from]')]);
  const head = /** @type {HTMLElement | null} */ (bar.querySelector('[data-playhead]'));
  const parts = buttons.map(partOf);

  // The CSP forbids style attributes, so widths travel as data and are set here. A short part keeps its minimum width.
  for (const button of buttons) button.style.flexGrow = String(Math.max(1, Number(button.dataset.grow)));

  const show = () => {
    const ms = media.currentTime * 1000;
    const current = partAt(parts, ms);
    for (const list of [buttons, chapters]) {
      list.forEach((button, index) => {
        if (index === current) button.setAttribute('aria-current', 'true');
        else button.removeAttribute('aria-current');
      });
    }
    if (!head || current < 0) return;
    const at = buttons[current];
    // Measured, not computed from the whole: minimum widths make the bar only piecewise linear.
    const room = Math.max(0, at.offsetWidth - head.offsetWidth);
    head.style.left = `${at.offsetLeft + 1 + fractionOf(parts[current], ms) * room}px`;
    head.hidden = false;
  };

  const seek = (/** @type {Event} */ event) => {
    const button = /** @type {HTMLElement} */ (event.currentTarget);
    media.currentTime = partOf(button).from / 1000;
    show();
  };
  for (const button of [...buttons, ...chapters]) button.addEventListener('click', seek, { signal });
  for (const name of ['loadedmetadata', 'timeupdate', 'seeking', 'seeked']) media.addEventListener(name, show, { signal });
  addEventListener('resize', show, { signal });
  show();
}
