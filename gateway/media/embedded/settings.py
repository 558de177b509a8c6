"""What the embedded anchor is told by the operator."""

from dataclasses import dataclass
from typing import Literal

from gateway.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class IceServer:
    """A STUN or TURN server."""

    kind: Literal["stun", "turn"]
    host: str
    port: int = 3478
    transport: Literal["udp", "tcp", "tls"] = "udp"
    "How to reach a TURN server."

    username: str | None = None
    password: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedSettings:
    """[media] for the embedded anchor."""

    addresses: tuple[str, ...] = ("127.0.0.1",)
    """Our addresses for media: candidates are made of all, phones are told the first of their family.  None: those that
    the machine has at the start, but loopback."""

    advertised: tuple[str, ...] = ()
    "What peers are told instead of each address, in the same order (1:1 NAT); empty: the addresses themselves."

    port_low: int = 20_000
    port_high: int = 29_999
    "The ports for media, both included: two for each phone and medium, one for each client and address."

    servers: tuple[IceServer, ...] = ()
    "For clients that cannot reach us else; a gateway with a public address needs none."

    dscp: int = 46
    "The class that packets are marked with, 0-63 (RFC 2474); 46 is for speech (RFC 4594 §4.1)."

    ice_seconds: float = 15.0
    "How long a way is looked for."

    dtls_seconds: float = 15.0
    "How long a handshake may take."

    consent_interval: float = 5.0
    "How often a client is asked whether it still wants packets (RFC 7675)."

    consent_seconds: float = 30.0
    "After so long without an answer it does not."

    latch_seconds: float = 3.0
    "How long after a description a phone's packets may come from elsewhere than it said."

    silence_seconds: float = 60.0
    "After so long without a packet of either side a call is over."

    held_seconds: float = 1800.0
    "The same while it is on hold."

    one_way_seconds: float = 6.0
    "After so long without a packet of one side only, that is told."

    def __post_init__(self) -> None:
        """ValueError where the two lists of addresses do not go together."""
        if len(self.advertised) not in (0, len(self.addresses)):
            raise ValueError("advertised: one for each of addresses")
