"""One connection that carries SIP: framing, keep-alives, and what waits until it is open."""

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol, cast

from gateway.net.tls import Refused
from gateway.sip.certificate import Certificate
from gateway.sip.flow import Flow
from gateway.sip.keepalive import KeepAlive
from gateway.sip.message import Framer, Malformed, Ping

MAX_UNSENT = 256 * 1024
"Octets that a peer may leave unread before it is cut off."

_READ_SIZE = 64 * 1024
"Octets taken from one connection at a time, before others have their turn."


class Link(Protocol):
    """A connection that carries SIP, of whatever kind."""

    flow: Flow
    heard_at: float
    began_at: float | None

    @property
    def is_made(self) -> bool: ...

    @property
    def is_open(self) -> bool: ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...

    def tend(self) -> bool: ...


class StreamUser(Protocol):
    """What a connection tells; none of these may raise."""

    def stream_opened(self, connection: Link) -> bool:
        """It stands; False: it is not wanted."""
        ...

    def stream_received(self, data: bytes, connection: Link) -> None:
        """One message, whole."""
        ...

    def stream_malformed(self, fault: Malformed, connection: Link) -> None:
        """What came cannot be framed; the connection closes."""
        ...

    def stream_closed(self, connection: Link, error: Exception | None) -> None:
        """It is gone; ``error`` when it was not closed in good order."""
        ...


class Connection(asyncio.Protocol):
    """A connection, from the wish for it to its end."""

    def __init__(
        self,
        user: StreamUser,
        flow: Flow,
        *,
        framer: Framer,
        clock: Callable[[], float],
        inspect: Callable[[Certificate | None], None] | None = None,
        keep: KeepAlive | None = None,
    ) -> None:
        """``inspect`` looks at the peer's certificate before anything is sent, and raises `Refused`."""
        self.flow = flow
        "Of one that a peer opened, complete only when it stands."

        self.heard_at = clock()
        "When the last whole message, or keep-alive, came or went."

        self.began_at: float | None = None
        "When the message began that is not whole yet."

        self._user = user
        self._framer = framer
        self._clock = clock
        self.shown: Certificate | None = None
        "The peer's certificate, verified; None: it was not asked for one, or had none."

        self._inspect = inspect
        self._keep = keep
        self._refused: Refused | None = None
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []

    @property
    def is_made(self) -> bool:
        """Whether there is, or was, a connection."""
        return self._transport is not None

    @property
    def is_open(self) -> bool:
        """Whether what is written goes out."""
        return self._transport is not None and not self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send, now or when the connection stands."""
        if self._transport is None:
            self._unsent.append(data)
        else:
            self.heard_at = self._clock()
            self._transport.write(data)
            if self._transport.get_write_buffer_size() > MAX_UNSENT:
                self._transport.abort()

    def tend(self) -> bool:
        """Ask whether it lives, when it is time for that; False: it does not."""
        due = None if self._keep is None or not self.is_open else self._keep.due(self._clock())
        if due == "ask" and self._transport is not None:
            self._framer.ask()
            self._transport.write(b"\r\n\r\n")  # which is no use of it: who answers nothing may grow idle
        return due != "dead"

    def close(self) -> None:
        """Close when what was written is sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = made = cast(asyncio.Transport, transport)
        if hasattr(made, "max_size"):
            made.max_size = _READ_SIZE
        if (found := made.get_extra_info("socket")) is not None:
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.shown = made.get_extra_info("peercert")
        try:
            if self._inspect is not None:
                self._inspect(self.shown)
        except Refused as error:
            self._refused = error
        if self._refused is not None or not self._user.stream_opened(self):
            made.abort()
            return
        unsent, self._unsent = self._unsent, []
        for data in unsent:
            self.write(data)

    def peer(self) -> tuple[str, int]:
        """The peer's address."""
        assert self._transport is not None
        address = self._transport.get_extra_info("peername") or ("", 0)
        return address[0], address[1]

    def data_received(self, data: bytes) -> None:
        self.heard_at, self.began_at = self._clock(), self.began_at or self._clock()
        if self._keep is not None and data.strip(b"\r\n"):
            self._keep.heard(self.heard_at)
        try:
            while items := self._framer.feed(data):
                data = b""
                self.began_at = self.heard_at
                for item in items:
                    if isinstance(item, bytes):
                        self._user.stream_received(item, self)
                    elif isinstance(item, Ping):
                        self.write(b"\r\n")
                    elif self._keep is not None:
                        self._keep.heard(self.heard_at, answer=True)
        except Malformed as fault:
            self._user.stream_malformed(fault, self)
            self.close()
        if not self._framer.waiting:
            self.began_at = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._refused is not None:
            exc = self._refused
        elif exc is None and self._framer.waiting:
            exc = ConnectionResetError("closed in the middle of a message")
        self._user.stream_closed(self, exc)
