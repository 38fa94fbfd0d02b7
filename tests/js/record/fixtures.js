/** A recorder's surroundings, put together once. */
import { CaptureApi } from "../../../static/js/record/api.js";
import { Intake } from "../../../static/js/record/intake.js";
import { Spool } from "../../../static/js/record/spool.js";
import { MemorySpool } from "../../../static/js/record/spool-memory.js";
import { Uploader } from "../../../static/js/record/uploader.js";
import { FakeLocks, FakeServer, FakeTime } from "./fakes.js";

export const USER = "11111111-1111-4111-8111-111111111111";
export const NEIGHBOUR = "22222222-2222-4222-8222-222222222222";

/** One tab; another tab of the same browser shares its time, server, locks and spool. */
export function surroundings(shared = {}) {
  const { time = new FakeTime(), server = new FakeServer(), locks = new FakeLocks() } = shared;
  const { spool = new Spool({ disk: new MemorySpool() }) } = shared;
  const world = { time, server, locks, spool, crashed: false, troubles: [], refusals: [] };
  const { timers } = time;
  world.platform = {
    timers, crypto: globalThis.crypto, locks: world.locks, fetch: world.server.fetch, spool: world.spool,
    random: () => 1, now: () => time.now,
  };
  const fetch = (...rest) => (world.crashed ? new Promise(() => {}) : server.fetch(...rest));
  world.api = new CaptureApi({ base: "/api/v1/segments/", csrf: "csrf", fetch, timers });
  world.onTrouble = (code) => world.troubles.push(code);
  world.uploader = new Uploader({ ...world.platform, api: world.api, onTrouble: world.onTrouble });
  return world;
}

export function intakeIn(world, segment, facts = {}) {
  return new Intake(
    { segment, user: USER, consultation: "c", lease: "l", capture: "audio", epoch: 1, mime: "audio/webm;codecs=opus", ...facts },
    {
      ...world.platform, api: world.api, uploader: world.uploader, onChange: () => {}, onTrouble: world.onTrouble,
      onRefused: (code) => world.refusals.push(code),
    },
  );
}
