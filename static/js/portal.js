// @ts-check
/**
 * Keeps pages that update themselves (htmx) kind: changes are spoken once, a lost connection is said, a lost sign-in is shown.
 */

/** What stands on the page now and wants to be heard when it is new. @returns {string[]} */
const spoken = () => [...document.querySelectorAll('[data-announce]')]
  .map((element) => element.getAttribute('data-announce') || (element.textContent ?? '').trim());

let known = new Set(spoken());

document.addEventListener('htmx:afterSettle', () => {
  const now = spoken();
  const fresh = now.filter((text) => text && !known.has(text));
  known = new Set(now);
  const announcer = document.getElementById('announcer');
  if (announcer && fresh.length) announcer.textContent = fresh.join('. ');
});

/** @param {boolean} lost */
const showOffline = (lost) => {
  const note = document.getElementById('offline');
  if (note) note.hidden = !lost;
};
document.addEventListener('htmx:sendError', () => showOffline(true));
document.addEventListener('htmx:responseError', () => showOffline(true));
document.addEventListener('htmx:afterOnLoad', () => showOffline(false));

document.addEventListener('htmx:beforeSwap', (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  const asked = new URL(detail.pathInfo.requestPath, location.href).pathname;
  if (detail.xhr.responseURL && new URL(detail.xhr.responseURL).pathname !== asked) {
    // The answer came from elsewhere: the sign-in page. It belongs in the window, not inside a card.
    detail.shouldSwap = false;
    location.reload();
  }
});
