// @ts-check
/** The smallest thing one can listen to. */

export class Emitter {
  /** @type {Map<string, Set<(message: any) => void>>} */
  #listeners = new Map();

  /**
   * @param {string} type
   * @param {(message: any) => void} listener
   * @returns {() => void} stops listening
   */
  on(type, listener) {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** @param {string} type @param {any} message */
  emit(type, message) {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) listener(message);
  }
}
