// @ts-check
/** Entry script of every signed-in page: `<body data-user data-segments-url>`. Tells the page by `recording:recovery` events. */
import { browserPlatform } from "./platform.js";
import { recoverOnce } from "./recover.js";

const { user, segmentsUrl } = document.body.dataset;

if (user && segmentsUrl) {
  const onStatus = (/** @type {object} */ detail) => document.dispatchEvent(new CustomEvent("recording:recovery", { detail }));
  recoverOnce({ user, segmentsUrl, onStatus }, browserPlatform()).catch(() => {});
}
