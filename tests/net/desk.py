"""The gateway behind its real SIP sockets, a list in the place of its XMPP stream: what comes of what is sent to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from unittest import mock

from structlog.testing import capture_logs

from gateway import app as application
from gateway.app import App
from gateway.config import Settings, load
from gateway.sip.message import SipRequest, SipResponse, parse
from gateway.stanza import Stanza

HERE = "127.0.0.1"
TRUNK = "127.0.0.2"
STRANGER = "127.0.0.3"

SETTINGS = """
[xmpp]
domain = "gw.example"
secret_env = "SECRET"
[sip]
listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]
[[trunk]]
name = "carrier"
host = "127.0.0.2"
allow = ["home.example"]
{trunk}
[[dial]]
match = '[+]?[0-9]+'
trunk = "carrier"
[[number]]
match = '{called}'
jid = "nora@home.example"
[media]
anchor = "none"
[limits]
calls_per_caller = 1000
strangers_burst = 100000
messages_per_minute = 100000
[store]
file = ""
[calling]
calls_per_second = 10000
calls_to_number = 10000
[[policy]]
name = "fuzz"
who = ["*"]
calls = 1000
calls_to_number = 1000
calls_per_second = 10000
calls_per_minute = 10000
calls_per_day = 100000
"""


@lru_cache
def settings(trunk: str = "", called: str = "[+]1555[0-9]+") -> Settings:
    """The settings of a desk: further keys of its trunk, and which numbers there are."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "gateway.toml"
        path.write_text(SETTINGS.format(trunk=trunk, called=called))
        return load(path, {"SECRET": "hush", "INBOUND": "sesame"})


class NoStream:
    """In the place of the XMPP port: keeps what is said."""

    connected = True

    def __init__(self, *_: Any, **__: Any) -> None:
        self.said: list[Stanza] = []

    def send(self, stanza: Stanza) -> None:
        """Keep it."""
        self.said.append(stanza)


class Peer(asyncio.DatagramProtocol):
    """A UDP socket on an address of its own."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.port = int(transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.put_nowait(data)

    async def statuses(self, until: int) -> list[int]:
        """The statuses that came, up to and with that one."""
        found: list[int] = []
        while until not in found:
            message = parse(await self.heard.get())
            if isinstance(message, SipResponse):
                found.append(message.status)
        return found

    async def response(self, status: int) -> SipResponse:
        """The next response of that status."""
        while True:
            message = parse(await self.heard.get())
            if isinstance(message, SipResponse) and message.status == status:
                return message

    async def request(self, method: str) -> SipRequest:
        """The next request of that method."""
        while True:
            message = parse(await self.heard.get())
            if isinstance(message, SipRequest) and message.method == method:
                return message


@dataclass
class Desk:
    """A started SIP port, and everything behind it."""

    app: App
    logs: list[Any]
    peers: dict[str, Peer] = field(default_factory=dict)

    @property
    def stream(self) -> NoStream:
        """What was said to XMPP users."""
        return cast(NoStream, self.app.xmpp)

    def port(self, transport: str = "UDP") -> int:
        """Where it listens."""
        return next(at.port for at in self.app.sip.listening if at.transport == transport)

    async def peer(self, host: str) -> Peer:
        """The peer at an address, made when it is first asked for."""
        if host not in self.peers:
            _, made = await asyncio.get_running_loop().create_datagram_endpoint(Peer, local_addr=(host, 0))
            self.peers[host] = made
        return self.peers[host]

    async def says(self, host: str, data: bytes) -> Peer:
        """A datagram from there."""
        peer = await self.peer(host)
        peer.transport.sendto(data, (HERE, self.port()))
        return peer

    def invite(self, name: str, host: str, *, via: str = "", headers: str = "", user: str = "+15550100") -> bytes:
        """An INVITE of a phone at that peer."""
        port = self.peers[host].port
        body = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"
        return (
            f"INVITE sip:{user}@gw.example SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{name}{via}\r\n"
            f"From: <sip:phone@{host}>;tag=f{name}\r\nTo: <sip:{user}@gw.example>\r\nCall-ID: {name}\r\n"
            f"CSeq: 1 INVITE\r\nContact: <sip:phone@{host}:{port}>\r\nMax-Forwards: 70\r\n{headers}"
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def count(self, metric: str, **labels: str) -> float:
        """A value of the metrics, summed over the labels that are not said."""
        found = (sample for family in self.app.registry.collect() for sample in family.samples)
        return sum(
            sample.value
            for sample in found
            if sample.name == metric and all(sample.labels.get(key) == value for key, value in labels.items())
        )

    def errors(self) -> list[Any]:
        """What the gateway says went wrong with itself."""
        return [entry for entry in self.logs if entry["log_level"] in ("error", "critical")]


@asynccontextmanager
async def desk(**tables: str) -> AsyncIterator[Desk]:
    """A desk; in the end no call is left of it, and nothing has failed."""
    with capture_logs() as logs, mock.patch.object(application, "XmppPort", NoStream):
        made = Desk(App(settings(**tables)), logs)
        await made.app.database.open()
        await made.app.sip.start()
        try:
            yield made
            made.app.calls.end_all()
            await made.app.calls.emptied(10.0)
            assert made.errors() == []
        finally:
            await made.app.appearance.contacts.leave(0.0)
            await made.app.sip.stop()
            await made.app.database.close()
            for peer in made.peers.values():
                peer.transport.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
