"""What is counted of SIP's messages and sockets, and of the names that they go to."""

import time

from prometheus_client import CollectorRegistry

from gateway.metrics.series import DIRECTIONS, Maker, known
from gateway.sip.headers import PHRASES
from mappings.terms import Method

FAILOVERS = ("timeout", "transport", "status")
NAME_OUTCOMES = ("found", "nothing", "stale", "silent")
REFUSED_SIP = ("unknown_source", "unauthorized", "transactions", "connections", "flood")
TRANSPORTS = ("UDP", "TCP", "TLS", "WS", "WSS")
REFUSED_TLS = (
    "authority", "certificate", "closed", "expired", "missing", "name", "not_yet_valid", "protocol", "theirs",
    "timeout",
)  # fmt: skip


def _status(value: object) -> str:
    """A SIP status that has a name, or the class of one that has none."""
    if value in PHRASES:
        return str(value)
    return f"{str(value)[0]}xx" if isinstance(value, int) and 100 <= value < 700 else "other"


class SipMetrics:
    """One for each registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        make = Maker(registry)
        direction, method = known(DIRECTIONS), known(Method)
        self._requests = make.counter(
            "sip_requests", "SIP requests, without retransmissions.", direction=direction, method=method
        )
        self._responses = make.counter(
            "sip_responses",
            "SIP responses, without retransmissions.",
            direction=direction,
            method=method,
            status=_status,
        )
        self._retransmissions = make.counter("sip_retransmissions", "SIP messages sent again.", method=method)
        self._timeouts = make.counter("sip_transaction_timeouts", "SIP requests that nobody answered.", method=method)
        self._malformed = make.counter("sip_malformed", "What came and is no SIP.", transport=known(TRANSPORTS))
        self._refused = make.counter(
            "sip_refused", "SIP requests refused for where they come from.", cause=known(REFUSED_SIP)
        )
        self._failovers = make.counter(
            "sip_failovers", "SIP requests that went on to another target.", cause=known(FAILOVERS)
        )
        self._names = make.counter("dns_lookups", "Questions to the DNS.", outcome=known(NAME_OUTCOMES))
        self._expiry = make.gauge(
            "sip_certificate_expiry_seconds",
            "How long certificates are good: ours, and the first of those that trunks have shown.",
            whose=known(("ours", "shown")),
        )
        self._refused_tls = make.counter(
            "sip_tls_refused", "TLS handshakes that failed, by why.", cause=known(REFUSED_TLS)
        )

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

    def refused(self, cause: str) -> None:
        """A request that may not come from where it came."""
        self._refused[cause,].inc()

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
