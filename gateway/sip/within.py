"""What a leg does inside a call, whoever began it: BYE, the ACK of a 2xx, and the small requests (RFC 3261 §15)."""

from collections.abc import Sequence

from gateway.errors import PeerError
from gateway.signals import End
from gateway.sip import digits, picture
from gateway.sip.body import SDP, session_description
from gateway.sip.dialog import credentials, refuse_fork
from gateway.sip.message import Header, SipRequest, SipResponse
from gateway.sip.reasons import bye_reason, end_of_bye, end_of_error, warning
from gateway.sip.state import LegState, Phase, Timer
from gateway.sip.uas import ACCEPT_HEADER, ALLOW_HEADER, capabilities
from mappings.description import Description

KEPT_ACKS = 2
"A 2xx comes again for 64*T1 at most; by then there are hardly more INVITEs of ours."

KEPT_FORKS = 16
"Forks beyond these get a BYE for every copy of their 2xx."


# ----------------------------------------------------------------------------------------------------------- hanging up


def hang_up(leg: LegState, end: End, now: float) -> None:
    """Send BYE; whatever becomes of it, the call is over (§15.1.1)."""
    leg.timers.clear()
    leg.referral.clear()
    leg.bye = leg.within("BYE", (bye_reason(end),))
    leg.phase = Phase.TERMINATING
    leg.timers[Timer.GIVE_UP] = now + leg.patience


def hear_answer(leg: LegState, message: SipRequest | SipResponse, what: str, now: float) -> Description | None:
    """The answer to our offer, in a 2xx or an ACK; ``what`` says which, where there is none.

    None: it is no answer, and the call is over.  The peer has taken the offer and we cannot know how, so that there is
    no way back (RFC 3261 §13.2.2.4, §14.1).
    """
    try:
        text = session_description(message)
        if text is None:
            raise PeerError(f"{what}: no session description in it")
        description = leg.sdp.read_answer(text)
    except PeerError as error:
        reason = end_of_error(error)
        hang_up(leg, reason, now)
        leg.say(reason)
        return None
    leg.agree(text)
    return description


def end(leg: LegState, signal: End, now: float) -> None:
    """The other side hangs up."""
    leg.end_said = True
    drop_pending(leg)
    hang_up(leg, signal, now)


def end_unacked(leg: LegState, signal: End, now: float) -> None:
    """The other side hangs up while our 200 is still on its way: BYE must wait for the ACK (§15)."""
    leg.end_said = True
    leg.parting = signal
    leg.phase = Phase.LEAVING


def hung_up(leg: LegState, request: SipRequest, now: float) -> None:
    """The peer hangs up. What it still waits for gets its answer (§15.1.2)."""
    leg.reply(request, 200)
    drop_pending(leg)
    leg.say(end_of_bye(request))
    leg.close()


def crossed(leg: LegState, request: SipRequest, now: float) -> None:
    """Both hang up at once (END-34); ours is still to be answered."""
    leg.reply(request, 200)


def bye_answered(leg: LegState, response: SipResponse, now: float) -> None:
    """Whatever the answer is, 481 and 408 included; only a challenge is worth another try."""
    assert leg.bye is not None
    if response.status < 200:
        return
    if leg.challenged(response):
        leg.bye = leg.within("BYE", [header for header in leg.bye.request.headers if header[0] == "Reason"])
    else:
        leg.close()


def gone(leg: LegState, _: None, now: float) -> None:
    """BYE was not answered."""
    leg.close()


def drop_pending(leg: LegState) -> None:
    """What the peer still waits for gets its answer (§15.1.2)."""
    if leg.invited is not None:
        leg.reply(leg.invited, 487)
        leg.invited = None
    if leg.referral.asked is not None:
        leg.reply(leg.referral.asked, 487)
        leg.referral.asked = None


# ------------------------------------------------------------------------------------------------- what exchanges share


def confirm(leg: LegState) -> None:
    """The exchange is over; the call goes on."""
    leg.phase = Phase.CONFIRMED
    leg.settle()
    leg.answered = None


def back_off(leg: LegState) -> float:
    """How long to wait after a 491, in seconds: who made the Call-ID waits longer, so that they do not meet again."""
    if leg.target is not None:
        return 2.1 + chance(leg, 191) / 100
    return chance(leg, 201) / 100


def chance(leg: LegState, below: int) -> int:
    """A number from 0, made of a fresh id."""
    return int(leg.new_id()[:8], 16) % below


def send_offer(leg: LegState, text: str) -> None:
    """Send a re-INVITE with this SDP (§14.1)."""
    leg.early.clear()
    headers = (
        ("Contact", leg.contact),
        ALLOW_HEADER,
        *leg.trickle.headers,
        *leg.session.headers,
        ACCEPT_HEADER,
        ("Content-Type", SDP),
    )
    leg.reinvite = leg.within("INVITE", headers, text.encode())


# ------------------------------------------------------------------------------------------------------------- 2xx, ACK


def acknowledge(leg: LegState, invite: SipRequest, headers: Sequence[Header] = (), body: bytes = b"") -> None:
    """ACK a 2xx, with the credentials of its INVITE (§13.2.2.4, §22.1); keep it for when the 2xx comes again."""
    assert leg.dialog is not None
    number = invite.cseq.number
    _, ack = leg.dialog.request("ACK", (*credentials(invite), *headers), body, cseq=number)
    leg.acks[number] = leg.transmit(ack, leg.dialog.hop)
    if len(leg.acks) > KEPT_ACKS:
        del leg.acks[min(leg.acks)]


def repeated(leg: LegState, response: SipResponse, now: float) -> None:
    """A 2xx that is not news: it lacks its ACK, or it is another fork's and gets ACK and BYE (§13.2.2.4)."""
    tag = response.to.tag or ""
    if leg.dialog is not None and tag == leg.dialog.remote_tag:
        if (ack := leg.acks.get(response.cseq.number)) is not None:
            leg.out.append(ack)
        elif leg.reinvite is not None and leg.reinvite.branch == response.branch:
            acknowledge(leg, leg.reinvite.request)  # we had given it up
    elif tag in leg.forks:
        leg.out.append(leg.forks[tag])
    elif leg.invite is not None and leg.invite.branch == response.branch:
        refused = refuse_fork(leg.invite.request, response, leg.new_id, fenced=leg.manners.fenced)
        leg.out.extend(refused)
        if len(leg.forks) < KEPT_FORKS:
            leg.forks[tag] = refused[0]


# ------------------------------------------------------------------------------------------------------- small requests


def options(leg: LegState, request: SipRequest, now: float) -> None:
    """What we can do."""
    leg.reply(request, 200, capabilities())


def info(leg: LegState, request: SipRequest, now: float) -> None:
    """An INFO as old phones send it: digits, and requests for pictures; packages are not known."""
    if request.first("Info-Package") is not None:
        leg.reply(request, 469, (("Recv-Info", ""),))
        return
    kind = (request.first("Content-Type") or "").partition(";")[0].strip().lower()
    if not request.body:
        leg.reply(request, 200)
    elif kind in digits.BODIES:
        digits.received(leg, request, kind)
    elif kind == picture.BODY:
        picture.received(leg, request)
    else:
        taken = ", ".join((*digits.BODIES, picture.BODY))
        leg.reply(request, 415, (("Accept", taken), warning(399, "INFO body is not understood")))
