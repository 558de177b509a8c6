"""The sockets that SIP goes over (RFC 3261 §18): listeners, and connections by where they lead.

An outgoing connection's flow has no `local`: it is whatever connection leads to that address, made anew when needed.
A flow of an incoming connection names that one, and ends with it.
"""

import asyncio
import random
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from itertools import count
from typing import Protocol

from gateway.errors import ConfigError, TransportError
from gateway.net.aliases import Aliases
from gateway.net.connecting import Acceptor, connect, reason, secure
from gateway.net.sent_by import Listener
from gateway.net.stream import Connection, Link
from gateway.net.tls import Refused, Tls
from gateway.net.udp import UdpSocket
from gateway.net.websocket import WebConnection, WebListener
from gateway.net.websocket import connect as connect_web
from gateway.sip.flow import SECURE, WEB, Flow
from gateway.sip.keepalive import PONG_SECONDS, KeepAlive
from gateway.sip.message import MAX_HEAD, Framer, Malformed
from gateway.sip.strangers import source

TRANSPORTS = ("UDP", "TCP", "TLS", "WS", "WSS")

BACKLOG = 256
"Connections that may wait to be accepted."

SWEEP_SECONDS = 5.0
"How often idle connections are looked for."

CROWD = 16
"Connections from one place that need not make room for others, when there is none left."

Making = Callable[[], Coroutine[None, None, object]]
"What makes a connection: OSError or Refused when it cannot be made."

Opened = Callable[[str | None], None]
"Called when a connection stands, or with the reason why it does not."


class SocketsUser(Protocol):
    """What the sockets tell; none of these may raise."""

    def datagram(self, data: bytes, flow: Flow) -> None:
        """A datagram; longer than allowed by one octet when it was too long."""
        ...

    def message(self, data: bytes, flow: Flow) -> None:
        """One message out of a connection."""
        ...

    def unframed(self, fault: Malformed, flow: Flow) -> None:
        """A connection carried what cannot be framed, and closes."""
        ...

    def lost(self, flow: Flow, text: str, *, orderly: bool = False) -> None:
        """Nothing gets there: ICMP said so, or the connection could not be made, or ended, perhaps in good order."""
        ...

    def in_use(self, flow: Flow) -> bool:
        """Whether a connection is still waited for, however idle."""
        ...

    def refused(self, cause: str) -> None:
        """A connection was turned away."""
        ...

    def tls_refused(self, cause: str) -> None:
        """A TLS handshake failed; `lost` tells the rest."""
        ...


