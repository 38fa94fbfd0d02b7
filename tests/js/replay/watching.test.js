import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCounter, makeReporter, watch } from '../../../static/js/replay/watching.js';

test('play adds up, a jump in either direction does not', () => {
  const counter = makeCounter();
  for (const at of [0, 1, 2, 3]) counter.tick(at);
  counter.jump();
  for (const at of [600, 601]) counter.tick(at);
  counter.jump();
  for (const at of [10, 12]) counter.tick(at);
  assert.equal(counter.played(), 6);
});

test('standing still and going backwards count nothing', () => {
  const counter = makeCounter();
  for (const at of [5, 5, 3, 3]) counter.tick(at);
  assert.equal(counter.played(), 0);
});

test('a report takes whole seconds and keeps the rest; the final one rounds', () => {
  const counter = makeCounter();
  counter.tick(0);
  counter.tick(2.7);
  assert.equal(counter.take(), 2);
  assert.equal(counter.take(true), 1);
  assert.equal(counter.played(), 0);
});

test('what is given back is reported again', () => {
  const counter = makeCounter();
  counter.tick(0);
  counter.tick(4);
  counter.giveBack(counter.take());
  assert.equal(counter.take(), 4);
});

/** @param {(number | Error)[]} answers */
function post(answers = []) {
  const sent = [];
  const send = async (url, init) => {
    sent.push({ url, init, ...JSON.parse(init.body) });
    const answer = answers.shift() ?? 204;
    if (answer instanceof Error) throw answer;
    return { ok: answer < 400, status: answer };
  };
  return { sent, send };
}

test('nothing played, nothing sent', async () => {
  const { sent, send } = post();
  await makeReporter({ url: '/w/', csrf: 'c', fetch: send }, makeCounter())(true);
  assert.deepEqual(sent, []);
});

test('a report that did not arrive is part of the next one', async () => {
  for (const failure of [new Error('offline'), 503]) {
    const { sent, send } = post([failure]);
    const counter = makeCounter();
    const report = makeReporter({ url: '/w/', csrf: 'c', fetch: send }, counter);
    counter.tick(0);
    counter.tick(10);
    await report(false);
    counter.tick(15);
    await report(true);
    assert.deepEqual(sent.map(({ seconds, final }) => [seconds, final]), [[10, false], [15, true]]);
  }
});

test('what gathered while reports did not arrive is sent in pieces the server takes', async () => {
  const { sent, send } = post();
  const counter = makeCounter();
  const report = makeReporter({ url: '/w/', csrf: 'c', fetch: send }, counter);
  counter.giveBack(270);
  await report(true);
  assert.deepEqual(sent.map(({ seconds, final }) => [seconds, final]), [[120, false], [120, false], [30, true]]);
});

test('a redirect to the sign-in page counts as a refusal', async () => {
  let calls = 0;
  const counter = makeCounter();
  const report = makeReporter({ url: '/w/', csrf: 'c', fetch: async () => { calls += 1; return { ok: true, status: 200, redirected: true }; } }, counter);
  counter.giveBack(5);
  await report(false);
  counter.giveBack(5);
  await report(true);
  assert.equal(calls, 1);
});

test('after a refusal no more reports are sent', async () => {
  const { sent, send } = post([404]);
  const counter = makeCounter();
  const report = makeReporter({ url: '/w/', csrf: 'c', fetch: send }, counter);
  counter.tick(0);
  counter.tick(10);
  await report(false);
  counter.tick(20);
  await report(true);
  assert.equal(sent.length, 1);
});

function player() {
  const media = Object.assign(new EventTarget(), { currentTime: 0, seeking: false });
  const page = new EventTarget();
  const doc = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  const { sent, send } = post();
  watch(media, { url: '/w/', csrf: 'token', fetch: send, page, document: doc }, new AbortController().signal);
  const fire = (name, target = media) => target.dispatchEvent(new Event(name));
  const play = (from, to) => {
    media.currentTime = from;
    fire('play');
    for (let at = from; at <= to; at += 0.25) { media.currentTime = at; fire('timeupdate'); }
  };
  const seek = (to) => {
    media.seeking = true;
    media.currentTime = to;
    fire('timeupdate');
    fire('seeking');
    media.seeking = false;
    fire('seeked');
    fire('timeupdate');
  };
  return { media, page, doc, sent, fire, play, seek };
}

test('a minute and a bit is reported in thirties, the rest when the page goes', () => {
  const { sent, play, fire, page } = player();
  play(0, 65);
  fire('pagehide', page);
  assert.deepEqual(sent.map(({ seconds, final }) => [seconds, final]), [[30, false], [30, false], [5, true]]);
  assert.equal(sent[2].init.keepalive, true);
  assert.equal(sent[0].init.headers['X-CSRFToken'], 'token');
});

test('seeking to the end is not watching', () => {
  const { sent, play, seek, fire } = player();
  play(0, 4);
  seek(600);
  play(600, 602);
  fire('pause');
  fire('ended');
  assert.deepEqual(sent.map(({ seconds, final }) => [seconds, final]), [[6, true]]);
});

test('seeking while paused counts nothing', () => {
  const { sent, seek, fire, page } = player();
  seek(30);
  seek(90);
  fire('pagehide', page);
  assert.deepEqual(sent, []);
});

test('a hidden page reports at once; its end is said once, with only what is new', () => {
  const { sent, play, fire, doc, page } = player();
  play(0, 8);
  doc.visibilityState = 'hidden';
  fire('visibilitychange', doc);
  fire('pagehide', page);
  fire('pagehide', page);
  assert.deepEqual(sent.map(({ seconds, final }) => [seconds, final]), [[8, false], [0, true]]);
});

test('play again after the end is counted as more watching', () => {
  const { sent, play, fire } = player();
  play(0, 10);
  fire('ended');
  play(0, 3);
  fire('ended');
  assert.deepEqual(sent.map(({ seconds }) => seconds), [10, 3]);
});
