"""What the gateway counts, in one class, bound to a registry that is handed in.

Methods are named after facts, and told by `gateway.call` and `gateway.net` only.  Names have the application's prefix
and base units; labels hold closed vocabularies, never an id, a JID, a number or a host, and what a peer may choose
freely is ``other`` when it is none of the known words.  The child of each label set is looked up once and kept, so that
to count is a dict look-up and an addition.
"""

import platform
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from gateway import __version__
from gateway.history_metrics import HistoryMetrics
from gateway.media_metrics import MediaMetrics
from gateway.policy_metrics import PolicyMetrics
from gateway.presence_metrics import PresenceMetrics
from gateway.signals import Side, Signal
from gateway.sip.headers import PHRASES
from gateway.stanza import CONDITIONS
from gateway.store_metrics import StoreMetrics
from mappings.reasons import EndReason
from mappings.record import SPELLINGS
from mappings.terms import Action, Initiation, Method

Metric = TypeVar("Metric", Counter, Gauge, Histogram)

ORIGINS = ("xmpp", "sip")
DIRECTIONS = ("in", "out")
REFUSED_CALLS = (
    "limit", "draining", "no_route", "forbidden", "malformed", "rate", "same_number", "daily_calls", "daily_minutes",
    "prefix", "emergency", "blocked", "anonymous", "do_not_disturb",
)  # fmt: skip
FAILOVERS = ("timeout", "transport", "status")
NAME_OUTCOMES = ("found", "nothing", "stale", "silent")
STANDINGS = ("pending", "registered", "failing", "refused")
REGISTRATION_CAUSES = ("credentials", "refused", "interval", "server", "timeout", "transport")
REFUSED_SIP = ("unknown_source", "unauthorized", "transactions", "connections", "flood")
TRANSPORTS = ("UDP", "TCP", "TLS", "WS", "WSS")
REFUSED_TLS = (
    "authority", "certificate", "closed", "expired", "missing", "name", "not_yet_valid", "protocol", "theirs",
    "timeout",
)  # fmt: skip
COMMAND_ENDS = ("completed", "failed", "canceled", "expired", "broken")
NOTICES = ("missed", "failed")
TEXT_RESULTS = ("delivered", "accepted", "failed", "refused")
KINDS = ("iq", "message", "presence")
SETUP_BUCKETS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180)
DURATION_BUCKETS = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
REGISTRATION_BUCKETS = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 40)
PROBE_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4)
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


def _known(words: Iterable[object]) -> Callable[[object], str]:
    """A label's value when it is one of the words, and otherwise ``other``."""
    texts = frozenset(map(str, words))
    return lambda value: text if (text := str(value)) in texts else "other"


def _status(value: object) -> str:
    """A SIP status that has a name, or the class of one that has none."""
    if value in PHRASES:
        return str(value)
    return f"{str(value)[0]}xx" if isinstance(value, int) and 100 <= value < 700 else "other"


def _dropped(value: object) -> str:
    """The attribute, line or element that something dropped was, or was a part of: ``candidate``, ``m=``."""
    match = _WORD.match(str(value))
    return match[0] if match and match[0] in _DROPPABLE else "other"


def _names() -> Iterator[str]:
    for spelling in SPELLINGS.values():
        if spelling.sdp:
            yield spelling.sdp.partition(":")[0]
        if spelling.xml:
            yield spelling.xml.rpartition("}")[2]


_WORD = re.compile(r"[a-z]=|[a-z-]+")
_DROPPABLE = LOST | frozenset(_names())


class _Series(dict[tuple[object, ...], Metric], Generic[Metric]):
    """The children of a metric by what its labels are told, each bounded to its vocabulary."""

    def __init__(self, metric: Metric, *bounds: Callable[[object], str]) -> None:
        super().__init__()
        self._metric: Metric = metric
        self._bounds = bounds

    def __missing__(self, key: tuple[object, ...]) -> Metric:
        labels = tuple(bound(value) for bound, value in zip(self._bounds, key, strict=True))
        child: Metric = self._metric.labels(*labels)
        if all(label == str(value) for label, value in zip(labels, key, strict=True)):
            self[key] = child  # only what is bounded is kept, or peers could make it grow
        return child