class Sockets:
    """All sockets of one port."""

    def __init__(
        self,
        user: SocketsUser,
        *,
        tls: Tls,
        max_datagram: int,
        max_message: int,
        max_connections: int,
        idle_seconds: float,
        partial_seconds: float,
        connect_seconds: float,
        ping_seconds: float | None,
        origins: frozenset[str],
        clock: Callable[[], float],
    ) -> None:
        self.listening: tuple[Listener, ...] = ()
        "With the ports that they really have."

        self._user = user
        self._tls = tls
        self._max_datagram = max_datagram
        self._max_message = max_message
        self._max_connections = max_connections
        self._idle_seconds = idle_seconds
        self._partial_seconds = partial_seconds
        self._connect_seconds = connect_seconds
        self._ping_seconds = ping_seconds
        self._clock = clock
        self._datagrams: dict[str, UdpSocket] = {}
        self._servers: list[asyncio.Server] = []
        self._acceptors: list[Acceptor] = []
        self._web = WebListener(origins=origins, max_message=max_message, ping_seconds=ping_seconds)
        self._connections: dict[Flow, Link] = {}
        self._aliases = Aliases()
        self._waiting: dict[Flow, list[Opened]] = {}
        "Who waits for a connection that is being made."
        self._connecting: set[asyncio.Task[None]] = set()
        self._serial = count(1)
        self._sweep: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def connections(self) -> int:
        """Connections that stand, or are being made."""
        return len(self._connections)

    async def listen(self, listeners: Iterable[Listener]) -> None:
        """Open the listeners.  ConfigError for one that is not possible at all, TransportError for one not now."""
        for listener in listeners:
            if listener.transport not in TRANSPORTS:
                raise ConfigError(f"[sip] listen: transport {listener.transport} is not supported")
            if listener.transport in SECURE:
                _ = self._tls.server  # there is one, or nothing is opened at all
            where = f"{listener.transport} {listener.host}:{listener.port}"
            try:
                bound = await _bind(listener)
            except OSError as error:
                raise TransportError(f"{where}: cannot listen, {error.strerror or error}") from error
            host, port = bound.getsockname()[:2]
            if listener.transport == "UDP":
                name = f"{host}:{port}"
                self._datagrams[name] = UdpSocket(
                    bound,
                    name,
                    max_datagram=self._max_datagram,
                    received=self._user.datagram,
                    failed=self._user.lost,
                )
            elif listener.transport == "TCP":
                server = await asyncio.get_running_loop().create_server(self._accept, sock=bound, backlog=BACKLOG)
                self._servers.append(server)
            else:
                bound.listen(BACKLOG)
                self._acceptors.append(Acceptor(bound, partial(self._take, listener.transport)))
            self.listening += (Listener(listener.transport, host, port),)

    async def close(self) -> None:
        """Close everything; connections get a moment to send what was written."""
        for task in self._connecting:
            task.cancel()
        for server in self._servers:
            server.close()
        await asyncio.gather(*[acceptor.close() for acceptor in self._acceptors])
        for datagrams in self._datagrams.values():
            datagrams.close()
        for connection in tuple(self._connections.values()):
            if connection.is_made:
                connection.close()
            else:
                self._gone(connection, "stopped")
        await asyncio.gather(*self._connecting, return_exceptions=True)
        try:
            async with asyncio.timeout(1.0):
                await self._empty.wait()
        except TimeoutError:
            for connection in tuple(self._connections.values()):
                connection.abort()
            await self._empty.wait()
        await self._web.close()
        for server in self._servers:
            await server.wait_closed()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._servers.clear()
        self._acceptors.clear()
        self._datagrams.clear()
        self.listening = ()

    # Out.

    def datagrams(self, host: str) -> UdpSocket | None:
        """The socket for datagrams to an address."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return next((found for found in self._datagrams.values() if found.family == family), None)

    def is_open(self, flow: Flow) -> bool:
        """Whether something can be sent there without making a connection first."""
        if flow.transport == "UDP":
            return flow.local in self._datagrams
        connection = self._connections.get(flow) or self._aliases.get(flow)
        return connection is not None and connection.is_open

    def send(self, data: bytes, flow: Flow) -> None:
        """Send, over a new connection if need be; a failure is told by `lost`."""
        if flow.transport == "UDP":
            datagrams = self._datagrams.get(flow.local) or self.datagrams(flow.host)
            if datagrams is not None:
                datagrams.send(data, flow)
                return
        else:
            connection = self._connections.get(flow) or self._aliases.get(flow)
            if connection is None and not flow.local:
                connection = self._connect(flow)
            if connection is not None:
                connection.write(data)
                return
        asyncio.get_running_loop().call_soon(self._user.lost, flow, "no way there")

    def open(self, flow: Flow, opened: Opened) -> None:
        """Have a connection, and call back when it stands or cannot be made."""
        if self.is_open(flow):
            opened(None)
        elif flow not in self._connections and (flow.local or self._connect(flow) is None):
            opened("too many connections" if not flow.local else "connection closed")
        else:
            self._waiting.setdefault(flow, []).append(opened)

    def alias(self, flow: Flow, port: int) -> None:
        """A peer lets its connection be used for requests to that port of its."""
        if flow.local and isinstance(connection := self._connections.get(flow), Connection):
            self._aliases.add(connection, port)

    def _connect(self, flow: Flow) -> Link | None:
        if not self._has_room():
            self._user.refused("connections")
            return None
        if flow.transport in WEB:
            web = WebConnection(self, flow, clock=self._clock, pings=self._ping_seconds is not None)
            bounds = (self._connect_seconds, self._max_message, self._ping_seconds)
            self._begin(web, partial(connect_web, web, self._tls, *bounds))
            return web
        connection = self._connection(flow)
        self._begin(connection, partial(connect, connection, self._tls, self._connect_seconds))
        return connection

    def _begin(self, connection: Link, making: Making) -> None:
        """Count a connection from now on, and see to it that it comes to be."""
        self._connections[connection.flow] = connection
        self._empty.clear()
        task = asyncio.get_running_loop().create_task(self._make(connection, making))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _make(self, connection: Link, making: Making) -> None:
        try:
            await making()
        except (OSError, TimeoutError, Refused) as error:
            self._failed(connection, error)

    def _failed(self, connection: Link, error: Exception) -> None:
        if isinstance(error, Refused):
            self._user.tls_refused(error.cause)
        self._gone(connection, reason(error))

    def _connection(self, flow: Flow) -> Connection:
        framer = Framer(max_head=min(MAX_HEAD, self._max_message), max_body=self._max_message)
        inspect = partial(self._tls.inspect, domain=flow.domain) if flow.domain else None
        keep = None
        if self._ping_seconds is not None and not flow.local:  # who opens a connection asks
            keep = KeepAlive(self._ping_seconds, self._clock(), random.random)
        return Connection(self, flow, framer=framer, clock=self._clock, inspect=inspect, keep=keep)

    # In.

    def _accept(self) -> Connection:
        return self._connection(Flow("TCP", "", 0, f"c{next(self._serial)}"))

    def _take(self, transport: str, made: socket.socket, host: str, port: int) -> None:
        """It is counted from here, since a handshake may take its time."""
        if not self._admits(host):
            made.close()
            return
        flow = Flow(transport, host, port, f"c{next(self._serial)}")
        tls = self._tls if transport in SECURE else None
        if transport in WEB:
            web = WebConnection(self, flow, clock=self._clock, pings=self._ping_seconds is not None)
            self._begin(web, partial(self._web.accept, web, made, tls, self._connect_seconds))
        else:
            connection = self._connection(flow)
            self._begin(connection, partial(secure, lambda: connection, made, tls, self._connect_seconds))

    def _admits(self, host: str) -> bool:
        if self._has_room(source(host)):
            return True
        self._user.refused("connections")
        return False

    def stream_opened(self, connection: Link) -> bool:
        flow = connection.flow
        if not flow.host:
            assert isinstance(connection, Connection)
            host, port = connection.peer()
            if not self._admits(host):
                return False
            flow = connection.flow = Flow(flow.transport, host, port, flow.local)
            self._connections[flow] = connection
            self._empty.clear()
        elif self._connections.get(flow) is not connection:  # it gave way to others during its handshake
            return False
        if self._sweep is None:
            self._sweep_later()
        for opened in self._waiting.pop(flow, ()):
            opened(None)
        return True

    def _has_room(self, place: str = "") -> bool:
        """Whether one more connection may be: when there are too many, a crowd from one other place makes room.

        What nothing waits for and was not used for longest goes, so that nobody locks the trunks out by numbers.
        """
        if len(self._connections) < self._max_connections:
            return True
        places = Counter(source(flow.host) for flow in self._connections if flow.local)
        crowded, number = max(places.items(), key=lambda found: found[1], default=("", 0))
        if number <= max(CROWD, places[place]):
            return False
        crowd = [found for flow, found in self._connections.items() if flow.local and source(flow.host) == crowded]
        oldest = min(crowd, key=lambda found: (self._user.in_use(found.flow), found.heard_at))
        oldest.abort()
        self._gone(oldest, "gave way to others", orderly=True)
        return True

    def stream_received(self, data: bytes, connection: Link) -> None:
        self._user.message(data, connection.flow)

    def stream_malformed(self, fault: Malformed, connection: Link) -> None:
        self._user.unframed(fault, connection.flow)

    def stream_closed(self, connection: Link, error: Exception | None) -> None:
        if isinstance(error, Refused):
            self._failed(connection, error)
        self._gone(connection, f"connection lost ({error or 'closed'})", orderly=error is None)

    def _gone(self, connection: Link, text: str, *, orderly: bool = False) -> None:
        flow = connection.flow
        if self._connections.get(flow) is not connection:
            return
        del self._connections[flow]
        if not self._connections:
            self._empty.set()
        for opened in self._waiting.pop(flow, ()):
            opened(text)
        self._user.lost(flow, text, orderly=orderly)
        for alias in self._aliases.forget(connection):
            self._user.lost(alias, text, orderly=True)

    def _sweep_later(self) -> None:
        delay = min(SWEEP_SECONDS, self._idle_seconds / 4, (self._ping_seconds or SWEEP_SECONDS) / 4)
        self._sweep = asyncio.get_running_loop().call_later(delay, self._close_idle)

    def _close_idle(self) -> None:
        """Close what has been silent for long, and at once what never ends its message or is dead."""
        self._sweep = None
        now = self._clock()
        for connection in tuple(self._connections.values()):
            if connection.began_at is not None and now - connection.began_at > self._partial_seconds:
                connection.abort()
            elif now - connection.heard_at > self._idle_seconds and not self._user.in_use(connection.flow):
                connection.close()
            elif not connection.tend():
                connection.abort()
                self._gone(connection, f"no answer to a keep-alive in {PONG_SECONDS:g} s")
        if self._connections:
            self._sweep_later()


async def _bind(listener: Listener) -> socket.socket:
    """A bound socket; a name is taken by its first address."""
    kind = socket.SOCK_DGRAM if listener.transport == "UDP" else socket.SOCK_STREAM
    found = await asyncio.get_running_loop().getaddrinfo(
        listener.host, listener.port, type=kind, flags=socket.AI_PASSIVE
    )
    family, _, protocol, _, address = found[0]
    bound = socket.socket(family, kind, protocol)
    try:
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
