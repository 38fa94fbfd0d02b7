// @ts-check
/** What an answer of the capture API means for the thing that was sent. */

const AGAIN = new Set([0, 408, 422, 425, 429]);

/**
 * @param {number} status HTTP status; 0 when no answer came
 * @returns {'done' | 'again' | 'locked_out' | 'conflict' | 'gone' | 'refused'}
 */
export function verdictOf(status) {
  if (status >= 200 && status < 300) return "done";
  if (AGAIN.has(status) || status >= 500) return "again";
  if (status === 401 || status === 403) return "locked_out";
  if (status === 409) return "conflict";
  return status === 410 ? "gone" : "refused";
}
