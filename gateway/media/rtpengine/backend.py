"""The back-end: the nodes, their health, and the look at all calls every few seconds."""

import asyncio
import random
from collections.abc import Callable
from math import inf
from time import monotonic

import structlog

from gateway.errors import AnchorError
from gateway.media.anchor import Call, Health, Listener
from gateway.media.rtpengine.anchor import RtpengineAnchor
from gateway.media.rtpengine.ng import NgClient, NgRefusedError, NgSilentError
from gateway.media.rtpengine.nodes import Node, Pool
from gateway.media.rtpengine.ours import Ours
from gateway.media.rtpengine.session import NodeSession
from gateway.media.rtpengine.settings import RtpengineSettings
from gateway.steady import steadily
from mappings.reasons import EndReason

SETTLING_SECONDS = 0.25
"How often a call is looked at whose media have no way yet."

AT_ONCE = 32
"Calls that are looked at together."


class RtpengineAnchors:
    """`gateway.media.anchor.Anchors`, by rtpengine's nodes."""

    name = "rtpengine"
    digits = True

    def __init__(self, settings: RtpengineSettings, *, draw: Callable[[], float] = random.random) -> None:
        """``draw``: a number from 0 to 1, for the choice by weight."""
        self.settings = settings
        self.pool = Pool(settings.nodes)
        self._clients = {node: NgClient(node.host, node.port) for node in settings.nodes}
        self._draw = draw
        self._ours = Ours()
        self._anchors: set[RtpengineAnchor] = set()
        self._looking: asyncio.Task[None] | None = None
        self._looked = -inf
        self._closed = False
        self._log = structlog.get_logger()

    def client(self, node: Node) -> NgClient:
        """A node's client."""
        return self._clients[node]

    async def open(self, call: Call, listener: Listener) -> RtpengineAnchor:
        """See `Anchors.open`."""
        if self._closed:
            raise AnchorError("the gateway is leaving", EndReason.GENERAL_ERROR, 503)
        if self._looking is None:
            looking = steadily(self._look, lambda: self._log.exception("media_failed", anchor=self.name))
            self._looking = asyncio.create_task(looking)
        if not self.pool.ready(monotonic()):
            raise AnchorError("no rtpengine takes calls", EndReason.GENERAL_ERROR, 503)
        session = NodeSession(self, call.id, self._draw)
        anchor = RtpengineAnchor(session, self.settings, call, listener, self._anchors.discard, ours=self._ours)
        self._anchors.add(anchor)
        return anchor

    async def ping(self, node: Node) -> str:
        """Ask a node whether it is there; why not, else ""."""
        try:
            await self._clients[node].request("ping", tries=2)
        except (NgSilentError, NgRefusedError) as error:
            self.pool.missed(node)
            return str(error)
        self.pool.answered(node)
        return ""

    async def _look(self) -> float:
        """Ping the nodes and look at all calls, where it is time for that; else at those that settle."""
        now = monotonic()
        everything = now - self._looked >= self.settings.look_seconds
        anchors = [anchor for anchor in self._anchors if everything or anchor.settling]
        if everything:
            self._looked = now
            await asyncio.gather(*(self.ping(node) for node in self.pool.nodes))
        for first in range(0, len(anchors), AT_ONCE):
            await asyncio.gather(*(self._look_at(anchor) for anchor in anchors[first : first + AT_ONCE]))
        return SETTLING_SECONDS

    async def _look_at(self, anchor: RtpengineAnchor) -> None:
        try:
            await anchor.look(monotonic())
        except Exception:  # an error of ours ends one call, and not the look at all others
            self._log.exception("media_failed", anchor=self.name)
            anchor.broke()

    async def health(self) -> Health:
        """See `Anchors.health`; the nodes are asked."""
        silent = [f"{node}: {why}" for node in self.pool.nodes if (why := await self.ping(node))]
        ready = bool(self.pool.ready(monotonic())) and not self._closed
        return Health(ready=ready, anchors=len(self._anchors), text="; ".join(silent))

    async def close(self) -> None:
        """See `Anchors.close`."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
            self._looking = None
        await asyncio.gather(*(anchor.close() for anchor in tuple(self._anchors)))
        for client in self._clients.values():
            client.close()
