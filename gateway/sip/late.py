"""Candidates that come after an offer or answer of ours has left, for a peer that can be told none by INFO (2.23).

They are waited for as those of a first offer are.  If the address where the peer sends by default would then be another
one, it gets a re-INVITE, once for each generation of candidates; if not, it has what it needs, and they are left out,
unless a later one takes them along.
"""

from gateway.sdp.transport import addresses
from gateway.sip import gather, refresh
from gateway.sip.state import LegState, Phase, Timer
from gateway.sip.trickling import Weighed
from mappings.description import Description, Ice


def wait(leg: LegState, now: float) -> None:
    """Whatever has happened: late candidates may be together, or there are some to wait for."""
    if leg.phase is not Phase.CONFIRMED or leg.trickle.confirmed:
        return
    whole = leg.trickle.later(leg.sdp)
    if whole is None or _looked_at(leg, whole) == _count(whole):
        return
    if leg.trickle.collisions and Timer.LATE in leg.timers:
        return  # it has met a change of the peer's, and must not go again at once (RFC 3261 §14.1)
    if gather.ready(whole):
        offer(leg, None, now)
    else:
        leg.timers.setdefault(Timer.LATE, now + min(leg.settings.gather_seconds, gather.MAX_SECONDS))


def offer(leg: LegState, _: None, now: float) -> None:
    """They are together, or have been waited for long enough."""
    whole = leg.trickle.later(leg.sdp)
    if whole is None:
        return
    leg.timers.pop(Timer.LATE, None)
    assert leg.sdp.ours is not None
    known, count = _known(leg, whole), _count(whole)
    if known.told or _defaults(whole) == _defaults(leg.sdp.ours):
        leg.dropped.extend(["candidate"] * (count - _looked_at(leg, whole)))
        leg.trickle.weighed = Weighed(known.generation, count, known.told)
    else:
        leg.trickle.weighed = Weighed(known.generation, count, told=True)
        leg.trickle.offering = True
        refresh.offer_again(leg)


def _known(leg: LegState, whole: Description) -> Weighed:
    generation = frozenset(media.transport.ufrag for media in whole.media if isinstance(media.transport, Ice))
    known = leg.trickle.weighed
    return known if known is not None and known.generation == generation else Weighed(generation, 0)


def _looked_at(leg: LegState, whole: Description) -> int:
    return max(_known(leg, whole).count, 0 if leg.sdp.ours is None else _count(leg.sdp.ours))


def _count(description: Description) -> int:
    return sum(len(media.transport.candidates) for media in description.media)


def _defaults(description: Description) -> list[object]:
    return [addresses(media.transport) for media in description.media]
