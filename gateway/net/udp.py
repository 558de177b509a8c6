"""One UDP socket: datagrams in batches, and the ICMP errors that say that nobody is there.

asyncio's own datagram transport allocates for every packet and cannot tell to whom a refused datagram went, so this
reads and writes the socket itself.  A datagram that the kernel has no room for is dropped: SIP repeats it.
The errors are had on Linux; elsewhere the transactions' time-outs must do.
"""

import asyncio
import errno
import select
import socket
import struct
from collections.abc import Callable

from gateway.sip.flow import Flow

BATCH = 64
"Datagrams read at a time, before others have their turn."

BUFFER = 4 * 1024 * 1024
"What the kernel is asked to hold for us, octets."

MAX_FLOWS = 4_096
"Peers whose flow is kept as a value."

# Linux; the socket module of Python 3.11 has no names for them.
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_ICMP, _ICMPV6 = 2, 3
_UNREACHABLE = {_ICMP: 3, _ICMPV6: 1}
_PENDING = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPROTO, errno.EACCES})


class UdpSocket:
    """A bound socket in the event loop."""

    def __init__(
        self,
        bound: socket.socket,
        name: str,
        *,
        max_datagram: int,
        received: Callable[[bytes, Flow], None],
        failed: Callable[[Flow, str], None],
    ) -> None:
        """``received`` gets whole datagrams, one octet more than ``max_datagram`` of longer ones; neither may raise."""
        self.name = name
        self.family = bound.family
        self.dropped = 0
        "Datagrams that the kernel had no room for."

        self._socket = bound
        self._received = received
        self._failed = failed
        self._buffer = bytearray(max_datagram + 1)
        self._view = memoryview(self._buffer)
        self._flows: dict[tuple[str, int], Flow] = {}
        self._loop = asyncio.get_running_loop()
        self._errors_told = self._want_errors()
        self._watcher = self._watched()
        bound.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            bound.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        self._loop.add_reader(self._watcher or bound, self._readable)

    def flow(self, host: str, port: int) -> Flow:
        """The flow between this socket and a peer."""
        address = (host, port)
        flow = self._flows.get(address)
        if flow is None:
            if len(self._flows) >= MAX_FLOWS:
                self._flows.clear()
            flow = self._flows[address] = Flow("UDP", host, port, self.name)
        return flow

    def send(self, data: bytes, flow: Flow) -> None:
        """Send one datagram; a failure is told later, never raised."""
        address = (flow.host, flow.port)
        try:
            self._socket.sendto(data, address)
        except BlockingIOError:
            self.dropped += 1
        except OSError as error:
            self._send_again(data, flow, error)

    def _send_again(self, data: bytes, flow: Flow, error: OSError) -> None:
        """The error may be of an earlier datagram to somebody else: asking takes it away, and this one was not sent."""
        if error.errno in _PENDING:
            self._read_errors()
            try:
                self._socket.sendto(data, (flow.host, flow.port))
                return
            except BlockingIOError:
                self.dropped += 1
                return
            except OSError as again:
                error = again
        self._loop.call_soon(self._failed, flow, error.strerror or str(error))

    def close(self) -> None:
        """Stop reading, and close."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._watcher or self._socket)
            if self._watcher is not None:
                self._watcher.close()
            self._socket.close()

    def _readable(self) -> None:
        recvfrom_into, buffer, view = self._socket.recvfrom_into, self._buffer, self._view
        for count in range(BATCH):
            try:
                size, address = recvfrom_into(buffer)
            except BlockingIOError:
                if count == 0:
                    self._read_errors()  # or the loop would wake us for them for ever
                return
            except OSError:
                self._read_errors()
                continue
            self._received(bytes(view[:size]), self.flow(address[0], address[1]))
            if self._socket.fileno() < 0:  # closed on the way
                return

    def _want_errors(self) -> bool:
        """Ask for ICMP errors with the address they are about."""
        if not hasattr(socket, "MSG_ERRQUEUE"):
            return False
        level, option = (
            (socket.IPPROTO_IP, _IP_RECVERR) if self.family == socket.AF_INET else (socket.IPPROTO_IPV6, _IPV6_RECVERR)
        )
        try:
            self._socket.setsockopt(level, option, 1)
        except OSError:
            return False
        return True

    def _watched(self) -> select.epoll | None:
        """What the loop is to watch instead of the socket, where it takes an error on a socket for its end (libuv).

        An epoll instance can be read while the socket has datagrams or errors, and has no errors itself.
        """
        if not self._errors_told or isinstance(self._loop, asyncio.SelectorEventLoop):
            return None
        watcher = select.epoll()
        watcher.register(self._socket, select.EPOLLIN)
        return watcher

    def _read_errors(self) -> None:
        while self._errors_told:
            try:
                _, ancillary, _, address = self._socket.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            for _, _, data in ancillary:
                # struct sock_extended_err; time exceeded and the like pass (RFC 3261 §18.4).
                number, origin, kind = struct.unpack_from("=IBB", data)
                if _UNREACHABLE.get(origin) == kind and number != errno.EMSGSIZE and address:
                    text = errno.errorcode.get(number, str(number))
                    self._failed(self.flow(address[0], address[1]), f"unreachable ({text})")
