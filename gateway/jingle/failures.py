"""What a session makes of errors, and of what does not come."""

from dataclasses import replace
from typing import assert_never

from gateway.signals import End
from gateway.stanza import StanzaError
from mappings.reasons import EndReason

from . import accepting, our_answers, our_change, proposal, transfer
from .actions import alerted
from .initiation import retract
from .phases import Phase
from .refusal import UNKNOWN_SESSION, end_of_error
from .session import Asked, Out, Session, Timer


def refused(session: Session, asked: Asked, failure: StanzaError, sender: str, now: float) -> Out:
    """A request of ours was answered by an error."""
    lost = UNKNOWN_SESSION in failure.details
    match asked:
        case Asked.INITIATE if session.phase is Phase.INITIATED:
            return session.leave(end_of_error(failure, sender))
        case Asked.ACCEPT:
            said = failure.text or failure.condition
            end = End(EndReason.GENERAL_ERROR, f"session-accept was refused: {said}")
            if lost or failure.condition == "item-not-found":
                return session.leave(end)
            return [*session.terminate(end, now), *session.say(end)]
        case Asked.INITIATE | Asked.OTHER | Asked.CHANGE:
            # A ringing or a candidate that was not understood is no reason to end a call; a lost session is the end.
            return session.leave(End(EndReason.GENERAL_ERROR, "the client has lost the session")) if lost else []
        case Asked.DIGIT:
            session.mute = True
            return session.leave(End(EndReason.GENERAL_ERROR, "the client has lost the session")) if lost else []
        case Asked.TRANSFER:
            return session.leave(our_change.LOST) if lost else [transfer.DECLINED]
        case Asked.TERMINATE:
            return []
        case never:
            assert_never(never)


def changed(session: Session, id: str, failure: StanzaError | None, now: float, *, late: bool = False) -> Out:
    """The reply to a part of a change; or, ``late``, the news that there will be none."""
    if isinstance(session.change, accepting.Fallback):
        return accepting.replied(session, failure, now)
    return our_answers.replied(session, id, failure, now, late=late)


def unanswered(session: Session, asked: Asked, now: float) -> Out:
    """A request of ours got no reply in time."""
    end = End(EndReason.TIMEOUT, "the client does not answer")
    match asked:
        case Asked.INITIATE if session.phase is Phase.INITIATED and not session.heard:
            return [*session.terminate(end, now), *session.say(replace(end, status=408))]
        case Asked.ACCEPT:
            return [*session.terminate(end, now), *session.say(end)]
        case Asked.TRANSFER:
            return [transfer.DECLINED]
        case Asked.INITIATE | Asked.OTHER | Asked.CHANGE | Asked.DIGIT | Asked.TERMINATE:
            return []  # who says other things of this session is there all the same (COMPAT Monal: unknown actions)
        case never:
            assert_never(never)


def timed_out(session: Session, timer: Timer, now: float) -> Out:
    """Something else did not come in time."""
    match timer:
        case Timer.NO_DEVICE | Timer.RING | Timer.PROCEED:
            return _nobody(session, "no device rings" if timer is Timer.NO_DEVICE else "nobody answers", now)
        case Timer.ALERT:
            return alerted(session)
        case Timer.GONE:
            end = End(EndReason.GONE, "the client has gone offline")
        case Timer.FINISH:
            assert session.finish is not None
            end = session.finish
        case Timer.CHANGE:
            if isinstance(session.change, accepting.Fallback):
                return accepting.give_up(session, now)
            return our_change.expired(session, now)
        case Timer.MODIFY:
            return our_change.unmodified(session, now)
        case Timer.LINGER | Timer.RETRY:
            return []
        case never:
            assert_never(never)
    if session.phase in (Phase.PROCEEDED, Phase.ASKED, Phase.MOVING):
        return session.leave(end)
    return [*session.terminate(end, now), *session.say(end)]


def _nobody(session: Session, text: str, now: float) -> Out:
    if session.phase is Phase.PROCEEDED:
        end = End(EndReason.TIMEOUT, "no session came after proceed")
        return [session.message(proposal.reject(session.sid, end)), *session.leave(end)]
    end = End(EndReason.TIMEOUT, text)
    if session.phase is Phase.PROPOSED:
        # The status is for the SIP side alone: 480, whether it rang or not (conformance reference 1.7.1).
        said = session.say(replace(end, status=480))
        return [*retract(session, end), *said]
    return [*session.terminate(end, now), *session.say(replace(end, status=480))]
