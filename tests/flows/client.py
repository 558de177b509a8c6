"""An XMPP user's device: what it says, what it waits for, and what it knows of its calls."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

from gateway.jid import bare
from mappings.namespaces import COMPONENT
from tests.flows.inmemory import DOMAIN, World, word_of_stanza
from tests.flows.step import Step, check

NUMBER = "+15551230000"
"What romeo dials."

PAYLOADS = {
    "audio": "<payload-type id='0' name='PCMU' clockrate='8000'/><payload-type id='8' name='PCMA' clockrate='8000'/>",
    "video": "<payload-type id='96' name='VP8' clockrate='90000'/>",
}
RAW = (
    "<transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'>"
    "<candidate component='1' generation='0' id='r1' ip='192.0.2.9' port='40100'/></transport>"
)
ICE = "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='uf01' pwd='secretsecretsecret0001'>{}</transport>"
CANDIDATE = (
    "<candidate component='1' foundation='1' generation='0' id='k1' ip='192.0.2.9' network='0' port='40100' "
    "priority='2130706431' protocol='udp' type='host'/>"
)
_INITIATIONS = frozenset({"propose", "ringing", "proceed", "reject", "retract", "finish"})


@dataclass
class _Session:
    """What a client knows of a call."""

    sid: str
    peer: str
    contents: list[str] = field(default_factory=lambda: ["audio"])
    creator: str = "initiator"


@dataclass
class _Client:
    """What a client remembers."""

    sessions: dict[str, _Session]
    "The account's: every device knows of the calls of the others."

    unanswered: list[Element] = field(default_factory=list)
    sent: Element | None = None
    ids: Any = field(default_factory=lambda: count(1))


@dataclass(frozen=True)
class Client:
    """One device of an XMPP user."""

    jid: str
    name: str

    def _memory(self, world: World) -> _Client:
        world.names.setdefault(self.jid, self.name)
        world.names.setdefault(bare(self.jid), bare(self.jid).partition("@")[0])
        sessions = world.state.setdefault(bare(self.jid), {})
        memory: _Client = world.state.setdefault(self, _Client(sessions))
        return memory

    def sends(
        self,
        what: str,
        *,
        call: str = "one",
        sid: str | None = None,
        to: str | None = None,
        number: str = NUMBER,
        media: Iterable[str] = ("audio",),
        transport: str = RAW,
        xml: str | None = None,
        more: str = "",
        text: str = "",
        type: str = "chat",
        attributes: str = "",
    ) -> Step:
        """Say something: a Jingle action or message of initiation with its reason, a reply, a presence.

        ``xml``: what is inside instead of what belongs there; ``more``: what stands beside it; ``attributes``: further
        ones of a Jingle action.
        """

        def do(world: World) -> None:
            memory = self._memory(world)
            word, _, rest = what.partition(" ")
            if word in ("result", "error"):
                self._reply(world, memory.unanswered.pop(0), word, rest, xml or "")
                return
            if word == "presence":
                self._say(world, "presence", to or f"{number}@{DOMAIN}", rest, xml or "")
                return
            session = memory.sessions.get(call)
            if session is None or word in ("propose",) or sid is not None:
                known = f"{number}@{DOMAIN}" + ("" if word == "propose" else "/sip")
                session = memory.sessions[call] = _Session(sid or f"s-{call}", known)
            place = to or session.peer
            said = f"<text>{text}</text>" if text else ""
            reason = "".join(f"<{name}/>" for name in rest.split())
            if word in _INITIATIONS:
                inside = f"<reason xmlns='urn:xmpp:jingle:1'>{reason}{said}</reason>" if reason else ""
                if word == "propose":
                    inside = "".join(
                        f"<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='{kind}'/>" for kind in media
                    )
                body = inside if xml is None else xml
                element = f"<{word} xmlns='urn:xmpp:jingle-message:0' id='{session.sid}'>{body}</{word}>{more}"
                self._say(world, "message", place, type, element)
                return
            if word in ("session-initiate", "session-accept"):
                inside = _contents(session, media if word == "session-initiate" else None, transport)
            elif word == "transport-info":
                inside = "".join(
                    f"<content creator='{session.creator}' name='{name}'>{transport}</content>"
                    for name in session.contents
                )
            elif word == "session-info":
                inside = f"<{rest} xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>" if rest else ""
            else:
                inside = f"<reason>{reason}{said}</reason>" if reason else ""
            body = inside if xml is None else xml
            said = f"action='{word}' sid='{session.sid}'{attributes}"
            element = f"<jingle xmlns='urn:xmpp:jingle:1' {said}>{body}</jingle>{more}"
            self._say(world, "iq", place, "set", element)

        return Step(do)

    def gets(
        self,
        what: str,
        *,
        call: str = "one",
        has: str | Iterable[str] = (),
        lacks: str | Iterable[str] = (),
        reply: str | None = "result",
    ) -> Step:
        """Take the next stanza, which is this one; ``has`` and ``lacks`` are texts in it.

        ``reply`` answers an IQ: ``result``, ``error`` with its names, or None for silence.
        """

        def do(world: World) -> None:
            memory = self._memory(world)
            stanza = self._next(world, what)
            text = tostring(stanza, encoding="unicode")
            check(world, what, word_of_stanza(stanza), text, has=has, lacks=lacks)
            self._learn(memory, stanza, call)
            if stanza.tag.endswith("}iq") and stanza.get("type") in ("set", "get"):
                if reply is None:
                    memory.unanswered.append(stanza)
                else:
                    word, _, rest = reply.partition(" ")
                    self._reply(world, stanza, word, rest, "")

        return Step(do)

    def _next(self, world: World, what: str) -> Element:
        if what.startswith("presence"):
            for stanza in world.presences:
                if stanza.get("to") in (self.jid, bare(self.jid)) and word_of_stanza(stanza) == what:
                    world.presences.remove(stanza)
                    return stanza
            world.fail(f"{self.name} waits for '{what}'")
        waiting = world.stanzas.get(bare(self.jid), ())
        for stanza in waiting:
            if stanza.get("to") in (self.jid, bare(self.jid)):
                world.stanzas[bare(self.jid)].remove(stanza)
                return stanza
        world.fail(f"{self.name} waits for '{what}', and there is nothing")
        raise AssertionError

    def _learn(self, memory: _Client, stanza: Element, call: str) -> None:
        """A call that comes: its id, its peer, the names of its contents."""
        child = next(iter(stanza), None)
        if child is None:
            return
        name = child.tag.rpartition("}")[2]
        sid = child.get("sid") or child.get("id")
        action = child.get("action")
        session = memory.sessions.get(call)
        if sid and (name == "propose" or action == "session-initiate" or (session is not None and session.sid == sid)):
            session = memory.sessions.setdefault(call, _Session(sid, ""))
            session.sid, session.peer = sid, stanza.get("from", "")
            if action == "session-initiate":
                session.contents = [inner.get("name", "") for inner in child if inner.tag.endswith("}content")]

    def _reply(self, world: World, request: Element, type: str, names: str, extra: str) -> None:
        inside = extra
        if type == "error":
            condition, *details = names.split()
            inside = (
                f"<error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>{extra}</{condition}>"
                + "".join(f"<{name} xmlns='urn:xmpp:jingle:errors:1'/>" for name in details)
                + "</error>"
            )
        id, to, sender = request.get("id"), request.get("from"), request.get("to")
        self._in(world, f"<iq type='{type}' id='{id}' to='{to}' from='{sender}'>{inside}</iq>")

    def bounces(self, what: str, condition: str) -> Step:
        """The last message for the account comes back as an error, from its server."""

        def do(world: World) -> None:
            self._memory(world)
            stanza = self._next(world, what)
            check(world, what, word_of_stanza(stanza), "")
            inside = f"<error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
            id, to, sender = stanza.get("id"), stanza.get("from"), stanza.get("to")
            self._in(world, f"<message type='error' id='{id}' to='{to}' from='{sender}'>{inside}</message>")

        return Step(do)

    def _say(self, world: World, kind: str, to: str, type: str, inside: str) -> None:
        number = next(self._memory(world).ids)
        kind_of = f" type='{type}'" if type else ""
        self._in(world, f"<{kind}{kind_of} id='{self.name}-c{number}' from='{self.jid}' to='{to}'>{inside}</{kind}>")

    def _in(self, world: World, text: str) -> None:
        world.xmpp_in(self.name, fromstring(f"<stream xmlns='{COMPONENT}'>{text}</stream>")[0])


def _contents(session: _Session, media: Iterable[str] | None, transport: str) -> str:
    kinds = list(media) if media is not None else ["audio"] * len(session.contents)
    if media is not None:
        session.contents = kinds
    return "".join(
        f"<content creator='{session.creator}' name='{name}'>"
        f"<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='{kind}'>{PAYLOADS[kind]}</description>"
        f"{transport}</content>"
        for name, kind in zip(session.contents, kinds, strict=True)
    )