class Metrics:
    """Everything that is counted; one for each registry."""

    def __init__(self, registry: CollectorRegistry, *, trunks: Iterable[str] = ()) -> None:
        """``trunks`` are the names that the operator has given to them."""
        # When a counter was made is nothing that anybody asks, and doubles the series.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        origin, direction = _known(ORIGINS), _known(DIRECTIONS)
        side, method = _known(Side), _known(Method)
        reason, ended_by = _known(EndReason), _known((*Side, "gateway"))

        def counter(name: str, help: str, /, **labels: Callable[[object], str]) -> _Series[Counter]:
            return _Series(Counter(f"jinglesip_{name}", help, [*labels], registry=registry), *labels.values())

        def histogram(
            name: str, help: str, buckets: Iterable[float], /, **labels: Callable[[object], str]
        ) -> _Series[Histogram]:
            metric = Histogram(f"jinglesip_{name}", help, [*labels], registry=registry, buckets=tuple(buckets))
            return _Series(metric, *labels.values())

        Gauge("jinglesip_build_info", "What runs here.", ["version", "python"], registry=registry).labels(
            __version__, platform.python_version()
        ).set(1)
        self._calls = _Series(Gauge("jinglesip_calls_active", "Calls now.", ["origin"], registry=registry), origin)
        self._connected = Gauge("jinglesip_xmpp_connected", "Whether the component stream stands.", registry=registry)
        self._reconnects = Counter(
            "jinglesip_xmpp_reconnects", "How often the component stream came back.", registry=registry
        )
        self._wait = Histogram(
            "jinglesip_inbox_wait_seconds",
            "How long messages wait for their call.",
            registry=registry,
            buckets=WAIT_BUCKETS,
        )
        self.media = MediaMetrics(registry)
        self.store = StoreMetrics(registry)
        self.history = HistoryMetrics(registry)
        self.policy = PolicyMetrics(registry)
        self.presence = PresenceMetrics(registry)
        self._opened = counter("calls_opened", "Calls that began.", origin=origin)
        self._refused = counter(
            "calls_refused", "Calls that were not let in.", origin=origin, cause=_known(REFUSED_CALLS)
        )
        self._ended = counter("calls_ended", "Calls that ended.", origin=origin, reason=reason, ended_by=ended_by)
        self._setup = histogram("call_setup_seconds", "From offer to answer.", SETUP_BUCKETS, origin=origin)
        self._duration = histogram("call_duration_seconds", "From answer to end.", DURATION_BUCKETS, origin=origin)
        self._commands = counter("commands", "Ad-hoc commands that were run.", node=str, outcome=_known(COMMAND_ENDS))
        self._notices = counter("notices", "Messages about calls.", kind=_known(NOTICES))
        self._texts = counter("texts", "Chat messages.", origin=origin, result=_known(TEXT_RESULTS))
        self._jingle = counter(
            "jingle_requests",
            "Jingle requests and message initiation.",
            direction=direction,
            action=_known((*Action, *Initiation)),
        )
        self._jingle_errors = counter(
            "jingle_errors", "Errors that answer them.", direction=direction, condition=_known(CONDITIONS)
        )
        self._stanzas = counter("xmpp_stanzas", "Stanzas.", direction=direction, kind=_known(KINDS))
        self._requests = counter(
            "sip_requests", "SIP requests, without retransmissions.", direction=direction, method=method
        )
        self._responses = counter(
            "sip_responses",
            "SIP responses, without retransmissions.",
            direction=direction,
            method=method,
            status=_status,
        )
        self._retransmissions = counter("sip_retransmissions", "SIP messages sent again.", method=method)
        self._timeouts = counter("sip_transaction_timeouts", "SIP requests that nobody answered.", method=method)
        self._malformed = counter("sip_malformed", "What came and is no SIP.", transport=_known(TRANSPORTS))
        self._refused_sip = counter(
            "sip_refused", "SIP requests refused for where they come from.", cause=_known(REFUSED_SIP)
        )
        trunk = _known(trunks)
        self._trunk_up = _Series(
            Gauge("jinglesip_trunk_up", "Whether a trunk answers OPTIONS.", ["trunk"], registry=registry), trunk
        )
        self._probes = histogram("trunk_probe_seconds", "How long it takes to.", PROBE_BUCKETS, trunk=trunk)
        self._failovers = counter(
            "sip_failovers", "SIP requests that went on to another target.", cause=_known(FAILOVERS)
        )
        self._names = counter("dns_lookups", "Questions to the DNS.", outcome=_known(NAME_OUTCOMES))
        self._expiry = _Series(
            Gauge(
                "jinglesip_sip_certificate_expiry_seconds",
                "How long certificates are good: ours, and the first of those that trunks have shown.",
                ["whose"],
                registry=registry,
            ),
            _known(("ours", "shown")),
        )
        self._refused_tls = counter("sip_tls_refused", "TLS handshakes that failed, by why.", cause=_known(REFUSED_TLS))
        self._dropped = counter(
            "translation_dropped",
            "What the other side has no words for.",
            spelling=_known(("sdp", "jingle")),
            name=_dropped,
        )
        self._out_of_order = counter(
            "out_of_order",
            "Signals that the call had no place for.",
            side=side,
            signal=_known(kind.__name__ for kind in get_args(Signal)),
        )
        self._registrations = _Series(
            Gauge("jinglesip_registrations", "Registrations with SIP registrars.", ["state"], registry=registry),
            _known(STANDINGS),
        )
        self._registration_seconds = Histogram(
            "jinglesip_registration_seconds",
            "From the first request to the grant.",
            registry=registry,
            buckets=REGISTRATION_BUCKETS,
        )
        self._registration_failures = counter(
            "registration_failures", "Registrations that were not granted.", cause=_known(REGISTRATION_CAUSES)
        )
        for standing in STANDINGS:
            _ = self._registrations[standing,]
        for kind in ORIGINS:
            # What is not there yet cannot be seen to rise.
            _ = self._calls[kind,], self._opened[kind,], self._setup[kind,], self._duration[kind,]

    # ------------------------------------------------------------------------------------------------------------ calls

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

    def out_of_order(self, side: str, signal: str) -> None:
        """A signal that the bridge had no place for."""
        self._out_of_order[side, signal].inc()

    def dropped(self, spelling: str, name: str) -> None:
        """Something the other side cannot say."""
        self._dropped[spelling, name].inc()

    def inbox_wait(self, seconds: float) -> None:
        """How long a message lay in a call's inbox: our own lag."""
        self._wait.observe(seconds)

    def text(self, origin: str, result: str) -> None:
        """What became of a chat message."""
        self._texts[origin, result].inc()

    def notice(self, kind: str) -> None:
        """A user was told of a call by a message."""
        self._notices[kind,].inc()

    def command_ended(self, node: str, outcome: str) -> None:
        """An ad-hoc command was run, one of ours, to that end."""
        self._commands[node, outcome].inc()

    # ------------------------------------------------------------------------------------------------------------- XMPP

    def xmpp_connected(self, connected: bool) -> None:
        """The component stream stands, or is gone."""
        self._connected.set(connected)

    def xmpp_reconnected(self) -> None:
        """The component stream stands again after it was lost."""
        self._reconnects.inc()

    def stanza(self, direction: str, kind: str) -> None:
        """A stanza came in, or went out."""
        self._stanzas[direction, kind].inc()

    def jingle_request(self, direction: str, action: str) -> None:
        """A Jingle request, or an element of message initiation."""
        self._jingle[direction, action].inc()

    def jingle_error(self, direction: str, condition: str) -> None:
        """An error that answers one."""
        self._jingle_errors[direction, condition].inc()

    # -------------------------------------------------------------------------------------------------------------- SIP

    def request_received(self, method: str) -> None:
        """A request that is no retransmission."""
        self._requests["in", method].inc()

    def request_sent(self, method: str) -> None:
        """A request, for the first time."""
        self._requests["out", method].inc()

    def response_received(self, method: str, status: int) -> None:
        """A response that is no retransmission."""
        self._responses["in", method, status].inc()

    def response_sent(self, method: str, status: int) -> None:
        """A response, for the first time."""
        self._responses["out", method, status].inc()

    def retransmitted(self, method: str) -> None:
        """A message was sent again."""
        self._retransmissions[method,].inc()

    def transaction_timed_out(self, method: str) -> None:
        """A request of ours that nobody answered."""
        self._timeouts[method,].inc()

    def malformed(self, transport: str) -> None:
        """Bytes that are no SIP message."""
        self._malformed[transport,].inc()

    def registration_stands(self, before: str | None, after: str | None) -> None:
        """A registration is in another state; None: it is new, or gone."""
        if before is not None:
            self._registrations[before,].dec()
        if after is not None:
            self._registrations[after,].inc()

    def registration_granted(self, seconds: float) -> None:
        """A registrar said yes."""
        self._registration_seconds.observe(seconds)

    def registration_failed(self, cause: str) -> None:
        """An attempt to register failed."""
        self._registration_failures[cause,].inc()

    def refused(self, cause: str) -> None:
        """A request that may not come from where it came."""
        self._refused_sip[cause,].inc()

    def name_asked(self, outcome: str) -> None:
        """A question went to the DNS."""
        self._names[outcome,].inc()

    def failed_over(self, cause: str) -> None:
        """A request goes on to another target: one was silent, out of reach, or said 503."""
        self._failovers[cause,].inc()

    def certificate(self, whose: str, expires_at: float) -> None:
        """When our certificate expires, or the first of those that trunks have shown; seconds since 1970."""
        self._expiry[whose,].set_function(lambda: expires_at - time.time())

    def tls_refused(self, cause: str) -> None:
        """A TLS handshake failed, ours or a peer's."""
        self._refused_tls[cause,].inc()

    def trunk_probed(self, trunk: str, up: bool, seconds: float | None) -> None:
        """A trunk was asked whether it is there: what is believed now, and how long its answer took."""
        self._trunk_up[trunk,].set(up)
        if seconds is not None:
            self._probes[trunk,].observe(seconds)
