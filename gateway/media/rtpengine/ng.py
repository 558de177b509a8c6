"""rtpengine's ng protocol: a cookie and a bencoded dictionary each way, by UDP; one socket for a node.

A request that is not answered is sent again with its cookie, by which the node knows it again and gives the answer that
it gave.  So no two requests may share one: cookies are a random word for each client, and a count.
"""

import asyncio
import itertools
import secrets
from collections.abc import Mapping

from gateway.media.rtpengine import bencode
from gateway.media.rtpengine.bencode import Value

Reply = Mapping[str, Value]

LONGEST_DATAGRAM = 65_507
"Octets (RFC 768, RFC 791).  What peers describe may be longer, and that a node never hears of it is not its fault."

TRIES = 4
TRY_SECONDS = 0.5


class NgSilentError(Exception):
    """The node did not answer in time."""


class NgRefusedError(Exception):
    """The node answered that it will not."""


class NgClient(asyncio.DatagramProtocol):
    """A node's client.  Opens its socket by the first request."""

    def __init__(self, host: str, port: int, *, tries: int = TRIES, try_seconds: float = TRY_SECONDS) -> None:
        self._address = (host, port)
        self._tries = tries
        self._try_seconds = try_seconds
        self._word = secrets.token_hex(6)
        self._count = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._opening = asyncio.Lock()
        self._transport: asyncio.DatagramTransport | None = None
        self._closed = False

    async def request(self, command: str, fields: Mapping[str, Value] | None = None, *, tries: int = 0) -> Reply:
        """Ask; the answer's result is not "error".  NgSilentError, NgRefusedError with the node's reason."""
        transport = await self._open()
        cookie = f"{self._word}_{next(self._count)}"
        octets = cookie.encode() + b" " + bencode.encode({**(fields or {}), "command": command})
        if len(octets) > LONGEST_DATAGRAM:
            raise NgRefusedError(f"{command}: {len(octets)} octets, more than a datagram holds")
        answer = self._waiting[cookie] = asyncio.get_running_loop().create_future()
        try:
            for _ in range(tries or self._tries):
                transport.sendto(octets)
                done, _ = await asyncio.wait((answer,), timeout=self._try_seconds)
                if done:
                    break
            else:
                raise NgSilentError("no answer")
        finally:
            del self._waiting[cookie]
        reply: Reply = answer.result()
        if reply.get("result") == "error":
            raise NgRefusedError(str(reply.get("error-reason", "no reason given"))[:200])
        return reply

    async def _open(self) -> asyncio.DatagramTransport:
        async with self._opening:
            if self._closed:
                raise NgSilentError("closed")
            if self._transport is None:
                loop = asyncio.get_running_loop()
                try:
                    self._transport, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=self._address)
                except OSError as error:
                    raise NgSilentError(error.strerror or str(error)) from error
            return self._transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        """An answer, late or not; what is none is dropped."""
        cookie, _, octets = data.partition(b" ")
        waiting = self._waiting.get(cookie.decode("latin-1"))
        if waiting is None or waiting.done():
            return
        try:
            reply = bencode.decode(octets)
        except ValueError:
            return
        if isinstance(reply, Mapping):
            waiting.set_result(reply)

    def error_received(self, exc: Exception) -> None:
        """Nobody is there at this moment (ICMP); the request is sent again, and its time runs."""

    def close(self) -> None:
        """Close the socket; who waits is told that there is no answer."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(NgSilentError("closed"))
