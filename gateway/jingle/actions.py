"""What the peer's requests make of a session: one function a step of `gateway.jingle.phases`.

Each returns the reply first.  Changes of a running session are `gateway.jingle.their_change`'s where the client wants
them, and `gateway.jingle.our_answers`' where the other side does.
"""

from typing import assert_never

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.signals import Answer, Candidates, Complete, End, Offer, Progress
from gateway.stanza import Stanza, result
from mappings.namespaces import RTP_INFO, RTP_INFO_SLIP
from mappings.reasons import EndReason
from mappings.terms import Info

from . import accepting, changes, contents, dialects, digits, our_answers, their_change, transfer
from .accepting import Fallback
from .our_change import OurChange
from .phases import Phase, Step
from .refusal import out_of_order, refused, unknown_session, unsupported_info
from .request import JingleRequest
from .session import Out, Session, Timer
from .wishes import TheirChange

_HOLDS = frozenset({Info.HOLD, Info.UNHOLD, Info.ACTIVE})
_INFOS = {f"{{{namespace}}}{info.value}": info for namespace in (RTP_INFO, RTP_INFO_SLIP) for info in Info}


def act(session: Session, step: Step, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    """Carry out what the phase makes of the peer's request."""
    match step:
        case Step.OPEN:
            return _open(session, stanza, request, now)
        case Step.ACCEPT:
            return _accepted(session, stanza, request, now)
        case Step.TERMINATE:
            if session.moves:
                session.make_way()
                return [result(stanza)]
            reason = request.reason
            return [result(stanza), *session.leave(End(reason.reason, reason.text, transferred=reason.transferred))]
        case Step.INFORM:
            return _informed(session, stanza, request, now)
        case Step.CANDIDATES:
            return _trickled(session, stanza, request, now)
        case Step.DESCRIBE:
            return their_change.advised(session, stanza, request)
        case Step.SECURE:
            return [unsupported_info(stanza) if request.payload or request.contents else result(stanza)]
        case Step.CHANGE:
            return their_change.asked(session, stanza, request, now)
        case Step.REPLACE:
            return accepting.replaced(session, stanza, request, now)
        case Step.ACCEPTED:
            if isinstance(session.change, Fallback):
                return accepting.accepted(session, session.change, stanza, request, now)
            return our_answers.accepted(session, stanza, request, now)
        case Step.REJECTED:
            if isinstance(session.change, Fallback):
                return accepting.rejected(session, session.change, stanza, request, now)
            return our_answers.rejected(session, stanza, request, now)
        case Step.OUT_OF_ORDER:
            return [out_of_order(stanza)]
        case Step.UNKNOWN_SESSION:
            return [unknown_session(stanza)]
        case never:
            assert_never(never)


def alerted(session: Session) -> Out:
    """Somebody is being rung: told once, however many devices say it."""
    if session.rung or session.phase not in (Phase.PROPOSED, Phase.INITIATED):
        return []
    session.rung = True
    return [Progress()]


def _open(session: Session, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    try:
        described, dropped = request.describe()
        if not any(media.rtp.media in session.kinds for media in described.media):
            raise PeerError("no medium that is carried here", reason=EndReason.UNSUPPORTED_APPLICATIONS)
    except PeerError as failure:
        end = End(failure.reason, failure.text)
        if failure.reason is EndReason.GENERAL_ERROR:  # it cannot be read: there is no session to terminate
            return [refused(stanza, failure), *session.leave(end)]
        session.begun = True
        return [result(stanza), *session.terminate(end, now), *session.say(end)]
    session.dropped.extend(dropped)
    session.timers.pop(Timer.PROCEED, None)
    session.begin(Phase.OFFERED)
    session.theirs = described
    session.dialect = dialects.spoken(request.element)
    session.gathers = contents.says_complete(media.transport for media in described.media)
    session.credentials = contents.credentials({media.name: media.transport for media in described.media})
    owed = session.late and session.by_message
    return [result(stanza), Complete(described) if owed else Offer(described)]


def _accepted(session: Session, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    assert session.ours is not None
    try:
        described, dropped = request.describe()
        # A callee's candidates mean nothing to the other side before its description, so they have waited for it here.
        answer = contents.fold(contents.accepted(session.ours, described), session.early)
        answer = contents.reachable(session.ours, answer)
    except PeerError as failure:
        end = End(failure.reason, failure.text)
        reply = refused(stanza, failure) if failure.reason is EndReason.GENERAL_ERROR else result(stanza)
        return [reply, *session.terminate(end, now), *session.say(end)]
    session.dropped.extend(dropped)
    session.timers.clear()
    session.phase = Phase.ACTIVE
    session.early = {}
    session.agree(changes.with_senders(session.ours, {media.name: media.senders for media in answer.media}), answer)
    session.dialect = dialects.spoken(request.element)
    session.watching = dialects.watching(answer, session.dialect, session.role.other)
    session.gathers = session.gathers or contents.says_complete(media.transport for media in answer.media)
    return [result(stanza), Answer(answer)]


def _informed(session: Session, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    pressed = next((child for child in request.payload if child.tag == digits.TAG), None)
    if pressed is not None:
        return digits.pressed(session, stanza, pressed)
    if any(child.tag == transfer.ORDER for child in request.payload):
        return transfer.asked(session, stanza, request)
    infos = [_INFOS.get(child.tag) for child in request.payload]
    if None in infos:
        return [unsupported_info(stanza)]
    if session.phase in (Phase.OFFERED, Phase.INITIATED, Phase.ACTIVE):
        hold = next((info for info in infos if info in _HOLDS), None)
        if hold is not None:
            return their_change.informed(session, stanza, request, hold, now)
    return [result(stanza), *(alerted(session) if Info.RINGING in infos else ())]


def _trickled(session: Session, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    dropped = Dropped()
    try:
        transports = contents.read_transports(request.contents, _names(session), session.credentials, dropped)
    except PeerError as failure:
        return [refused(stanza, failure)]
    session.dropped.extend(dropped.names())
    session.gathers = session.gathers or contents.says_complete(transports.values())
    if session.phase is Phase.INITIATED:
        contents.keep(session.early, transports)
        return [result(stanza)]
    if session.phase is Phase.ACTIVE:
        return their_change.trickled(session, stanza, request, transports, now)
    complete = {name: said for name, said in contents.credentials(transports).items() if said.ufrag and said.pwd}
    session.credentials |= complete
    if session.theirs is not None:
        session.theirs = contents.fold(session.theirs, transports)
    return [result(stanza), *([Candidates(transports)] if transports else ())]


def _names(session: Session) -> set[str]:
    """The contents of the session, with those that are being added."""
    described = session.theirs or session.ours
    names = set() if described is None else {media.name for media in described.media}
    match session.change:
        case OurChange(adding=adding):
            return names | adding
        case TheirChange(added=added):
            return names | added
        case _:
            return names
