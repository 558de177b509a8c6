"""What a leg does that is called: from the INVITE to the 200 or the refusal (RFC 3261 §13.3)."""

from gateway.errors import PeerError
from gateway.signals import Answer, Candidates, Complete, End, Offer, Progress, Refuse
from gateway.sip import digits, gather, info, prack
from gateway.sip.body import session_description
from gateway.sip.dialog import Dialog
from gateway.sip.grammar import number
from gateway.sip.message import SipRequest
from gateway.sip.reasons import Refusal, end_of_cancel, refusal, refusal_of_error, warning
from gateway.sip.reinvite import release
from gateway.sip.state import LegState, Phase, Timer
from gateway.sip.within import confirm, hear_answer
from mappings.reasons import EndReason

MAX_EXPIRES = 24 * 3600
"A longer Expires header says nothing."

TERMINATED = Refusal(487, None, ())
"What an INVITE that its own sender takes back is answered (§9.2)."


def invited(leg: LegState, request: SipRequest, now: float) -> None:
    """The INVITE that begins the call: an Offer, or a refusal at once."""
    leg.invited = request
    try:
        leg.dialog = Dialog.from_request(request, leg.tag)
        if (verdict := info.forbidden(leg, request)) is not None:
            _end(leg, End(EndReason.UNSUPPORTED_TRANSPORTS, "requires an extension", 420), verdict)
            return
        if (short := leg.session.refuse(request)) is not None:
            end = End(EndReason.GENERAL_ERROR, "too short a session interval", short[0])
            _end(leg, end, Refusal(short[0], None, short[1]))
            return
        text = session_description(request)
        if text is None and not leg.settings.offers:
            raise PeerError(
                "an INVITE without a session description cannot be answered: send an offer",
                status=488,
                reason=EndReason.INCOMPATIBLE_PARAMETERS,
            )
        description = None if text is None else leg.sdp.read_offer(text)
        prack.asked(leg, request)
    except PeerError as error:
        _end(leg, End(error.reason, error.text, error.status), refusal_of_error(error))
        return
    leg.note_dropped()
    leg.phase = Phase.INVITED
    expires = number(request.first("Expires"), MAX_EXPIRES)
    if expires is not None:
        leg.timers[Timer.EXPIRED] = now + expires
    leg.promised = description is None
    leg.out.append(Offer(description, leg.settings.kinds if leg.promised else ()))
    digits.learn(leg, request)
    if description is not None:
        info.offered(leg, request, description, now)


def progress(leg: LegState, signal: Progress, now: float) -> None:
    """Somebody is being alerted: one 180, however many devices ring (SX-23)."""
    if not signal.ringing:
        return
    assert leg.invited is not None
    leg.phase = Phase.RINGING
    leg.ringing_seen = True
    leg.last_status = 180
    prack.provisional(leg, 180, (("Contact", leg.contact), *leg.trickle.headers), now)
    info.rang(leg)


def answer(leg: LegState, signal: Answer, now: float) -> None:
    """Yes. A client that has told no candidate yet is given a moment, if the peer can be told none later (2.23)."""
    leg.offered = signal.description
    if not leg.trickle.confirmed and gather.unheard(signal.description):
        leg.phase = Phase.ANSWERING
        leg.timers[Timer.GATHERED] = now + min(leg.settings.gather_seconds, gather.MAX_SECONDS)
    else:
        accept(leg, None, now)


def candidates(leg: LegState, signal: Candidates, now: float) -> None:
    """More candidates for the answer that waits for them."""
    assert leg.offered is not None
    leg.offered = gather.merged(leg.offered, signal.by_media)
    if gather.ready(leg.offered):
        accept(leg, None, now)


def accept(leg: LegState, _: None, now: float) -> None:
    """Send the 200."""
    assert leg.invited is not None
    assert leg.offered is not None
    try:
        text = leg.sdp.write_offer(leg.offered) if leg.promised else leg.sdp.write_answer(leg.offered)
    except PeerError as error:
        _end(leg, End(error.reason, error.text, error.status), refusal_of_error(error))
        return
    leg.offered = None
    leg.note_dropped()
    leg.accept(leg.invited, text, now)
    if leg.promised:
        leg.phase = Phase.PROMISED


def completed(leg: LegState, request: SipRequest, now: float) -> None:
    """The ACK that answers our offer; one that does not ends the call (§13.2.2.4; RFC 3264 §4)."""
    if leg.answered is None or request.cseq.number != leg.answered.cseq.number:
        return
    confirm(leg)
    description = hear_answer(leg, request, "ACK to a 200 with an offer", now)
    if description is not None:
        leg.out.append(Complete(description))
        release(leg, now)


def refuse(leg: LegState, signal: End | Refuse, now: float) -> None:
    """No (1.7.1)."""
    assert leg.invited is not None
    leg.end_said = True
    verdict = refusal(signal, rang=leg.ringing_seen)
    leg.reply(leg.invited, verdict.status, verdict.headers, verdict.phrase)
    leg.last_status = verdict.status
    leg.close()


def cancelled(leg: LegState, request: SipRequest, now: float) -> None:
    """The caller gave up; the transaction has answered the CANCEL itself (§9.2)."""
    _end(leg, end_of_cancel(request))


def left(leg: LegState, request: SipRequest, now: float) -> None:
    """A BYE before the answer: rare, and lawful for the caller (§15)."""
    leg.reply(request, 200)
    _end(leg, end_of_cancel(request))


def expired(leg: LegState, _: None, now: float) -> None:
    """The caller wanted an answer by now (§13.3.1)."""
    _end(leg, End(EndReason.TIMEOUT, "the INVITE expired"))


def unassured(leg: LegState, _: None, now: float) -> None:
    """A provisional response that had to be acknowledged was not, in 64*T1 (RFC 3262 §3)."""
    text = f"no PRACK within {leg.patience:g} seconds"
    _end(leg, End(EndReason.TIMEOUT, text), Refusal(500, None, (warning(399, text),)))


def _end(leg: LegState, end: End, verdict: Refusal = TERMINATED) -> None:
    """The final response, and the news."""
    assert leg.invited is not None
    leg.reply(leg.invited, verdict.status, verdict.headers, verdict.phrase)
    leg.last_status = verdict.status
    leg.say(end)
    leg.close()
