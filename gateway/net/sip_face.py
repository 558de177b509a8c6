"""What users of the SIP port bring: settings, owners of messages, and whoever counts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.keys import TlsSettings
from gateway.net.resolve import ResolverSettings
from gateway.net.sent_by import Listener
from gateway.sip.message import MAX_BODY, SipRequest, SipResponse
from gateway.sip.wire import Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class SipPortSettings:
    """What an operator may say of the SIP side."""

    listeners: tuple[Listener, ...]

    advertised_host: str | None = None
    "Our address as peers see it, where that is not ours; None: the listener's, or the one on the way to the peer."

    advertised_port: int | None = None
    "The port likewise."

    tls: TlsSettings = field(default_factory=TlsSettings)
    user_agent: str = "jingle-sip"
    "The Server header of what is answered here."

    max_datagram: int = 65_535
    "Octets; a longer datagram is answered 513."

    max_message: int = MAX_BODY
    "Octets of a body that comes over a connection."

    max_connections: int = 1_000
    "Connections, of both directions together."

    idle_seconds: float = 600.0
    "After this a silent connection is closed."

    connect_seconds: float = 5.0
    "How long a connection may take to be made."

    max_transactions: int = 50_000
    "Live server transactions, of which one INVITE and its BYE make two for 32 s; beyond it, 503."

    resolver: ResolverSettings = field(default_factory=ResolverSettings)

    failover_seconds: float = 4.0
    "How long a target may be silent while there is another."

    failover_total_seconds: float = 20.0
    "After this no other target is tried."

    keepalive_seconds: float = 110.0
    "How often a connection of ours, and every WebSocket, is asked whether it lives; 0: never."

    origins: frozenset[str] = frozenset()
    "The origins, in lower case, of the pages whose WebSockets are taken; ``*``: of all.  Others say none."

    stranger_rate: float = 50.0
    "Messages a second from one address that is no trunk's, beyond which they are dropped."

    stranger_burst: float = 200.0
    "How many of them may come at once."

    reaches: Callable[[str], bool] = lambda address: True
    "Whether what is fenced may go to an address (`gateway.sip.flow.Hop.fenced`)."

    t1: float = 0.5
    "Round trip, seconds (RFC 3261 §17.1.1.1)."

    t2: float = 4.0
    "The longest time between repetitions, seconds."

    t4: float = 5.0
    "How long a message may stay in the network, seconds."


class Owner(Protocol):
    """Who gets what comes back."""

    def put(self, message: SipRequest | SipResponse | Failed) -> None:
        """Take a message; does not raise, and does not wait."""
        ...


class SipObserver(Protocol):
    """The facts that are counted.  Methods that we do not know are all called `other`."""

    def request_received(self, method: str) -> None: ...

    def request_sent(self, method: str) -> None: ...

    def response_received(self, method: str, status: int) -> None: ...

    def response_sent(self, method: str, status: int) -> None: ...

    def retransmitted(self, method: str) -> None: ...

    def transaction_timed_out(self, method: str) -> None: ...

    def malformed(self, transport: str) -> None: ...

    def refused(self, cause: str) -> None: ...

    def name_asked(self, outcome: str) -> None: ...

    def failed_over(self, cause: str) -> None: ...

    def tls_refused(self, cause: str) -> None: ...

    def certificate(self, whose: str, expires_at: float) -> None: ...


class NoObserver:
    """Counts nothing."""

    def request_received(self, method: str) -> None:
        """Ignored."""

    def request_sent(self, method: str) -> None:
        """Ignored."""

    def response_received(self, method: str, status: int) -> None:
        """Ignored."""

    def response_sent(self, method: str, status: int) -> None:
        """Ignored."""

    def retransmitted(self, method: str) -> None:
        """Ignored."""

    def transaction_timed_out(self, method: str) -> None:
        """Ignored."""

    def malformed(self, transport: str) -> None:
        """Ignored."""

    def refused(self, cause: str) -> None:
        """Ignored."""

    def name_asked(self, outcome: str) -> None:
        """Ignored."""

    def failed_over(self, cause: str) -> None:
        """Ignored."""

    def tls_refused(self, cause: str) -> None:
        """Ignored."""

    def certificate(self, whose: str, expires_at: float) -> None:
        """Ignored."""
