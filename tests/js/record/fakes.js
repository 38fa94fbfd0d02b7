/** Time, locks, a MediaRecorder and a capture server that tests can break on purpose. */
import { createHash, randomBytes } from "node:crypto";

const realDelay = () => new Promise((resolve) => setTimeout(resolve, 1));

export class FakeTime {
  now = 1_800_000_000_000;
  #timers = new Map();
  #count = 0;

  timers = {
    setTimeout: (run, ms) => this.#add({ run, at: this.now + ms }),
    clearTimeout: (id) => this.#timers.delete(id),
    setInterval: (run, every) => this.#add({ run, every, at: this.now + every }),
    clearInterval: (id) => this.#timers.delete(id),
  };

  #add(timer) {
    this.#timers.set((this.#count += 1), timer);
    return this.#count;
  }

  /** Let time pass in steps, so that promises settle in between. */
  async pass(ms, step = 50) {
    for (const end = this.now + ms; this.now < end; ) {
      this.now = Math.min(end, this.now + step);
      for (const [id, timer] of [...this.#timers]) {
        if (timer.at > this.now || !this.#timers.has(id)) continue;
        if (timer.every) timer.at += timer.every;
        else this.#timers.delete(id);
        timer.run();
      }
      await realDelay();
    }
  }

  async until(holds, limit = 120_000) {
    for (const end = this.now + limit; !holds(); ) {
      if (this.now > end) throw new Error(`never: ${holds}`);
      await this.pass(50);
    }
  }
}

export class FakeLocks {
  #held = new Map();

  async request(name, ...rest) {
    const work = rest.pop();
    const before = this.#held.get(name);
    if (before && rest[0]?.ifAvailable) return work(null);
    const run = (before ?? Promise.resolve()).then(() => work({ name }));
    const done = run.then(() => {}, () => {});
    this.#held.set(name, done);
    done.then(() => this.#held.get(name) === done && this.#held.delete(name));
    return run;
  }
}

/** Speaks the capture API. `faults` is asked first: a status, "lose" (stored, but the answer is lost) or nothing. */
export class FakeServer {
  segments = new Map();
  log = [];
  faults = () => {};

  fetch = async (url, { method, body, headers }) => {
    const path = url.replace("/api/v1/segments/", "");
    const call = `${method} ${path}`;
    const times = this.log.push(call) && this.log.filter((entry) => entry === call).length;
    const fault = this.faults(call, times);
    if (typeof fault === "object") return answer(fault.status, fault.body, fault.headers);
    if (fault && fault !== "lose") return answer(fault, { code: "fault" });
    const result = this.#serve(method, path, { body, headers });
    if (fault === "lose") throw new TypeError("network");
    return result;
  };

  #serve(method, path, { body, headers }) {
    if (path === "unfinished/") return answer(200, this.#unfinished());
    if (path === "") return this.#open(JSON.parse(body));
    const [id, action, number] = path.split("/");
    const segment = this.segments.get(id);
    if (headers.Authorization !== `Bearer ${segment.token}`) return answer(403, { code: "wrong_token" });
    return action === "chunks" ? this.#put(segment, Number(number), { body, headers }) : this.#close(segment, JSON.parse(body));
  }

  #unfinished() {
    const open = [...this.segments].filter(([, segment]) => !segment.complete);
    return open.map(([id, { token, key, chunks }]) => ({
      segment: id, upload_token: token, key, have: [...chunks.keys()].map((number) => [number, number]), status: "open",
    }));
  }

  #open(body) {
    const known = this.segments.get(body.segment);
    const fresh = { body, token: `token-${body.segment}`, key: randomBytes(32).toString("base64"), chunks: new Map(), complete: false };
    const segment = known ?? fresh;
    this.segments.set(body.segment, segment);
    return answer(known ? 200 : 201, { segment: body.segment, upload_token: segment.token, key: segment.key, max_chunk: this.maxChunk, have: [] });
  }

  #put(segment, number, { body, headers }) {
    const bytes = Buffer.from(body);
    const digest = createHash("sha256").update(bytes).digest("base64");
    if (headers["Content-Digest"] !== `sha-256=:${digest}:`) return answer(422, { code: "digest_mismatch" });
    const [from, to] = headers["X-Chunk-Time"].split("-").map(Number);
    const known = segment.chunks.get(number);
    if (known) return known.digest === digest ? answer(200, {}) : answer(409, { code: "digest_conflict" });
    segment.chunks.set(number, { bytes, digest, from, to });
    return answer(201, {});
  }

  #close(segment, manifest) {
    segment.manifest = manifest;
    const missing = Array.from({ length: manifest.chunks }, (_, i) => i).filter((i) => !segment.chunks.has(i));
    if (missing.length) return answer(202, { status: "closed", missing });
    const hash = createHash("sha256");
    for (let i = 0; i < manifest.chunks; i += 1) hash.update(Buffer.from(segment.chunks.get(i).digest, "base64"));
    if (hash.digest("hex") !== manifest.root) return answer(409, { code: "root_mismatch" });
    segment.complete = true;
    return answer(200, { status: "complete" });
  }

  /** What one segment holds, joined in order. */
  content(id) {
    const { chunks } = this.segments.get(id);
    return Buffer.concat([...chunks].sort(([a], [b]) => a - b).map(([, { bytes }]) => bytes)).toString();
  }
}

function answer(status, body = {}, headers = {}) {
  return {
    status, ok: status >= 200 && status < 300, type: "basic",
    headers: { get: (name) => headers[name] ?? null }, json: async () => body,
  };
}

/** Every instance is kept; `script` decides how the next ones behave. */
export function fakeMediaRecorder(time, log = []) {
  return class FakeMediaRecorder extends EventTarget {
    static all = [];
    static script = { starts: true };
    static isTypeSupported = (mime) => mime.startsWith("audio/webm") || mime.startsWith("video/webm");
    state = "inactive";

    constructor(stream, options) {
      super();
      this.stream = stream;
      this.options = options;
      this.number = FakeMediaRecorder.all.push(this);
    }

    start(slice) {
      this.state = "recording";
      this.slice = slice;
      log.push(`start ${this.number}`);
      if (FakeMediaRecorder.script.starts) time.timers.setTimeout(() => this.#say("start"), 90);
    }

    stop() {
      log.push(`stop ${this.number}`);
      this.state = "inactive";
      time.timers.setTimeout(() => this.#end("tail"), 30);
    }

    emit(text) {
      const event = new Event("dataavailable");
      event.data = new Blob([text]);
      this.dispatchEvent(event);
    }

    breakDown(name) {
      this.state = "inactive";
      const event = new Event("error");
      event.error = { name };
      this.dispatchEvent(event);
      this.#end("");
    }

    #end(text) {
      this.emit(text);
      log.push(`stopped ${this.number}`);
      this.#say("stop");
    }

    #say(type) {
      if (type === "start") log.push(`started ${this.number}`);
      this.dispatchEvent(new Event(type));
    }
  };
}

export class FakeStream {
  constructor(tracks) {
    this.tracks = [...tracks];
  }
}
