// Gives this page one person's microphone and camera: an own tone and an own moving colour.
(() => {
  const person = { hertz: 0, colour: "" }; // filled in by the test
  Object.assign(person, window.__person ?? {});
  const microphone = async () => {
    const context = new AudioContext();
    await context.resume();
    const tone = new OscillatorNode(context, { frequency: person.hertz });
    // The pitch rises by 2 Hz a second, so that a piece of sound tells when it was made.
    tone.frequency.setValueAtTime(person.hertz, context.currentTime);
    tone.frequency.linearRampToValueAtTime(person.hertz + 120, context.currentTime + 60);
    const out = new MediaStreamAudioDestinationNode(context);
    tone.connect(new GainNode(context, { gain: 0.25 })).connect(out);
    tone.start();
    const track = out.stream.getAudioTracks()[0];
    Object.defineProperty(track, "label", { value: "Headset" });
    return track;
  };
  const stripe = (canvas, paint, step) => {
    paint.fillStyle = "#fff";
    paint.fillRect((7 * step) % canvas.width, 0, canvas.width / 10, canvas.height);
  };
  // Somebody's head and shoulders, for pictures that people look at.
  const head = (canvas, paint, step) => {
    const middle = canvas.width / 2 + 3 * Math.sin(step / 9);
    const size = canvas.height / 5;
    paint.fillStyle = "rgb(0 0 0 / .35)";
    for (const [across, down, wide, high] of [[0, 5.2, 2.1, 2], [0, 2.1, 0.95, 1.15]]) {
      paint.beginPath();
      paint.ellipse(middle + across, down * size, wide * size, high * size, 0, 0, 2 * Math.PI);
      paint.fill();
    }
  };
  const camera = (constraints) => {
    const canvas = document.createElement("canvas");
    const side = (wish, usual) => (typeof wish === "object" ? (wish.ideal ?? wish.exact) : wish) ?? usual;
    canvas.width = side(constraints.width, 320);
    canvas.height = side(constraints.height, 240);
    const paint = canvas.getContext("2d");
    let step = 0;
    setInterval(() => {
      paint.fillStyle = person.colour;
      paint.fillRect(0, 0, canvas.width, canvas.height);
      (person.portrait ? head : stripe)(canvas, paint, (step += 1));
    }, 50);
    return canvas.captureStream(15).getVideoTracks()[0];
  };
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    window.__asked = [...(window.__asked ?? []), Object.keys(constraints).filter((kind) => constraints[kind])];
    const tracks = [];
    if (constraints.audio) tracks.push(await microphone());
    if (constraints.video) tracks.push(camera(constraints.video === true ? {} : constraints.video));
    return new MediaStream(tracks);
  };
})();
