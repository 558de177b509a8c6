"""Requests on the way to their transaction: names are resolved and connections made before it can begin.

A request goes through its targets in turn, until one can be sent to.  One that is too large for a datagram is tried
over TCP first, and by UDP when that is refused (RFC 3261 §18.1.1); who refuses it is remembered for a while.  What need
not wait for anything does not: it leaves before `send` returns.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from gateway.errors import TransportError
from gateway.net.resolve import Resolver
from gateway.net.sip_face import Owner
from gateway.net.sockets import Sockets
from gateway.sip.flow import Flow
from gateway.sip.message import SipRequest
from gateway.sip.wire import Outgoing

LARGE = 1300
"Octets that a request may have in a datagram (RFC 3261 §18.1.1)."

REFUSAL_SECONDS = 300.0
"How long we remember that a peer takes no TCP."

UNASKED_SECONDS = 1.0
"How long a connection may take that only the size of a request asks for: many a firewall answers nothing at all."

MAX_REFUSALS = 1_024
"Of how many peers we remember that."

_VIA_OCTETS = 130
"About what our Via and Content-Length add."


@dataclass(slots=True, eq=False)
class _Departure:
    """One request that may have to wait."""

    outgoing: Outgoing
    owner: Owner | None
    targets: list[Flow] = field(default_factory=list)
    text: str = "no way there"
    "Why the last target failed."

    attempt: int = 0
    "Tells a late answer about an earlier target from one about this."

    patience: asyncio.TimerHandle | None = None


class Departures:
    """Finds each request its way."""

    def __init__(
        self,
        sockets: Sockets,
        resolver: Resolver,
        *,
        begin: Callable[[Outgoing, Owner | None, Flow], None],
        failed: Callable[[Outgoing, Owner | None, str], None],
        clock: Callable[[], float],
    ) -> None:
        """One of ``begin`` and ``failed`` is called for every request, unless it is forgotten before."""
        self._sockets = sockets
        self._begin = begin
        self._failed = failed
        self._clock = clock
        self._resolver = resolver
        self._waiting: set[_Departure] = set()
        self._lookups: set[asyncio.Task[None]] = set()
        self._refusals: dict[tuple[str, int], float] = {}
        "Until when a peer is believed not to take TCP."

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def send(self, outgoing: Outgoing, owner: Owner | None) -> None:
        """Send a request as soon as it can be."""
        hop = outgoing.hop
        departure = _Departure(outgoing, owner)
        if hop.flow is not None and self._sockets.is_open(hop.flow):
            self._begin(outgoing, owner, hop.flow)
        elif (known := self._resolver.known(hop, outgoing.request.call_id)) is not None:
            self._aim(departure, known)
        else:
            self._waiting.add(departure)
            lookup = asyncio.get_running_loop().create_task(self._resolve(departure))
            self._lookups.add(lookup)
            lookup.add_done_callback(self._lookups.discard)

    def forget(self, owner: Owner) -> None:
        """Its owner is gone: an INVITE need not leave any more; what ends a call must."""
        for departure in tuple(self._waiting):
            if departure.owner is owner:
                departure.owner = None
                if departure.outgoing.request.method == "INVITE":
                    self._leave(departure)

    async def close(self) -> None:
        """Give up all that wait."""
        for departure in tuple(self._waiting):
            self._give_up(departure, "stopped")
        for lookup in self._lookups:
            lookup.cancel()
        await asyncio.gather(*self._lookups, return_exceptions=True)

    async def _resolve(self, departure: _Departure) -> None:
        found: Iterable[Flow] = ()
        try:
            outgoing = departure.outgoing
            found = await self._resolver.resolve(outgoing.hop, outgoing.request.call_id)
        except TransportError as error:
            departure.text = str(error)
        if departure in self._waiting:
            self._waiting.discard(departure)
            self._aim(departure, found)

    def _aim(self, departure: _Departure, found: Iterable[Flow]) -> None:
        """Set the targets, in the order in which they are tried."""
        hop = departure.outgoing.hop
        large = hop.transport is None and self._takes_tcp and _octets(departure.outgoing.request) > LARGE
        for target in found:
            if large and not self._is_refusing(target):
                departure.targets.append(Flow("TCP", target.host, target.port))
            departure.targets.append(target)
        if not departure.targets:
            departure.text = f"{hop.host}: name does not resolve"
        self._next(departure)

    def _next(self, departure: _Departure) -> None:
        """Go for the next target."""
        while departure.targets:
            target = departure.targets.pop(0)
            if target.transport == "UDP":
                datagrams = self._sockets.datagrams(target.host)
                if datagrams is None:
                    departure.text = f"{target.host}: no UDP listener of that IP version"
                    continue
                target = datagrams.flow(target.host, target.port)
            elif target.transport != "TCP":
                departure.text = f"{target.host}: transport {target.transport} is not supported"
                continue
            if self._sockets.is_open(target):
                self._begin(departure.outgoing, departure.owner, target)
            else:
                self._open(departure, target)
            return
        self._give_up(departure, departure.text)

    def _open(self, departure: _Departure, target: Flow) -> None:
        departure.attempt += 1
        opened = partial(self._opened, departure, target, departure.attempt)
        self._waiting.add(departure)
        if _is_unasked(departure):
            loop = asyncio.get_running_loop()
            departure.patience = loop.call_later(UNASKED_SECONDS, opened, "connection is slow")
        self._sockets.open(target, opened)

    def _opened(self, departure: _Departure, target: Flow, attempt: int, text: str | None) -> None:
        if departure.attempt != attempt or departure not in self._waiting:
            return
        self._leave(departure)
        if text is None:
            self._begin(departure.outgoing, departure.owner, target)
            return
        departure.text = f"{target.host}:{target.port}: {text}"
        if _is_unasked(departure):
            if len(self._refusals) >= MAX_REFUSALS:
                self._refusals.clear()
            self._refusals[target.host, target.port] = self._clock() + REFUSAL_SECONDS
        self._next(departure)

    def _leave(self, departure: _Departure) -> None:
        self._waiting.discard(departure)
        if departure.patience is not None:
            departure.patience.cancel()
            departure.patience = None

    def _give_up(self, departure: _Departure, text: str) -> None:
        self._leave(departure)
        self._failed(departure.outgoing, departure.owner, text)

    @property
    def _takes_tcp(self) -> bool:
        return any(listener.transport == "TCP" for listener in self._sockets.listening)

    def _is_refusing(self, target: Flow) -> bool:
        until = self._refusals.get((target.host, target.port))
        return until is not None and until > self._clock()


def _is_unasked(departure: _Departure) -> bool:
    """Whether the target that is tried is TCP only because of the size."""
    return bool(departure.targets) and departure.targets[0].transport == "UDP"


def _octets(request: SipRequest) -> int:
    """About how long the request will be."""
    head = sum([len(name) + len(value) + 4 for name, value in request.headers])
    return head + len(request.uri) + len(request.body) + _VIA_OCTETS
