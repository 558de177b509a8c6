"""A SIP port on real loopback sockets, and the peers around it.  In the end nothing of it may be left."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import ParamSpec, cast

from structlog.testing import capture_logs

from gateway.net.sip import Listener, SipPort, SipPortSettings
from gateway.sip.flow import Flow, Hop
from gateway.sip.message import SipRequest, SipResponse, parse, respond
from gateway.sip.wire import Failed, Outgoing

P = ParamSpec("P")

LONGEST_SECONDS = 120.0
"What no test takes, on however busy a machine."

HERE = "127.0.0.1"
OUR_TAG = "ours"
"The tag of a call that there is."

BOTH = (Listener("UDP", HERE, 0), Listener("TCP", HERE, 0))


@dataclass
class Clock:
    """The loop's time, and what a test adds to it."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.ahead


class Counts:
    """Counts as metrics do."""

    def __init__(self) -> None:
        self.of: Counter[tuple[object, ...]] = Counter()

    def request_received(self, method: str) -> None:
        self.of["in", method] += 1

    def request_sent(self, method: str) -> None:
        self.of["out", method] += 1

    def response_received(self, method: str, status: int) -> None:
        self.of["in", method, status] += 1

    def response_sent(self, method: str, status: int) -> None:
        self.of["out", method, status] += 1

    def retransmitted(self, method: str) -> None:
        self.of["again", method] += 1

    def transaction_timed_out(self, method: str) -> None:
        self.of["late", method] += 1

    def malformed(self, transport: str) -> None:
        self.of["malformed", transport] += 1

    def refused(self, cause: str) -> None:
        self.of["refused", cause] += 1

    def failed_over(self, cause: str) -> None:
        self.of["failed over", cause] += 1

    def name_asked(self, outcome: str) -> None:
        self.of["name", outcome] += 1

    def tls_refused(self, cause: str) -> None:
        self.of["tls", cause] += 1

    def certificate(self, whose: str, expires_at: float) -> None:
        self.of["expires", whose] = int(expires_at)


class Inbox:
    """An owner, or whoever gets what nobody owns."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[SipRequest | SipResponse | Failed] = asyncio.Queue()

    def put(self, message: SipRequest | SipResponse | Failed) -> None:
        self._messages.put_nowait(message)

    @property
    def empty(self) -> bool:
        return self._messages.empty()

    async def request(self) -> SipRequest:
        message = await self._messages.get()
        assert isinstance(message, SipRequest)
        return message

    async def response(self) -> SipResponse:
        message = await self._messages.get()
        assert isinstance(message, SipResponse)
        return message

    async def failure(self) -> Failed:
        message = await self._messages.get()
        assert isinstance(message, Failed)
        return message


class Phone(asyncio.DatagramProtocol):
    """A UDP peer."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport | None = None
        self.hears_copies = False
        "Whether what is sent again, as on a busy machine, is heard again.  An ACK always is: each has its own reason."

        self._known: set[bytes] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data not in self._known or self.hears_copies or data.startswith(b"ACK "):
            self.heard.put_nowait((data, addr))
        self._known.add(data)

    @property
    def port(self) -> int:
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        assert self.transport is not None
        self.transport.close()

    @property
    def hop(self) -> Hop:
        return Hop(HERE, self.port)

    def send(self, data: bytes, port: int) -> None:
        assert self.transport is not None
        self.transport.sendto(data, (HERE, port))

    async def gets(self) -> SipRequest | SipResponse:
        return parse((await self.heard.get())[0])

    async def gets_request(self, method: str) -> SipRequest:
        message = await self.gets()
        assert isinstance(message, SipRequest)
        assert message.method == method
        return message

    async def gets_response(self, status: int) -> SipResponse:
        message = await self.gets()
        assert isinstance(message, SipResponse)
        assert message.status == status
        return message


@dataclass
class Rig:
    """A port and what surrounds it."""

    port: SipPort
    clock: Clock
    counts: Counts
    inbox: Inbox
    phone: Phone
    logs: list[dict[str, object]]
    peers: list[asyncio.StreamWriter] = field(default_factory=list)

    def listening(self, transport: str) -> int:
        return next(listener.port for listener in self.port.listening if listener.transport == transport)

    @property
    def udp(self) -> int:
        return self.listening("UDP")

    def says(self, data: bytes) -> None:
        self.phone.send(data, self.udp)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(HERE, self.listening("TCP"))
        self.peers.append(writer)
        return reader, writer

    def later(self, seconds: float) -> None:
        """Let time pass for the port."""
        self.clock.ahead += seconds
        self.port._expire(self.port._clock())

    def waits_for_nobody(self) -> None:
        """Let the time pass that a target may be silent while there is another way."""
        departures = self.port._departures
        self.clock.ahead += departures._failover_seconds
        for departure in list(departures._out.values()):
            if departure.patience is not None:
                departure.patience.cancel()
                departures._silent(departure)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something is so; the test's own time limit ends it otherwise."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)


