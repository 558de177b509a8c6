"""UPDATE from the peer: a new target, a refreshed session, or a change that needs nobody's consent (RFC 3311).

It is answered at once, as any request but INVITE.  What a person may have to agree to, and what has to be gathered
first, is refused with 504, upon which the peer sends a re-INVITE (§5.2).  Before the 200 the other side has been told
of no answer yet: a change there is answered out of the offer that it made, and told with the answer.

Ours only refresh (`gateway.sip.refresh`): a re-INVITE does all else, and has its time.
"""

from copy import copy
from dataclasses import replace

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.sdp.answer import fit
from gateway.sdp.history import SdpSession
from gateway.signals import Answer, Offer, Refuse
from gateway.sip import early, hearing
from gateway.sip.body import session_description
from gateway.sip.dialog import Dialog
from gateway.sip.message import Header, SipRequest
from gateway.sip.reasons import refusal, warning
from gateway.sip.reliable import EarlyDialog
from gateway.sip.state import LegState, Phase, Timer
from gateway.sip.uas import ALLOW_HEADER, refuse_content
from gateway.sip.within import chance, confirm
from mappings.description import Description, Ice, Media
from mappings.terms import Setup

PATIENCE = 0.75
"What part of 64*T1 an answer may take: whoever sent the UPDATE waits no longer than all of it."

_BEFORE = frozenset({Phase.INVITED, Phase.RINGING, Phase.ANSWERING})

_OPPOSITE = {Setup.ACTIVE: Setup.PASSIVE, Setup.PASSIVE: Setup.ACTIVE}


# -------------------------------------------------------------------------------------------------------- inside a call


def updated(leg: LegState, request: SipRequest, now: float) -> None:
    """An UPDATE while nothing else is under way."""
    text, target = _read(leg, request)
    if target is None:
        return
    if text is None:
        _accept(leg, request, target, now)
        return
    if leg.sdp.same_as_last_offer(text):
        _accept(leg, request, target, now, leg.agreed)
        return
    before, theirs = {slot.name for slot in leg.sdp.lines()}, leg.sdp.theirs
    description = leg.sdp.read_offer(text)
    if _asks_much(leg, description, before, theirs):
        leg.sdp.rollback()
        leg.reply(request, 504, (warning(399, "this change takes time: send a re-INVITE"),))
        return
    leg.note_dropped()
    leg.refreshed = target
    leg.invited = request
    leg.phase = Phase.UPDATED
    leg.timers[Timer.OVERDUE] = now + PATIENCE * leg.patience
    leg.out.append(Offer(description))


def answer(leg: LegState, signal: Answer, now: float) -> None:
    """Yes to it."""
    assert leg.invited is not None
    assert leg.refreshed is not None
    try:
        text = leg.sdp.write_answer(signal.description)
    except PeerError as error:
        refuse(leg, Refuse(error.reason, error.text), now)
        return
    leg.note_dropped()
    leg.agreed = text
    request, target = leg.invited, leg.refreshed
    leg.invited = leg.refreshed = None
    confirm(leg)
    _accept(leg, request, target, now, text)


def refuse(leg: LegState, signal: Refuse, now: float) -> None:
    """No to it; the call goes on as it was."""
    assert leg.invited is not None
    verdict = refusal(signal, rang=False)
    leg.reply(leg.invited, verdict.status, verdict.headers, verdict.phrase)
    _drop(leg)
    confirm(leg)


def overdue(leg: LegState, _: None, now: float) -> None:
    """The other side has not answered in time."""
    assert leg.invited is not None
    leg.reply(leg.invited, 504)
    _drop(leg)
    leg.phase = Phase.OVERDUE


def answered_late(leg: LegState, signal: Answer, now: float) -> None:
    """It has now, and said yes: it is told that everything is as before."""
    assert leg.sdp.theirs is not None
    leg.phase = Phase.LEARNING
    leg.out.append(Offer(leg.sdp.theirs))


def refused_late(leg: LegState, signal: Refuse, now: float) -> None:
    """It has now, and said no."""
    confirm(leg)


def pending(leg: LegState, request: SipRequest, now: float) -> None:
    """An UPDATE while an offer of the peer waits for its answer: one that offers is to come again (§5.2)."""
    if _offers(leg, request, now):
        leg.reply(request, 500, (("Retry-After", str(chance(leg, 11))),))


def colliding(leg: LegState, request: SipRequest, now: float) -> None:
    """An UPDATE while an offer of ours waits for its answer (§5.2)."""
    if _offers(leg, request, now):
        leg.reply(request, 491)


