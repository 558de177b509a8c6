"""From a next hop to addresses.

Of RFC 3263 this is the end: a numeric host is itself (§4.2), any other name is asked for A and AAAA by the system's
resolver, and what is missing of port and transport is 5060 (TLS: 5061) and UDP.  The steps before are missing still and
have their place in `Resolver.resolve`:
- TODO: NAPTR chooses the transport when the hop has neither port nor transport (§4.1).
- TODO: SRV finds hosts and ports when the hop has no port; order by priority, choice by weight (§4.2, RFC 2782).
Trying the next address is the port's business for connections; with a new transaction after a 503 or a timeout (§4.3)
it is the caller's.
"""

import asyncio
import socket
from collections.abc import Callable
from ipaddress import ip_address

from gateway.errors import TransportError
from gateway.sip.flow import Flow, Hop

POSITIVE_SECONDS = 60.0
"How long addresses are believed: the system's resolver does not tell their time to live."

NEGATIVE_SECONDS = 5.0
"How long a name stays unknown."

LOOKUP_SECONDS = 5.0
"After this, a lookup has failed."

MAX_NAMES = 512
"Names remembered; they may come from peers (Contact, Record-Route)."


class Resolver:
    """Finds the addresses of hops, and remembers them for a while."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._asked: dict[str, asyncio.Future[tuple[str, ...]]] = {}

    def known(self, hop: Hop) -> tuple[Flow, ...] | None:
        """The addresses without asking anybody; None when somebody must be asked.  Unknown names give ()."""
        if not hop.host:
            return ()
        if is_numeric(hop.host):
            return (_flow(hop, hop.host),)
        entry = self._known.get(hop.host.lower())
        if entry is None or entry[0] < self._now():
            return None
        return tuple(_flow(hop, host) for host in entry[1])

    async def resolve(self, hop: Hop) -> tuple[Flow, ...]:
        """The addresses in the order in which they are to be tried.  TransportError when there are none."""
        known = self.known(hop)
        if known is None:
            hosts = await self._lookup(hop.host.lower())
            known = tuple(_flow(hop, host) for host in hosts)
        if not known:
            raise TransportError(f"{hop.host}: name does not resolve")
        return known

    async def _lookup(self, name: str) -> tuple[str, ...]:
        """Ask once, however many wait for the answer."""
        asked = self._asked.get(name)
        if asked is None:
            asked = self._asked[name] = asyncio.ensure_future(_ask(name))
            asked.add_done_callback(lambda done: self._answered(name, done))
        return await asyncio.shield(asked)

    def _answered(self, name: str, done: "asyncio.Future[tuple[str, ...]]") -> None:
        del self._asked[name]
        if done.cancelled():
            return
        hosts = done.result()
        if len(self._known) >= MAX_NAMES:
            del self._known[next(iter(self._known))]
        self._known.pop(name, None)
        self._known[name] = (self._now() + (POSITIVE_SECONDS if hosts else NEGATIVE_SECONDS), hosts)

    async def close(self) -> None:
        """Forget everything, and stop asking."""
        for asked in self._asked.values():
            asked.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)
        self._known.clear()

    def _now(self) -> float:
        return (self._clock or asyncio.get_running_loop().time)()


async def _ask(name: str) -> tuple[str, ...]:
    """A and AAAA in the order of the system (RFC 6724); () when there are none."""
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError, TimeoutError):  # UnicodeError: a label that IDNA refuses
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_numeric(host: str) -> bool:
    """Whether this is an address and no name.  IPv6 comes without brackets."""
    if not host or host[-1] not in "0123456789abcdefABCDEF:.":
        return False
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _flow(hop: Hop, host: str) -> Flow:
    transport = hop.transport or "UDP"
    return Flow(transport, host, hop.port or (5061 if transport == "TLS" else 5060))
