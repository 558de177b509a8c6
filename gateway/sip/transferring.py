"""Handing on, both ways: the peer's REFER and what it is told of it, ours and what we are told (RFC 3515, 5589).

A REFER of the peer's is a `Transfer`; it gets its response with the first `Transferred`, and a NOTIFY with that and
each further one, until the final one ends the subscription.  Our End is final too: as good news when the call goes on
elsewhere, else as 487, since nobody knows any more.  A peer that hangs up first is told nothing: its dialog is gone.

Ours: a 2xx response, or a NOTIFY that comes before it, says that it is under way.  When the peer tells of a final 2xx
it has somebody else, so that we hang up.  One transfer of each kind at a time.
"""

from gateway.errors import PeerError
from gateway.signals import End, Transfer, Transferred
from gateway.sip import refer
from gateway.sip.address import NameAddr
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.reasons import refusal_of_error
from gateway.sip.refer import ALLOW_EVENTS, EVENT, FRAGMENT
from gateway.sip.state import LegState
from gateway.sip.wire import Failed
from gateway.sip.within import end
from mappings.reasons import EndReason

SUBSCRIPTION_SECONDS = 300
"""How long a subscription to what becomes of a transfer lives, ours and theirs.  Longer than anybody is rung, so that
it ends by the result and not by this."""

GONE_STATUS = 487
"What a peer is told that asked for a transfer, when the call is over and nobody knows of any."

_BUSY = 491

# --------------------------------------------------------------------------------------------------------- their REFER


def referred(leg: LegState, request: SipRequest, now: float) -> None:
    """The peer hands the other side on."""
    known = leg.referral
    if known.asked is not None or known.subscribed or known.ours is not None:
        leg.reply(request, _BUSY)
        return
    try:
        found = refer.read(request)
    except PeerError as error:
        verdict = refusal_of_error(error)
        leg.reply(request, verdict.status, verdict.headers)
        return
    leg.dropped.extend(found.dropped)
    known.asked = request
    leg.out.append(found.transfer)


def progressed(leg: LegState, signal: Transferred, now: float) -> None:
    """What becomes of it."""
    known = leg.referral
    request = known.asked
    if request is not None:
        known.asked = None
        if signal.status >= 300:
            leg.reply(request, signal.status, phrase=signal.phrase)
            return
        silent = refer.unsubscribed(request)
        leg.reply(request, 202, (("Contact", leg.contact), *((("Refer-Sub", "false"),) if silent else ())))
        known.subscribed = not silent
        if known.subscribed:
            known.event = f"{EVENT};id={request.cseq.number}" if known.referred else EVENT
            known.referred = True
            known.due = now + SUBSCRIPTION_SECONDS
    if known.subscribed:
        _notify(leg, signal.status, signal.phrase, now)


def left(leg: LegState, signal: End, now: float) -> None:
    """The other side is gone: to whom the peer wanted it, or for good."""
    known = leg.referral
    if known.asked is not None:
        leg.reply(known.asked, 202 if signal.transferred else GONE_STATUS)
        known.asked = None
    if known.subscribed:
        _notify(leg, 200 if signal.transferred else GONE_STATUS, None, now)


def _notify(leg: LegState, status: int, phrase: str | None, now: float, *, reason: str | None = None) -> None:
    known = leg.referral
    if status >= 200 or reason is not None:
        state = f"terminated;reason={reason or 'noresource'}"
        known.subscribed, known.due = False, None
    else:
        assert known.due is not None
        state = f"active;expires={max(0, round(known.due - now))}"
    known.told = status
    headers = (
        ("Event", known.event),
        ("Subscription-State", state),
        ("Contact", leg.contact),
        ("Content-Type", f"{FRAGMENT};version=2.0"),
    )
    known.notify = leg.within("NOTIFY", headers, refer.write_fragment(status, phrase))


def notify_answered(leg: LegState, response: SipResponse, now: float) -> None:
    """Only credentials are worth another try; who knows nothing of the subscription is told nothing more."""
    known = leg.referral
    if response.status < 200 or known.notify is None:
        return
    sent, known.notify = known.notify.request, None
    if leg.challenged(response):
        known.notify = leg.within("NOTIFY", [header for header in sent.headers if header[0] in _NOTIFIED], sent.body)
    elif response.status >= 300:
        known.subscribed, known.due = False, None


_NOTIFIED = frozenset({"Event", "Subscription-State", "Contact", "Content-Type"})


