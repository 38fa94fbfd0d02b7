import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clock, fractionOf, joinTimeline, partAt } from '../../../static/js/replay/timeline.js';

const PARTS = [{ from: 0, to: 12000 }, { from: 12000, to: 30000 }, { from: 30000, to: 36500 }];

test('the clock reads minutes and seconds, hours only when needed', () => {
  assert.deepEqual([0, 999, 12000, 61500, 599999, 3600000, 3723000].map(clock), ['0:00', '0:00', '0:12', '1:01', '9:59', '1:00:00', '1:02:03']);
  assert.equal(clock(-5), '0:00');
});

test('a part owns its start but not its end', () => {
  assert.equal(partAt(PARTS, 0), 0);
  assert.equal(partAt(PARTS, 11999), 0);
  assert.equal(partAt(PARTS, 12000), 1);
});

test('after the last part the last part stays current', () => {
  assert.equal(partAt(PARTS, 36500), 2);
  assert.equal(partAt(PARTS, 99999), 2);
});

test('in a gap, before the first part and without parts nothing is current', () => {
  assert.equal(partAt([{ from: 0, to: 10 }, { from: 20, to: 30 }], 15), -1);
  assert.equal(partAt([{ from: 5, to: 10 }], 1), -1);
  assert.equal(partAt([], 0), -1);
});

test('a part without length is never current and does not divide by zero', () => {
  assert.equal(partAt([{ from: 0, to: 10 }, { from: 10, to: 10 }, { from: 10, to: 20 }], 10), 2);
  assert.equal(fractionOf({ from: 10, to: 10 }, 10), 0);
});

test('the fraction stays between nothing and everything', () => {
  assert.equal(fractionOf(PARTS[1], 21000), 0.5);
  assert.equal(fractionOf(PARTS[1], 0), 0);
  assert.equal(fractionOf(PARTS[1], 99000), 1);
});

/** Just enough of an element for the join. */
class Stub extends EventTarget {
  constructor(dataset = {}) {
    super();
    Object.assign(this, { dataset, style: {}, attributes: {}, offsetLeft: 0, offsetWidth: 3, hidden: false, found: {} });
  }
  setAttribute(name, value) { this.attributes[name] = value; }
  removeAttribute(name) { delete this.attributes[name]; }
  querySelector(selector) { return this.found[selector] ?? null; }
  querySelectorAll(selector) { return this.found[selector] ?? []; }
}

function page() {
  globalThis.addEventListener ??= () => undefined;
  const make = () => PARTS.map(({ from, to }, i) => Object.assign(new Stub({ from, to, grow: (to - from) / 365 }), { offsetLeft: i * 100, offsetWidth: 103 }));
  const [buttons, chapters, head, bar, root, media] = [make(), make(), new Stub(), new Stub(), new Stub(), new Stub()];
  head.hidden = true;
  bar.found = { 'button[data-from]': buttons, '[data-playhead]': head };
  root.found = { '[data-timeline]': bar, '[data-chapters] button[data-from]': chapters };
  media.currentTime = 0;
  joinTimeline(root, media, new AbortController().signal);
  return { buttons, chapters, head, media };
}

test('a click on a part or a chapter seeks to its start and marks it in both lists', () => {
  const { buttons, chapters, media } = page();
  buttons[1].dispatchEvent(new Event('click'));
  assert.equal(media.currentTime, 12);
  assert.deepEqual(buttons.map((b) => b.attributes['aria-current']), [undefined, 'true', undefined]);
  chapters[2].dispatchEvent(new Event('click'));
  assert.equal(media.currentTime, 30);
  assert.deepEqual(chapters.map((b) => b.attributes['aria-current']), [undefined, undefined, 'true']);
});

test('the playhead goes through the measured width of the current part', () => {
  const { head, media } = page();
  assert.equal(head.hidden, false);
  media.currentTime = 21;
  media.dispatchEvent(new Event('timeupdate'));
  assert.equal(head.style.left, '151px');
});

test('widths come from data, never below one share', () => {
  const { buttons } = page();
  assert.equal(Number(buttons[1].style.flexGrow) > 49, true);
});
