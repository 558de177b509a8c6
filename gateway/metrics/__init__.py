"""What the gateway counts, by what it is about, bound to a registry that is handed in.

Methods are named after facts, and told by `gateway.call` and `gateway.net` only, and by whatever runs beside them; each
part gets what it tells, and not the whole.  Names have the application's prefix and base units; labels hold closed
vocabularies, never an id, a JID, a number or a host (`series`).
"""

import platform
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics

from gateway import __version__
from gateway.metrics.calls import CallMetrics
from gateway.metrics.history import HistoryMetrics
from gateway.metrics.media import MediaMetrics
from gateway.metrics.policy import PolicyMetrics
from gateway.metrics.presence import PresenceMetrics
from gateway.metrics.sip import SipMetrics
from gateway.metrics.store import StoreMetrics
from gateway.metrics.trunks import TrunkMetrics
from gateway.metrics.xmpp import XmppMetrics


class Metrics:
    """Everything that is counted; one for each registry."""

    def __init__(self, registry: CollectorRegistry, *, trunks: Iterable[str] = ()) -> None:
        """``trunks`` are the names that the operator has given to them."""
        # When a counter was made is nothing that anybody asks, and doubles the series.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        Gauge("jinglesip_build_info", "What runs here.", ["version", "python"], registry=registry).labels(
            __version__, platform.python_version()
        ).set(1)
        self.media = MediaMetrics(registry)
        self.policy = PolicyMetrics(registry)
        self.calls = CallMetrics(registry, media=self.media, policy=self.policy)
        self.xmpp = XmppMetrics(registry)
        self.sip = SipMetrics(registry)
        self.trunks = TrunkMetrics(registry, trunks)
        self.store = StoreMetrics(registry)
        self.history = HistoryMetrics(registry)
        self.presence = PresenceMetrics(registry)
