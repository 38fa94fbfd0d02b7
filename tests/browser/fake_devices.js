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
    return out.stream.getAudioTracks()[0];
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
      paint.fillStyle = "#fff";
      paint.fillRect((step += 7) % canvas.width, 0, canvas.width / 10, canvas.height);
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
