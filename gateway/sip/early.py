"""The dialogs that provisional responses to our INVITE begin, one for each phone that speaks (RFC 3261 §13.2.2.1).

Each has its own numbers, its own reliable responses (RFC 3262 §4) and its own answer to our offer.  Which of them
counts is decided by the 2xx; its answer then is the one that it gave reliably, if it did, whatever stands in the 2xx
(RFC 3261 §13.2.1).  What is told meanwhile to the other side is `Progress`, or `Early` where it is to hear what is
played (`gateway.sip.hearing`).

`LegState.dialog` is the one that is followed, where the peer trickles (`gateway.sip.info`); for the others, and for
their numbers, there is `LegState.early`.
"""

from copy import copy

from gateway.errors import PeerError
from gateway.sip import hearing, info
from gateway.sip.body import agreement, session_description
from gateway.sip.dialog import Dialog
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.reliable import MAX_EARLY, EarlyDialog, RAck, rseq
from gateway.sip.state import LegState
from gateway.sip.wire import Failed, Outgoing
from mappings.description import Description

ENDED = 199
"Early Dialog Terminated (RFC 6228)."


# ----------------------------------------------------------------------------------------------------------- which one


def holding(leg: LegState, request: SipRequest) -> Dialog | None:
    """The dialog that a request of the peer belongs to."""
    if leg.dialog is not None and leg.dialog.holds(request):
        return leg.dialog
    known = leg.early.get(request.from_.tag or "")
    return known.dialog if known is not None and known.dialog.holds(request) else None


def dialog(leg: LegState, tag: str) -> Dialog | None:
    """The dialog with this tag of the peer, as it is now."""
    if leg.dialog is not None and leg.dialog.remote_tag == tag:
        return leg.dialog
    known = leg.early.get(tag)
    return None if known is None else known.dialog


def keep(leg: LegState, changed: Dialog) -> None:
    """It has changed."""
    if leg.dialog is not None and leg.dialog.remote_tag == changed.remote_tag:
        leg.dialog = changed
    if (known := leg.early.get(changed.remote_tag)) is not None:
        known.dialog = changed


def _known(leg: LegState, invite: SipRequest, response: SipResponse) -> EarlyDialog | None:
    """The early dialog of a provisional response; None: it begins none, or there are too many."""
    tag = response.to.tag
    if response.status == 100 or not tag:
        return None
    known = leg.early.get(tag)
    if known is None and len(leg.early) < MAX_EARLY:
        known = leg.early[tag] = EarlyDialog(dialog(leg, tag) or Dialog.from_response(invite, response))
    return known


# ---------------------------------------------------------------------------------------------------- what comes early


def admits(leg: LegState, invite: Outgoing, response: SipResponse) -> bool:
    """Take a provisional response; False: it is reliable and came again, or before the one it follows (RFC 3262 §4).

    Whatever is next is acknowledged at once.
    """
    known = _known(leg, invite.request, response)
    if known is None:
        return True
    number = rseq(response)
    if number is not None:
        if not known.follows(number):
            return False
        _acknowledge(leg, known.dialog.remote_tag, RAck(number, response.cseq.number, "INVITE"))
    if response.status == ENDED:
        del leg.early[known.dialog.remote_tag]
        if (before := hearing.ended(leg, known.dialog.remote_tag)) is not None:
            leg.out.append(before)
    return True


def answered(leg: LegState, response: SipResponse) -> Description | None:
    """The answer in a reliable response, if this is its dialog's first.

    Unreliable, it must not be forwarded (draft-ietf-stox-media §8), and would come again in any case.  One that cannot
    be read is no answer.
    """
    known = leg.early.get(response.to.tag or "")
    if known is None or known.sdp is not None or rseq(response) is None:
        return None
    try:
        text = session_description(response)
        if text is None:
            return None
        sdp = copy(leg.sdp)  # each fork answers our offer alone
        known.answer = sdp.read_answer(text)
    except PeerError:
        leg.dropped.append("early answer")
        return None
    known.sdp = sdp
    known.agreed = agreement(sdp.text or "", text)
    return known.answer


def settled(leg: LegState, response: SipResponse) -> Description | None:
    """A 2xx decides which dialog it is: the answer that came before it there, or None.  The others are dropped."""
    known = leg.early.get(response.to.tag or "")
    leg.early.clear()
    if known is None:
        return None
    if known.sdp is None:
        return hearing.settled(leg, known, response)
    leg.sdp = known.sdp
    leg.agreed = known.agreed
    leg.note_dropped()
    return known.answer


# ---------------------------------------------------------------------------------------------------------------- PRACK


def _acknowledge(leg: LegState, tag: str, rack: RAck) -> None:
    known = dialog(leg, tag)
    assert known is not None
    known, request = known.request("PRACK", (("RAck", str(rack)), leg.agent))
    keep(leg, known)
    leg.pracks[leg.transmit(request, known.hop).branch] = (tag, rack)


def pracked(leg: LegState, response: SipResponse, now: float) -> None:
    """A response to a PRACK; only a challenge is worth another one, since there is nothing else to be done about it."""
    if response.status < 200:
        return
    tag, rack = leg.pracks.pop(response.branch or "")
    if leg.challenged(response) and dialog(leg, tag) is not None:
        _acknowledge(leg, tag, rack)


def prack_lost(leg: LegState, failed: Failed, now: float) -> None:
    """A PRACK had no response; the peer will see to it that the INVITE ends (RFC 3262 §3)."""
    del leg.pracks[failed.branch]


# ----------------------------------------------------------------------------------------------------------------- INFO


def informed(leg: LegState, request: SipRequest, now: float) -> None:
    """An INFO in an early dialog: of the one that is followed only."""
    if leg.dialog is not None and leg.dialog.holds(request):
        info.received(leg, request, now)
    else:
        leg.reply(request, 481)
