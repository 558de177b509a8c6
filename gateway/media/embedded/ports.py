"""The ports that media may use: pairs of even and odd for RTP and RTCP (RFC 3550 §11), and single ones."""

import errno
import random
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import chain

from gateway.errors import AnchorError
from mappings.reasons import EndReason

BUFFER = 512 * 1024
"What the kernel is asked to hold of one port, octets: a video key frame, and our own lag."

_TAKEN = frozenset({errno.EADDRINUSE, errno.EACCES})


class Ports:
    """Gives sockets out, and takes their ports back.  A port is given once over all addresses.

    A port whose other half is in use is given singly, so that singles take half of what pairs would.
    """

    def __init__(self, low: int, high: int, *, dscp: int = 0) -> None:
        self._first = low + low % 2
        self._pairs = max(0, (high + 1 - self._first) // 2)
        self._used: set[int] = set()
        self._halves: set[int] = set()
        "Free ports whose other half is in use."

        self._dscp = dscp

    @property
    def free(self) -> int:
        """How many single ports are left."""
        return 2 * self._pairs - len(self._used)

    def has(self, port: int) -> bool:
        """Whether a port is given out."""
        return port in self._used

    def pair(self, host: str) -> tuple[socket.socket, socket.socket]:
        """Sockets on an even port and the next.  AnchorError with status 503 when none is left."""
        for port in self._even():
            if (rtp := self._open(host, port)) is None:
                continue
            try:
                rtcp = self._open(host, port + 1)
            except AnchorError:
                rtp.close()
                raise
            if rtcp is None:
                rtp.close()
                continue
            self._used |= {port, port + 1}
            return rtp, rtcp
        raise _exhausted()

    def single(self, host: str) -> socket.socket:
        """A socket on any port.  AnchorError with status 503 when none is left."""
        for port in self._halves:
            if (found := self._open(host, port)) is not None:
                self._halves.discard(port)
                self._used.add(port)
                return found
        for port in self._even():
            if (found := self._open(host, port)) is not None:
                self._used.add(port)
                self._halves.add(port + 1)
                return found
        raise _exhausted()

    def close(self, used: socket.socket) -> None:
        """Close a socket and have its port back."""
        if used.fileno() < 0:
            return
        port: int = used.getsockname()[1]
        used.close()
        self._used.discard(port)
        if port ^ 1 in self._used:
            self._halves.add(port)
        else:
            self._halves.discard(port ^ 1)

    def _even(self) -> Iterator[int]:
        """The even ports of free pairs, from a random one on, so that a port is not given again at once."""
        if not self._pairs:
            return
        start = random.randrange(self._pairs)  # noqa: S311
        for index in chain(range(start, self._pairs), range(start)):
            port = self._first + 2 * index
            if port not in self._used and port + 1 not in self._used:
                yield port

    def _open(self, host: str, port: int) -> socket.socket | None:
        six = ip_address(host).version == 6
        try:
            found = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
        except OSError as error:
            raise _without_socket(error) from None
        try:
            found.setblocking(False)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            if self._dscp:
                level, option = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if six else (socket.IPPROTO_IP, socket.IP_TOS)
                found.setsockopt(level, option, self._dscp << 2)
            found.bind((host, port))
        except OSError as error:
            found.close()
            if error.errno in _TAKEN:
                return None
            raise _without_socket(error) from None
        return found


def _without_socket(error: OSError) -> AnchorError:
    return AnchorError(f"no socket for media: {error.strerror}", EndReason.GENERAL_ERROR, 503)


def _exhausted() -> AnchorError:
    return AnchorError("no port for media is left", EndReason.GENERAL_ERROR, 503)
