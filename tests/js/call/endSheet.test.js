// Ending takes one press, and can be taken back for three seconds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEndSheet } from "../../../static/js/call/ui/sheets.js";

function part() {
  const listeners = new Map();
  return {
    hidden: true, disabled: false,
    addEventListener: (type, run) => listeners.set(type, run),
    contains: () => false, focus() {}, toggleAttribute() {}, setAttribute() {}, getAttribute: () => null,
    press: (event = {}) => (listeners.get("click") ?? listeners.get("keydown"))?.(event),
  };
}

function setUp() {
  globalThis.document ??= { activeElement: null };
  const parts = { ending: part(), end_yes: part(), end_no: part() };
  let due = null;
  const ended = [];
  const timers = { setTimeout: (run, ms) => ((due = { run, ms }), 1), clearTimeout: () => { due = null; } };
  const begin = createEndSheet({ parts, timers, end: () => ended.push(true) });
  return { parts, begin, ended, due: () => due };
}

test("one press ends the consultation after three seconds", () => {
  const { begin, ended, due, parts } = setUp();
  begin();
  assert.equal(parts.ending.hidden, false);
  assert.equal(due().ms, 3000);
  due().run();
  assert.equal(ended.length, 1);
  assert.equal(parts.ending.hidden, true);
});

test("keep talking takes it back, and nothing ends later", () => {
  const { begin, ended, due, parts } = setUp();
  begin();
  parts.end_no.press();
  assert.equal(due(), null);
  assert.equal(ended.length, 0);
});

test("a second press on End changes nothing, and ending now ends once", () => {
  const { begin, ended, parts } = setUp();
  begin();
  begin();
  parts.end_yes.press();
  parts.end_yes.press();
  assert.equal(ended.length, 1);
});
