// @ts-check
/** Everybody's picture on one canvas of fixed size. Drawn by worker ticks, since a hidden tab gets no animation frames. */
import { fit, tiles } from "./layout.js";

const COLOURS = { ground: "#10171c", card: "#22303a", disc: "#3d5768", text: "#f2f6f8", shade: "rgba(0, 0, 0, 0.55)" };
const UNSEEN = { position: "fixed", width: "1px", height: "1px", overflow: "hidden", opacity: "0", pointerEvents: "none" };

/** @typedef {{id: string, name: string, initials: string, video: any}} Person */
/** @typedef {import('./layout.js').Box} Box */

export class Compositor {
  closed = false;
  #canvas;
  #paint;
  #parts;
  #room;
  #time;
  #veiled = false;
  #drawnAt = -Infinity;
  /** @type {Person[]} */
  #people = [];
  /** @type {Map<string, {track: any, element: any}>} */
  #videos = new Map();
  #stopTicking;

  /**
   * @param {{document: any, MediaStream: any, clock: {now: () => number},
   *   canvas: {width: number, height: number, frame_rate: number}, people: Person[],
   *   ticker: {every: (ms: number, tick: () => void) => () => void}}} parts
   */
  constructor(parts) {
    this.#parts = parts;
    const { document, canvas, ticker } = parts;
    this.#canvas = document.createElement("canvas");
    this.#canvas.width = canvas.width;
    this.#canvas.height = canvas.height;
    this.#paint = this.#canvas.getContext("2d", { alpha: false });
    this.#time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
    this.#room = document.createElement("div");
    // In the document, or they would not be decoded; not seen and not read out.
    Object.assign(this.#room.style, UNSEEN);
    this.#room.setAttribute("aria-hidden", "true");
    document.body.append(this.#room);
    this.sync(parts.people);
    this.#draw();
    this.track = this.#canvas.captureStream(canvas.frame_rate).getVideoTracks()[0];
    this.#stopTicking = ticker.every(1000 / canvas.frame_rate, () => this.#tick());
  }

  /** Who is seen now; `video` is null where the camera is off. @param {Person[]} people */
  sync(people) {
    this.#people = people;
    const wanted = new Map(people.filter((person) => person.video).map((person) => [person.id, person.video]));
    for (const [id, { track, element }] of this.#videos) {
      if (wanted.get(id) === track) continue;
      element.srcObject = null;
      element.remove();
      this.#videos.delete(id);
    }
    for (const [id, track] of wanted) if (!this.#videos.has(id)) this.#videos.set(id, { track, element: this.#watch(track) });
  }

  /** From now on only names. */
  veil() {
    this.#veiled = true;
  }

  close() {
    this.closed = true;
    this.#stopTicking();
    this.sync([]);
    this.track.stop();
    this.#room.remove();
  }

  /** @param {any} track */
  #watch(track) {
    const element = this.#parts.document.createElement("video");
    Object.assign(element, { muted: true, playsInline: true, autoplay: true, tabIndex: -1 });
    element.srcObject = new this.#parts.MediaStream([track]);
    this.#room.append(element);
    element.play().catch(() => {});
    return element;
  }

  /** Ticks that piled up while the page was busy are drawn once. */
  #tick() {
    const now = this.#parts.clock.now();
    if (Math.abs(now - this.#drawnAt) < 500 / this.#parts.canvas.frame_rate) return;
    this.#drawnAt = now;
    this.#draw();
  }

  #draw() {
    const { width, height } = this.#canvas;
    this.#fill(COLOURS.ground, { x: 0, y: 0, width, height });
    const boxes = tiles(this.#people.length || 1, width, height);
    this.#people.forEach((person, i) => this.#drawPerson(person, boxes[i]));
    const size = Math.round(height / 36);
    this.#write(this.#time.format(this.#parts.clock.now()), { x: size, y: size, size });
  }

  /** @param {Person} person @param {Box} box */
  #drawPerson(person, box) {
    const element = this.#videos.get(person.id)?.element;
    const size = Math.round(this.#canvas.height / 30);
    if (this.#veiled || !element) this.#drawCard(person, box);
    else if (element.readyState >= 2 && element.videoWidth) {
      const { x, y, width, height } = fit(box, element.videoWidth, element.videoHeight);
      this.#paint.drawImage(element, x, y, width, height);
    }
    this.#write(person.name, { x: box.x + size, y: box.y + box.height - 2 * size, size });
  }

  /** @param {Person} person @param {Box} box */
  #drawCard({ initials }, box) {
    const paint = this.#paint;
    this.#fill(COLOURS.card, { x: box.x + 2, y: box.y + 2, width: box.width - 4, height: box.height - 4 });
    const radius = Math.min(box.width, box.height) / 5;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    paint.fillStyle = COLOURS.disc;
    paint.beginPath();
    paint.arc(x, y, radius, 0, 2 * Math.PI);
    paint.fill();
    paint.fillStyle = COLOURS.text;
    paint.font = `600 ${Math.round(radius * 0.8)}px system-ui, sans-serif`;
    paint.textAlign = "center";
    paint.textBaseline = "middle";
    paint.fillText(initials, x, y);
  }

  /** @param {string} text @param {{x: number, y: number, size: number}} place top left */
  #write(text, { x, y, size }) {
    const paint = this.#paint;
    paint.font = `${size}px system-ui, sans-serif`;
    paint.textAlign = "left";
    paint.textBaseline = "top";
    const width = paint.measureText(text).width + size;
    this.#fill(COLOURS.shade, { x: x - size / 2, y: y - size / 4, width, height: 1.5 * size });
    paint.fillStyle = COLOURS.text;
    paint.fillText(text, x, y);
  }

  /** @param {string} colour @param {Box} box */
  #fill(colour, { x, y, width, height }) {
    this.#paint.fillStyle = colour;
    this.#paint.fillRect(x, y, width, height);
  }
}
