// @ts-check
/** The few things the views do to the page. Text only ever goes in as text. */

/** @typedef {Record<string, any>} Parts elements by their data-part */

/** @param {ParentNode} root @returns {Parts} */
export function partsOf(root) {
  const parts = /** @type {Parts} */ ({});
  for (const node of root.querySelectorAll("[data-part]")) parts[/** @type {HTMLElement} */ (node).dataset.part ?? ""] = node;
  return parts;
}

/** Leaves the node alone when nothing changed, so that a live region is not read twice. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {HTMLElement | undefined} node @param {boolean} visible */
export function show(node, visible) {
  if (node && node.hidden === visible) node.hidden = !visible;
}

/** A control that cannot be used now keeps the focus. @param {HTMLElement} button @param {boolean} usable */
export function enable(button, usable) {
  button.setAttribute("aria-disabled", String(!usable));
}

/** @param {HTMLElement | undefined} button @param {() => void} act */
export function onPress(button, act) {
  button?.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") !== "true") act();
  });
}

/** @param {HTMLVideoElement} video @param {MediaStreamTrack | null} track */
export function setPicture(video, track) {
  const stream = /** @type {MediaStream | null} */ (video.srcObject);
  if ((stream?.getVideoTracks()[0] ?? null) === track) return;
  video.srcObject = track ? new MediaStream([track]) : null;
  if (track) video.play().catch(() => {});
}
