// What both pages have: sound and picture from the browser's fake devices, and what getStats counts.

// Nothing but loopback, so that no packet of a test takes another way, whatever interfaces the machine has.
export const isLoopback = candidate => /^\S+ \d+ \S+ \d+ (?:127\.[\d.]+|::1) /.test(candidate);

let tone = 0;

// Speak a steady tone from the next call on, instead of what the fake microphone has.
export const speak = hertz => {
  tone = hertz;
};

export async function media(kinds) {
  const audio = kinds.includes("audio");
  if (!audio || !tone) return navigator.mediaDevices.getUserMedia({ audio, video: kinds.includes("video") });
  const stream = kinds.includes("video") ? await navigator.mediaDevices.getUserMedia({ video: true }) : new MediaStream();
  const context = new AudioContext();
  const oscillator = context.createOscillator();
  const out = context.createMediaStreamDestination();
  oscillator.frequency.value = tone;
  oscillator.connect(out);
  oscillator.start();
  for (const track of out.stream.getAudioTracks()) stream.addTrack(track);
  return stream;
}

// Without a sound card Firefox's AudioContext stands still; it hears what it has recorded.
const records = navigator.userAgent.includes("Firefox");

// The share of a tone in what is heard, of all that is: of the last 0.7 seconds.
export async function hears(connection, hertz) {
  const track = connection.getReceivers().find(receiver => receiver.track.kind === "audio").track;
  const analyser = records ? await recorded(track) : listening(track);
  const decibels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(decibels);
  const width = analyser.context.sampleRate / analyser.fftSize;
  let all = 0;
  let tuned = 0;
  decibels.forEach((level, bin) => {
    const power = Number.isFinite(level) ? 10 ** (level / 10) : 0;
    all += power;
    if (Math.abs(bin * width - hertz) < 40) tuned += power;
  });
  return all > 1e-6 ? tuned / all : 0;
}

function ear(source) {
  const analyser = source.context.createAnalyser();
  analyser.fftSize = 32768;
  analyser.smoothingTimeConstant = 0;
  source.connect(analyser);
  return analyser;
}

const ears = new Map();

function listening(track) {
  if (!ears.has(track)) ears.set(track, ear(new AudioContext().createMediaStreamSource(new MediaStream([track]))));
  return ears.get(track);
}

async function recorded(track) {
  const recorder = new MediaRecorder(new MediaStream([track]));
  const recording = new Promise(resolve => {
    recorder.ondataavailable = event => resolve(event.data.arrayBuffer());
  });
  recorder.start();
  setTimeout(() => recorder.stop(), 800);
  const rate = 48000;
  const sound = await new OfflineAudioContext(1, rate, rate).decodeAudioData(await recording);
  const context = new OfflineAudioContext(1, sound.length, rate);
  const source = context.createBufferSource();
  source.buffer = sound;
  const analyser = ear(source);
  analyser.connect(context.destination);
  source.start();
  await context.startRendering();
  return analyser;
}

// Whose candidates the other side's are: other ones after each restart of ICE.
export const credentials = connection => /^a=ice-ufrag:(\S+)/m.exec(connection.remoteDescription.sdp)[1];

// What comes in is played, as a person's browser does it.
export function play(connection) {
  connection.addEventListener("track", ({ track }) => {
    const player = document.createElement(track.kind);
    player.srcObject = new MediaStream([track]);
    player.autoplay = true;
    document.body.append(player);
  });
}

export async function statistics(connection) {
  const all = new Map(await connection.getStats());
  const found = { state: connection.connectionState, sent: {}, received: {}, codecs: {}, decoded: {}, asks: {}, asked: {}, ports: [], transports: [], agreed: {} };
  for (const entry of all.values()) {
    if (entry.type === "outbound-rtp") {
      found.sent[entry.kind] = (found.sent[entry.kind] ?? 0) + entry.bytesSent;
      found.asked[entry.kind] = entry.pliCount ?? 0;
    }
    if (entry.type === "inbound-rtp") {
      found.received[entry.kind] = (found.received[entry.kind] ?? 0) + entry.bytesReceived;
      found.asks[entry.kind] = entry.pliCount ?? 0;
      found.codecs[entry.kind] = all.get(entry.codecId)?.mimeType ?? "";
      found.decoded[entry.kind] = entry.kind === "video" ? entry.framesDecoded : entry.totalAudioEnergy;
    }
    if (entry.type === "local-candidate") found.ports.push(entry.port);
    if (entry.type === "transport") {
      const pair = all.get(entry.selectedCandidatePairId);
      const remote = all.get(pair?.remoteCandidateId);
      found.transports.push({ dtls: entry.dtlsState, role: entry.dtlsRole, remote: remote?.port });
    }
  }
  // What was agreed on, as the browser understood it.  Parameters that have no name in SDP have one in Jingle, and
  // stanza leaves it there when it makes SDP of them.
  for (const sender of connection.getSenders()) {
    const { codecs, headerExtensions } = sender.getParameters();
    found.agreed[sender.track.kind] = {
      codecs: codecs.map(one => [one.payloadType, one.mimeType, one.clockRate, one.channels, one.sdpFmtpLine?.replace(/^(?:events|pt)=/, "")]),
      extensions: headerExtensions.map(one => [one.id, one.uri]),
      digits: [sender.dtmf?.canInsertDTMF ?? false],
    };
  }
  return found;
}
