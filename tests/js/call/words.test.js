import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock } from "../../../static/js/call/clock.js";
import { claimTab } from "../../../static/js/call/tab.js";
import { initialState, reduce } from "../../../static/js/call/state.js";
import { bannerText } from "../../../static/js/call/ui/notices.js";
import { savingText } from "../../../static/js/call/ui/over.js";
import { consequence } from "../../../static/js/call/ui/sheets.js";
import { badge, connection } from "../../../static/js/call/ui/top.js";
import * as words from "../../../static/js/call/words.js";
import { snapshotOf } from "./fakes.js";

const call = (changes, patch = {}) => reduce(reduce(initialState("ada"), { t: "welcome", snapshot: snapshotOf(changes) }), { t: "local", patch });
const consenting = (...answers) => call({ participants: snapshotOf().participants.map((one, i) => ({ ...one, recording: answers[i] })) });

test("REC is shown only while the server stores, with the time that is stored", () => {
  assert.deepEqual(badge({ state: "recording", saved_ms: 184_900 }), ["recording", "REC 03:04 saved"]);
  for (const recording of [{ state: "off", saved_ms: 0 }, { state: "starting", saved_ms: 0 }, { state: "starting", saved_ms: 9 }, { state: "stopped", saved_ms: 9 }]) {
    assert.doesNotMatch(badge(recording)[1], /REC/);
  }
  assert.deepEqual(badge({ state: "starting", saved_ms: 9000 }), ["behind", "Saving is behind"]);
  assert.deepEqual(badge({ state: "off", saved_ms: 0 }), ["off", "Not recorded"]);
});

test("the video question says what accepting would do to the recording", () => {
  assert.equal(consequence(consenting("allowed", "allowed")), words.room.pictures);
  assert.equal(consequence(consenting("allowed", "allowed_audio")), words.room.soundOnly);
  assert.equal(consequence(consenting("declined", "allowed")), words.room.unrecorded);
});

test("what is left to save is said in seconds until there is nothing left", () => {
  assert.equal(savingText({ saving: { pendingMs: 4200 } }), "Keep this page open: 5 s of recording left to save");
  assert.equal(savingText({ saving: { pendingMs: 0 }, drained: true }), words.saving.done);
  assert.equal(savingText({ saving: { pendingMs: 4200, crashSafe: false }, slow: true }), words.saving.fragile);
  assert.equal(savingText({ saving: null, slow: true }), "");
});

test("a line to the portal that drops is not called a lost call", () => {
  const state = { ...call({}, { link: "connected" }), line: { status: "reconnecting" } };
  assert.equal(bannerText(state, "Dr Osei"), words.banner.portal);
  assert.equal(connection(call({}, { link: "connected" }), "Dr Osei")[1], "Connected");
});

test("somebody whose line dropped is there as long as their media is", () => {
  const away = snapshotOf().participants.map((one) => ({ ...one, present: one.id === "ada" }));
  assert.equal(bannerText(call({ participants: away }, { link: "connected" }), "Dr Osei"), "");
  assert.match(bannerText(call({ participants: away }, { link: "failed" }), "Dr Osei"), /is not here/);
});

test("a weak line is called so, and video is doubted only while there is video", () => {
  const seen = (local, mode = "video") => ({ ...call({}, { link: "connected", ...local }), mode });
  assert.deepEqual(connection(seen({ quality: "weak" }), "Dr Osei"), ["wait", words.line.weak]);
  assert.deepEqual(connection(seen({ quality: "fair" }), "Dr Osei"), ["ok", words.line.fair]);
  assert.deepEqual(connection(seen({ quality: "weak", link: "failed" }), "Dr Osei"), ["wait", words.line.again]);
  assert.equal(bannerText(seen({ narrow: true }), "Dr Osei"), words.banner.narrow);
  assert.equal(bannerText(seen({ narrow: true }, "audio"), "Dr Osei"), "");
  assert.match(bannerText(seen({ narrow: true, link: "failed" }), "Dr Osei"), /dropped/);
});

