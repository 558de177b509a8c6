"""Datagram sockets in the event loop, and what tells which of them can be read.

asyncio's own datagram transport allocates a buffer of 256 KiB for every packet, which costs as much as all the rest of
the path.
"""

import asyncio
import select
import socket
from collections.abc import Callable
from typing import Any

from gateway.media.embedded.ports import Ports

MOST = 256
"Datagrams read in one go, before others have their turn."

FEW = 2
"That many are worth being woken for: a packet of each side of a call."

PAUSE_SECONDS = 0.001
"What a datagram may have to wait for others, so that many are read at one wake-up."

LONGEST = 2048
"Octets; what is longer comes cut and is dropped."


class Arrivals:
    """Which of many sockets have something to read: an epoll instance that the loop watches in their stead.

    To be woken for a datagram costs about what it costs to forward it.  So as soon as more than a few are found at
    once, the next look is by a timer: the more they are, the less each one costs, and a single call's need not wait.
    From one socket one datagram is read at a time, so that a flood at one port delays the others by little.
    """

    __slots__ = ("_epoll", "_loop", "_readers", "_timer")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop
        self._epoll: select.epoll | None = None
        "There while there are sockets."

        self._readers: dict[int, Callable[[], None]] = {}
        "By file descriptor."

        self._timer: asyncio.TimerHandle | None = None
        "While the loop does not watch."

    @property
    def idle(self) -> bool:
        """Whether there are none."""
        return self._epoll is None

    def add(self, opened: socket.socket, readable: Callable[[], None]) -> None:
        """Call ``readable``, which reads once, whenever a socket has something to read."""
        if self._epoll is None:
            self._loop = asyncio.get_running_loop()
            self._epoll = select.epoll()
            self._loop.add_reader(self._epoll.fileno(), self._woken)
        self._readers[opened.fileno()] = readable
        self._epoll.register(opened.fileno(), select.EPOLLIN)

    def remove(self, opened: socket.socket) -> None:
        """Do so no longer."""
        if self._epoll is None or self._readers.pop(opened.fileno(), None) is None:
            return
        self._epoll.unregister(opened.fileno())
        if not self._readers:
            if self._timer is None:
                self._loop.remove_reader(self._epoll.fileno())
            else:
                self._timer.cancel()
                self._timer = None
            self._epoll.close()
            self._epoll = None

    def _woken(self) -> None:
        found = self._read()
        if self._epoll is not None and found > FEW:
            self._loop.remove_reader(self._epoll.fileno())
            self._look_later(found)

    def _due(self) -> None:
        found = self._read()
        if self._epoll is None:
            return
        if found > FEW:
            self._look_later(found)
        else:
            self._timer = None
            self._loop.add_reader(self._epoll.fileno(), self._woken)

    def _look_later(self, found: int) -> None:
        self._timer = self._loop.call_later(PAUSE_SECONDS if found < MOST else 0, self._due)

    def _read(self) -> int:
        """Read what is there; how much that was."""
        found = 0
        while self._epoll is not None and found < MOST:
            ready = self._epoll.poll(0, MOST - found)
            if not ready:
                break
            found += len(ready)
            for descriptor, _ in ready:
                readable = self._readers.get(descriptor)
                if readable is not None:  # not closed meanwhile
                    try:
                        readable()
                    except Exception as error:  # one call's fault is not the others'
                        self._loop.call_exception_handler({"message": "a datagram was not taken", "exception": error})
        return found


class DatagramSocket:
    """One of the gateway's media ports."""

    __slots__ = ("_arrivals", "_ports", "_receive", "_received", "_socket", "name", "send")

    def __init__(self, ports: Ports, arrivals: Arrivals, opened: socket.socket) -> None:
        self._ports = ports
        self._arrivals = arrivals
        self._socket = opened
        self._receive = opened.recvfrom
        self._received: Callable[[bytes, Any], None] | None = None
        self.name: tuple[str, int] = opened.getsockname()[:2]
        self.send = opened.sendto

    def listen(self, received: Callable[[bytes, Any], None]) -> None:
        """Give every datagram and its sender's address to ``received``."""
        self._received = received
        self._arrivals.add(self._socket, self._readable)

    @property
    def closed(self) -> bool:
        """Whether it is."""
        return self._received is None and self._socket.fileno() < 0

    def close(self) -> None:
        """Stop listening, and give the port back."""
        if self._socket.fileno() >= 0:
            self._arrivals.remove(self._socket)
            self._ports.close(self._socket)
        self._received = None

    def _readable(self) -> None:
        try:
            data, address = self._receive(LONGEST)
        except OSError:  # an ICMP error
            return
        assert self._received is not None
        self._received(data, address)