def notify_lost(leg: LegState, failed: Failed, now: float) -> None:
    """Nobody is there to be told (RFC 6665 §4.2.2)."""
    known = leg.referral
    known.notify = known.due = None
    known.subscribed = False


def subscribed(leg: LegState, request: SipRequest, now: float) -> None:
    """The peer's subscription to its REFER: kept, or given up with an Expires of 0 (RFC 3515 §2.4.4)."""
    known = leg.referral
    if not known.subscribed:
        leg.reply(request, 481)
        return
    if (request.first("Expires") or "").strip() == "0":
        leg.reply(request, 200, (("Expires", "0"), ("Contact", leg.contact)))
        _notify(leg, known.told, None, now, reason="timeout")
        return
    known.due = now + SUBSCRIPTION_SECONDS
    leg.reply(request, 200, (("Expires", str(SUBSCRIPTION_SECONDS)), ("Contact", leg.contact)))
    _notify(leg, known.told, None, now)


# ------------------------------------------------------------------------------------------------------------ our REFER


def ask(leg: LegState, signal: Transfer, now: float) -> None:
    """The other side hands our peer on."""
    known = leg.referral
    assert leg.dialog is not None
    if known.ours is not None or known.asked is not None or known.subscribed:
        leg.out.append(Transferred(_BUSY))
        return
    headers = refer.write(signal, NameAddr.parse(leg.dialog.local).uri)
    known.ours = leg.within("REFER", (*headers, ("Contact", leg.contact)))
    known.under_way = known.heard = False
    known.due = now + SUBSCRIPTION_SECONDS


def refused(leg: LegState, signal: Transfer, now: float) -> None:
    """A moment at which nobody can be handed on."""
    leg.out.append(Transferred(_BUSY))


def answered(leg: LegState, response: SipResponse, now: float) -> None:
    """The peer's response to our REFER."""
    known = leg.referral
    if known.ours is None or response.status < 200 or known.under_way:
        return
    if leg.challenged(response):
        headers = [header for header in known.ours.request.headers if header[0] in _REFERRED]
        known.ours = leg.within("REFER", headers)
    elif response.status < 300:
        _under_way(leg)
    else:
        _failed(leg, response.status, response.phrase or None)


_REFERRED = frozenset({"Refer-To", "Referred-By", "Contact"})


def lost(leg: LegState, failed: Failed, now: float) -> None:
    """Our REFER had no response."""
    if leg.referral.ours is not None:
        _failed(leg, 408 if failed.cause == "timeout" else 503, None)


def notified(leg: LegState, request: SipRequest, now: float) -> None:
    """What the peer tells of it."""
    known = leg.referral
    package, number = refer.event(request)
    if package != EVENT:
        leg.reply(request, 489, (ALLOW_EVENTS,))
        return
    ours = known.ours is not None and number in (None, str(known.ours.request.cseq.number))
    if not ours and not known.heard:
        leg.reply(request, 481)
        return
    kind = (request.first("Content-Type") or FRAGMENT).partition(";")[0].strip().lower()
    if request.body and kind != FRAGMENT:
        leg.reply(request, 415, (("Accept", FRAGMENT),))
        return
    leg.reply(request, 200)
    over = refer.is_over(request)
    if not ours:  # of one whose result is known
        known.heard = not over
        return
    status, phrase = refer.read_fragment(request.body) or (100, None)
    if 200 <= status < 300:
        good = End(EndReason.SUCCESS, transferred=True)
        leg.say(good)
        end(leg, good, now)
    elif status >= 300 or over:
        known.heard = not over
        # An end without a result says that the peer will never know of one.
        _failed(leg, status if status >= 300 else 503, phrase if status >= 300 else None)
    else:
        _under_way(leg)


def expired(leg: LegState, now: float) -> None:
    """The time is over in which a result could come, from the peer or for it."""
    known = leg.referral
    known.due = None
    if known.ours is not None:
        _failed(leg, 408, None)
    elif known.subscribed:
        _notify(leg, known.told, None, now, reason="timeout")


def _under_way(leg: LegState) -> None:
    known = leg.referral
    if not known.under_way:
        known.under_way = True
        leg.out.append(Transferred(100))


def _failed(leg: LegState, status: int, phrase: str | None) -> None:
    leg.referral.ours = leg.referral.due = None
    leg.out.append(Transferred(status, phrase))
