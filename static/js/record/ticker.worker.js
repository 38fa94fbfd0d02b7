// @ts-check
/** A clock that goes on ticking while its page is hidden. Takes `{id, every}` or `{id}` to stop; posts the id. */

/** @type {Map<number, ReturnType<typeof setInterval>>} */
const running = new Map();

addEventListener("message", ({ data: { id, every } }) => {
  clearInterval(running.get(id));
  if (every) running.set(id, setInterval(() => postMessage(id), every));
  else running.delete(id);
});
