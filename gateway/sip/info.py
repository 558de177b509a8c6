"""INFO, both ways: candidates one by one in its package trickle-ice, and what it carries without a package.

When a peer can be told candidates is RFC 8840's: it has said that it can, and there is a dialog that both know of
(§4.3).  Then all that has come since is told in one INFO, and the next when that has its answer (§10.9).  A peer that
cannot gets the candidates that the offer waited for (§5.3, half trickle), and what `gateway.sip.late` makes of others.
"""

from gateway.fields import Dropped
from gateway.signals import Candidates
from gateway.sip import gather, prack, trickle, within
from gateway.sip.dialog import Dialog
from gateway.sip.digits import UNABLE
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.reasons import Refusal
from gateway.sip.reliable import TAG as RELIABLE
from gateway.sip.state import LegState, Phase, Timer
from gateway.sip.trickle import CONTENT_TYPE, HEADERS, OPTION, TAG
from gateway.sip.trickling import can
from gateway.sip.wire import Failed
from mappings.description import Description, Ice

_TELLING = frozenset({Phase.PROCEEDING, Phase.CONFIRMED, Phase.REINVITED, Phase.UPDATED})
"Where a dialog is known to both, and no offer of ours is open that would change what the candidates belong to."


# ----------------------------------------------------------------------------------------------------------- our INVITE


def offering(leg: LegState, description: Description) -> None:
    """Our first offer is to be written: say in it that we can trickle, where there is ICE."""
    leg.sdp.ice_options = OPTION if leg.trickle.announce(description) else None


def early(leg: LegState, response: SipResponse) -> None:
    """A provisional response to our INVITE: from a peer that trickles it begins a dialog, and wants an INFO (§4.3).

    Without one the peer repeats it, and may not send its candidates.  One dialog is followed: of several phones the
    first; another one's candidates come when it has answered.
    """
    forget_if_over(leg, response)
    knows = leg.trickle.announced and (leg.trickle.required or can(response))
    if leg.dialog is not None or not knows or response.status in (100, 199) or not response.to.tag:
        return
    assert leg.invite is not None
    begun = leg.early.get(response.to.tag)
    leg.dialog = begun.dialog if begun is not None else Dialog.from_response(leg.invite.request, response)
    leg.trickle.confirmed = leg.trickle.owed = True


def forget_if_over(leg: LegState, response: SipResponse) -> None:
    """199: that early dialog is over (RFC 6228)."""
    if response.status == 199 and leg.dialog is not None and response.to.tag == leg.dialog.remote_tag:
        forget(leg)


def forget(leg: LegState) -> None:
    """The early dialog is over, or was another phone's."""
    leg.dialog = None
    leg.trickle.confirmed = None
    leg.trickle.forget()


def settled(leg: LegState, response: SipResponse, answer: Description) -> Description:
    """Our offer's answer is here, and with it whether the peer trickles: the answer with what came ahead of it."""
    known = leg.trickle
    ice = any(isinstance(media.transport, Ice) for media in answer.media)
    if not ice:
        leg.dropped.extend(["candidate"] * known.give_up())
        return answer
    if not known.announced or not (known.required or known.confirmed or can(response)):
        known.confirmed = False
        return answer
    known.confirmed = True
    if known.held is None:
        return answer
    fragment, known.held = known.held, None
    news, stray = known.hear(leg.sdp, fragment)
    leg.dropped.extend(["candidate"] * stray)
    return gather.merged(answer, news)


def excused(leg: LegState, response: SipResponse) -> Description | None:
    """420: the peer does not know what we required (§5.1).  What to offer without requiring it, or None."""
    refused = response.tokens("Unsupported")
    if response.status != 420 or not leg.trickle.required or (refused and TAG not in refused):
        return None
    whole = leg.trickle.whole(leg.sdp)
    leg.trickle.mode = "auto"
    forget(leg)
    return whole


# --------------------------------------------------------------------------------------------------------- their INVITE


def forbidden(leg: LegState, request: SipRequest) -> Refusal | None:
    """420, when an INVITE requires what its trunk may not."""
    required = request.tokens("Require")
    banned = [tag for tag, mode in ((TAG, leg.trickle.mode), (RELIABLE, leg.manners.prack)) if mode == "never"]
    refused = [tag for tag in banned if tag in required]
    return Refusal(420, None, (("Unsupported", ", ".join(refused)),)) if refused else None


