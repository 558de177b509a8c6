"""What a leg does whose INVITE asks the peer for the offer: it joins somebody to a call that goes on (RFC 3725 §4.1).

The 200 brings the offer, and its ACK the answer, which the other side gives without asking its user.  So nobody is told
anything that may be overtaken: an offer made of what the other side said last would be answered by something new, which
would have to be offered again, and with ICE without end, since each side's new credentials ask for the other's.
"""

from gateway.errors import PeerError
from gateway.signals import Answer, Candidates, End, Offer, Refuse
from gateway.sip import digits, gather
from gateway.sip.body import SDP, session_description
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.reasons import end_of_bye, end_of_error
from gateway.sip.state import LegState, Phase, Timer
from gateway.sip.within import acknowledge, hang_up
from mappings.reasons import EndReason


def offered(leg: LegState, response: SipResponse, now: float) -> None:
    """The 200 with the offer."""
    try:
        text = session_description(response)
        if text is None:
            raise PeerError(f"{response.status} to an INVITE without a description: no session description in it")
        description = leg.sdp.read_offer(text)
    except PeerError as error:
        _leave(leg, end_of_error(error), now)
        return
    leg.note_dropped()
    leg.phase = Phase.DECIDING
    leg.session.accepted(response)
    digits.learn(leg, response)
    leg.timers[Timer.UNACKED] = now + leg.patience
    leg.out.append(Offer(description))


def answer(leg: LegState, signal: Answer, now: float) -> None:
    """Yes; a client that has told no candidate yet is given a moment, for the peer can be told none later."""
    leg.offered = signal.description
    if gather.unheard(signal.description):
        leg.timers[Timer.GATHERED] = now + min(leg.settings.gather_seconds, gather.MAX_SECONDS)
    else:
        accept(leg, None, now)


def candidates(leg: LegState, signal: Candidates, now: float) -> None:
    """More candidates for the answer that waits for them."""
    if leg.offered is None:
        return
    leg.offered = gather.merged(leg.offered, signal.by_media)
    if gather.ready(leg.offered):
        accept(leg, None, now)


def accept(leg: LegState, _: None, now: float) -> None:
    """Send the ACK."""
    assert leg.offered is not None
    assert leg.invite is not None
    description, leg.offered = leg.offered, None
    try:
        text = leg.sdp.write_answer(description)
    except PeerError as error:
        _leave(leg, end_of_error(error), now)
        return
    leg.note_dropped()
    leg.agreed = text
    leg.timers.clear()
    leg.rearm(now)
    leg.phase = Phase.CONFIRMED
    acknowledge(leg, leg.invite.request, (("Content-Type", SDP),), text.encode())


def refuse(leg: LegState, signal: Refuse | End, now: float) -> None:
    """No: nobody takes up the peer's offer.  An ACK without an answer, and at once the BYE (RFC 3261 §13.2.2.4)."""
    if isinstance(signal, End):
        leg.end_said = True
        _leave(leg, signal, now)
    else:
        _leave(leg, End(signal.reason, signal.text), now)


def late(leg: LegState, _: None, now: float) -> None:
    """The answer takes longer than the peer waits for it."""
    _leave(leg, End(EndReason.TIMEOUT, f"no answer within {leg.patience:g} seconds"), now)


def left(leg: LegState, request: SipRequest, now: float) -> None:
    """The peer does not wait for the answer."""
    assert leg.invite is not None
    leg.reply(request, 200)
    acknowledge(leg, leg.invite.request)
    leg.say(end_of_bye(request))
    leg.close()


def _leave(leg: LegState, end: End, now: float) -> None:
    assert leg.invite is not None
    acknowledge(leg, leg.invite.request)
    hang_up(leg, end, now)
    leg.say(end)
