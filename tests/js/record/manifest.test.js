import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { pieces } from "../../../static/js/record/chunks.js";
import { formatFor, recorderOptions, supportedFormats } from "../../../static/js/record/formats.js";
import { manifestOf, rootOf } from "../../../static/js/record/manifest.js";

const { subtle } = globalThis.crypto;
const digest = (text) => createHash("sha256").update(text).digest();

test("the root is the SHA-256 of the concatenated raw digests", async () => {
  const expected = createHash("sha256").update(Buffer.concat([digest("a"), digest("b")])).digest("hex");
  assert.equal(await rootOf([digest("a").toString("hex"), digest("b").toString("hex")], subtle), expected);
});

test("the root of nothing is the SHA-256 of nothing", async () => {
  assert.equal(await rootOf([], subtle), digest("").toString("hex"));
});

test("a manifest orders its chunks and lasts at least as long as they do", async () => {
  const entry = (number, text) => ({ number, sha256: digest(text).toString("hex"), size: text.length, to_ms: 2000 * (number + 1) });
  const manifest = await manifestOf([entry(1, "bb"), entry(0, "a")], { reason: "switch", durationMs: 3900.4 }, subtle);
  const root = await rootOf([digest("a").toString("hex"), digest("bb").toString("hex")], subtle);
  assert.deepEqual(manifest, { chunks: 2, bytes: 3, root, duration_ms: 4000, reason: "switch" });
});

test("a chunk above the limit is cut into byte ranges that share out its time", () => {
  const cut = pieces(Uint8Array.from({ length: 10 }, (_, i) => i), 1000, 2000, 4);
  assert.deepEqual(cut.map(({ bytes }) => [...bytes]), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]);
  assert.deepEqual(cut.map(({ from_ms, to_ms }) => [from_ms, to_ms]), [[1000, 1400], [1400, 1800], [1800, 2000]]);
});

test("a chunk within the limit stays whole", () => {
  assert.equal(pieces(new Uint8Array(4), 0, 10, 4).length, 1);
});

test("WebM is recorded, and nothing where there is none", () => {
  const only = (part) => ({ isTypeSupported: (mime) => mime.includes(part) });
  assert.equal(formatFor("video", only("")), "video/webm;codecs=vp8,opus");
  assert.equal(formatFor("video", only("mp4")), undefined);
  assert.deepEqual(supportedFormats(only("mp4")), []);
  assert.deepEqual(supportedFormats(undefined), []);
  assert.ok(supportedFormats(only("")).every((mime) => /^(audio|video)\/webm/.test(mime)));
  assert.equal(formatFor("audio", only("ogg")), undefined);
  assert.equal(formatFor("audio", undefined), undefined);
});

test("only a recorder of video is told about video", () => {
  const bitrates = { audio: 32_000, video: 800_000 };
  assert.deepEqual(recorderOptions("audio", "audio/webm", bitrates), { mimeType: "audio/webm", audioBitsPerSecond: 32_000 });
  assert.equal(recorderOptions("video", "video/webm", bitrates).videoKeyFrameIntervalDuration, 4000);
});
