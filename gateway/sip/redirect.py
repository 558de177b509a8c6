"""Where a 3xx sends our INVITE (RFC 3261 §8.1.3.4), and what a stranger is not told on the way.

Each address is tried once, the preferred ones first, and a few in all.  Whoever is not the trunk gets neither its
credentials nor what it alone is trusted with.
"""

from dataclasses import replace

from gateway.sip.dialog import hop_to
from gateway.sip.flow import Hop
from gateway.sip.message import Header, SipRequest, SipResponse
from gateway.sip.reasons import redirects
from gateway.sip.state import LegState
from gateway.sip.target import digest_session

MAX_REDIRECTIONS = 5
"How often an INVITE is sent elsewhere by 3xx responses."

MAX_UNTRIED = 32
"Addresses that are kept for later."

PRIVATE = frozenset({
    "Authorization", "Proxy-Authorization", "P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID",
})  # fmt: skip
"What is for the trunk alone."


def learn(leg: LegState, response: SipResponse) -> None:
    """Keep the addresses of a 3xx, where it is to be followed: before those that are left of an earlier one."""
    if leg.manners.follow_redirects and leg.target is not None:
        news = [uri for uri in redirects(response) if str(uri) not in leg.visited and uri not in leg.untried]
        found = [uri for uri in news[:MAX_UNTRIED] if leg.target.may_follow(uri)]
        leg.untried = (found + leg.untried)[:MAX_UNTRIED]


def following(leg: LegState) -> tuple[SipRequest, str, Hop] | None:
    """The INVITE to send again, what it is to call and by which way; None: there is no address left to try."""
    target, invite = leg.target, leg.invite
    assert target is not None
    assert invite is not None
    while leg.untried and len(leg.visited) <= MAX_REDIRECTIONS:
        uri = leg.untried.pop(0)
        if uri.scheme not in ("sip", "tel"):
            continue
        leg.visited.add(str(uri))
        routed = any(name == "Route" for name, _ in target.headers)  # then that is the way, whoever is called
        hop = target.hop if routed or not uri.is_sip else hop_to(uri)
        foreign = hop.host.lower() != target.hop.host.lower()
        leg.digest = digest_session(None if foreign else target.credentials)
        request = invite.request
        kept: list[Header] = [header for header in request.headers if header[0] not in PRIVATE]
        if not foreign:
            kept += [header for header in target.headers if header[0] in PRIVATE]
        return replace(request, headers=tuple(kept)), str(replace(uri, headers=None)), hop
    return None
