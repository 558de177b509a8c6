// An XMPP client in a browser: stanza does XMPP and Jingle; message initiation (XEP-0353), which it lacks, is added.

import { createClient } from "stanza";
import { verify } from "stanza/helpers/LegacyEntityCapabilities";
import { XMLElement, attribute } from "stanza/jxt";
import { credentials, hears, isLoopback, media, play, speak, statistics } from "./media.js";

const INITIATION = "urn:xmpp:jingle-message:0";
const RTP = "urn:xmpp:jingle:apps:rtp:1";

const kindsOf = {
  importer: xml => xml.children.filter(child => child.getNamespace?.() === RTP).map(child => child.getAttribute("media")),
  exporter: (xml, kinds) => {
    for (const media of kinds) xml.appendChild(new XMLElement("description", { xmlns: RTP, media }));
  },
};

// As a browser's connection, but its candidates are those on loopback.
class Connection extends RTCPeerConnection {
  set onicecandidate(listener) {
    super.onicecandidate = event => {
      if (!event.candidate?.candidate || isLoopback(event.candidate.candidate)) listener(event);
    };
  }
}

let client;
let session;
const seen = [];
const waiting = [];

function happened(event) {
  seen.push(event);
  for (const check of [...waiting]) check();
}

// The next event of that kind (and session) that nobody has taken yet.
function next(kind, id) {
  return new Promise(resolve => {
    const check = () => {
      const index = seen.findIndex(event => event.kind === kind && (!id || id === (event.id ?? event.sid)));
      if (index < 0) return;
      waiting.splice(waiting.indexOf(check), 1);
      resolve(seen.splice(index, 1)[0]);
    };
    waiting.push(check);
    check();
  });
}

const initiate = (to, kind, session, kinds = []) =>
  client.sendMessage({ to, type: "chat", id: `${kind} ${session}`, [kind]: { id: session, kinds } });

window.peer = {
  next,
  // With the resource in the JID; `copies`: what other devices of the account say is seen too (XEP-0280).
  async login(jid, password, websocket, copies) {
    client = createClient({
      jid,
      password,
      transports: { websocket, bosh: false },
      jingle: {
        iceServers: [],
        createPeerConnection: (_, options) => {
          const connection = new Connection(options);
          play(connection);
          return connection;
        },
      },
    });
    client.disco.addFeature(INITIATION);
    for (const element of ["propose", "ringing", "proceed", "accept", "reject", "retract", "finish"]) {
      client.stanzas.define({
        namespace: INITIATION,
        element,
        path: `message.${element}`,
        fields: { id: attribute("id"), kinds: kindsOf },
      });
      client.on("message", message => {
        const mine = [client.jid, client.jid.split("/")[0]].includes(message.to);
        if (message[element] && mine) happened({ kind: element, from: message.from, ...message[element] });
      });
      client.on("message:sent", (message, viaCarbon) => {
        if (message[element] && viaCarbon) happened({ kind: `${element}-elsewhere`, from: message.from, ...message[element] });
      });
    }
    client.on("message:error", message => {
      const [kind, id] = message.id.split(" ");
      happened({ kind: `${kind}-refused`, id });
    });
    for (const kind of ["incoming", "accepted", "ringing", "terminated"]) {
      client.on(`jingle:${kind}`, (about, detail) => {
        if (kind === "incoming") session = about;
        happened({ kind: `session-${kind}`, sid: about.sid, reason: detail?.condition });
      });
    }
    client.jingle.on("log", (level, ...what) => console.log(level, ...what));
    client.on("raw:*", (event, xml) => console.log(event, xml));
    client.connect();
    await new Promise((resolve, reject) => {
      client.once("session:started", resolve);
      client.once("disconnected", () => reject(new Error("the server closed the connection")));
    });
    if (copies) await client.enableCarbons();
    client.sendPresence();
    return client.jid;
  },
  // Call: after a propose and a proceed, or (direct) by a session-initiate out of the blue.  Done when it is accepted.
  async call(to, kinds, direct) {
    let sid = crypto.randomUUID();
    if (!direct) {
      initiate(to, "propose", sid, kinds);
      to = (await next("proceed")).from;
    }
    session = client.jingle.createMediaSession(to, sid, await media(kinds));
    session.start();
    await next("session-accepted");
    return sid;
  },
  // Let the next call that is proposed ring.
  async ring() {
    const proposed = await next("propose");
    initiate(proposed.from, "ringing", proposed.id);
    return proposed;
  },
  say: (kind, { id, from }) => initiate(from, kind, id),
  propose(to, kinds) {
    const id = crypto.randomUUID();
    initiate(to, "propose", id, kinds);
    return { id, from: to };
  },
  // Take a call that rings.  Done when the session-accept is out.
  async answer({ id, from }, kinds) {
    initiate(from, "proceed", id);
    await next("session-incoming", id);
    const stream = await media(kinds);
    for (const track of stream.getTracks()) await session.addTrack(track, stream);
    await session.accept();
  },
  // Take the next call that is proposed.
  async take(kinds) {
    const proposed = await this.ring();
    await this.answer(proposed, kinds);
    return proposed.kinds;
  },
  // Add a contact, and find out all that a client shows of one.  `verified`: its caps are those of what it tells.
  async meets(jid, resource) {
    const full = `${jid}/${resource}`;
    client.on("subscribe", asked => client.acceptSubscription(asked.from));
    const shown = kind => new Promise(resolve => client.on(kind, event => event.jid === full && resolve(event)));
    const heard = Promise.all([shown("disco:caps"), shown("avatar")]);
    await client.getRoster();
    client.subscribe(jid);
    const [{ caps: [caps] }, { avatars: [avatar] }] = await heard;
    const told = await client.getDiscoInfo(full, `${caps.node}#${caps.value}`);
    const card = await client.getVCard(jid);
    const photo = card.records.find(record => record.type === "photo");
    const picture = await client.getAvatar(jid, avatar.id);
    const version = await client.getSoftwareVersion(full);
    const { utc } = await client.getTime(full);
    await client.ping(jid);
    return {
      verified: verify(told, caps.algorithm, caps.value),
      features: told.features,
      name: card.fullName,
      number: card.records.find(record => record.type === "tel")?.value,
      avatar: avatar.id,
      photo: photo.data.toString("base64"),
      picture: picture.content.data.toString("base64"),
      version: version.name,
      utc: utc.getTime() / 1000,
    };
  },
  features: async jid => (await client.getDiscoInfo(jid)).features,
  speak,
  hears: hertz => hears(session.pc, hertz),
  press: (digits, duration, gap) => {
    const sender = session.pc.getSenders().find(one => one.track?.kind === "audio");
    sender.dtmf.insertDTMF(digits, duration, gap);
  },
  write: (to, body) => client.sendMessage({ to, body, type: "chat" }),
  end: () => session.end("success"),
  ended: async () => (await next("session-terminated")).reason,
  hold: () => session.hold(),
  resume: () => session.resume(),
  restart: () => session.restartIce(),
  credentials: () => credentials(session.pc),
  statistics: () => statistics(session.pc),
};
