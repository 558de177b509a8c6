"""What flows are written with: actors, and steps that read like the arrows of a ladder diagram.

::

    answered = (
        romeo.sends("session-initiate"), romeo.gets("result"),
        juliet.gets("INVITE"), juliet.sends(180), romeo.gets("session-info ringing"),
        juliet.sends(200), juliet.gets("ACK"), romeo.gets("session-accept"),
    )

    def test_the_caller_hangs_up() -> None:
        run(*answered, romeo.sends("session-terminate success"), romeo.gets("result"),
            juliet.gets("BYE"), juliet.sends(200))

`gets` takes the next message for that actor, which must be the one named (more words may follow in it), and answers an
IQ set by a result unless told otherwise.  What nobody gets breaks the flow, and so does anything that is left after it.
Time passes only in `after`.  SIP's ACK to a refusal goes without saying on the phone's side.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

from gateway.jid import bare
from gateway.sip.address import NameAddr
from gateway.sip.message import SipRequest, SipResponse, parse, respond
from mappings.namespaces import COMPONENT
from tests.flows.inmemory import (
    DOMAIN,
    GATEWAY,
    PHONE,
    World,
    word_of_datagram,
    word_of_stanza,
    world,
)

NUMBER = "+15551230000"
"What romeo dials."

SDP = (
    "v=0\r\no=- 7 {version} IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na={direction}\r\n"
)

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


@dataclass(frozen=True)
class Step:
    """One thing that happens."""

    do: Callable[[World], None]


def run(*steps: Step, fails: bool = False, stops: bool = False, **tables: str) -> World:
    """Let it happen, step by step, and see that nothing is left.

    ``fails``: the gateway is to say in its log that it failed; ``stops``: it has left by the last step.  ``tables``:
    further keys of the configuration.
    """
    with world(**tables) as made:
        for step in steps:
            step.do(made)
        made.expect_nothing_left(failures=fails)
        if stops is not made.has_stopped:
            made.fail("the gateway has left" if made.has_stopped else "the gateway has not left")
    return made


def after(seconds: float) -> Step:
    """Time passes."""
    return Step(lambda world: world.loop.advance(seconds))


def at_once(*steps: Step) -> Step:
    """The gateway hears all of these before it can react to the first."""

    def do(world: World) -> None:
        world.holding = True
        for step in steps:
            step.do(world)
        world.holding = False
        world.settle()

    return Step(do)


def loses(step: Step) -> Step:
    """What is sent does not arrive."""

    def do(world: World) -> None:
        world.losing = True
        step.do(world)
        world.losing = False

    return Step(do)


def nothing() -> Step:
    """Nobody has got anything that was not got."""
    return Step(lambda world: world.expect_silence())


def holds(what: Callable[[World], bool], text: str) -> Step:
    """Something is so at this moment."""
    return Step(lambda world: None if what(world) else world.fail(text))


def does(what: Callable[[World], Any]) -> Step:
    """Something that no message says."""

    def do(world: World) -> None:
        what(world)
        world.settle()

    return Step(do)


def calls(number: int) -> Step:
    """So many calls are open."""
    return Step(lambda world: None if len(world.app.calls) == number else world.fail(f"{len(world.app.calls)} calls"))


def signals(number: int) -> Step:
    """The operator sends the process a signal."""
    return does(lambda world: world.loop.signal(number))


def _down(world: World) -> None:
    world.server_is_up = False
    world.stream.lose("connection reset")


def server_goes() -> Step:
    """The XMPP server is gone."""
    return does(_down)


def server_returns() -> Step:
    """The XMPP server takes connections again."""
    return does(lambda world: setattr(world, "server_is_up", True))


# --------------------------------------------------------------------------------------------------------- an XMPP user


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
    ) -> Step:
        """Say something: a Jingle action or message of initiation with its reason, a reply, a presence.

        ``xml``: what is inside instead of what belongs there; ``more``: what stands beside it.
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
            element = f"<jingle xmlns='urn:xmpp:jingle:1' action='{word}' sid='{session.sid}'>{body}</jingle>{more}"
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

        ``reply`` answers an IQ set: ``result``, ``error`` with its names, or None for silence.
        """

        def do(world: World) -> None:
            memory = self._memory(world)
            stanza = self._next(world, what)
            text = tostring(stanza, encoding="unicode")
            _check(world, what, word_of_stanza(stanza), text, has=has, lacks=lacks)
            self._learn(memory, stanza, call)
            if stanza.tag.endswith("}iq") and stanza.get("type") == "set":
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
        inside = ""
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
            _check(world, what, word_of_stanza(stanza), "")
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


def _check(
    world: World, what: str, word: str, text: str, *, has: str | Iterable[str] = (), lacks: str | Iterable[str] = ()
) -> None:
    if not f"{word} ".startswith(f"{what} "):
        world.fail(f"'{what}' was due, and there came '{word}'\n{text}")
    for part in [has] if isinstance(has, str) else has:
        if part not in text:
            world.fail(f"{part!r} is missing in\n{text}")
    for part in [lacks] if isinstance(lacks, str) else lacks:
        if part in text:
            world.fail(f"{part!r} has no place in\n{text}")


# ---------------------------------------------------------------------------------------------------------- a SIP phone


@dataclass
class _Line:
    """What a phone knows of a call."""

    call_id: str = ""
    local: str = ""
    remote: str = ""
    target: str = ""
    cseq: int = 100
    invite: SipRequest | None = None
    "The gateway's, or ours."

    ours: bool = False
    pending: list[SipRequest] = field(default_factory=list)
    "Requests of the gateway that have no final response."

    sent: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Phone:
    """A SIP user agent at an address; ``trunk`` is where the gateway believes it."""

    name: str
    host: str = PHONE
    port: int = 5060

    @property
    def _address(self) -> tuple[str, int]:
        return self.host, self.port

    def _line(self, world: World, call: str) -> _Line:
        world.names.setdefault(self._address, self.name)
        lines: dict[str, _Line] = world.state.setdefault(self, {})
        return lines.setdefault(call, _Line())

    # ------------------------------------------------------------------------------------------------------------- gets

    def gets(
        self,
        what: str | int,
        *,
        call: str = "one",
        has: str | Iterable[str] = (),
        lacks: str | Iterable[str] = (),
        again: bool = False,
        acks: bool = True,
    ) -> Step:
        """Take the next datagram, which is this request or response; ``again``: one that came before already.

        A refusal of our INVITE is acknowledged, unless ``acks`` says no.
        """

        def do(world: World) -> None:
            line = self._line(world, call)
            word = str(what)
            waiting: Any = (world.repeated if again else world.datagrams).get(self._address)
            if not waiting:
                world.fail(f"{self.name} waits for '{word}', and there is nothing")
            data = waiting.pop(0) if again else waiting.popleft()
            _check(world, word, word_of_datagram(data), data.decode(), has=has, lacks=lacks)
            message = parse(data)
            if isinstance(message, SipRequest):
                self._got_request(line, message)
            else:
                self._got_response(world, line, message, acks=acks)

        return Step(do)

    def _got_request(self, line: _Line, request: SipRequest) -> None:
        if request.method == "INVITE" and line.invite is None:
            line.invite = request
            line.call_id = request.call_id
            line.remote = request.first("From") or ""
            line.local = f"{request.first('To')};tag={self.name}-tag"
            line.target = _uri(request.first("Contact"))
        if request.method == "INVITE":
            line.invite = request
        if request.method != "ACK" and request not in line.pending:
            line.pending.append(request)

    def _got_response(self, world: World, line: _Line, response: SipResponse, *, acks: bool) -> None:
        if response.cseq.method != "INVITE" or response.status < 101:
            return
        line.remote = response.first("To") or ""
        line.target = _uri(response.first("Contact")) or line.target
        if response.status >= 300 and acks:
            assert line.invite is not None
            via = line.invite.first("Via") or ""
            self._request(world, line, "ACK", line.invite.uri, line.invite.cseq.number, via=via)

    # ------------------------------------------------------------------------------------------------------------ sends

    def sends(
        self,
        what: str | int,
        *,
        call: str = "one",
        to: str | None = None,
        number: str = "+15550100",
        tag: str | None = None,
        sdp: str | None = "",
        headers: Iterable[tuple[str, str]] = (),
        phrase: str | None = None,
        cseq: int | None = None,
    ) -> Step:
        """Send a request by its method, or answer the gateway's last one by a status; ``to``: the one of this method.

        ``re-INVITE`` is an INVITE inside the call; ``sdp`` of None leaves it out.
        """

        def do(world: World) -> None:
            line = self._line(world, call)
            if isinstance(what, int):
                self._respond(world, line, what, to=to, tag=tag, sdp=sdp, headers=tuple(headers), phrase=phrase)
            elif what == "INVITE":
                self._invite(world, line, call=call, number=number, sdp=sdp, headers=tuple(headers))
            elif what == "CANCEL":
                assert line.invite is not None
                self._request(
                    world, line, "CANCEL", line.invite.uri, line.invite.cseq.number,
                    via=line.invite.first("Via") or "", to=line.invite.first("To"), headers=headers,
                )  # fmt: skip
            elif what == "ACK":
                assert line.invite is not None
                number_ = line.invite.cseq.number if cseq is None else cseq
                self._request(world, line, "ACK", line.target, number_, headers=headers)
            else:
                line.cseq = line.cseq + 1 if cseq is None else cseq
                method = what.removeprefix("re-")
                body = _sdp(sdp) if method == "INVITE" else b""
                request = self._request(world, line, method, line.target, line.cseq, body=body, headers=headers)
                if method == "INVITE":
                    line.invite = request

        return Step(do)

    def sends_again(self, *, call: str = "one") -> Step:
        """The last datagram once more."""
        return Step(lambda world: world.sip_in(self._address, self._line(world, call).sent[-1]))

    def _invite(
        self,
        world: World,
        line: _Line,
        *,
        call: str,
        number: str,
        sdp: str | None,
        headers: tuple[tuple[str, str], ...],
    ) -> None:
        line.ours = True
        if not line.call_id:
            line.call_id = f"{call}-{self.name}@{self.host}"
            line.local = f'"{self.name.title()}" <sip:{self.name}@{self.host}>;tag={self.name}-{call}'
        uri = number if ":" in number else f"sip:{number}@{GATEWAY}"
        line.remote = f"<{uri}>"
        line.cseq += 1
        line.invite = self._request(world, line, "INVITE", uri, line.cseq, body=_sdp(sdp), headers=headers)

    def _request(
        self,
        world: World,
        line: _Line,
        method: str,
        uri: str,
        cseq: int,
        *,
        body: bytes = b"",
        via: str | None = None,
        to: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> SipRequest:
        branch = f"z9hG4bK-{self.name}-{line.call_id.partition('@')[0]}-{method}-{cseq}"
        lines = [
            ("Via", via or f"SIP/2.0/UDP {self.host}:{self.port};branch={branch};rport"),
            ("Max-Forwards", "70"),
            ("From", line.local),
            ("To", to or line.remote),
            ("Call-ID", line.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        if method == "INVITE":
            lines.append(("Contact", f"<sip:{self.name}@{self.host}:{self.port}>"))
        if body:
            lines.append(("Content-Type", "application/sdp"))
        said = tuple(headers)
        own = {name for name, _ in said}
        lines = [*(line for line in lines if line[0] not in own), *said]
        request = SipRequest(method, uri, tuple(lines), body)
        self._out(world, line, request.encode())
        return request

    def _respond(
        self,
        world: World,
        line: _Line,
        status: int,
        *,
        to: str | None,
        tag: str | None,
        sdp: str | None,
        headers: tuple[tuple[str, str], ...],
        phrase: str | None,
    ) -> None:
        waiting = [request for request in line.pending if to is None or request.method == to]
        request = waiting[-1] if waiting else line.invite
        assert request is not None, f"{self.name} has nothing to answer"
        if status >= 200 and request in line.pending and request.method != "INVITE":
            line.pending.remove(request)
        body, content_type = b"", None
        if request.method == "INVITE":
            if 101 <= status < 300:
                headers = (("Contact", f"<sip:{self.name}@{self.host}:{self.port}>"), *headers)
            if 200 <= status < 300:
                body = _sdp(sdp)
                content_type = "application/sdp" if body else None
        response = respond(
            request, status, phrase, tag=tag or f"{self.name}-tag",
            headers=headers, body=body, content_type=content_type,
        )  # fmt: skip
        self._out(world, line, response.encode())

    def _out(self, world: World, line: _Line, data: bytes) -> None:
        line.sent.append(data)
        world.sip_in(self._address, data)


def _sdp(sdp: str | None) -> bytes:
    if sdp is None:
        return b""
    return (sdp or sdp_of()).encode()


def sdp_of(*, port: int = 30000, version: int = 1, direction: str = "sendrecv") -> str:
    """What a phone says of its side."""
    return SDP.format(port=port, version=version, direction=direction)


def _uri(contact: str | None) -> str:
    return "" if contact is None else str(NameAddr.parse(contact).uri)


romeo = Client("romeo@montague.example/phone", "romeo")
tablet = Client("romeo@montague.example/tablet", "tablet")
mercutio = Client("mercutio@montague.example/street", "mercutio")
nurse = Client("nurse@capulet.example/kitchen", "nurse")
stranger = Client("tybalt@capulet.example/sword", "tybalt")
juliet = Phone("juliet")
