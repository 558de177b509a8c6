"""The sockets that SIP goes over (RFC 3261 §18): what is sent finds its socket or connection, new ones are made.

`gateway.net.listening` has the listeners, `gateway.net.links` the connections.
"""

import asyncio
import random
import socket
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from itertools import count
from typing import Protocol

from gateway.net.connecting import connect, reason, secure
from gateway.net.links import Links, LinksUser, Opened
from gateway.net.listening import Listening
from gateway.net.sent_by import Listener
from gateway.net.stream import Connection, Link
from gateway.net.tls import Refused, Tls
from gateway.net.udp import UdpSocket
from gateway.net.websocket import WebConnection, WebListener
from gateway.net.websocket import connect as connect_web
from gateway.sip.flow import SECURE, WEB, Flow
from gateway.sip.keepalive import KeepAlive
from gateway.sip.message import MAX_HEAD, Framer, Malformed
from gateway.sip.strangers import source

LAST_WORDS_SECONDS = 1.0
"How long connections have to send what was written, when all are closed."

Making = Callable[[], Coroutine[None, None, object]]
"What makes a connection: OSError or Refused when it cannot be made."


class SocketsUser(LinksUser, Protocol):
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
        self._user = user
        self._tls = tls
        self._max_message = max_message
        self._connect_seconds = connect_seconds
        self._ping_seconds = ping_seconds
        self._clock = clock
        self._listening = Listening(
            tls=tls,
            max_datagram=max_datagram,
            datagram=user.datagram,
            failed=user.lost,
            accept=self._accept,
            take=self._take,
        )
        self._web = WebListener(origins=origins, max_message=max_message, ping_seconds=ping_seconds)
        self._links = Links(
            user,
            most=max_connections,
            idle_seconds=idle_seconds,
            partial_seconds=partial_seconds,
            ping_seconds=ping_seconds,
            clock=clock,
        )
        self._connecting: set[asyncio.Task[None]] = set()
        self._serial = count(1)

    @property
    def listening(self) -> tuple[Listener, ...]:
        """The listeners with the ports that they really have."""
        return self._listening.places

    @property
    def connections(self) -> int:
        """Connections that stand, or are being made."""
        return len(self._links)

    async def listen(self, listeners: Iterable[Listener]) -> None:
        """Open the listeners.  ConfigError for one that is not possible at all, TransportError for one not now."""
        await self._listening.open(listeners)

    async def close(self) -> None:
        """Close everything; connections get a moment to send what was written."""
        for task in self._connecting:
            task.cancel()
        await self._listening.close()
        self._links.close()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        await self._links.closed(LAST_WORDS_SECONDS)
        await self._web.close()
        await self._listening.closed()

    # Out.

    def datagrams(self, host: str) -> UdpSocket | None:
        """The socket for datagrams to an address."""
        return self._listening.datagrams(host)

    def is_open(self, flow: Flow) -> bool:
        """Whether something can be sent there without making a connection first."""
        if flow.transport == "UDP":
            return self._listening.named(flow.local) is not None
        connection = self._links.get(flow)
        return connection is not None and connection.is_open

    def send(self, data: bytes, flow: Flow) -> None:
        """Send, over a new connection if need be; a failure is told by `lost`."""
        if flow.transport == "UDP":
            datagrams = self._listening.named(flow.local) or self.datagrams(flow.host)
            if datagrams is not None:
                datagrams.send(data, flow)
                return
        else:
            connection = self._links.get(flow)
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
        elif not self._links.has(flow) and (flow.local or self._connect(flow) is None):
            opened("too many connections" if not flow.local else "connection closed")
        else:
            self._links.wait(flow, opened)

    def alias(self, flow: Flow, port: int) -> None:
        """A peer lets its connection be used for requests to that port of its."""
        self._links.alias(flow, port)

    def _connect(self, flow: Flow) -> Link | None:
        if not self._links.has_room():
            self._user.refused("connections")
            return None
        origin = self._listening.origin(flow.host)
        if flow.transport in WEB:
            web = WebConnection(self, flow, clock=self._clock, pings=self._ping_seconds is not None)
            bounds = (self._connect_seconds, self._max_message, self._ping_seconds)
            self._begin(web, partial(connect_web, web, self._tls, *bounds, origin=origin))
            return web
        connection = self._connection(flow)
        self._begin(connection, partial(connect, connection, self._tls, self._connect_seconds, origin))
        return connection

    def _begin(self, connection: Link, making: Making) -> None:
        """Count a connection from now on, and see to it that it comes to be."""
        self._links.add(connection)
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
        self._links.gone(connection, reason(error))

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
        if self._links.has_room(source(host)):
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
            connection.flow = Flow(flow.transport, host, port, flow.local)
            self._links.add(connection)
        return self._links.stands(connection)

    def stream_received(self, data: bytes, connection: Link) -> None:
        self._user.message(data, connection.flow)

    def stream_malformed(self, fault: Malformed, connection: Link) -> None:
        self._user.unframed(fault, connection.flow)

    def stream_closed(self, connection: Link, error: Exception | None) -> None:
        if isinstance(error, Refused):
            self._failed(connection, error)
        self._links.gone(connection, f"connection lost ({error or 'closed'})", orderly=error is None)