def _offers(leg: LegState, request: SipRequest, now: float) -> bool:
    """Whether an UPDATE makes an offer, and so cannot be now; one that only refreshes is accepted."""
    text, target = _read(leg, request)
    if target is not None and text is None:
        _accept(leg, request, target, now)
    return target is not None and text is not None


# ------------------------------------------------------------------------------------------------------ before the 200


def early_on(leg: LegState, request: SipRequest, now: float) -> None:
    """An UPDATE of a phone that we call; before it has answered, our offer waits."""
    text, target = _read(leg, request)
    if target is None:
        return
    known = leg.early.get(target.remote_tag)
    if text is not None and (known is None or known.answer is None or known.sdp is None):
        leg.reply(request, 491)
        return
    if known is not None and text is not None:
        known.sdp, known.answer, known.agreed = _settle(leg, known, text)
        text = known.agreed
    early.keep(leg, target)
    leg.out.append(leg.response(request, 200, _headers(leg), body=text or ""))
    if known is not None and (heard := hearing.changed(leg, known, request)) is not None:
        leg.out.append(heard)


def _settle(leg: LegState, known: EarlyDialog, text: str) -> tuple[SdpSession, Description, str]:
    """Our side of offer and answer after a change that a fork makes, what it has answered by that, and our own answer.

    The other side has made one offer, and is told one answer: it must fit both.  Who opens the DTLS association stays
    as it was.
    """
    assert known.sdp is not None
    assert known.answer is not None
    ours = leg.sdp.ours
    assert ours is not None
    sdp = copy(known.sdp)
    offered = sdp.read_offer(text)
    told = fit(_with_roles(offered, known.answer), ours, Dropped())
    mirrored = _with_roles(ours, told, opposite=True)
    return sdp, told, sdp.write_answer(mirrored)


def _with_roles(description: Description, example: Description, *, opposite: bool = False) -> Description:
    """With the DTLS roles of another description, or the opposite of them, where it leaves them open."""
    roles = {
        media.name: media.transport.fingerprints[0].setup for media in example.media if media.transport.fingerprints
    }

    def settled(media: Media) -> Media:
        role = roles.get(media.name)
        if opposite:
            role = _OPPOSITE.get(role) if role is not None else None
        fingerprints = tuple(
            replace(one, setup=role) if role is not None and one.setup in (None, Setup.ACTPASS) else one
            for one in media.transport.fingerprints
        )
        return replace(media, transport=replace(media.transport, fingerprints=fingerprints))

    return replace(description, media=tuple(map(settled, description.media)))


# ----------------------------------------------------------------------------------------------------------------- both


def _read(leg: LegState, request: SipRequest) -> tuple[str | None, Dialog | None]:
    """The SDP of an UPDATE and the dialog after it; None for the latter: it was refused, and that has been said.

    PeerError: it cannot be read.
    """
    verdict = refuse_content(request) or leg.session.refuse(request)
    if verdict is not None:
        leg.reply(request, *verdict)
        return None, None
    dialog = early.holding(leg, request)
    assert dialog is not None
    return session_description(request), dialog.refreshed(request)


def _accept(leg: LegState, request: SipRequest, target: Dialog, now: float, text: str = "") -> None:
    """200; from here on the peer is where the UPDATE said."""
    early.keep(leg, target)
    headers = _headers(leg)
    begun = leg.phase not in _BEFORE  # the timer begins with the 200 to the INVITE
    if begun:
        headers = (*headers, *leg.session.granted(request))
    leg.out.append(leg.response(request, 200, headers, body=text))
    if begun:
        leg.rearm(now)


def _headers(leg: LegState) -> tuple[Header, ...]:
    return (("Contact", leg.contact), ALLOW_HEADER, *leg.trickle.headers)


def _asks_much(leg: LegState, description: Description, before: set[str], theirs: Description | None) -> bool:
    """Whether it adds a medium, which people are asked about, or restarts ICE for who is told no candidates later."""
    if any(media.name not in before for media in description.media):
        return True
    known = {media.transport.ufrag for media in (theirs.media if theirs else ()) if isinstance(media.transport, Ice)}
    restarted = any(
        isinstance(media.transport, Ice) and media.transport.ufrag not in known for media in description.media
    )
    return restarted and not leg.trickle.confirmed


def _drop(leg: LegState) -> None:
    leg.invited = leg.refreshed = None
    leg.timers.pop(Timer.OVERDUE, None)
    leg.sdp.rollback()
