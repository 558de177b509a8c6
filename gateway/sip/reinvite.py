"""Offers inside a call, the peer's and ours, and the ACK that every 200 of ours waits for (RFC 3261 §13.3.1.4, §14)."""

from contextlib import suppress

from gateway.errors import PeerError
from gateway.signals import Answer, Candidates, Complete, End, Offer, Refuse
from gateway.sip import early, gather
from gateway.sip.body import session_description
from gateway.sip.dialog import Dialog
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.reasons import (
    end_of_failure,
    end_of_response,
    refusal,
    refusal_of_error,
    refuse_of_response,
)
from gateway.sip.state import LegState, Phase, Timer
from gateway.sip.uas import refuse_content
from gateway.sip.wire import Failed
from gateway.sip.within import acknowledge, back_off, chance, confirm, hang_up, hear_answer, send_offer
from mappings.description import Description
from mappings.reasons import EndReason

MAX_COLLISIONS = 5
"How often a re-INVITE is sent again after a 491 before the change is given up."

# -------------------------------------------------------------------------------------------------- our 200 and its ACK


def resend(leg: LegState, _: None, now: float) -> None:
    """The 200 once more: T1, 2*T1 … T2, over any transport (§13.3.1.4)."""
    assert leg.answered is not None
    leg.out.append(leg.answered)
    leg.resend_after = min(2 * leg.resend_after, leg.settings.t2)
    leg.timers[Timer.RESEND] = now + leg.resend_after


def acked(leg: LegState, request: SipRequest, now: float) -> None:
    """The ACK; an offer that had to wait for it can go now."""
    if leg.answered is None or request.cseq.number != leg.answered.cseq.number:
        return
    confirm(leg)
    release(leg, now)


def release(leg: LegState, now: float) -> None:
    """What had to wait is offered now."""
    if leg.waiting is not None:
        waiting, leg.waiting = leg.waiting, None
        reinvite(leg, waiting, now)


def acked_leaving(leg: LegState, request: SipRequest, now: float) -> None:
    """The ACK that our BYE waited for."""
    if leg.answered is not None and request.cseq.number == leg.answered.cseq.number:
        leave(leg, None, now)


def leave(leg: LegState, _: None, now: float) -> None:
    """Hang up at last; without an ACK too."""
    hang_up(leg, leg.parting or End(EndReason.SUCCESS), now)


def unacked(leg: LegState, _: None, now: float) -> None:
    """No ACK in 64*T1: the call cannot be (§13.3.1.4)."""
    end = End(EndReason.TIMEOUT, f"no ACK within {leg.patience:g} seconds")
    hang_up(leg, end, now)
    leg.say(end)


# ------------------------------------------------------------------------------------------------------ their re-INVITE


def reinvited(leg: LegState, request: SipRequest, now: float) -> None:
    """A re-INVITE: an Offer, unless it says nothing new (a session refresh, RFC 3264 §8) or cannot be used."""
    verdict = refuse_content(request) or leg.session.refuse(request)
    if verdict is not None:
        leg.reply(request, *verdict)
        return
    try:
        text = session_description(request)
        assert leg.dialog is not None
        refreshed = leg.dialog.refreshed(request)
        if text is None:
            _offer(leg, request, refreshed, now)
            return
        unchanged = leg.sdp.same_as_last_offer(text)
        description = None if unchanged else leg.sdp.read_offer(text)
    except PeerError as error:
        refused = refusal_of_error(error)
        leg.reply(request, refused.status, refused.headers)
        return
    leg.refreshed = refreshed
    if description is None:
        accept(leg, request, leg.agreed, now)
        return
    leg.note_dropped()
    leg.invited = request
    leg.phase = Phase.REINVITED
    leg.out.append(Offer(description))


def _offer(leg: LegState, request: SipRequest, refreshed: Dialog, now: float) -> None:
    """The peer wants an offer: all that the other side said last, and the answer comes with the ACK (§14.2, MOD-23)."""
    whole = leg.trickle.whole(leg.sdp)
    assert whole is not None
    text = leg.sdp.write_offer(whole)
    leg.refreshed = refreshed
    accept(leg, request, text, now)
    leg.phase = Phase.OFFERING


