"""What the peer's messages of initiation make of a session (XEP-0353): one case a turn of `gateway.jingle.phases`."""

from dataclasses import replace
from typing import assert_never

from gateway.jid import is_full
from gateway.signals import End, Offer
from gateway.stanza import Stanza
from mappings.reasons import EndReason
from mappings.terms import Action

from . import description, dialects, proposal
from .actions import alerted
from .phases import Phase, Turn
from .proposal import Proposal
from .session import Asked, Out, Session, Timer

FINISH_SECONDS = 2.0
"How long a session-terminate may take after the message that announced it."

CROSSED = End(EndReason.BUSY, "the user is calling us at this moment", 486)
"What it is to the other side that a call of the user to us has won over this one."


def turn(session: Session, kind: Turn, said: Proposal, now: float) -> Out:
    """Carry out what the phase makes of the peer's message."""
    match kind:
        case Turn.PROPOSED:
            return _proposed(session, said, now)
        case Turn.RINGING:
            session.timers.pop(Timer.NO_DEVICE, None)
            return alerted(session)
        case Turn.PROCEED:
            if not is_full(said.sender):
                return []
            session.peer = said.sender
            session.timers = {Timer.PROCEED: now + session.settings.proceed_timeout_seconds}
            return [initiate(session, now)]
        case Turn.REJECTED:
            # XEP-0353 §3.4: busy is what a reject means when it does not say.
            end = CROSSED if said.tie_break else _end(said, EndReason.BUSY)
            if session.phase is Phase.INITIATED:  # its user thought better of it before our session-initiate was there
                return [*session.terminate(End(EndReason.CANCEL), now), *session.say(end)]
            return session.leave(end)
        case Turn.RETRACTED:
            return session.leave(_end(said, EndReason.CANCEL))
        case Turn.FINISHING:
            active = session.phase is Phase.ACTIVE
            session.finish = _end(said, EndReason.SUCCESS if active else EndReason.CANCEL)
            session.timers.setdefault(Timer.FINISH, now + FINISH_SECONDS)
            return []
        case never:
            assert_never(never)


def _end(said: Proposal, default: EndReason) -> End:
    if said.reason is None:
        return End(default)
    return End(said.reason.reason, said.reason.text, transferred=said.reason.transferred)


def _proposed(session: Session, said: Proposal, now: float) -> Out:
    session.by_message = True
    if not any(kind in session.kinds for kind in said.media):
        end = End(EndReason.UNSUPPORTED_APPLICATIONS, "no medium that is carried here")
        return [session.message(proposal.reject(session.sid, end)), *session.leave(end)]
    announced = session.announced()
    if not session.late:
        return [*announced, proceed(session, now)]
    session.phase = Phase.ASKED
    kinds = tuple(dict.fromkeys(kind for kind in said.media if kind in session.kinds))
    return [*announced, Offer(None, kinds)]


def proceed(session: Session, now: float) -> Stanza:
    """Ask for the session that they proposed."""
    message = session.message(proposal.proceed(session.sid))
    session.proposed_as = message.id
    session.phase = Phase.PROCEEDED
    session.timers[Timer.PROCEED] = now + session.settings.proceed_timeout_seconds
    return message


def ring(session: Session) -> Out:
    """Tell a peer whose propose waits for its answer that somebody is alerted (XEP-0353 §3.2): once."""
    if session.rung:
        return []
    session.rung = True
    message = session.message(proposal.ringing(session.sid))
    session.proposed_as = message.id
    return [message]


def refuse(session: Session, end: End, now: float) -> Out:
    """No to their propose."""
    out = [session.message(proposal.reject(session.sid, end)), *session.leave(end)]
    # Its session-initiate may be on the way, and would begin a new call if nobody knew this one any more.
    session.phase = Phase.ENDING
    session.timers[Timer.LINGER] = now + session.settings.iq_timeout_seconds
    return out


def propose(session: Session, now: float) -> Out:
    """Ask all devices of the user at once."""
    assert session.ours is not None
    session.by_message = True
    media = dict.fromkeys(media.rtp.media for media in session.ours.media)
    announced = session.announced()
    message = session.message(proposal.propose(session.sid, media, nick=session.nick, origin=session.origin))
    session.proposed_as = message.id
    session.phase = Phase.PROPOSED
    session.timers[Timer.NO_DEVICE] = now + session.settings.no_device_timeout_seconds
    session.timers[Timer.RING] = now + session.settings.ring_timeout_seconds
    return [*announced, message]


def initiate(session: Session, now: float) -> Stanza:
    """Our session-initiate, to the one device that has said proceed or was chosen."""
    assert session.ours is not None
    session.begin(Phase.INITIATED)
    # Converse replies to the initiator attribute, not to 'from' (clients.md rule 7).
    written = description.write(dialects.offered(session.ours))
    return session.ask(Action.SESSION_INITIATE, written, now, asked=Asked.INITIATE, initiator=session.local)


def retract(session: Session, end: End) -> Out:
    """Take our propose back; whatever the other side's reason, this is a cancel (conformance reference 1.12.4)."""
    taken_back = proposal.retract(session.sid, replace(end, reason=EndReason.CANCEL))
    return [session.message(taken_back), *session.leave(end)]


def give_way(session: Session, now: float) -> Out:
    """Lose a tie: take our call back, for the user is calling us."""
    if session.phase is Phase.PROPOSED:
        taken_back = proposal.retract(session.sid, proposal.TIE_BREAK, tie_break=True)
        return [session.message(taken_back), *session.leave(CROSSED)]
    if session.phase is Phase.INITIATED:
        return [*session.terminate(proposal.TIE_BREAK, now), *session.say(CROSSED)]
    return []
