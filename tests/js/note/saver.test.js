// A note saves itself and never overwrites what another window wrote.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createKeeper } from "../../../static/js/note/kept.js";
import { createSaver } from "../../../static/js/note/saver.js";
import { createSend } from "../../../static/js/note/send.js";

/** A portal that holds one draft, as the server does. */
function portal(text = "", revision = 0) {
  const held = { version: 1, revision, text, sent: [], online: true, signed: false };
  held.send = async (words) => {
    held.sent.push(words);
    if (!held.online) return { kind: "offline" };
    const { version, revision: now } = held;
    if (words.version !== version || words.revision !== now) {
      return { kind: "conflict", version, revision: now, text: held.text, signed: held.signed };
    }
    Object.assign(held, { text: words.text, revision: now + 1 });
    return { kind: "saved", version, revision: now + 1 };
  };
  return held;
}

function storage() {
  const items = {};
  return Object.defineProperties(items, {
    setItem: { value: (key, value) => { items[key] = value; } },
    getItem: { value: (key) => items[key] ?? null },
    removeItem: { value: (key) => { delete items[key]; } },
  });
}

function open(held, { disk = storage(), text = held.text, revision = held.revision } = {}) {
  const states = [];
  let due = null;
  const timers = { setTimeout: (run) => ((due = run), 1), clearTimeout: () => { due = null; } };
  const keeper = createKeeper(disk, "me", "c1");
  const saver = createSaver({
    seen: { version: 1, revision }, text, send: held.send, keeper, timers, onState: (state) => states.push(state),
  });
  const pass = () => { const run = due; due = null; return run?.(); };
  return { saver, states, keeper, disk, pass, waits: () => due !== null };
}

test("what is written is saved after a moment of quiet, and nothing is kept here then", async () => {
  const held = portal();
  const { saver, states, keeper, pass } = open(held);
  saver.edited("a");
  saver.edited("ab");
  assert.equal(keeper.get().text, "ab");
  await pass();
  assert.deepEqual(held.sent.map(({ text }) => text), ["ab"]);
  assert.deepEqual(states, ["waiting", "waiting", "saving", "saved"]);
  assert.equal(keeper.get(), null);
});

test("words written while saving go after it, upon the revision it made", async () => {
  const held = portal();
  const { saver, pass } = open(held);
  saver.edited("a");
  const saving = pass();
  saver.edited("ab");
  await saving;
  await saver.flush();
  assert.deepEqual(held.sent.map(({ text, revision }) => [text, revision]), [["a", 0], ["ab", 1]]);
  assert.equal(held.text, "ab");
  assert.ok(saver.isSaved());
});

test("without a line the words are kept and sent again", async () => {
  const held = portal();
  held.online = false;
  const { saver, states, keeper, pass, waits } = open(held);
  saver.edited("a");
  await pass();
  assert.equal(states.at(-1), "offline");
  assert.equal(keeper.get().text, "a");
  assert.ok(waits());
  held.online = true;
  await pass();
  assert.equal(held.text, "a");
  assert.equal(states.at(-1), "saved");
});

test("of two windows the later one is told and overwrites nothing, however much it writes", async () => {
  const held = portal("", 0);
  const first = open(held);
  const second = open(held);
  first.saver.edited("first");
  await first.pass();
  second.saver.edited("second");
  await second.pass();
  second.saver.edited("second and more");
  await second.saver.flush();
  assert.equal(held.text, "first");
  assert.equal(second.states.at(-1), "conflict");
  assert.equal(second.keeper.get().text, "second and more");
});

test("having seen both, one keeps one's own or takes what is saved", async () => {
  for (const [which, stands] of [["keep", "second"], ["take", "first"]]) {
    const held = portal("first", 1);
    const { saver, keeper, pass } = open(held, { text: "", revision: 0 });
    saver.edited("second");
    await pass();
    assert.equal(saver.resolve(which), stands);
    await saver.flush();
    assert.equal(held.text, stands);
    assert.equal(keeper.get(), null);
    assert.ok(saver.isSaved());
  }
});

test("what was added to a note that was signed meanwhile becomes an addendum without the signed words", async () => {
  const held = portal("Signed.", 1);
  const { saver, states, pass } = open(held);
  Object.assign(held, { version: 2, revision: 0, text: "", signed: true });
  saver.edited("Signed. Too late");
  await pass();
  assert.equal(states.at(-1), "conflict");
  assert.equal(saver.resolve("keep"), "Too late");
  await saver.flush();
  assert.deepEqual([held.version, held.text], [2, "Too late"]);
});

test("what was not saved before a reload is saved after it", async () => {
  const held = portal("old", 3);
  held.online = false;
  const before = open(held);
  before.saver.edited("new");
  await before.pass();
  held.online = true;
  const after = open(held, { disk: before.disk });
  await after.saver.restore(after.keeper.get());
  assert.equal(held.text, "new");
});

test("what was kept over a reload does not overwrite what another window saved meanwhile", async () => {
  const held = portal("old", 3);
  const { saver, states } = open(portal("theirs", 4), { text: "theirs", revision: 4 });
  await saver.restore({ version: 1, revision: 3, text: "mine" });
  assert.equal(states.at(-1), "conflict");
  assert.equal(held.text, "old");
});

test("words that were saved while the answer was lost are nobody else's", async () => {
  const held = portal();
  const whole = held.send;
  const { saver, states, pass } = open({ ...held, send: (words) => held.send(words) });
  held.send = async (words) => (await whole(words), { kind: "offline" });
  saver.edited("a");
  await pass();
  held.send = whole;
  saver.edited("ab");
  await pass();
  await pass();
  assert.equal(held.text, "ab");
  assert.ok(!states.includes("conflict"));
});

test("words that were saved while the page was left are not sent again after a reload", async () => {
  const held = portal("mine", 4);
  const { saver, keeper } = open(held);
  await saver.restore({ version: 1, revision: 3, text: "mine" });
  saver.edited("mine and more");
  await saver.flush();
  assert.deepEqual(held.sent, [{ version: 1, revision: 4, text: "mine and more" }]);
  assert.equal(keeper.get(), null);
});

test("what somebody else left unsaved in this window is removed", () => {
  const disk = storage();
  createKeeper(disk, "somebody", "c1").put({ version: 1, revision: 0, text: "theirs" });
  assert.equal(createKeeper(disk, "me", "c1").get(), null);
  assert.deepEqual(Object.keys(disk), []);
});

const answering = (facts) => createSend({ fetch: async () => ({ type: "basic", json: async () => ({ version: 1, revision: 2 }), ...facts }), url: "/", csrf: () => "t" });

test("each answer of the portal has its meaning", async () => {
  const words = { version: 1, revision: 1, text: "a" };
  assert.deepEqual(await answering({ ok: true, status: 200 })(words), { kind: "saved", version: 1, revision: 2 });
  for (const [status, kind] of [[409, "conflict"], [400, "refused"], [404, "gone"], [403, "gone"], [503, "offline"]]) {
    assert.equal((await answering({ ok: false, status })(words)).kind, kind);
  }
  assert.equal((await answering({ ok: false, status: 0, type: "opaqueredirect" })(words)).kind, "gone");
  const broken = createSend({ fetch: async () => { throw new TypeError("no line"); }, url: "/", csrf: () => "t" });
  assert.equal((await broken(words)).kind, "offline");
});