def offered(leg: LegState, request: SipRequest, offer: Description, now: float) -> None:
    """Their first offer: a peer that trickles and has not said all is sent a provisional response at once (§4.3.3).

    That begins the dialog in which it can send its candidates, long before anybody is rung.
    """
    known = leg.trickle
    known.confirmed = known.announce(offer) and can(request) and all(slot.mid for slot in leg.sdp.lines())
    if not known.confirmed:
        return
    leg.sdp.ice_options = OPTION
    if all(isinstance(m.transport, Ice) and m.transport.gathering_complete is not None for m in offer.media):
        return
    prack.provisional(leg, 183, (("Contact", leg.contact), *known.headers), now)
    leg.last_status = 183
    if not leg.assured.asked:
        _remember(leg)
        known.resend_after = leg.settings.t1
        leg.timers[Timer.REMIND] = now + known.resend_after


def rang(leg: LegState) -> None:
    """Another provisional response went out: it is the one to repeat, so that nobody stops to ring."""
    if leg.trickle.provisional is not None:
        _remember(leg)


def remind(leg: LegState, _: None, now: float) -> None:
    """The provisional response once more, as RFC 3262 §3 would: T1, 2*T1 … until 64*T1 have passed."""
    known = leg.trickle
    if known.provisional is None:
        return
    leg.out.append(known.provisional)
    known.resend_after *= 2
    if known.resend_after < leg.patience:
        leg.timers[Timer.REMIND] = now + known.resend_after


def _remember(leg: LegState) -> None:
    response = leg.out[-1]
    assert isinstance(response, SipResponse)
    leg.trickle.provisional = response


# -------------------------------------------------------------------------------------------------------- what is told


def candidates(leg: LegState, signal: Candidates, now: float) -> None:
    """More candidates of ours.  How they can be told may be known only later: `tell` and `late` see to that."""
    leg.dropped.extend(["candidate"] * leg.trickle.add(leg.sdp, signal.by_media))


def tell(leg: LegState) -> None:
    """Send an INFO, if it is due and may leave."""
    known = leg.trickle
    if not known.confirmed or known.pending is not None or leg.dialog is None or leg.phase not in _TELLING:
        return
    if not known.owed and not known.news(leg.sdp):
        return
    fragment = known.tell(leg.sdp)
    if fragment is not None:
        known.pending = leg.within("INFO", HEADERS, trickle.write(fragment).encode())


def answered(leg: LegState, response: SipResponse, now: float) -> None:
    """Our INFO's response.  Whatever a failure was, the next one says all again; so nothing is repeated."""
    if response.status < 200:
        return
    known = leg.trickle
    known.pending = None
    if leg.challenged(response):
        known.owed = True
    elif response.status in UNABLE:
        known.confirmed = False


def lost(leg: LegState, failed: Failed, now: float) -> None:
    """Our INFO had no response."""
    leg.trickle.pending = None


# -------------------------------------------------------------------------------------------------------- what is heard


def received(leg: LegState, request: SipRequest, now: float) -> None:
    """An INFO: by its package, or the kind of old phones."""
    package = request.first("Info-Package")
    if package is None:
        within.info(leg, request, now)
        return
    known = leg.trickle
    if not known.announced or package.partition(";")[0].strip().lower() != TAG:
        leg.reply(request, 469, (("Recv-Info", TAG if known.announced else ""),))
        return
    kind = (request.first("Content-Type") or "").partition(";")[0].strip().lower()
    if request.body and kind != CONTENT_TYPE:
        leg.reply(request, 415, (("Accept", CONTENT_TYPE),))
        return
    dropped = Dropped()
    fragment = trickle.read(request.body, dropped)
    leg.dropped.extend(dropped.names())
    leg.reply(request, 200)
    known.confirmed = True  # who sends candidates can be sent some
    known.provisional = None
    leg.timers.pop(Timer.REMIND, None)
    if leg.sdp.theirs is None:
        known.held = fragment
        return
    news, stray = known.hear(leg.sdp, fragment)
    leg.dropped.extend(["candidate"] * stray)
    if news:
        leg.out.append(Candidates(news))
