"""What the other side's signals make of a session: requests, messages, the end."""

from typing import assert_never

from gateway.signals import (
    Answer,
    Attendance,
    Candidates,
    Complete,
    Digit,
    Early,
    End,
    NoDigits,
    Offer,
    PickedUp,
    Picture,
    Progress,
    Refuse,
    Signal,
)
from mappings.reasons import EndReason
from mappings.terms import Role

from . import accepting, digits, initiation, our_change, telling, their_change, transfer
from .coin import attended
from .phases import Phase
from .session import Out, Session, Timer


def told(session: Session, signal: Signal, now: float, *, direct: bool) -> Out:
    """Carry out what the other side said; ``direct``: a call begins without a proposal."""
    match signal:
        case Offer():
            return _call(session, signal, now, direct=direct)
        case Answer():
            if session.phase is Phase.ACTIVE:
                return their_change.answered(session, signal.description, now)
            return accepting.accept(session, signal.description, now) if session.phase is Phase.OFFERED else []
        case PickedUp():
            return [initiation.proceed(session, now)] if session.phase is Phase.ASKED else []
        case Refuse() if session.phase is Phase.OFFERED:  # of a session that came into a call
            end = End(signal.reason, signal.text)
            return [*session.terminate(end, now), *session.say(end)]
        case Refuse():
            return their_change.refused_by(session, signal, now)
        case Progress() if session.phase is Phase.ASKED:
            # What is played cannot be heard before proceed, and the client waits for a word (rule 5).
            return initiation.ring(session)
        case Progress():
            return telling.ringing(session, now) if signal.ringing else []
        case Candidates():
            return telling.candidates(session, signal.by_media, now)
        case Digit():
            return digits.tell(session, signal, now)
        case Attendance():
            return attended(session, signal, now)
        case Picture():
            session.dropped.append(
                "picture_fast_update"
            )  # there is no word for it but RTCP's, which no anchor says here
            return []
        case NoDigits():
            session.deaf = True
            return []
        case End():
            return [*transfer.ended(session, signal), *_end(session, signal, now)]
        case Complete() | Early():  # no description is owed to us, and without an anchor nothing early can be heard
            return []
        case _:
            return transfer.told(session, signal, now)


def _call(session: Session, offer: Offer, now: float, *, direct: bool) -> Out:
    if session.phase is Phase.ACTIVE:
        return our_change.begin(session, offer, now)
    if session.phase is not Phase.NEW or session.role is not Role.INITIATOR:
        return []
    if offer.description is None or not offer.description.media:
        # Without an anchor nobody completes an INVITE without SDP (architecture D5).
        return session.leave(End(EndReason.INCOMPATIBLE_PARAMETERS, "an offer without a description", 488))
    session.ours = offer.description
    if not direct:
        return initiation.propose(session, now)
    session.timers[Timer.RING] = now + session.settings.ring_timeout_seconds
    return [*session.announced(), initiation.initiate(session, now)]


def _end(session: Session, end: End, now: float) -> Out:
    session.ended = True
    match session.phase:
        case Phase.PROPOSED:
            return initiation.retract(session, end)
        case Phase.PROCEEDED | Phase.ASKED:
            return initiation.refuse(session, end, now)
        case Phase.OFFERED | Phase.INITIATED | Phase.ACTIVE:
            return session.terminate(end, now)
        case Phase.NEW | Phase.MOVING:
            return session.leave(end)
        case Phase.ENDING | Phase.CLOSED:
            return []
        case never:
            assert_never(never)
