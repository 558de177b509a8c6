"""The driver's SIP user agent: answers every INVITE, or makes calls; all text is prepared."""

import asyncio
import re
import time
from collections.abc import Callable
from typing import cast

_CALL_ID = re.compile(r"(?mi)^Call-ID: *(\S+)")
_TO = re.compile(r"(?mi)^To: *([^\r\n]+)")
_FROM = re.compile(r"(?mi)^From: *([^\r\n]+)")
_VIA = re.compile(r"(?mi)^Via: *[^\r\n]+")
_CSEQ = re.compile(r"(?mi)^CSeq: *(\d+) (\w+)")
_CONTACT = re.compile(r"(?mi)^Contact: *<([^>]+)>")
_RECORD = re.compile(r"(?mi)^Record-Route: *[^\r\n]+")

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)


class SipEnd(asyncio.DatagramProtocol):
    """One UDP socket that is a PBX to the gateway."""

    def __init__(self, gateway: tuple[str, int]) -> None:
        self.gateway = gateway
        self.invited: dict[str, float] = {}
        "When the INVITE of a dialled user came."
        self.on_invite: Callable[[str], None] = lambda user: None
        self.on_response: Callable[[str, int, float], None] = lambda call, status, when: None
        self.on_bye: Callable[[str], None] = lambda call: None
        self.answered_at: dict[str, float] = {}
        self.answer_pending: dict[str, tuple[str, str]] = {}
        self.counts: dict[str, int] = {}
        self._acks: dict[str, str] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.address = transport.get_extra_info("sockname")[:2]

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def _send(self, text: str) -> None:
        self.transport.sendto(text.encode(), self.gateway)

    # ------------------------------------------------------------------------------------------------------- as callee

    def datagram_received(self, data: bytes, addr: object) -> None:
        now = time.perf_counter()
        text = data.decode()
        line = text.split("\r\n", 1)[0]
        self._count(line.split(" ", 2)[1] if line.startswith("SIP/") else line.split(" ", 1)[0])
        if line.startswith("SIP/"):
            self._response(text, int(line.split(" ")[1]), now)
            return
        method, uri, _ = line.split(" ")
        if method == "INVITE":
            user = uri.partition(":")[2].partition("@")[0]
            if user in self.invited:
                self._count("INVITE again")
                return
            self.invited[user] = now
            self.answer_pending[user] = (text, f"t{len(self.invited)}")
            self._reply(text, 180, "Ringing", f"t{len(self.invited)}")
            self.on_invite(user)
        elif method == "BYE":
            self._reply(text, 200, "OK")
            found = _CALL_ID.search(text)
            self.on_bye(found[1] if found else "")
        elif method != "ACK":
            self._reply(text, 200, "OK")

    def answer(self, user: str) -> None:
        """Say 200 with SDP to the INVITE of a user."""
        text, tag = self.answer_pending.pop(user)
        self.answered_at[user] = time.perf_counter()
        self._reply(text, 200, "OK", tag, SDP)

    def _reply(self, text: str, status: int, phrase: str, tag: str | None = None, body: str = "") -> None:
        head = text.partition("\r\n\r\n")[0]
        to = _TO.search(head)
        assert to is not None
        lines = [f"SIP/2.0 {status} {phrase}", *_VIA.findall(head), *_RECORD.findall(head)]
        lines += [m[0] for m in (_FROM.search(head), _CALL_ID.search(head), _CSEQ.search(head)) if m]
        lines.append(f"To: {to[1]}" + (f";tag={tag}" if tag and "tag=" not in to[1] else ""))
        host, port = self.address
        lines.append(f"Contact: <sip:pbx@{host}:{port}>")
        if body:
            lines.append("Content-Type: application/sdp")
        self._send("\r\n".join(lines) + f"\r\nContent-Length: {len(body)}\r\n\r\n{body}")

    # ------------------------------------------------------------------------------------------------------- as caller

    def invite(self, call: str, number: str) -> None:
        """Call a number; `call` is the Call-ID, and the caller's user, by which the XMPP side tells calls apart."""
        host, port = self.address
        self._send(
            f"INVITE sip:{number}@{self.gateway[0]}:{self.gateway[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{call};rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{call}@{host}:{port}>;tag={call}\r\nTo: <sip:{number}@{self.gateway[0]}>\r\n"
            f"Call-ID: {call}\r\nCSeq: 1 INVITE\r\nContact: <sip:pbx@{host}:{port}>\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}"
        )

    def _response(self, text: str, status: int, now: float) -> None:
        found, cseq = _CALL_ID.search(text), _CSEQ.search(text)
        assert found is not None
        assert cseq is not None
        call = found[1]
        if cseq[2] != "INVITE" or status < 200:
            self.on_response(call, status if cseq[2] == "INVITE" else -status, now)
            return
        to, contact = _TO.search(text), _CONTACT.search(text)
        host, port = self.address
        uri = contact[1] if contact else "sip:x"
        branch = f"z9hG4bK{call}" if status >= 300 else f"z9hG4bKa{call}"
        common = (
            f"Max-Forwards: 70\r\nFrom: <sip:{call}@{host}:{port}>;tag={call}\r\nTo: {to[1] if to else ''}\r\n"
            f"Call-ID: {call}\r\n"
        )
        self._send(
            f"ACK {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch={branch};rport\r\n{common}"
            f"CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
        )
        self._acks[call] = (
            f"BYE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bKb{call};rport\r\n{common}"
            f"CSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n"
        )
        self.on_response(call, status, now)

    def bye(self, call: str) -> None:
        """Hang up a call that was answered."""
        self._send(self._acks.pop(call))
