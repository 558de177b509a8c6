"""What the peer's requests make of a session: one function a step of `gateway.jingle.phases`.

Each returns the reply first.  Changes of a running session (content-add, -modify, -remove, transport-replace, hold) do
not reach the other side yet; what is answered meanwhile is what hurts real clients least (clients.md rule 9 and
section 4): Conversations ends a call on an IQ error, so what it sends is acknowledged and refused by an action of its
own; a content-modify, which nobody sends unless video is about, gets an error, so that both sides know the same.
"""

from typing import assert_never

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.signals import Answer, Candidates, End, Offer, Progress
from gateway.stanza import Stanza, result
from mappings.description import Description, Media
from mappings.namespaces import RTP_INFO, RTP_INFO_SLIP
from mappings.reasons import EndReason
from mappings.terms import Action, Info, Senders

from . import contents
from .phases import Phase, Step
from .refusal import out_of_order, refused, unknown_session, unsupported_info
from .request import JingleRequest, write_reason
from .session import Out, Session, Timer

UNCHANGEABLE = "a call cannot be changed here yet"
_INFOS = {f"{{{namespace}}}{info.value}": info for namespace in (RTP_INFO, RTP_INFO_SLIP) for info in Info}


def act(session: Session, step: Step, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    """Carry out what the phase makes of the peer's request."""
    match step:
        case Step.OPEN:
            return _open(session, stanza, request, now)
        case Step.ACCEPT:
            return _accepted(session, stanza, request, now)
        case Step.TERMINATE:
            reason = request.reason
            return [result(stanza), *session.leave(End(reason.reason, reason.text))]
        case Step.INFORM:
            return _informed(session, stanza, request)
        case Step.CANDIDATES:
            return _trickled(session, stanza, request)
        case Step.DESCRIBE:
            return [result(stanza)]
        case Step.SECURE:
            return [unsupported_info(stanza) if request.payload or request.contents else result(stanza)]
        case Step.ADD:
            return _added(session, stanza, request, now)
        case Step.REMOVE:
            return _removed(session, stanza, request, now)
        case Step.MODIFY:
            return [_modified(session, stanza, request)]
        case Step.REPLACE:
            kept = contents.bare_contents(request.contents, transport=True)
            return [result(stanza), session.ask(Action.TRANSPORT_REJECT, kept, now)]
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
    _described(session, described)
    return [result(stanza), Offer(described)]


def _accepted(session: Session, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    assert session.ours is not None
    try:
        described, dropped = request.describe()
        answer = contents.accepted(session.ours, described)
    except PeerError as failure:
        end = End(failure.reason, failure.text)
        reply = refused(stanza, failure) if failure.reason is EndReason.GENERAL_ERROR else result(stanza)
        return [reply, *session.terminate(end, now), *session.say(end)]
    session.dropped.extend(dropped)
    session.timers.clear()
    session.phase = Phase.ACTIVE
    # A callee's candidates mean nothing to the other side before its description, so they have waited for it here.
    answer = contents.fold(answer, session.early)
    session.early = {}
    _described(session, answer)
    return [result(stanza), Answer(answer)]


def _described(session: Session, described: Description) -> None:
    session.theirs = described
    session.gathers = session.gathers or contents.says_complete(media.transport for media in described.media)
    session.credentials = contents.credentials({media.name: media.transport for media in described.media})


def _informed(session: Session, stanza: Stanza, request: JingleRequest) -> Out:
    infos = [_INFOS.get(child.tag) for child in request.payload]
    if None in infos:
        return [unsupported_info(stanza)]
    return [result(stanza), *(alerted(session) if Info.RINGING in infos else ())]


def _trickled(session: Session, stanza: Stanza, request: JingleRequest) -> Out:
    names = {media.name for media in _there(session)}
    dropped = Dropped()
    try:
        transports = contents.read_transports(request.contents, names, session.credentials, dropped)
    except PeerError as failure:
        return [refused(stanza, failure)]
    session.dropped.extend(dropped.names())
    session.gathers = session.gathers or contents.says_complete(transports.values())
    if session.phase is Phase.INITIATED:
        contents.keep(session.early, transports)
        return [result(stanza)]
    complete = {name: said for name, said in contents.credentials(transports).items() if said.ufrag and said.pwd}
    session.credentials |= complete  # other ones than before are an ICE restart (XEP-0176 §5.9)
    return [result(stanza), *([Candidates(transports)] if transports else ())]


def _added(session: Session, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    if {(media.creator, media.name) for media in _there(session)} & contents.names(request.contents):
        return [refused(stanza, PeerError("content-add: a content of that name is there already"))]
    reason = write_reason(End(EndReason.FAILED_APPLICATION, UNCHANGEABLE))
    rejected = [*contents.bare_contents(request.contents), reason]
    return [result(stanza), session.ask(Action.CONTENT_REJECT, rejected, now)]


def _removed(session: Session, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    removed = {name for _, name in contents.names(request.contents)}
    there = _there(session)
    if not there or any(media.name not in removed for media in there):
        return [result(stanza)]
    reason = request.reason
    said = reason.reason is not EndReason.UNSPECIFIED
    end = End(reason.reason if said else EndReason.SUCCESS, reason.text)
    return [result(stanza), *session.terminate(end, now), *session.say(end)]


def _modified(session: Session, stanza: Stanza, request: JingleRequest) -> Stanza:
    senders = {media.name: media.senders for media in _there(session)}
    for content in request.contents:
        asked = content.get("senders", Senders.BOTH.value)
        if senders.get(content.get("name", ""), Senders.BOTH).value != asked:
            failure = PeerError(f"content-modify: {UNCHANGEABLE}", condition="feature-not-implemented")
            return refused(stanza, failure)
    return result(stanza)


def _there(session: Session) -> tuple[Media, ...]:
    """The contents of the session."""
    described = session.theirs or session.ours
    return () if described is None else described.media
