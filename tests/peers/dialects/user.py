"""A client of one kind at a real XMPP server: it calls, is called, and meets every change as its kind does."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from xml.etree.ElementTree import Element, fromstring

from tests.flows.dialects import Speech
from tests.peers import jingle
from tests.peers.dialects import strict
from tests.peers.dialects.strict import Known
from tests.peers.dialects.way import Way
from tests.peers.jingle_client import JingleClient, Seen, Wanted, action, error, initiation
from tests.peers.xmpp_server import HOST

PASSWORD = "verona"
FEATURES = {True: jingle.FEATURES, False: jingle.AUDIO_FEATURES}
"What a client says that it knows, with message initiation and without."

LONG_SECONDS = 60.0
"How long a step may take that waits for who never replies."

VIDEO = "urn:xmpp:jingle:apps:rtp:video"


def account(speech: Speech) -> str:
    """The account of a kind of client."""
    return "".join(letter for letter in speech.client.lower() if letter.isalpha())


class DialectClient(JingleClient):
    """One device.  What it would choke on is kept in `complaints`, each with the stanza."""

    def __init__(self, speech: Speech, server: tuple[str, int], host: str) -> None:
        features = [VIDEO, *(one for one in FEATURES[speech.by_message] if speech.protected or one != jingle.DTLS)]
        # With one of its own it is asked for all of them, whoever else has the same.
        features.append(f"urn:example:{account(speech)}")
        super().__init__(f"{account(speech)}@{HOST}/phone", PASSWORD, server, features=features)
        self.speech = speech
        self.known = Known(self.jid)
        self.complaints: list[str] = []
        self.sid = ""
        self.way: Way | None = None
        self._host = host
        self._rules = strict.rules(speech.client)
        self._tasks: set[asyncio.Task[None]] = set()
        self.watch(self._look)

    # --- what comes ------------------------------------------------------------------------------------------------

    def _look(self, seen: Seen) -> None:
        if seen.outgoing or seen.type in ("result", "error") or "@" not in seen.sender:
            return
        for rule in self._rules:
            self.complaints += [f"{seen.label}: {text} ({rule.__name__})" for text in rule(self.known, seen)]
        self._learn(seen)

    def _learn(self, seen: Seen) -> None:
        known, said = self.known, strict.summary(strict.contents(seen))
        match seen.action:
            case "session-initiate" | "session-accept":
                known.adding = {}
                known.contents |= {name: kind for name, (kind, _) in said.items()}
                known.senders |= {name: senders for name, (_, senders) in said.items()}
            case "content-add":
                known.added = said
            case "content-modify":
                known.senders |= {name: senders for name, (_, senders) in said.items() if name in known.contents}
            case "content-remove":
                known.added = {}
                if self.speech.loses:
                    known.contents = {name: kind for name, kind in known.contents.items() if name not in said}
            case "content-accept":
                known.contents |= {name: kind for name, (kind, _) in known.adding.items()}
                known.adding = {}
            case "content-reject":
                known.adding = {}
            case _:
                pass

    def _reply(self, seen: Seen) -> None:
        word = self._word(seen)
        if word is None:
            return
        if word.startswith("error "):
            self.send(error(seen, word.removeprefix("error ")))
            return
        super()._reply(seen)
        if seen.action == "content-add" and self.speech.video:
            self._later(self._take(self.speech.offered or "content-accept"))

    def _word(self, seen: Seen) -> str | None:
        """How it answers a request."""
        match seen.action:
            case "content-add":
                offered = self.speech.offered
                return offered if offered is None or offered.startswith("error") else "result"
            case "content-reject" | "content-remove":
                return self.speech.rejected
            case "content-modify":
                return self.speech.reply
            case "session-info" if seen.jingle is not None and any(
                jingle.local(child.tag) in ("hold", "unhold") for child in seen.jingle
            ):
                return self.speech.reply
            case _:
                return "result"

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, how: str) -> None:
        """Accept the video that is offered."""
        named = next(iter(self.known.added))
        told = self.speech.video.replace("name='video'", f"name='{named}'").replace(
            "name='audio'", f"name='{self.first}'"
        )
        self.known.contents |= {name: kind for name, (kind, _) in self.known.added.items()}
        self.known.senders |= {name: senders for name, (_, senders) in self.known.added.items()}
        self.known.added = {}
        answer = await self.act(how, told)
        if answer.type != "result":
            self.complaints.append(f"{how}: {answer.condition}")

    @property
    def first(self) -> str:
        """What its sound is called."""
        return next(iter(self.known.contents), self.speech.name)

    # --- what it says ----------------------------------------------------------------------------------------------

    def _own(self, xml: str) -> str:
        """What a speech says, from here."""
        assert self.way is not None
        return self.way.written(xml, "198.51.100.7").replace("203.0.113.7", self._host)

    async def act(self, name: str, xml: str = "") -> Seen:
        """An action of its call; its answer."""
        initiator = self.jid if self.known.role == "initiator" else self.known.peer
        if self.speech.bare:
            initiator = self.bare
        inside = fromstring(f"<all xmlns='{jingle.JINGLE}'>{self._own(xml)}</all>")
        return await self.request(self.known.peer, jingle.jingle(name, self.sid, *inside, initiator=initiator))

    async def call(self, number: str) -> None:
        """Call a number; returns when the session is accepted."""
        known = self.known
        known.role = "initiator"
        await self._begin()
        if self.speech.by_message:
            self.sid = self.propose(number)
            known.peer = (await self.expect(initiation("proceed", self.sid))).sender
        else:
            self.sid, known.peer = self.fresh_id(), f"{number}/sip"
        offer = self.speech.offer()
        known.offered = fromstring(f"<all xmlns='{jingle.JINGLE}'>{self._own(offer)}</all>")
        known.contents = {self.speech.name: "audio"}
        answer = await self.act("session-initiate", offer)
        if answer.type != "result":
            self.complaints.append(f"session-initiate: {answer.condition}")
        await self._meet(await self.expect(action("session-accept", self.sid), LONG_SECONDS))

    async def seen_by(self, number: str) -> None:
        """Be known to a number, which is how it is called without message initiation."""
        self.announce(to=number)
        await self.expect(Wanted("disco#info", lambda seen: seen.kind == "iq" and seen.type == "get"))
        await self.fence(number)

    async def take(self) -> None:
        """Be called, and accept."""
        await self._begin()
        if self.speech.by_message:
            proposed = await self.expect(initiation("propose"))
            self.initiate_message("ringing", proposed.sid, proposed.sender)
            self.initiate_message("proceed", proposed.sid, proposed.sender)
        offer = await self.expect(action("session-initiate"))
        self.sid = offer.sid
        answer = await self.act("session-accept", self.speech.accept(self.first))
        if answer.type != "result":
            self.complaints.append(f"session-accept: {answer.condition}")
        await self._meet(offer)

    async def _begin(self) -> None:
        self.way = Way(self._host, initiator=self.known.role == "initiator", protected=self.speech.protected)
        await self.way.gather()

    async def _meet(self, seen: Seen) -> None:
        """Find the way to what the gateway describes, and secure it; what is not secured goes on meanwhile."""
        assert self.way is not None
        self.way.meet(strict.contents(seen)[0])
        if self.speech.protected and (state := await self.way.up(LONG_SECONDS)):
            self.complaints.append(f"no way: {state}")

    async def close(self) -> None:
        """Sign out, and give the way back."""
        if self.way is not None:
            await self.way.close()
            self.way = None
        await super().close()

    async def held(self, *, resumed: bool = False) -> None:
        """Wait until it is told that the phone holds, or has come back."""
        if self.speech.hold == "content-modify":
            await self.expect(action("content-modify", self.sid), LONG_SECONDS)
        else:
            await self.expect(action("session-info", self.sid, "unhold" if resumed else "hold"), LONG_SECONDS)

    async def changes(self) -> None:
        """What it does in a call, once the phone has held it and come back: press a key, mute, hold, show video."""
        speech = self.speech
        body = Element(f"{{{jingle.CLIENT}}}body")
        body.text = "5"
        self.say(self.known.peer.partition("/")[0], body)
        for word in ("mute", "unmute") if speech.mutes else ():
            await self._says(f"<{word} xmlns='{jingle.RTP_INFO}' {speech.mutes}/>")
        for word in speech.holds or ():
            if word in ("initiator", "both"):
                senders = self.known.role if word == "initiator" else word
                xml = f"<content creator='initiator' name='{self.first}' senders='{senders}'/>"
                await self._asks("content-modify", xml)
            else:
                await self._says(f"<{word} xmlns='{jingle.RTP_INFO}'/>")
        if speech.adds:
            names = {"0": self.first} if speech.bundles else {}
            xml = speech.adds
            for before, now in names.items():
                xml = xml.replace(f"<content name='{before}'/>", f"<content name='{now}'/>")
            if self.known.role == "responder":
                xml = xml.replace("senders='initiator'", "senders='responder'")
            inside = fromstring(f"<all xmlns='{jingle.JINGLE}'>{xml}</all>")
            self.known.adding = strict.summary(inside.findall(f"{{{jingle.JINGLE}}}content"))
            await self._asks("content-add", xml)
            await self.expect(action(self.speech.refused.partition(" ")[0], self.sid), LONG_SECONDS)

    async def _says(self, xml: str) -> None:
        await self._asks("session-info", xml)

    async def _asks(self, name: str, xml: str) -> None:
        answer = await self.act(name, xml)
        if answer.type != "result":
            self.complaints.append(f"{name}: {answer.condition}")

    async def hang_up(self) -> None:
        """End the call."""
        await self._asks("session-terminate", "<reason><success/></reason>")

    def check(self) -> None:
        """Fail where it choked on something, or what it wrote came back."""
        self.complaints += [seen.label for seen in self.transcript if seen.kind == "message" and seen.type == "error"]
        if self.complaints:
            raise AssertionError("\n".join([self.speech.client, *self.complaints, self.ladder()]))
