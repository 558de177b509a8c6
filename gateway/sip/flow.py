"""Where SIP messages go and come from, as values: the sockets themselves are `gateway.net.sip`'s."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flow:
    """One conversation with one peer address: a UDP socket and a remote address, or one connection (RFC 5626 §2)."""

    transport: str
    "UDP, TCP or TLS."

    host: str
    "The peer's address, IPv6 without brackets."

    port: int
    local: str = ""
    "Which of our sockets: the listener's name, or a connection's number. Opaque here."

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
    "UDP, TCP or TLS; None: the sender chooses (UDP, or TCP for a large request, RFC 3261 §18.1.1)."

    flow: Flow | None = None
    "A connection to use again while it is open."
