// A SIP phone's media: Chromium's own SDP, whole, with every candidate in it; the SIP around it is spoken elsewhere.

import { isLoopback, media, play, statistics } from "./media.js";

let connection;

async function open(kinds) {
  connection = new RTCPeerConnection();
  play(connection);
  const stream = await media(kinds);
  for (const track of stream.getTracks()) connection.addTrack(track, stream);
}

async function described() {
  if (connection.iceGatheringState !== "complete") {
    await new Promise(done => {
      connection.addEventListener("icegatheringstatechange", () => {
        if (connection.iceGatheringState === "complete") done();
      });
    });
  }
  const lines = connection.localDescription.sdp.split("\r\n");
  return lines.filter(line => !line.startsWith("a=candidate:") || isLoopback(line)).join("\r\n");
}

window.peer = {
  async offer(kinds) {
    await open(kinds);
    await connection.setLocalDescription();
    return described();
  },
  async answer(kinds, sdp) {
    await open(kinds);
    await connection.setRemoteDescription({ type: "offer", sdp });
    await connection.setLocalDescription();
    return described();
  },
  accept: sdp => connection.setRemoteDescription({ type: "answer", sdp }),
  statistics: () => statistics(connection),
};
