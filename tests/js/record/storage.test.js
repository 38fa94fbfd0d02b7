import assert from "node:assert/strict";
import test from "node:test";
import { prepareStorage, ROOM_BYTES } from "../../../static/js/record/storage.js";

const no = async () => {
  throw new TypeError("not here");
};

test("room for an hour of pictures and more is enough, less is little", async () => {
  const of = (quota, usage) => prepareStorage({ persist: async () => true, estimate: async () => ({ quota, usage }) });
  assert.equal(await of(ROOM_BYTES + 7, 7), false);
  assert.equal(await of(ROOM_BYTES + 7, 8), true);
});

test("a browser that refuses, or knows none of this, is no trouble", async () => {
  assert.equal(await prepareStorage(undefined), false);
  assert.equal(await prepareStorage({}), false);
  assert.equal(await prepareStorage({ persist: no, estimate: no }), false);
  assert.equal(await prepareStorage({ persist: no, estimate: async () => ({ quota: 1, usage: 0 }) }), true);
});
