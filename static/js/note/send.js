// @ts-check
/** Sends a note's words and says what came of it. */

const BY_STATUS = /** @type {Record<number, "conflict" | "refused" | "gone">} */ ({
  400: "refused", 403: "gone", 404: "gone", 409: "conflict",
});

/**
 * @param {{fetch: typeof fetch, url: string, csrf: () => string}} options
 * @returns {(words: import("./saver.js").Words) => Promise<import("./saver.js").Answer>}
 */
export function createSend({ fetch, url, csrf }) {
  return async ({ version, revision, text }) => {
    const body = new URLSearchParams({ do: "save", text, version: String(version), revision: String(revision) });
    try {
      const response = await fetch(url, {
        // `keepalive`: it arrives also when the call ends and this page is left.
        method: "POST", body, redirect: "manual", keepalive: body.toString().length < 60_000,
        headers: { Accept: "application/json", "X-CSRFToken": csrf() },
      });
      // Sent to the sign-in page.
      if (response.type === "opaqueredirect") return { kind: "gone" };
      const kind = response.ok ? "saved" : BY_STATUS[response.status] ?? "offline";
      return kind === "saved" || kind === "conflict" ? { kind, ...await response.json() } : { kind };
    } catch {
      return { kind: "offline" };
    }
  };
}
