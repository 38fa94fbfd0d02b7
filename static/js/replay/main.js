// @ts-check
/** Starts the replay page: clocks, timeline, counting, and a way on when playback stops. */
import { joinTimeline, writeClocks } from './timeline.js';
import { watch } from './watching.js';

/**
 * Shows the note when the media stops coming; `Try again` goes on where it stopped.
 * @param {HTMLElement} root @param {HTMLMediaElement} media @param {AbortSignal} signal
 */
function offerAnotherTry(root, media, signal) {
  const note = /** @type {HTMLElement | null} */ (root.querySelector('[data-trouble]'));
  const again = root.querySelector('[data-again]');
  if (!note || !again) return;
  let stoppedAt = 0;
  const stop = () => {
    stoppedAt = media.currentTime || stoppedAt;
    note.hidden = false;
  };
  media.addEventListener('error', stop, { signal });
  // RACE: the media starts loading before this module does, so it may have stopped already.
  if (media.error) stop();
  media.addEventListener('loadedmetadata', () => {
    if (note.hidden) return;
    note.hidden = true;
    media.currentTime = stoppedAt;
  }, { signal });
  again.addEventListener('click', () => {
    media.load();
    media.focus();
    void media.play().catch(() => undefined);
  }, { signal });
}

const root = /** @type {HTMLElement | null} */ (document.querySelector('[data-replay]'));
const media = /** @type {HTMLMediaElement | null} */ (root?.querySelector('video, audio'));
if (root && media) {
  const { signal } = new AbortController();
  writeClocks(root);
  joinTimeline(root, media, signal);
  offerAnotherTry(root, media, signal);
  const csrf = document.querySelector('meta[name="csrf-token"]')?.getAttribute('content') ?? '';
  watch(media, { url: root.dataset.watchedUrl ?? '', csrf }, signal);
}
