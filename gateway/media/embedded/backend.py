"""The back-end: what all anchors of this process share, and the look at all of them every second."""

import asyncio
from dataclasses import replace
from time import monotonic

import structlog
from aioice.ice import get_host_addresses

from gateway.errors import AnchorError
from gateway.media.anchor import Call, Health, Listener
from gateway.media.embedded.anchor import EmbeddedAnchor
from gateway.media.embedded.dtls import Identity
from gateway.media.embedded.ports import Ports
from gateway.media.embedded.settings import EmbeddedSettings, IceServer
from gateway.media.embedded.socket import Arrivals
from mappings.reasons import EndReason

LOOK_SECONDS = 1.0


def own_addresses() -> tuple[str, ...]:
    """The addresses of this machine, but loopback and those that are good on one link only; loopback if no other."""
    return tuple(get_host_addresses(use_ipv4=True, use_ipv6=True)) or ("127.0.0.1",)


class EmbeddedAnchors:
    """`gateway.media.anchor.Anchors`, in this process."""

    name = "embedded"
    digits = True

    def __init__(self, settings: EmbeddedSettings) -> None:
        """Makes the certificate, which takes a moment."""
        self.settings = settings if settings.addresses else replace(settings, addresses=own_addresses())
        self.identity = Identity()
        self.ports = Ports(settings.port_low, settings.port_high, dscp=settings.dscp)
        self.arrivals = Arrivals()
        self.credentials: set[tuple[str, str]] = set()
        self._anchors: set[EmbeddedAnchor] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._log = structlog.get_logger()

    def use(self, servers: tuple[IceServer, ...]) -> None:
        """Ask these STUN and TURN servers from now on: credentials are renewed, or were told only now (XEP-0215)."""
        self.settings = replace(self.settings, servers=servers)

    def is_ours(self, address: tuple[str, int]) -> bool:
        """See `Surroundings.is_ours`."""
        host, port = address
        return self.ports.has(port) and (host in self.settings.addresses or host in self.settings.advertised)

    async def open(self, call: Call, listener: Listener) -> EmbeddedAnchor:
        """See `Anchors.open`."""
        if self._closed:
            raise AnchorError("the gateway is leaving", EndReason.GENERAL_ERROR, 503)
        anchor = EmbeddedAnchor(self, call, listener, self._anchors.discard)
        self._anchors.add(anchor)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)
        return anchor

    def _look(self) -> None:
        now = monotonic()
        for anchor in tuple(self._anchors):
            try:
                anchor.look(now)
            except Exception:  # an error of ours ends one call, and not the look at all others
                self._log.exception("media_failed", anchor=self.name)
                anchor.broke()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(LOOK_SECONDS, self._look) if self._anchors else None

    async def health(self) -> Health:
        """See `Anchors.health`."""
        free = self.ports.free
        text = "closed" if self._closed else "" if free >= 4 else "no port for media is left"
        return Health(ready=not text, anchors=len(self._anchors), ports_free=free, text=text)

    async def close(self) -> None:
        """See `Anchors.close`."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await asyncio.gather(*(anchor.close() for anchor in tuple(self._anchors)))
