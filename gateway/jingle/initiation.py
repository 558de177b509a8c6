"""What the peer's messages of initiation make of a session (XEP-0353): one case a turn of `gateway.jingle.phases`.

Of a user's devices the first to say something that decides has the say: who proceeds first gets the session, and who
rejects before anybody has proceeded does so for all.  Devices hear of each other by carbon copies (XEP-0280); one whose
proceed comes too late is told so by an error too, since it waits for a session.
"""

from dataclasses import replace
from typing import assert_never
from xml.etree.ElementTree import Element

from gateway.jid import bare, is_full
from gateway.signals import End, Offer
from gateway.stanza import Stanza, error, read_error
from mappings.reasons import EndReason
from mappings.terms import Action, Initiation, Role

from . import description, dialects, proposal
from .actions import alerted
from .phases import MESSAGES, Phase, Turn
from .proposal import Proposal
from .refusal import end_of_error
from .session import GONE_SECONDS, Asked, Out, Session, Timer

FINISH_SECONDS = 2.0
"How long a session-terminate may take after the message that announced it."

MOVING_SECONDS = 15.0
"How long a session may take that another one was finished for."

CROSSED = End(EndReason.BUSY, "the user is calling us at this moment", 486)
"What it is to the other side that a call of the user to us has won over this one."


def heard(session: Session, message: Stanza, said: Proposal, now: float) -> Out:
    """A message of the user's about this session."""
    turn = MESSAGES[session.phase].get(said.kind)
    over = session.phase in (Phase.ENDING, Phase.CLOSED)
    another = is_full(session.peer) and said.sender != session.peer
    if said.kind is Initiation.PROCEED and session.role is Role.INITIATOR and (over or another):
        return [too_late(message)]
    if turn is None or another:
        return []  # another device of the user, or a moment that has passed
    session.timers.pop(Timer.GONE, None)
    return _turn(session, turn, said, now)


def too_late(proceed: Stanza) -> Stanza:
    """What answers a proceed for which there is no session: the call is over, or with another device.

    Clients take an error as the end of a call that they wait for (clients.md section 2).
    """
    return error(proceed, "item-not-found", "proceed: the call is over, or another device has taken it")


def _turn(session: Session, kind: Turn, said: Proposal, now: float) -> Out:
    """Carry out what the phase makes of it."""
    match kind:
        case Turn.PROPOSED:
            return _proposed(session, said, now)
        case Turn.REPEATED:
            return _repeated(session)
        case Turn.RINGING:
            session.rings = True
            session.timers.pop(Timer.ALERT, None)
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
            session.moves = active and said.migrated is not None
            session.timers.setdefault(Timer.FINISH, now + (MOVING_SECONDS if session.moves else FINISH_SECONDS))
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


def _repeated(session: Session) -> Out:
    """What we have answered their propose; where that was nothing yet, nothing."""
    match session.phase:
        case Phase.ASKED if session.rung:
            return [_said(session, proposal.ringing(session.sid))]
        case Phase.PROCEEDED:
            return [_said(session, proposal.proceed(session.sid))]
        case Phase.ENDING if session.rejected is not None:
            return [session.message(proposal.reject(session.sid, session.rejected))]
        case _:
            return []


def _said(session: Session, children: tuple[Element, ...]) -> Stanza:
    """A message about their propose, which may come back."""
    message = session.message(children)
    session.proposed_as = message.id
    return message


def bounced(session: Session, message: Stanza, now: float) -> Out:
    """An error for our propose, ringing or proceed: nobody is there to be called, or to call.

    Where a device rings, the propose has come back from another one.  Who cannot be told that it rings may have lost
    its connection for a moment.
    """
    if message.id != session.proposed_as or bare(message.sender) != bare(session.peer):
        return []
    match session.phase:
        case Phase.ASKED:
            session.timers.setdefault(Timer.GONE, now + GONE_SECONDS)
            return []
        case Phase.PROPOSED if not session.rings:
            return session.leave(end_of_error(read_error(message), message.sender))
        case Phase.PROCEEDED:
            return session.leave(end_of_error(read_error(message), message.sender))
        case _:
            return []


def proceed(session: Session, now: float) -> Stanza:
    """Ask for the session that they proposed."""
    session.phase = Phase.PROCEEDED
    session.timers[Timer.PROCEED] = now + session.settings.proceed_timeout_seconds
    return _said(session, proposal.proceed(session.sid))


def ring(session: Session) -> Out:
    """Tell a peer whose propose waits for its answer that somebody is alerted (XEP-0353 §3.2): once."""
    if session.rung:
        return []
    session.rung = True
    return [_said(session, proposal.ringing(session.sid))]


def refuse(session: Session, end: End, now: float) -> Out:
    """No to their propose."""
    session.rejected = end
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
    messages = _to_devices(session, proposal.propose(session.sid, media, nick=session.nick, origin=session.origin))
    # One of several devices that is not there is no reason to give up.
    session.proposed_as = messages[0].id if len(messages) == 1 else ""
    session.phase = Phase.PROPOSED
    if session.known:
        # COMPAT(Dino, Conversations): the one never says that it rings, the other only to its contacts.
        session.timers[Timer.ALERT] = now + session.settings.alert_seconds
    else:
        session.timers[Timer.NO_DEVICE] = now + session.settings.no_device_timeout_seconds
    session.timers[Timer.RING] = now + session.settings.ring_timeout_seconds
    return [*announced, *messages]


def _to_devices(session: Session, children: tuple[Element, ...]) -> list[Stanza]:
    """A message to whom the call was proposed: to all devices at once, or to some of them."""
    return [replace(session.message(children), to=one) for one in session.only or (session.peer,)]


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
    return [*_to_devices(session, taken_back), *session.leave(end)]


def give_way(session: Session, now: float) -> Out:
    """Lose a tie: take our call back, for the user is calling us."""
    if session.phase is Phase.PROPOSED:
        taken_back = proposal.retract(session.sid, proposal.TIE_BREAK, tie_break=True)
        return [*_to_devices(session, taken_back), *session.leave(CROSSED)]
    if session.phase is Phase.INITIATED:
        return [*session.terminate(proposal.TIE_BREAK, now), *session.say(CROSSED)]
    return []
