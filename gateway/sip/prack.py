"""What a leg does that is called, so that its provisional responses arrive (RFC 3262 §3)."""

from collections.abc import Sequence

from gateway.sip.message import Header, SipRequest
from gateway.sip.reasons import warning
from gateway.sip.reliable import MAX_RSEQ, REQUIRED, TAG
from gateway.sip.state import LegState, Timer
from gateway.sip.within import chance


def asked(leg: LegState, request: SipRequest) -> None:
    """Whether the caller of this INVITE is to acknowledge what comes before the answer."""
    wanted = TAG in request.tokens("Require")
    if leg.manners.prack == "always":
        wanted = wanted or TAG in request.tokens("Supported")
    leg.assured.asked = wanted
    if wanted:
        leg.assured.rseq = chance(leg, MAX_RSEQ // 2)  # the first is one more; it must stay in 31 bits (§3)


def provisional(leg: LegState, status: int, headers: Sequence[Header], now: float) -> None:
    """Answer the INVITE with 101-199.

    An INVITE without an offer wants it in the first reliable response (RFC 3261 §13.2.1), and we have it only when
    somebody answers: if nothing else will do, its caller hears nothing before.
    """
    assert leg.invited is not None
    assured = leg.assured
    if not assured.asked:
        leg.reply(leg.invited, status, headers)
    elif not leg.promised:
        assured.queue.append(leg.response(leg.invited, status, headers))
        if assured.waiting is None:
            _next(leg, now)


def _next(leg: LegState, now: float) -> None:
    """Send the next reliable response."""
    assured = leg.assured
    assured.rseq += 1
    response = assured.queue.popleft().with_headers((REQUIRED, ("RSeq", str(assured.rseq))))
    assured.waiting = response
    assured.resend_after = leg.settings.t1
    leg.out.append(response)
    leg.timers[Timer.REASSURE] = now + assured.resend_after
    leg.timers[Timer.UNASSURED] = now + leg.patience


def resend(leg: LegState, _: None, now: float) -> None:
    """It once more: T1, 2*T1, 4*T1 …"""
    assured = leg.assured
    if assured.waiting is None:
        return
    leg.out.append(assured.waiting)
    assured.resend_after *= 2
    leg.timers[Timer.REASSURE] = now + assured.resend_after


def acknowledged(leg: LegState, request: SipRequest, now: float) -> None:
    """A PRACK.  One that comes after the 200 is answered as well."""
    if not leg.assured.acknowledged(request):
        leg.reply(request, 481)
        return
    leg.timers.pop(Timer.REASSURE, None)
    leg.timers.pop(Timer.UNASSURED, None)
    if request.body:
        leg.reply(request, 488, (warning(399, "the offer of the INVITE has no answer yet"),))
    else:
        leg.reply(request, 200)
    if leg.invited is not None and leg.assured.queue:
        _next(leg, now)
