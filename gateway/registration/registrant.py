"""What is to be registered, where and as whom; and how patient we are with who takes it."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from gateway.sip.flow import Hop
from gateway.sip.target import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Pauses between attempts, in seconds; jitter makes each one shorter, never longer."""

    first_seconds: float = 30.0
    "After the first failure that may pass twice this, doubled with each (RFC 5626 §4.5's base-time)."

    most_seconds: float = 1800.0
    "The longest of those."

    refused_seconds: float = 3600.0
    "After the second refusal in a row that somebody must repair."

    shortest_seconds: float = 15.0
    "Between two attempts of a binding, whatever the registrar asks for."


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrant:
    """One address-of-record to be bound to us."""

    name: str
    "The trunk's that it belongs to."

    aor: str
    "The address-of-record, a SIP URI."

    registrar: str
    "The Request-URI: the domain that the registrar serves, as a URI without a user (RFC 3261 §10.2)."

    hop: Hop
    "Where the requests go."

    credentials: Credentials | None = None
    expires_seconds: int = 3600
    "What is asked for."

    contact_user: str
    "The user part of the Contact, no other binding's."

    instance: str
    "urn:uuid:…, the same after a restart (RFC 5626 §4.1)."


def contact_user(domain: str, name: str) -> str:
    """The Contact user of a binding: the same after a restart, and nobody else's."""
    return hashlib.sha256(f"contact\0{domain}\0{name}".encode("utf-8", "surrogateescape")).hexdigest()[:20]


def instance(domain: str, name: str) -> str:
    """The instance of a binding as a URN; a name-based UUID (RFC 4122 §4.3), since it must outlive restarts."""
    digest = hashlib.sha256(f"instance\0{domain}\0{name}".encode("utf-8", "surrogateescape")).digest()
    return UUID(bytes=digest[:16], version=5).urn
