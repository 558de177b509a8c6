"""The sockets that SIP is listened for on: datagrams are read from them, connections are taken by them."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from functools import partial

from gateway.errors import ConfigError, TransportError
from gateway.net.connecting import Acceptor
from gateway.net.sent_by import Listener, origin
from gateway.net.tls import Tls
from gateway.net.udp import UdpSocket
from gateway.sip.flow import SECURE, Flow

TRANSPORTS = ("UDP", "TCP", "TLS", "WS", "WSS")

BACKLOG = 256
"Connections that may wait to be accepted."


class Listening:
    """All listeners of one port."""

    def __init__(
        self,
        *,
        tls: Tls,
        max_datagram: int,
        datagram: Callable[[bytes, Flow], None],
        failed: Callable[[Flow, str], None],
        accept: Callable[[], asyncio.Protocol],
        take: Callable[[str, socket.socket, str, int], None],
    ) -> None:
        """Datagrams go to ``datagram``, and ICMP's word that nobody is there to ``failed``.

        A TCP connection gets its protocol from ``accept``; ``take`` is given any other, with its transport and where it
        comes from, before anything is read from it.
        """
        self.places: tuple[Listener, ...] = ()
        "Where we listen, with the ports that they really have."

        self._tls = tls
        self._max_datagram = max_datagram
        self._datagram = datagram
        self._failed = failed
        self._accept = accept
        self._take = take
        self._datagrams: dict[str, UdpSocket] = {}
        self._servers: list[asyncio.Server] = []
        self._acceptors: list[Acceptor] = []

    async def open(self, listeners: Iterable[Listener]) -> None:
        """Listen.  ConfigError for a listener that is not possible at all, TransportError for one not now."""
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
            await self._serve(listener.transport, bound)

    async def _serve(self, transport: str, bound: socket.socket) -> None:
        host, port = bound.getsockname()[:2]
        if transport == "UDP":
            name = f"{host}:{port}"
            self._datagrams[name] = UdpSocket(
                bound, name, max_datagram=self._max_datagram, received=self._datagram, failed=self._failed
            )
        elif transport == "TCP":
            server = await asyncio.get_running_loop().create_server(self._accept, sock=bound, backlog=BACKLOG)
            self._servers.append(server)
        else:
            bound.listen(BACKLOG)
            self._acceptors.append(Acceptor(bound, partial(self._take, transport)))
        self.places += (Listener(transport, host, port),)

    async def close(self) -> None:
        """Take no more connections, and no more datagrams."""
        for server in self._servers:
            server.close()
        await asyncio.gather(*[acceptor.close() for acceptor in self._acceptors])
        for datagrams in self._datagrams.values():
            datagrams.close()

    async def closed(self) -> None:
        """Wait until nothing is left of the listeners, nor of what they took."""
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()
        self._acceptors.clear()
        self._datagrams.clear()
        self.places = ()

    def datagrams(self, host: str) -> UdpSocket | None:
        """The socket for datagrams to an address."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return next((found for found in self._datagrams.values() if found.family == family), None)

    def origin(self, host: str) -> tuple[str, int] | None:
        """Where a connection to an address is to come from; None: as the machine has it."""
        found = origin(self.places, host)
        return None if found is None else (found, 0)

    def named(self, name: str) -> UdpSocket | None:
        """The socket for datagrams whose flows have that `local`."""
        return self._datagrams.get(name)


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
