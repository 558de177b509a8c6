"""What is counted of anchored media.

``side`` is who the packets come from.  Quality is observed when a call ends, once for each of its audio streams.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.media.anchor import StreamStatistics
from gateway.signals import Side
from mappings.reasons import EndReason

BACKENDS = ("embedded", "rtpengine")
CONNECT_BUCKETS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 20)
LOSS_BUCKETS = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
JITTER_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
ROUND_TRIP_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2)
MOS_BUCKETS = (1.5, 2.0, 2.5, 3.0, 3.3, 3.6, 3.8, 4.0, 4.2, 4.3, 4.4)


class MediaMetrics:
    """One for each registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, help: str, labels: list[str]) -> Counter:
            return Counter(f"jinglesip_{name}", help, labels, registry=registry)

        def histogram(name: str, help: str, labels: list[str], buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"jinglesip_{name}", help, labels, registry=registry, buckets=buckets)

        self._active = Gauge("jinglesip_anchors_active", "Calls whose media pass here.", ["backend"], registry=registry)
        for backend in BACKENDS:
            self._active.labels(backend)
        self._errors = counter("anchor_errors", "Calls whose media could not be anchored, or were lost.", ["reason"])
        self._early = Counter(
            "jinglesip_early_media", "Calls in which was heard what came before the answer.", registry=registry
        )
        self._one_way = counter("media_one_way", "Calls in which a side was not heard for a while.", ["side"])
        self._packets = counter("media_packets", "RTP packets.", ["side"])
        self._lost = counter("media_lost_packets", "RTP packets that did not arrive.", ["side"])
        self._dropped = counter("media_dropped_packets", "Packets of strangers, and garbage.", ["side"])
        self._connect = histogram(
            "media_connect_seconds",
            "From the answer until a side's media have a way and keys.",
            ["side"],
            CONNECT_BUCKETS,
        )
        self._loss = histogram("media_loss_ratio", "Lost packets of a call.", ["side"], LOSS_BUCKETS)
        self._jitter = histogram("media_jitter_seconds", "Jitter at the end of a call.", ["side"], JITTER_BUCKETS)
        self._round_trip = histogram(
            "media_round_trip_seconds",
            "Between the gateway and a side, at the end of a call.",
            ["side"],
            ROUND_TRIP_BUCKETS,
        )
        self._mos = histogram("media_mos", "How a side sounds to the other, estimated.", ["side"], MOS_BUCKETS)

    def opened(self, backend: str) -> None:
        """A call has an anchor."""
        self._active.labels(_backend(backend)).inc()

    def closed(self, backend: str) -> None:
        """It has none any more."""
        self._active.labels(_backend(backend)).dec()

    def failed(self, reason: EndReason) -> None:
        """A call ends for its media."""
        self._errors.labels(reason.value).inc()

    def connected(self, side: Side, seconds: float) -> None:
        """A side's media have a way; so long after the answer, 0 if before."""
        self._connect.labels(side.value).observe(seconds)

    def early(self) -> None:
        """What a callee played before it answered was heard."""
        self._early.inc()

    def one_way(self, side: Side) -> None:
        """Nothing comes from a side while the other one sends."""
        self._one_way.labels(side.value).inc()

    def counted(self, side: Side, stream: StreamStatistics) -> None:
        """What came from a side in a call that is over."""
        label = side.value
        self._packets.labels(label).inc(stream.packets)
        self._lost.labels(label).inc(max(0, stream.lost))
        self._dropped.labels(label).inc(stream.dropped)
        if stream.kind != "audio" or not stream.packets:
            return
        self._loss.labels(label).observe(max(0, stream.lost) / (stream.packets + max(0, stream.lost)))
        self._jitter.labels(label).observe(stream.jitter)
        if stream.round_trip is not None:
            self._round_trip.labels(label).observe(stream.round_trip)
        if stream.mos is not None:
            self._mos.labels(label).observe(stream.mos)


def _backend(name: str) -> str:
    return name if name in BACKENDS else "other"
