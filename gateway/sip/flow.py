"""Where SIP messages go and come from, as values: the sockets themselves are `gateway.net.sip`'s."""

from dataclasses import dataclass, replace

WEB = frozenset({"WS", "WSS"})
"Transports that carry each message in a WebSocket message of its own (RFC 7118)."

SECURE = frozenset({"TLS", "WSS"})
"Transports on which the other end shows a certificate."


@dataclass(frozen=True, slots=True)
class Flow:
    """One conversation with one peer address: a UDP socket and a remote address, or one connection (RFC 5626 §2)."""

    transport: str
    "UDP, TCP, TLS, WS or WSS."

    host: str
    "The peer's address, IPv6 without brackets."

    port: int
    local: str = ""
    "Which of our sockets: the listener's name, or a connection's number. Opaque here."

    domain: str = ""
    """The SIP domain that is wanted there, of a connection that we make over TLS or a WebSocket: the peer's certificate
    must be for it (RFC 5922 §7.3), so that two domains at one address have two connections."""

    @property
    def reliable(self) -> bool:
        """Whether the transport itself repeats what is lost."""
        return self.transport != "UDP"


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a request is to go next, before names are resolved (RFC 3261 §8.1.2, RFC 3263)."""

    host: str
    port: int | None = None
    transport: str | None = None
    "One of a flow's; None: the sender chooses (UDP, or TCP for a large request, RFC 3261 §18.1.1)."

    flow: Flow | None = None
    "A connection to use again while it is open."

    domain: str | None = None
    "The SIP domain that is wanted there, when it is not the host."

    fenced: bool = False
    "Whether it is a user who has said where: then it must not lead into networks that are not theirs to ask about."

    def aimed(self, found: Flow) -> Flow:
        """The flow to an address that was found for this hop, with whom its certificate must name."""
        wanted = found.transport in SECURE or found.transport in WEB
        return replace(found, domain=self.domain or self.host) if wanted else found
