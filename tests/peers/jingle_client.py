"""An XMPP account that calls by Jingle: it signs in, answers what a client must answer, and remembers every stanza."""

import asyncio
import base64
import hashlib
import itertools
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from xml.etree.ElementTree import Element, SubElement

from slixmpp import ClientXMPP
from slixmpp.xmlstream import StanzaBase, tostring

from tests.peers import jingle
from tests.peers.jingle import CLIENT, JINGLE, Audio, local
from tests.peers.program import PATIENCE_SECONDS, PeerFailure
from tests.peers.rtp import RtpEndpoint


@dataclass(frozen=True, slots=True)
class Seen:
    """A stanza that went over the client's stream."""

    at: float
    "Monotonic seconds."
    outgoing: bool
    element: Element

    @property
    def kind(self) -> str:
        """iq, message or presence."""
        return local(self.element.tag)

    @property
    def type(self) -> str:
        """The stanza's type."""
        return self.element.get("type", "")

    @property
    def id(self) -> str:
        """The stanza's id."""
        return self.element.get("id", "")

    @property
    def sender(self) -> str:
        """The stanza's 'from'."""
        return self.element.get("from", "")

    @property
    def to(self) -> str:
        """The stanza's 'to'."""
        return self.element.get("to", "")

    @property
    def jingle(self) -> Element | None:
        """Its <jingle/>."""
        return self.element.find(f"{{{JINGLE}}}jingle")

    @property
    def action(self) -> str:
        """The Jingle action; empty: none."""
        found = self.jingle
        return found.get("action", "") if found is not None else ""

    @property
    def initiation(self) -> Element | None:
        """Its element of message initiation, not looking into carbon copies."""
        return next((child for child in self.element if child.tag.startswith(f"{{{jingle.INITIATION}}}")), None)

    @property
    def sid(self) -> str:
        """The session that it is about; empty: none."""
        if self.jingle is not None:
            return self.jingle.get("sid", "")
        return self.initiation.get("id", "") if self.initiation is not None else ""

    @property
    def condition(self) -> str:
        """The reason's or the error's condition in it."""
        return jingle.condition(self.element)

    @property
    def text(self) -> str:
        """The reason's or the error's text in it."""
        return jingle.text(self.element)

    @property
    def label(self) -> str:
        """The stanza in a few words, for ladders and messages."""
        words = [f"{self.kind} {self.type}".strip()]
        if self.action:
            found = self.jingle
            words = [self.action]
            if self.action == "session-info" and found is not None and len(found):
                words.append(local(found[0].tag))
        elif self.initiation is not None:
            words = [local(self.initiation.tag)]
        elif len(self.element) and self.type != "error":
            words.append(local(self.element[0].tag))
        if self.condition:
            words.append(f"({self.condition})")
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stanza that is waited for: what it is in words, and how to know it."""

    what: str
    test: Callable[[Seen], bool]


def action(name: str, sid: str = "", info: str = "") -> Wanted:
    """A Jingle request of that action (and session; and, for session-info, what it informs of)."""

    def test(seen: Seen) -> bool:
        found = seen.jingle
        if found is None or seen.type != "set" or seen.action != name or (sid and seen.sid != sid):
            return False
        return not info or any(local(child.tag) == info for child in found)

    return Wanted(f"{name} {info} {sid}".strip(), test)


def initiation(name: str, sid: str = "") -> Wanted:
    """A message of XEP-0353 of that name (and session)."""

    def test(seen: Seen) -> bool:
        found = seen.initiation
        return found is not None and seen.type != "error" and local(found.tag) == name and (not sid or seen.sid == sid)

    return Wanted(f"<{name}/> {sid}".strip(), test)


def presence(type: str, sender: str = "") -> Wanted:
    """A presence of that type; an empty one is 'available'."""
    return Wanted(
        f"presence {type or 'available'} from {sender or 'anybody'}",
        lambda seen: seen.kind == "presence" and seen.type == type and seen.sender.startswith(sender),
    )


def carbon(name: str) -> Wanted:
    """A carbon copy of a message initiation of that name (XEP-0280)."""
    return Wanted(
        f"carbon copy of <{name}/>",
        lambda seen: (
            seen.kind == "message"
            and seen.initiation is None
            and any(found.tag == f"{{{jingle.INITIATION}}}{name}" for found in seen.element.iter())
        ),
    )


class JingleClient:
    """One device of an account.  Use as an async context manager, or `connect` and `close`.

    Every IQ that it is asked is answered: disco#info and ping with their answers, Jingle requests with a result,
    anything else with service-unavailable.  `answer` may be set to answer differently.
    """

    def __init__(
        self,
        jid: str,
        password: str,
        server: tuple[str, int],
        *,
        features: Sequence[str] = jingle.FEATURES,
        available: bool = True,
        carbons: bool = False,
        priority: int = 0,
    ) -> None:
        self.jid = jid
        "The full JID; the server gives the resource that is asked for."
        self.features = sorted(features)
        self.transcript: list[Seen] = []
        self.answer: Callable[[Seen], Element | None] = lambda seen: None
        "Given an IQ request, the whole stanza to answer it with, or None for the usual answer."
        self._server = server
        self._available = available
        self._carbons = carbons
        self._priority = priority
        self._password = password
        self._stream: ClientXMPP | None = None
        self._unread: list[Seen] = []
        self._news = asyncio.Event()
        self._pending: dict[str, asyncio.Future[Seen]] = {}
        self._numbers = itertools.count(1)
        self._on_seen: list[Callable[[Seen], None]] = []

    # --- the stream -----------------------------------------------------------------------------------------------

    @property
    def bare(self) -> str:
        """The account's JID."""
        return self.jid.partition("/")[0]

    async def connect(self) -> None:
        """Sign in, and become available unless that was not wanted."""
        stream = ClientXMPP(self.jid, self._password)
        stream.enable_starttls = stream.enable_direct_tls = False
        stream.enable_plaintext = True
        stream.plugin["feature_mechanisms"].unencrypted_plain = True
        stream.add_filter("in", self._incoming)
        signed_in: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def settle(failure: str | None) -> None:
            if not signed_in.done():
                signed_in.set_exception(PeerFailure(failure)) if failure else signed_in.set_result(None)

        stream.add_event_handler("session_start", lambda _: settle(None))
        stream.add_event_handler("failed_all_auth", lambda _: settle(f"{self.jid}: not authorized"))
        stream.add_event_handler("disconnected", lambda _: settle(f"{self.jid}: the server closed the stream"))
        self._stream = stream
        stream.connect(*self._server)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await signed_in
        # Who has not asked for the roster is not told of subscriptions (RFC 6121 §2.2).
        await self.ask(self.bare, Element("{jabber:iq:roster}query"), type="get")
        if self._carbons:
            await self.ask(self.bare, Element("{urn:xmpp:carbons:2}enable"))
        if self._available:
            self.announce()
            # The server's own copy says that it counts this device as available from now on.
            await self.expect(presence("", self.jid))

    async def close(self) -> None:
        """Sign out."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            gone = stream.disconnect(wait=1.0)
            try:
                async with asyncio.timeout(3):
                    await gone
            except TimeoutError:
                stream.abort()

    def abort(self) -> None:
        """Break the connection without a word."""
        if self._stream is not None:
            self._stream.abort()
            self._stream = None

    @property
    def connected(self) -> bool:
        """Whether the stream stands."""
        return self._stream is not None and self._stream.transport is not None

    async def __aenter__(self) -> "JingleClient":
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- sending --------------------------------------------------------------------------------------------------

    def send(self, stanza: Element) -> None:
        """Send a whole stanza."""
        if not self.connected or self._stream is None:
            raise PeerFailure(f"{self.jid} is not connected")
        self._remember(Seen(time.monotonic(), True, stanza))
        self._stream.send_raw(tostring(stanza, xmlns=CLIENT, stream=self._stream))

    async def ask(self, to: str, payload: Element, type: str = "set") -> Seen:
        """Send an IQ request and return its answer, result or error."""
        stanza = Element(f"{{{CLIENT}}}iq", {"type": type, "id": self.fresh_id(), "to": to})
        stanza.append(payload)
        return await self.ask_stanza(stanza)

    async def ask_stanza(self, stanza: Element) -> Seen:
        """Send a whole IQ request and return its answer."""
        answered: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
        number = stanza.get("id", "")
        self._pending[number] = answered
        try:
            self.send(stanza)
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await answered
        except TimeoutError:
            raise PeerFailure(f"{self.jid}: no answer to {number}\n{self.ladder()}") from None
        finally:
            del self._pending[number]

    def say(self, to: str, *children: Element, type: str = "chat", id: str = "") -> None:
        """Send a message."""
        stanza = Element(f"{{{CLIENT}}}message", {"type": type, "id": id or self.fresh_id(), "to": to})
        stanza.extend(children)
        self.send(stanza)

    def announce(self, type: str = "", to: str = "") -> None:
        """Send a presence; without a type an available one, with caps (XEP-0115)."""
        attributes = {name: value for name, value in (("type", type), ("to", to)) if value}
        stanza = Element(f"{{{CLIENT}}}presence", attributes)
        if not type:
            SubElement(stanza, f"{{{CLIENT}}}priority").text = str(self._priority)
            SubElement(
                stanza,
                f"{{{jingle.CAPS}}}c",
                {"hash": "sha-1", "node": "urn:example:test-client", "ver": self.caps},
            )
        self.send(stanza)

    @property
    def caps(self) -> str:
        """The hash of what it advertises (XEP-0115 §5.1)."""
        text = "client/phone//test-client<" + "".join(f"{feature}<" for feature in self.features)
        return base64.b64encode(hashlib.sha1(text.encode(), usedforsecurity=False).digest()).decode()

    def fresh_id(self) -> str:
        """An id that no other stanza of this client has."""
        return f"{self.jid.rpartition('/')[2]}-{next(self._numbers)}"

    # --- calling --------------------------------------------------------------------------------------------------

    async def request(self, to: str, element: Element) -> Seen:
        """Send a Jingle request; its answer."""
        return await self.ask(to, element)

    def initiate_message(self, name: str, sid: str, to: str, *children: Element) -> None:
        """Send a message of XEP-0353, with the hint that it always carries."""
        self.say(to, jingle.initiation(name, sid, *children), Element(f"{{{jingle.HINTS}}}store"))

    def propose(self, to: str, *media: str, sid: str = "") -> str:
        """Propose a session to a bare JID; returns its id."""
        sid = sid or str(uuid.uuid4())
        self.initiate_message("propose", sid, to, *jingle.kinds(*(media or ("audio",))))
        return sid

    def session(self, peer: str, sid: str = "", *, voice: RtpEndpoint, initiator: bool = True) -> "Session":
        """A session with a full JID, which speaks with that voice."""
        return Session(self, peer, sid or str(uuid.uuid4()), voice, initiator=initiator)

    # --- what came ------------------------------------------------------------------------------------------------

    async def expect(self, wanted: Wanted, within: float = PATIENCE_SECONDS) -> Seen:
        """The next incoming stanza that is wanted; those before it stay for other expectations."""
        deadline = asyncio.get_running_loop().time() + within
        while True:
            for index, seen in enumerate(self._unread):
                if wanted.test(seen):
                    del self._unread[index]
                    return seen
            self._news.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                raise PeerFailure(f"{self.jid}: no {wanted.what} within {within:g} s\n{self.ladder()}") from None

    def came(self, wanted: Wanted) -> list[Seen]:
        """All incoming stanzas so far of that kind."""
        return [seen for seen in self.transcript if not seen.outgoing and wanted.test(seen)]

    def watch(self, callback: Callable[[Seen], None]) -> None:
        """Tell `callback` of every stanza from now on, both ways."""
        self._on_seen.append(callback)

    async def fence(self, to: str) -> None:
        """Return when the entity has answered a question put now: what it had sent before has arrived then."""
        await self.ask(to, jingle.disco_info(), type="get")

    def ladder(self) -> str:
        """What went over the stream, a line each."""
        if not self.transcript:
            return "  (no stanzas)"
        start = self.transcript[0].at
        return "\n".join(
            f"  {seen.at - start:8.3f} {self.jid} {'→' if seen.outgoing else '←'} "
            f"{seen.to if seen.outgoing else seen.sender}: {seen.label}"
            for seen in self.transcript
        )

    def _remember(self, seen: Seen) -> None:
        self.transcript.append(seen)
        for callback in self._on_seen:
            callback(seen)

    def _incoming(self, stanza: StanzaBase) -> StanzaBase | None:
        """Take every stanza that is ours; slixmpp keeps those of the stream's set-up."""
        element = stanza.xml
        if element.tag not in (f"{{{CLIENT}}}iq", f"{{{CLIENT}}}message", f"{{{CLIENT}}}presence"):
            return stanza
        seen = Seen(time.monotonic(), False, element)
        if seen.kind == "iq" and seen.type in ("result", "error"):
            waiting = self._pending.get(seen.id)
            if waiting is None:
                return stanza
            self._remember(seen)
            if not waiting.done():
                waiting.set_result(seen)
            return None
        self._remember(seen)
        if seen.kind == "iq":
            self._reply(seen)
        self._unread.append(seen)
        self._news.set()
        return None

    def _reply(self, seen: Seen) -> None:
        answer = self.answer(seen)
        if answer is not None:
            self.send(answer)
            return
        payload = seen.element[0].tag if len(seen.element) else ""
        if payload == f"{{{jingle.DISCO_INFO}}}query":
            self.send(result(seen, self._disco(seen.element[0].get("node"))))
        elif local(payload) in ("jingle", "ping") or payload == "{jabber:iq:roster}query":
            self.send(result(seen))
        else:
            self.send(error(seen, "service-unavailable"))

    def _disco(self, node: str | None) -> Element:
        query = Element(f"{{{jingle.DISCO_INFO}}}query", {"node": node} if node else {})
        SubElement(
            query,
            f"{{{jingle.DISCO_INFO}}}identity",
            {"category": "client", "type": "phone", "name": "test-client"},
        )
        for feature in self.features:
            SubElement(query, f"{{{jingle.DISCO_INFO}}}feature", {"var": feature})
        return query


