// @ts-check
/** Web Locks between the tabs of this origin; without the API a tab is alone. */

/**
 * The recording tab holds it until the segment is done, so that no other tab takes it for a leftover.
 * @param {LockManager | undefined} locks
 * @param {string} segment
 * @returns {Promise<() => void>} release
 */
export function holdSegment(locks, segment) {
  if (!locks) return Promise.resolve(() => {});
  return new Promise((granted) => {
    const held = () => new Promise((release) => granted(() => release(undefined)));
    locks.request(`segment:${segment}`, held).catch(() => granted(() => {}));
  });
}

/**
 * Run `work` unless somebody holds the segment.
 * @param {LockManager | undefined} locks
 * @param {string} segment
 * @param {() => Promise<void>} work
 */
export async function ifAbandoned(locks, segment, work) {
  if (!locks) return work();
  await locks.request(`segment:${segment}`, { ifAvailable: true }, (lock) => (lock ? work() : undefined));
}

/**
 * @template T
 * @param {LockManager | undefined} locks
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function asUploader(locks, work) {
  return locks ? locks.request("uploader", work) : work();
}