def learn(leg: LegState, request: SipRequest, now: float) -> None:
    """The ACK with the answer; what is new in it is an offer to the other side, for there is no way back."""
    if leg.answered is None or request.cseq.number != leg.answered.cseq.number:
        return
    confirm(leg)
    description = hear_answer(leg, request, "ACK to a 200 with an offer", now)
    if description is None:
        return
    leg.phase = Phase.LEARNING
    leg.out.append(Offer(description))


def learned(leg: LegState, signal: Answer | Refuse, now: float) -> None:
    """The other side knows it, whether it likes it or not."""
    confirm(leg)
    release(leg, now)


def reinvited_unacked(leg: LegState, request: SipRequest, now: float) -> None:
    """A re-INVITE before the ACK: who sends it has our 200, so the ACK is lost, not missing (RFC 5407 §3.1.4)."""
    confirm(leg)
    if leg.waiting is not None:
        collide(leg, request, now)
        release(leg, now)
        return
    reinvited(leg, request, now)


def answer(leg: LegState, signal: Answer, now: float) -> None:
    """Yes to it; after an ICE restart as soon as there are candidates."""
    leg.offered = signal.description
    if _begun(leg, signal.description):
        leg.phase = Phase.REANSWERING
        leg.timers[Timer.GATHERED] = now + min(leg.settings.gather_seconds, gather.MAX_SECONDS)
    else:
        answered(leg, None, now)


def _begun(leg: LegState, description: Description) -> bool:
    """Whether candidates are to be waited for: there are none yet, and the peer can be told none later."""
    return not leg.trickle.confirmed and gather.restarted(description, leg.sdp.ours)


def answer_gathers(leg: LegState, signal: Candidates, now: float) -> None:
    """More candidates for the answer that waits for them."""
    assert leg.offered is not None
    leg.offered = gather.merged(leg.offered, signal.by_media)
    if gather.ready(leg.offered):
        answered(leg, None, now)


def answered(leg: LegState, _: None, now: float) -> None:
    """Send the 200 with what there is."""
    assert leg.invited is not None
    assert leg.offered is not None
    request, description, leg.offered = leg.invited, leg.offered, None
    try:
        text = leg.sdp.write_answer(description)
    except PeerError as error:
        refuse(leg, Refuse(error.reason, error.text), now)
        return
    leg.note_dropped()
    accept(leg, request, text, now)


def accept(leg: LegState, request: SipRequest, text: str, now: float) -> None:
    """200; from here on the peer is where its re-INVITE said (RFC 6141 §4)."""
    assert leg.refreshed is not None
    leg.dialog, leg.refreshed = leg.refreshed, None
    leg.accept(request, text, now)


def refuse(leg: LegState, signal: Refuse, now: float) -> None:
    """No to it; the call goes on as it was (RFC 6141 §3.1)."""
    assert leg.invited is not None
    verdict = refusal(signal, rang=False)
    leg.reply(leg.invited, verdict.status, verdict.headers, verdict.phrase)
    leg.invited = leg.refreshed = None
    leg.sdp.rollback()
    confirm(leg)


def collide(leg: LegState, request: SipRequest, now: float) -> None:
    """A re-INVITE while ours is out (§14.2)."""
    leg.reply(request, 491)


def overtaken(leg: LegState, request: SipRequest, now: float) -> None:
    """A re-INVITE while ours waits to be sent again: theirs was sent first, and comes first (§14.1).

    A mere refresh leaves ours to be sent after it.  A change makes ours void: both sides have moved on from what it was
    made for, and the other side hears so.
    """
    said = len(leg.out)
    reinvited(leg, request, now)
    if leg.phase is Phase.ANSWERED:
        leg.waiting = leg.reoffer
    elif leg.phase is Phase.REINVITED:
        leg.settle()
        leg.out.insert(said, Refuse(EndReason.GENERAL_ERROR, "the other side made a change first", glare=True))


def too_early(leg: LegState, request: SipRequest, now: float) -> None:
    """A second INVITE before the first has its answer (§14.2): try again in 0 to 10 seconds."""
    leg.reply(request, 500, (("Retry-After", str(chance(leg, 11))),))


# -------------------------------------------------------------------------------------------------------- our re-INVITE


def reinvite(leg: LegState, signal: Offer | Complete, now: float) -> None:
    """Offer a change."""
    if signal.description is None:
        return  # owed: it comes with Complete
    leg.reoffer = signal
    leg.collisions = 0
    if _begun(leg, signal.description):  # an ICE restart: its candidates are still to come
        leg.phase = Phase.REGATHERING
        leg.timers[Timer.GATHERED] = now + min(leg.settings.gather_seconds, gather.MAX_SECONDS)
    else:
        reinvite_again(leg, None, now)