class Session:
    """One Jingle session of a client, with one voice."""

    def __init__(self, client: JingleClient, peer: str, sid: str, voice: RtpEndpoint, *, initiator: bool) -> None:
        self.client = client
        self.peer = peer
        self.sid = sid
        self.voice = voice
        self.initiator = client.jid if initiator else peer
        self.responder = peer if initiator else client.jid
        self.local = Audio(voice.local)

    async def act(self, name: str, *children: Element) -> Seen:
        """Send an action of this session; its answer."""
        element = jingle.jingle(name, self.sid, *children, initiator=self.initiator)
        if name == "session-accept":
            element.set("responder", self.responder)
        return await self.client.request(self.peer, element)

    async def initiate(self, *contents: Element) -> Seen:
        """session-initiate, with our audio or with the contents given; its answer."""
        return await self.act("session-initiate", *(contents or (jingle.content(self.local),)))

    async def accepted(self) -> Seen:
        """Wait for the session-accept, and speak to whom it names."""
        seen = await self.client.expect(action("session-accept", self.sid))
        self.speak_to(seen)
        return seen

    async def accept(self, offer: Seen) -> Seen:
        """session-accept of an offer, under its content's name, and speak to whom it names; the accept's answer."""
        assert offer.jingle is not None
        offered = jingle.payload_types(offer.jingle)
        self.local = Audio(
            self.voice.local,
            payloads=tuple(payload for payload in self.local.payloads if payload[0] in offered),
            name=jingle.content_name(offer.jingle),
        )
        answer = await self.act("session-accept", jingle.content(self.local))
        self.speak_to(offer)
        return answer

    def speak_to(self, seen: Seen) -> None:
        """Send the tone to the address in a session-initiate or session-accept."""
        remote = jingle.address(seen.jingle) if seen.jingle is not None else None
        if remote is None:
            raise PeerFailure(f"{self.client.jid}: no candidate in the {seen.label}")
        self.voice.speak(remote)

    async def ring(self) -> Seen:
        """session-info ringing; its answer."""
        return await self.act("session-info", jingle.info("ringing"))

    async def terminate(self, condition: str = "success") -> Seen:
        """session-terminate; its answer."""
        self.voice.hush()
        return await self.act("session-terminate", jingle.reason(condition))

    async def terminated(self, within: float = PATIENCE_SECONDS) -> Seen:
        """Wait for the peer's session-terminate."""
        seen = await self.client.expect(action("session-terminate", self.sid), within)
        self.voice.hush()
        return seen


def result(seen: Seen, *children: Element) -> Element:
    """The IQ result that answers a request."""
    stanza = Element(f"{{{CLIENT}}}iq", {"type": "result", "id": seen.id, "to": seen.sender})
    stanza.extend(children)
    return stanza


def error(seen: Seen, condition: str, type: str = "cancel", *details: Element, text: str = "") -> Element:
    """The IQ error that answers a request."""
    stanza = Element(f"{{{CLIENT}}}iq", {"type": "error", "id": seen.id, "to": seen.sender})
    found = SubElement(stanza, f"{{{CLIENT}}}error", {"type": type})
    SubElement(found, f"{{{jingle.STANZAS}}}{condition}").text = text or None
    found.extend(details)
    return stanza
