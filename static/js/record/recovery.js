// @ts-check
/** Entry script of every signed-in page: `<body data-user data-segments-url>`. Tells the page by `recording:recovery` events. */
import { browserPlatform } from "./platform.js";
import { Spool } from "./spool.js";

const { user, segmentsUrl } = document.body.dataset;

/** @param {{user: string, segmentsUrl: string}} whose */
async function saveWhatIsLeft(whose) {
  const platform = browserPlatform();
  const spool = new Spool(platform);
  await spool.forgetOld(platform.now());
  // Hardly ever is anything left: what uploads it is fetched only then.
  if (!(await spool.segmentsOf(whose.user)).length) return;
  const { recoverOnce } = await import("./recover.js");
  const onStatus = (/** @type {object} */ detail) => document.dispatchEvent(new CustomEvent("recording:recovery", { detail }));
  await recoverOnce({ ...whose, onStatus }, { ...platform, spool });
}

if (user && segmentsUrl) saveWhatIsLeft({ user, segmentsUrl }).catch(() => {});
