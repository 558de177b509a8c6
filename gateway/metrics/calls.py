"""What is counted of calls, and of what is said in Jingle for them."""

import re
from collections.abc import Iterator
from typing import get_args

from prometheus_client import CollectorRegistry, Histogram

from gateway.metrics.media import MediaMetrics
from gateway.metrics.policy import PolicyMetrics
from gateway.metrics.series import DIRECTIONS, ORIGINS, Maker, known
from gateway.signals import Side, Signal
from gateway.stanza import CONDITIONS
from mappings.reasons import EndReason
from mappings.record import SPELLINGS
from mappings.terms import Action, Initiation

REFUSED_CALLS = (
    "limit", "draining", "no_route", "forbidden", "malformed", "rate", "same_number", "daily_calls", "daily_minutes",
    "prefix", "emergency", "blocked", "anonymous", "do_not_disturb",
)  # fmt: skip
SETUP_BUCKETS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180)
DURATION_BUCKETS = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
WAIT_BUCKETS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1)
# fmt: off
LOST = frozenset({
    "acap", "bundle-only", "charset", "conf", "connection", "curr", "des", "framerate", "ice-lite", "ice-mismatch",
    "ice-options", "ice-pacing", "imageattr", "key-mgmt", "keywds", "label", "lang", "maxptime", "msid",
    "msid-semantic", "orient", "pcfg", "ptime", "quality", "rid", "rtcp", "rtcp-mux-only", "rtcp-rsize", "rtcp-xr",
    "sdplang", "simulcast", "source-filter", "tcap", "tls-id", "tool", "type",
    "b=", "c=", "e=", "i=", "k=", "m=", "p=", "r=", "u=", "z=", "content", "group", "transport-info",
})
# fmt: on
"What one side has no word for, beside the declared records, of which a part may be dropped."


def _names() -> Iterator[str]:
    for spelling in SPELLINGS.values():
        if spelling.sdp:
            yield spelling.sdp.partition(":")[0]
        if spelling.xml:
            yield spelling.xml.rpartition("}")[2]


_WORD = re.compile(r"[a-z]=|[a-z-]+")
_DROPPABLE = LOST | frozenset(_names())


def _dropped(value: object) -> str:
    """The attribute, line or element that something dropped was, or was a part of: ``candidate``, ``m=``."""
    match = _WORD.match(str(value))
    return match[0] if match and match[0] in _DROPPABLE else "other"


class CallMetrics:
    """One for each registry."""

    def __init__(self, registry: CollectorRegistry, *, media: MediaMetrics, policy: PolicyMetrics) -> None:
        """``media`` and ``policy`` are told of by whoever has a call in hand."""
        self.media = media
        self.policy = policy
        make = Maker(registry)
        origin, direction = known(ORIGINS), known(DIRECTIONS)
        self._calls = make.gauge("calls_active", "Calls now.", origin=origin)
        self._opened = make.counter("calls_opened", "Calls that began.", origin=origin)
        self._refused = make.counter(
            "calls_refused", "Calls that were not let in.", origin=origin, cause=known(REFUSED_CALLS)
        )
        self._ended = make.counter(
            "calls_ended",
            "Calls that ended.",
            origin=origin,
            reason=known(EndReason),
            ended_by=known((*Side, "gateway")),
        )
        self._setup = make.histogram("call_setup_seconds", "From offer to answer.", SETUP_BUCKETS, origin=origin)
        self._duration = make.histogram("call_duration_seconds", "From answer to end.", DURATION_BUCKETS, origin=origin)
        self._jingle = make.counter(
            "jingle_requests",
            "Jingle requests and message initiation.",
            direction=direction,
            action=known((*Action, *Initiation)),
        )
        self._jingle_errors = make.counter(
            "jingle_errors", "Errors that answer them.", direction=direction, condition=known(CONDITIONS)
        )
        self._dropped = make.counter(
            "translation_dropped",
            "What the other side has no words for.",
            spelling=known(("sdp", "jingle")),
            name=_dropped,
        )
        self._out_of_order = make.counter(
            "out_of_order",
            "Signals that the call had no place for.",
            side=known(Side),
            signal=known(kind.__name__ for kind in get_args(Signal)),
        )
        self._wait = Histogram(
            "jinglesip_inbox_wait_seconds",
            "How long messages wait for their call.",
            registry=registry,
            buckets=WAIT_BUCKETS,
        )
        for kind in ORIGINS:
            # What is not there yet cannot be seen to rise.
            _ = self._calls[kind,], self._opened[kind,], self._setup[kind,], self._duration[kind,]

    def call_opened(self, origin: str) -> None:
        """A call began."""
        self._opened[origin,].inc()
        self._calls[origin,].inc()

    def call_refused(self, origin: str, cause: str) -> None:
        """A call was not let in, and so was never opened."""
        self._refused[origin, cause].inc()

    def call_answered(self, origin: str, setup_seconds: float) -> None:
        """From the offer to the answer."""
        self._setup[origin,].observe(setup_seconds)

    def call_ended(self, origin: str, reason: str, ended_by: str, duration_seconds: float | None) -> None:
        """An opened call is over; no duration when it was never answered."""
        self._calls[origin,].dec()
        self._ended[origin, reason, ended_by].inc()
        if duration_seconds is not None:
            self._duration[origin,].observe(duration_seconds)

    def jingle_request(self, direction: str, action: str) -> None:
        """A Jingle request, or an element of message initiation."""
        self._jingle[direction, action].inc()

    def jingle_error(self, direction: str, condition: str) -> None:
        """An error that answers one."""
        self._jingle_errors[direction, condition].inc()

    def out_of_order(self, side: str, signal: str) -> None:
        """A signal that the bridge had no place for."""
        self._out_of_order[side, signal].inc()

    def dropped(self, spelling: str, name: str) -> None:
        """Something the other side cannot say."""
        self._dropped[spelling, name].inc()

    def inbox_wait(self, seconds: float) -> None:
        """How long a message lay in a call's inbox: our own lag."""
        self._wait.observe(seconds)
