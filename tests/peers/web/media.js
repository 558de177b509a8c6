// What both pages have: sound and picture from Chromium's fake devices, and what getStats counts.

// Nothing but loopback, so that no packet of a test takes another way, whatever interfaces the machine has.
export const isLoopback = candidate => /^\S+ \d+ \S+ \d+ (?:127\.[\d.]+|::1) /.test(candidate);

export const media = async kinds =>
  navigator.mediaDevices.getUserMedia({ audio: kinds.includes("audio"), video: kinds.includes("video") });

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
  const found = { state: connection.connectionState, sent: {}, received: {}, codecs: {}, decoded: {}, ports: [], transports: [], agreed: {} };
  for (const entry of all.values()) {
    if (entry.type === "outbound-rtp") found.sent[entry.kind] = (found.sent[entry.kind] ?? 0) + entry.bytesSent;
    if (entry.type === "inbound-rtp") {
      found.received[entry.kind] = (found.received[entry.kind] ?? 0) + entry.bytesReceived;
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
