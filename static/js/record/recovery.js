// @ts-check
/** Entry script of every signed-in page: saves what a crash left on this device, and says so while it lasts. */

const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="signed-in"]'));

async function saveWhatIsLeft() {
  // Hardly any device has ever recorded: what looks further is fetched only there.
  const kept = await indexedDB.databases?.();
  if (!meta || (kept && !kept.some(({ name }) => name === "spool"))) return;
  const [{ recoverOnce }, { browserPlatform }] = await Promise.all([import("./recover.js"), import("./platform.js")]);
  const line = document.getElementById("leftover");
  const onStatus = (/** @type {import("./recover.js").RecoveryStatus} */ { open }) => {
    if (line) line.hidden = open === 0;
  };
  await recoverOnce({ user: meta.content, segmentsUrl: meta.dataset.segmentsUrl ?? "", onStatus }, browserPlatform());
}

saveWhatIsLeft().catch(() => {});
