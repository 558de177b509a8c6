"""A way that was told: one address for RTP and one for RTCP, and the little that may be learned about it (RFC 4961).

A phone's packets may come from elsewhere than it said: another port of the same host, or, behind NAT, another host.
Whoever is believed there gets the call's sound and may inject his own, so that (`Latch`) only hosts that the signalling
names are, only for a moment after a description, only by a packet that is what was agreed on; and then nobody else is.
"""

from collections.abc import Callable
from ipaddress import ip_address
from time import monotonic
from typing import Any

from gateway.errors import AnchorError
from gateway.media import streams
from gateway.media.anchor import Latch
from gateway.media.embedded.link import RTCP, Link, Surroundings
from gateway.media.embedded.path import Address
from gateway.media.embedded.socket import DatagramSocket
from mappings.description import Media, RawCandidate, RawUdp
from mappings.reasons import EndReason

QUIET_SECONDS = 2.0
"After so long without a packet, a new description lets a phone come from elsewhere again."

STRAGGLING_SECONDS = 1.0
"""So long after a peer said that it is elsewhere, what still comes from where it was moves nothing.  A phone whose
place somebody takes goes on speaking until its BYE is there, and often it is the same switch that speaks for both."""


class PlainLink(Link):
    """A transport without ICE."""

    def __init__(
        self,
        around: Surroundings,
        changed: Callable[[], None],
        failed: Callable[[EndReason, str], None],
        *,
        latch: Latch,
        near: str | None,
        foreign: bool = False,
    ) -> None:
        """``near`` is an address of the peer's, where one is known: ours will be of its family.

        ``foreign``: the peer is never we ourselves.
        """
        super().__init__(around, changed, failed)
        self._latch = latch
        self._foreign = foreign
        index, host = self._choose(near)
        rtp, rtcp = around.ports.pair(host)
        self._rtp = DatagramSocket(around.ports, around.arrivals, rtp)
        self._rtcp = DatagramSocket(around.ports, around.arrivals, rtcp)
        advertised = around.settings.advertised
        self._told = advertised[index] if advertised else host
        self._mux = False
        self._signalled: Address | None = None
        self._peer: Address | None = None
        self._left: Address | None = None
        "Where the peer was before it said that it is elsewhere."

        self._left_until = 0.0
        self._control: Address | None = None
        self._signalled_control: tuple[Address, bool] | None = None
        self._control_fixed = False
        self._hosts: frozenset[str] = frozenset()
        self._until = 0.0
        "Until when somebody else may be believed; 0: nobody."

        self._seen = 0.0
        self._rtp.listen(self._receive)
        self._rtcp.listen(self._receive_control)

    def _choose(self, near: str | None) -> tuple[int, str]:
        addresses = self._around.settings.addresses
        if near is None:
            return 0, addresses[0]
        version = ip_address(_address(near)).version
        for index, host in enumerate(addresses):
            if ip_address(host).version == version:
                return index, host
        raise AnchorError(f"no address of ours is IPv{version}", EndReason.UNSUPPORTED_TRANSPORTS, 488)

    @property
    def way(self) -> bool:
        """Whether an address is known."""
        return self._peer is not None

    @property
    def control_apart(self) -> bool:
        """Whether RTCP goes to a port of its own."""
        return not self._mux

    @property
    def control_way(self) -> bool:
        """Whether that is known."""
        return self.control_apart and self._control is not None

    def transport(self) -> RawUdp:
        """Our two ports."""
        rtp = RawCandidate(ip=self._told, port=self._rtp.name[1])
        return RawUdp(candidates=(rtp, RawCandidate(ip=self._told, port=self._rtcp.name[1], component=2)))

    def hear(self, media: Media, source: str | None, *, answer: bool) -> None:
        """Take the peer's addresses; nothing moves while it says what it said and is heard from."""
        super().hear(media, source, answer=answer)
        assert isinstance(media.transport, RawUdp)
        by_component = {candidate.component: candidate for candidate in media.transport.candidates}
        first, second = by_component.get(1), by_component.get(2)
        if first is None or first.port == 0:
            return  # held by a zero address (RFC 3264 §8.4), or owed: the old one stays
        host = _address(first.ip)
        if ip_address(host).version != ip_address(self._rtp.name[0]).version:
            raise AnchorError(f"{first.ip}: of another family than our address", EndReason.UNSUPPORTED_TRANSPORTS, 488)
        signalled = (host, first.port)
        control = _beside(signalled) if second is None else (_address(second.ip), second.port)
        if self._is_ours(signalled) or self._is_ours(control):
            raise streams.ours()
        mux = media.rtp.rtcp_mux is not None
        now, moved = monotonic(), signalled != self._signalled
        if moved or now - self._seen >= QUIET_SECONDS:
            self._until = now + self._around.settings.latch_seconds
            self._hosts = frozenset({host} | ({source} if source and self._latch is not Latch.SIGNALLED else set()))
        if moved:
            self._left, self._left_until = self._peer, now + STRAGGLING_SECONDS
            self._signalled = self._peer = signalled
        if moved or (control, mux) != self._signalled_control:
            self._signalled_control = (control, mux)
            self._control, self._control_fixed, self._mux = control, False, mux
            self._lead()

    def _is_ours(self, address: Address) -> bool:
        return self._foreign and self._around.is_ours(address)

    def start(self) -> None:
        """The exchange is complete: from now on the peer may send."""
        if self._until:
            self._until = monotonic() + self._around.settings.latch_seconds
        super().start()

    def _lead(self) -> None:
        assert self._peer is not None
        assert self._control is not None
        control = (self._rtp.send, self._peer) if self._mux else (self._rtcp.send, self._control)
        self.path.lead(self._rtp.send, self._peer, *control)

    def _receive(self, data: bytes, address: Any) -> None:
        path = self.path
        known = address == self._peer or address[:2] == self._peer
        if not known and not self._believable(address[:2]):
            path.dropped += 1
            return
        if not 8 <= len(data) <= 1500:
            path.dropped += 1
            return
        first = data[0]
        if 19 < first < 64:
            if known:
                self.receive_handshake(data)
            return
        if first >> 6 != 2:
            path.dropped += 1
            return
        if not known and 192 <= data[1] <= 223:
            path.dropped += 1  # it is RTP that moves an address
            return
        if not path.receive(data):
            return
        self._seen = monotonic()
        if not known:
            self._move(address[:2])
        self._until = 0.0

    def _believable(self, address: Address) -> bool:
        now = monotonic()
        if not self._until or now > self._until or (address == self._left and now < self._left_until):
            return False
        return (address[0] in self._hosts or self._latch is Latch.ANY) and not self._is_ours(address)

    def _move(self, address: Address) -> None:
        self._peer = address
        if self._control is not None and not self._control_fixed and self._control[0] != address[0]:
            self._control = _beside(address)
        self._lead()

    def _receive_control(self, data: bytes, address: Any) -> None:
        path = self.path
        known = self._peer is not None and (address[:2] == self._control or address[0] == self._peer[0])
        known = known and not self._is_ours(address[:2])
        if known and not self._mux and data and 19 < data[0] < 64:
            self.receive_handshake(data, RTCP)
            return
        if not known or self._mux or not 8 <= len(data) <= 1500 or data[0] >> 6 != 2 or not 192 <= data[1] <= 223:
            path.dropped += 1
            return
        if path.receive(data) and not self._control_fixed:
            self._control_fixed = True
            if address[:2] != self._control:
                self._control = address[:2]
                self._lead()

    async def close(self) -> None:
        """Give everything back."""
        await super().close()
        self._rtp.close()
        self._rtcp.close()


def _beside(address: Address) -> Address:
    """Where reports go that have no address of their own: to the next port (RFC 3550 §11).

    Beyond the last one is none; what is sent to port 0 goes nowhere.
    """
    host, port = address
    return host, (port + 1) % 65536


def _address(text: str) -> str:
    """An address in the form that a socket says it in."""
    try:
        return str(ip_address(text))
    except ValueError:
        raise AnchorError(
            f"{text[:64]}: a name, where media need an address", EndReason.UNSUPPORTED_TRANSPORTS, 488
        ) from None
