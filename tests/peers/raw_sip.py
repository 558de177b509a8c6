"""A SIP endpoint over UDP by hand, for what no good program does: garbage, silence, repeated and forked answers."""

import asyncio
import time
from collections.abc import Callable

from tests.peers.program import PATIENCE_SECONDS, PeerFailure
from tests.peers.sip_trace import Traced

Received = tuple[Traced, tuple[str, int]]
"A message, and where it came from."

SDP = """\
v=0
o=raw 1 1 IN IP4 {host}
s=-
c=IN IP4 {host}
t=0 0
m=audio {port} RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
"""


class RawSip(asyncio.DatagramProtocol):
    """One socket; it says nothing by itself."""

    def __init__(self) -> None:
        self.received: list[Traced] = []
        self._known: set[str] = set()
        self._unread: list[Received] = []
        self._copies: list[Received] = []
        self._news = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, host: str, port: int = 0) -> "RawSip":
        """A socket on that address."""
        endpoint = cls()
        endpoint._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: endpoint, local_addr=(host, port)
        )
        return endpoint

    @property
    def local(self) -> tuple[str, int]:
        """Its address."""
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")[:2]
        return host, port

    def close(self) -> None:
        """Give the port back."""
        if self._transport is not None:
            self._transport.close()

    def send(self, data: bytes | str, target: tuple[str, int]) -> None:
        """Send a datagram; of a text, line ends become CRLF."""
        assert self._transport is not None
        if isinstance(data, str):
            data = data.replace("\r\n", "\n").replace("\n", "\r\n").encode()
        self._transport.sendto(data, target)

    async def expect(
        self, label: str, test: Callable[[Traced], bool] = lambda message: True, *, again: bool = False
    ) -> Received:
        """The next message of that method, or of that status, and where it came from.

        What was sent before, word for word, is found only if it is wanted ``again``: busy machines repeat themselves.
        """
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        unread = self._copies if again else self._unread
        while True:
            for index, (message, source) in enumerate(unread):
                if message.is_(label) and test(message):
                    del unread[index]
                    return message, source
            self._news.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                came = "\n".join(f"  {message.first_line}" for message in self.received) or "  (nothing)"
                raise PeerFailure(f"no {label} within {PATIENCE_SECONDS:g} s; what came:\n{came}") from None

    def request(
        self,
        method: str,
        target: tuple[str, int],
        *,
        uri: str = "",
        call_id: str,
        number: int = 1,
        branch: str,
        to_tag: str = "",
        headers: tuple[str, ...] = (),
        body: str = "",
    ) -> str:
        """Send a request, as a client without a dialog; returns its Request-URI."""
        host, port = self.local
        uri = uri or f"sip:juliet@{target[0]}:{target[1]}"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-{branch}",
            f"From: <sip:raw@{host}>;tag={call_id}",
            f"To: <{uri}>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:raw@{host}:{port}>",
            "Max-Forwards: 70",
            *headers,
        ]
        lines += ["Content-Type: application/sdp"] if body else []
        lines += [f"Content-Length: {len(body) + body.count(chr(10))}", "", body]
        self.send("\n".join(lines), target)
        return uri

    def respond(
        self,
        request: Received,
        status: str,
        *,
        tag: str = "",
        mark: str = "",
        headers: tuple[str, ...] = (),
        body: str = "",
    ) -> None:
        """Answer a request; `status` has its phrase: "200 OK".  An empty tag leaves To as it came.

        ``mark``: parameters of the Contact.
        """
        message, source = request
        host, port = self.local
        to = message.header("To") + (f";tag={tag}" if tag else "")
        lines = [f"SIP/2.0 {status}"]
        lines += [f"Via: {value}" for value in message.headers("Via")]
        lines += [f"Record-Route: {value}" for value in message.headers("Record-Route")]
        lines += [f"From: {message.header('From')}", f"To: {to}", f"Call-ID: {message.header('Call-ID')}"]
        lines += [f"CSeq: {message.header('CSeq')}", f"Contact: <sip:{tag or 'raw'}@{host}:{port}>{mark}", *headers]
        lines += ["Content-Type: application/sdp"] if body else []
        # The body's line ends become CRLF on the way out.
        lines += [f"Content-Length: {len(body) + body.count(chr(10))}", "", body]
        self.send("\n".join(lines), source)

    def hang_up(self, invite: Received, ack: Received) -> None:
        """Send the BYE of a call that was answered here; the ACK is that of the answer."""
        message, source = ack
        target = invite[0].header("Contact").partition("<")[2].partition(">")[0]
        host, port = self.local
        self.send(
            f"BYE {target} SIP/2.0\n"
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-hang-up\nMax-Forwards: 70\n"
            f"From: {message.header('To')}\nTo: {message.header('From')}\nCall-ID: {message.header('Call-ID')}\n"
            "CSeq: 9 BYE\nContent-Length: 0\n\n",
            source,
        )

    def sdp(self, port: int = 40000) -> str:
        """An answer that wants its audio here."""
        return SDP.format(host=self.local[0], port=port)

    def count(self, label: str) -> int:
        """How many messages of that method or status came."""
        return sum(message.is_(label) for message in self.received)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = Traced(at=time.time(), outgoing=False, text=data.decode("utf-8", "replace"))
        self.received.append(message)
        (self._copies if message.text in self._known else self._unread).append((message, addr))
        self._known.add(message.text)
        self._news.set()

    def error_received(self, exc: Exception) -> None:
        # Nobody listens where we sent something; a test that minds will miss the answer.
        pass