async def end_of(reader: asyncio.StreamReader) -> None:
    """Wait until the port has closed a connection, one way or the other, having sent nothing."""
    with suppress(ConnectionError):
        assert await reader.read() == b""


@asynccontextmanager
async def rig(
    listeners: tuple[Listener, ...] = BOTH,
    on_request: Callable[[SipRequest], None] | None = None,
    is_compact: Callable[[Flow], bool] = lambda flow: False,
    **options: object,
) -> AsyncIterator[Rig]:
    """A started port; in the end nothing of it may be left."""
    clock, counts, inbox = Clock(), Counts(), Inbox()
    unlimited = SipPortSettings(listeners=listeners, stranger_burst=1_000_000)
    settings = replace(unlimited, **options)  # type: ignore[arg-type]
    _, phone = await asyncio.get_running_loop().create_datagram_endpoint(Phone, local_addr=(HERE, 0))
    phone.hears_copies = "t1" in options
    with capture_logs() as logs:
        port = SipPort(
            settings,
            on_request=on_request or inbox.put,
            is_call=lambda tag: tag == OUR_TAG,
            is_compact=is_compact,
            observer=counts,
            clock=clock,
        )
        await port.start()
        made = Rig(port, clock, counts, inbox, phone, logs)  # type: ignore[arg-type]
        try:
            yield made
            for writer in made.peers:
                writer.close()
            await until(lambda: all(not flow.local for flow in port._sockets._links._by_flow))
            for _ in range(3):
                made.later(100.0)
            assert port.transactions == 0
            assert (len(port._owners), len(port._forks)) == (0, 0)
            assert port._alarm._timer is None
        finally:
            await port.stop()
            phone.close()
    assert port.connections == 0
    assert port.listening == ()
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


def scenario(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run a coroutine as a test, bounded in time."""

    async def limited(*args: P.args, **kwargs: P.kwargs) -> None:
        async with asyncio.timeout(LONGEST_SECONDS):
            await test(*args, **kwargs)

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(limited(*args, **kwargs))

    return run


def outgoing(hop: Hop, method: str = "INVITE", branch: str = "z9hG4bKout1", body: bytes = b"") -> Outgoing:
    request = SipRequest(
        method,
        "sip:+15550100@trunk.example",
        (
            ("Max-Forwards", "70"),
            ("From", "<sip:nurse@gw.example>;tag=ours"),
            ("To", "<sip:+15550100@trunk.example>" + ("" if method in ("INVITE", "CANCEL") else ";tag=theirs")),
            ("Call-ID", "call-1@gw.example"),
            ("CSeq", f"7 {method}"),
        ),
        body,
    )
    return Outgoing(request, branch, hop)


def incoming(
    method: str = "INVITE",
    branch: str = "z9hG4bKin1",
    *,
    transport: str = "UDP",
    sent_by: str = HERE,
    to_tag: str = "",
    call_id: str = "call-2@phone.example",
    body: bytes = b"",
) -> bytes:
    return (
        f"{method} sip:juliet@gw.example SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} {sent_by};branch={branch};rport\r\n"
        f"From: <sip:phone@{HERE}>;tag=from1\r\n"
        f"To: <sip:juliet@gw.example>{to_tag}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 3 {method}\r\nMax-Forwards: 70\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def answer(request: SipRequest | SipResponse, status: int, tag: str = "theirs") -> bytes:
    assert isinstance(request, SipRequest)
    return respond(request, status, tag=tag).encode()


async def stream_response(reader: asyncio.StreamReader) -> SipResponse:
    message = parse(await reader.readuntil(b"\r\n\r\n"))
    assert isinstance(message, SipResponse)
    return message


@contextmanager
def taken_port() -> Iterator[int]:
    """A TCP port of which connections are refused."""
    with socket.socket() as bound:
        bound.bind((HERE, 0))
        yield int(bound.getsockname()[1])


@dataclass
class Server:
    """A TCP peer that listens."""

    server: asyncio.Server
    accepted: "asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]"

    @property
    def port(self) -> int:
        return int(self.server.sockets[0].getsockname()[1])


@asynccontextmanager
async def tcp_server(port: int = 0) -> AsyncIterator[Server]:
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait((reader, writer))

    server = await asyncio.start_server(take, HERE, port)
    writers: list[asyncio.StreamWriter] = []
    original = accepted.get

    async def get() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        found = await original()
        writers.append(found[1])
        return found

    accepted.get = get  # type: ignore[method-assign]
    try:
        yield Server(server, accepted)
    finally:
        for writer in writers:
            writer.close()
        server.close()
        await server.wait_closed()


async def stream_request(reader: asyncio.StreamReader) -> SipRequest:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    message = parse(head + await reader.readexactly(length))
    assert isinstance(message, SipRequest)
    return message
