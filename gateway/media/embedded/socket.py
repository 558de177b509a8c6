"""A datagram socket in the event loop, read in bursts.

asyncio's own datagram transport allocates a buffer of 256 KiB for every packet, which costs as much as all the rest of
the path.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from gateway.media.embedded.ports import Ports

BURST = 16
"Datagrams read at a time, before others have their turn."

LONGEST = 2048
"Octets; what is longer comes cut and is dropped."


class DatagramSocket:
    """One of the gateway's media ports."""

    __slots__ = ("_loop", "_ports", "_received", "_socket", "name", "send")

    def __init__(self, ports: Ports, opened: socket.socket) -> None:
        self._ports = ports
        self._socket = opened
        self._loop = asyncio.get_running_loop()
        self._received: Callable[[bytes, Any], None] | None = None
        self.name: tuple[str, int] = opened.getsockname()[:2]
        self.send = opened.sendto

    def listen(self, received: Callable[[bytes, Any], None]) -> None:
        """Give every datagram and its sender's address to ``received``."""
        self._received = received
        self._loop.add_reader(self._socket.fileno(), self._readable)

    @property
    def closed(self) -> bool:
        """Whether it is."""
        return self._received is None and self._socket.fileno() < 0

    def close(self) -> None:
        """Stop listening, and give the port back."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._ports.close(self._socket)
        self._received = None

    def _readable(self) -> None:
        receive = self._socket.recvfrom
        for _ in range(BURST):
            received = self._received
            if received is None:
                return
            try:
                data, address = receive(LONGEST)
            except OSError:  # nothing more, or an ICMP error
                return
            received(data, address)