test("both people read that this consultation cannot be recorded, and what would do; a lost line is told first", () => {
  const as = (role, line = { status: "open" }) => {
    const { participants } = snapshotOf();
    const me = participants.find((one) => one.role === role).id;
    const state = reduce(initialState(me), { t: "welcome", snapshot: snapshotOf({ recording: { state: "unsupported", saved_ms: 0, capture: null } }) });
    return reduce({ ...state, line }, { t: "local", patch: { link: "connected" } });
  };
  assert.equal(bannerText(as("clinician"), "Ada Lovell"), words.banner.unsupported);
  assert.equal(bannerText({ ...as("clinician"), phase: "waiting" }, "Ada Lovell"), words.banner.unsupported);
  assert.match(bannerText(as("patient"), "Dr Osei"), /cannot be recorded from the browser that Dr Osei uses.*Chrome, Edge or Firefox/);
  assert.equal(bannerText(as("patient", { status: "reconnecting" }), "Dr Osei"), words.banner.portal);
  assert.deepEqual(badge({ state: "unsupported", saved_ms: 9000 }), ["off", "Cannot be recorded"]);
});

test("whoever records is told calmly that nobody is heard, or that room is short, while the line stands", () => {
  const recording = { state: "recording", saved_ms: 9, capture: "audio" };
  const text = (local, changes = {}) => bannerText(call({ recording, ...changes }, { link: "connected", ...local }), "Ada Lovell");
  assert.equal(text({}), "");
  assert.equal(text({ silent: true, tight: true }), words.banner.silent);
  assert.equal(text({ tight: true }), words.banner.tight);
  assert.equal(text({ tight: true }, { recording: { state: "stopped", saved_ms: 9, capture: null } }), "");
  assert.match(text({ silent: true, link: "failed" }), /dropped/);
});

test("names and times read as people say them", () => {
  assert.equal(words.shortName("Dr Samuel Osei"), "Dr Osei");
  assert.equal(words.shortName("Ada Lovell"), "Ada Lovell");
  assert.equal(words.shortName("Mary Ann Smith"), "Mary Ann Smith");
  assert.equal(words.duration(59_999), "00:59");
  assert.equal(words.duration(3_784_000), "1:03:04");
});

test("no sentence says error, invalid or failed", () => {
  const said = JSON.stringify([words.microphone, words.microphoneInRoom, words.cameraProblem, words.banner, words.over, words.saving, words.elsewhere]);
  assert.doesNotMatch(said, /error|invalid|failed/i);
});

test("the clock is the median of the last five pings", () => {
  let now = 0;
  const clock = new Clock({ timeOrigin: 1000, now: () => now });
  for (const offset of [50, 52, 51, 900, 49]) {
    const sent = clock.local();
    now += 20;
    clock.sample(sent, sent + 10 + offset);
  }
  assert.equal(clock.now(), clock.local() + 51);
  assert.equal(clock.settled, true);
});

test("a reload keeps the tab's id, a duplicated tab gets its own", async () => {
  const held = new Set();
  const locks = {
    request(name, { signal }, work) {
      if (!held.has(name)) { held.add(name); work(); return new Promise(() => {}); }
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  };
  const storageOf = (values) => ({ getItem: (key) => values.get(key) ?? null, setItem: (key, value) => values.set(key, value) });
  let count = 0;
  const uuid = () => `tab-${(count += 1)}`;
  const first = new Map();
  const awake = setInterval(() => {}, 50);
  assert.equal(await claimTab({ storage: storageOf(first), locks, uuid }), "tab-1");
  assert.equal(await claimTab({ storage: storageOf(new Map(first)), locks, uuid }), "tab-2");
  held.clear();
  assert.equal(await claimTab({ storage: storageOf(first), locks, uuid }), "tab-1");
  clearInterval(awake);
});
