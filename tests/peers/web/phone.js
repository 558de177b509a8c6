// A SIP phone's media: Chromium's own SDP, whole, with every candidate in it; the SIP around it is spoken elsewhere.

import { credentials, isLoopback, media, play, statistics } from "./media.js";

let connection;

async function open(kinds) {
  connection = new RTCPeerConnection();
  play(connection);
  const stream = await media(kinds);
  for (const track of stream.getTracks()) connection.addTrack(track, stream);
}

async function described() {
  // A restart gathers anew, and has no candidate when it begins.
  const gathered = () => connection.iceGatheringState === "complete" && connection.localDescription.sdp.includes("a=candidate:");
  if (!gathered()) {
    await new Promise(done => {
      connection.addEventListener("icegatheringstatechange", () => {
        if (gathered()) done();
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
  // A change inside the call: every medium in that direction, with new credentials where ICE is to be restarted.
  async reoffer(direction, restart) {
    for (const transceiver of connection.getTransceivers()) transceiver.direction = direction;
    await connection.setLocalDescription(await connection.createOffer({ iceRestart: restart }));
    return described();
  },
  async reanswer(sdp) {
    await connection.setRemoteDescription({ type: "offer", sdp });
    await connection.setLocalDescription();
    return described();
  },
  credentials: () => credentials(connection),
  statistics: () => statistics(connection),
};