def regathered(leg: LegState, signal: Candidates, now: float) -> None:
    """More candidates for the change that waits for them."""
    assert leg.reoffer is not None
    assert leg.reoffer.description is not None
    leg.reoffer = Offer(gather.merged(leg.reoffer.description, signal.by_media))
    assert leg.reoffer.description is not None
    if gather.ready(leg.reoffer.description):
        reinvite_again(leg, None, now)


def hold_back(leg: LegState, signal: Offer | Complete, now: float) -> None:
    """An offer while our 200 has no ACK: no INVITE may leave before (§14.1)."""
    leg.waiting = signal


def glare(leg: LegState, signal: Offer, now: float) -> None:
    """An offer while another is open on this side."""
    leg.out.append(Refuse(EndReason.GENERAL_ERROR, "another change is under way", glare=True))


def reinvite_proceeds(leg: LegState, response: SipResponse, now: float) -> None:
    """A provisional response: wait on.  Whatever it answers is told when the final one agrees to it."""
    assert leg.reinvite is not None
    assert leg.dialog is not None
    leg.timers[Timer.SILENT] = now + leg.settings.trying_timeout_seconds
    if response.to.tag == leg.dialog.remote_tag and early.admits(leg, leg.reinvite, response):
        early.answered(leg, response)


def reinvite_accepted(leg: LegState, response: SipResponse, now: float) -> None:
    """Yes to our change."""
    description = accepted_again(leg, response, now)
    if description is not None:
        leg.out.append(Answer(description))


def accepted_again(leg: LegState, response: SipResponse, now: float) -> Description | None:
    """A 2xx to a re-INVITE of ours: what it answers, or None, when that is no answer and the call is over."""
    assert leg.reinvite is not None
    assert leg.dialog is not None
    with suppress(PeerError):  # an unreadable Contact leaves the peer where it was
        leg.dialog = leg.dialog.refreshed(response)
    leg.challenged(response)
    leg.session.accepted(response)
    acknowledge(leg, leg.reinvite.request)
    what = f"{response.status} to re-INVITE"
    description = early.settled(leg, response) or hear_answer(leg, response, what, now)
    if description is not None:
        confirm(leg)
        leg.rearm(now)
    return description


def reinvite_rejected(leg: LegState, response: SipResponse, now: float) -> None:
    """No to our change: the call goes on, unless the peer knows nothing of it any more (§12.2.1.2, §14.1)."""
    assert leg.reinvite is not None
    status = response.status
    leg.settle()
    if leg.challenged(response) or (status == 422 and leg.session.too_small(response)):
        reinvite_again(leg, None, now)
    elif status == 491 and leg.collisions < MAX_COLLISIONS:
        leg.collisions += 1
        leg.phase = Phase.BACKING_OFF
        leg.timers[Timer.RETRY] = now + back_off(leg)
    elif status in (408, 481):
        end = end_of_response(response, rang=False)
        hang_up(leg, end, now)
        leg.say(end)
    else:
        leg.sdp.rollback()
        confirm(leg)
        leg.out.append(refuse_of_response(response))


def reinvite_lost(leg: LegState, failed: Failed, now: float) -> None:
    """No answer to our change: the peer is gone (§14.1)."""
    end = end_of_failure(failed)
    hang_up(leg, end, now)
    leg.say(end)


def reinvite_silent(leg: LegState, _: None, now: float) -> None:
    """Provisional responses to our change, then nothing."""
    end = End(EndReason.TIMEOUT, f"no final response within {leg.settings.trying_timeout_seconds:g} seconds")
    hang_up(leg, end, now)
    leg.say(end)


def reinvite_again(leg: LegState, _: None, now: float) -> None:
    """Send the re-INVITE: for the first time, with credentials, or after the wait that follows a 491."""
    assert leg.reoffer is not None
    assert leg.reoffer.description is not None
    try:
        text = leg.sdp.write_offer(leg.reoffer.description)
    except PeerError as error:
        leg.sdp.rollback()
        confirm(leg)
        leg.out.append(Refuse(error.reason, error.text))
        return
    leg.note_dropped()
    leg.timers.pop(Timer.GATHERED, None)
    send_offer(leg, text)
    leg.phase = Phase.REINVITING
