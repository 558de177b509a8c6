"""One mailbox: what to subscribe to for it, and what is news about it (RFC 3842)."""

from gateway.addressing import sip_uri
from gateway.registration.grant import Grant
from gateway.rules import Trunk
from gateway.sip import summary
from gateway.sip.address import NameAddr, escape_user
from gateway.sip.auth import Nonces
from gateway.sip.events import Wanted
from gateway.sip.summary import Summary


def wanted(trunk: Trunk, number: str, *, grant: Grant, nonces: Nonces | None, where: str) -> Wanted:
    """What to subscribe to for a number's mailbox at a trunk; ``where`` is our host:port."""
    uri = sip_uri(number, trunk.domain)
    return Wanted(
        event=summary.EVENT,
        accept=summary.CONTENT,
        uri=str(uri),
        to=NameAddr("", uri),
        from_=NameAddr("", sip_uri(number, trunk.from_domain)),
        hop=grant.way(trunk.hop),
        contact=f"<{grant.gruu}>" if grant.gruu else f"<sip:{escape_user(number)}@{where}>",
        headers=tuple(("Route", route) for route in grant.routes),
        credentials=trunk.credentials(nonces),
    )


def is_news(now: Summary, before: Summary | None) -> bool:
    """Whether there is more than before, or, where something was, nothing left."""
    if before is None or before.waiting != now.waiting:
        return now.waiting or before is not None
    had = {kind: counts.new for kind, counts in before.counts}
    return any(counts.new > had.get(kind, 0) for kind, counts in now.counts)
