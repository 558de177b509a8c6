"""A SIP phone: what it says, what it waits for, and what it knows of its calls."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gateway.sip.address import NameAddr
from gateway.sip.message import SipRequest, SipResponse, parse, respond
from tests.flows.inmemory import GATEWAY, PHONE, World, word_of_datagram
from tests.flows.step import Step, check

SDP = (
    "v=0\r\no=- 7 {version} IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na={direction}\r\n"
)


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
            check(world, word, word_of_datagram(data), data.decode(), has=has, lacks=lacks)
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
        body: str = "",
    ) -> Step:
        """Send a request by its method, or answer the gateway's last one by a status; ``to``: the one of this method.

        ``re-INVITE`` is an INVITE inside the call; ``sdp`` of None leaves it out; ``body`` is another request's.
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
                inside = _sdp(sdp) if sdp else b""
                self._request(world, line, "ACK", line.target, number_, body=inside, headers=headers)
            else:
                line.cseq = line.cseq + 1 if cseq is None else cseq
                method = what.removeprefix("re-")
                inside = _sdp(sdp) if method == "INVITE" else body.encode()
                request = self._request(world, line, method, line.target, line.cseq, body=inside, headers=headers)
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
            if 101 <= status < 300 and all(name != "Contact" for name, _ in headers):
                headers = (("Contact", f"<sip:{self.name}@{self.host}:{self.port}>"), *headers)
            if 200 <= status < 300 or (sdp and status > 100):
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
