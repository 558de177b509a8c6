"""Where a request may go, in the order in which it is tried (RFC 3263 §4, RFC 3261 §18.1.1).

A request that is too large for a datagram is tried over TCP first, and by UDP when that is refused.  Targets that
failed not long ago come last (`gateway.net.standing`).  What is fenced goes to no address that it may not.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from gateway.errors import TransportError
from gateway.net.departure import Target, octets
from gateway.net.resolve import Resolver
from gateway.net.sockets import Sockets
from gateway.net.standing import Standing
from gateway.sip.blacklist import place
from gateway.sip.flow import Flow, Hop
from gateway.sip.wire import Outgoing

LARGE = 1300
"Octets that a request may have in a datagram (RFC 3261 §18.1.1)."


@dataclass(frozen=True, slots=True)
class Aim:
    """The targets of one request."""

    targets: tuple[Target, ...]
    doubtful: tuple[Flow, ...] = ()
    "Those that somebody should find out about."

    text: str = ""
    "Why there are none."


class Aiming:
    """Finds the targets."""

    def __init__(
        self, sockets: Sockets, resolver: Resolver, standing: Standing, reaches: Callable[[str], bool]
    ) -> None:
        """``reaches``: whether what is fenced may go to an address."""
        self._sockets = sockets
        self._resolver = resolver
        self._standing = standing
        self._reaches = reaches

    def known(self, outgoing: Outgoing) -> Aim | None:
        """Those of a request, where nobody has to be asked for them."""
        hop = outgoing.hop
        known = self._resolver.known(hop, outgoing.request.call_id)
        if hop.flow is not None and self._allowed(hop, [hop.flow]) and self._sockets.is_open(hop.flow):
            others = [hop.aimed(flow) for flow in self._allowed(hop, known or ()) if place(flow) != place(hop.flow)]
            return Aim((Target(hop.flow), *map(Target, others)))
        return None if known is None else self._ordered(outgoing, known)

    async def find(self, outgoing: Outgoing) -> Aim:
        """Those of a request whose next hop has a name that must be asked for."""
        found: tuple[Flow, ...] = ()
        with suppress(TransportError):
            found = await self._resolver.resolve(outgoing.hop, outgoing.request.call_id)
        return self._ordered(outgoing, found)

    def _ordered(self, outgoing: Outgoing, found: tuple[Flow, ...]) -> Aim:
        hop = outgoing.hop
        large = hop.transport is None and self._takes_tcp and octets(outgoing.request) > LARGE
        aimed = [hop.aimed(flow) for flow in self._allowed(hop, found)]
        ordered, doubtful = self._standing.order(aimed, spare=outgoing.spare)
        targets: list[Target] = []
        for flow in ordered:
            if large and flow.transport == "UDP" and not self._standing.refuses_tcp(flow):
                targets.append(Target(Flow("TCP", flow.host, flow.port), unasked=True))
            targets.append(Target(flow))
        return Aim(tuple(targets), tuple(doubtful), "" if targets else _reason(hop, found, aimed))

    def _allowed(self, hop: Hop, found: Iterable[Flow]) -> list[Flow]:
        """Those that it may go to: a name may lead anywhere, and a peer may name any address as its own."""
        return [flow for flow in found if not hop.fenced or self._reaches(flow.host)]

    @property
    def _takes_tcp(self) -> bool:
        return any(listener.transport == "TCP" for listener in self._sockets.listening)


def _reason(hop: Hop, found: Iterable[Flow], aimed: Iterable[Flow]) -> str:
    """Why a hop has no target."""
    if found and not aimed:
        return f"{hop.host}: a user's own account may not lead there"
    return f"{hop.host}: {'failed not long ago' if aimed else 'name does not resolve'}"
