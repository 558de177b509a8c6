"""What a client answers to a change that the other side wants (`our_change`): yes, no, or that it cannot read it."""

from dataclasses import replace

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.stanza import Stanza, StanzaError, error, result
from mappings.description import Description
from mappings.reasons import EndReason
from mappings.terms import Action, Info, Senders

from . import changes, contents, our_change
from .description import TRANSPORTS, read_groups, read_transport
from .our_change import OurChange
from .refusal import TIE_BREAK, UNKNOWN_SESSION, out_of_order, refused
from .request import JingleRequest
from .session import Out, Session


def accepted(session: Session, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    """Yes: content-accept, transport-accept; COMPAT(Movim): another session-accept."""
    change = session.change
    named = {name for _, name in contents.names(request.contents)}
    if not isinstance(change, OurChange) or not named & (change.adding | change.replacing):
        again = request.action is Action.SESSION_ACCEPT and not session.dialect.answered
        return [result(stanza) if again or named <= session.withdrawn else out_of_order(stanza)]
    try:
        if request.action is Action.TRANSPORT_ACCEPT:
            _moved(change, request)
        else:
            return [*_added(session, change, stanza, request, now), *our_change.finish(session, now)]
    except PeerError as failure:
        if failure.reason is EndReason.GENERAL_ERROR:
            return [refused(stanza, failure), *our_change.give_up(session, our_change.NO_TRANSPORT, now)]
        return [result(stanza), *our_change.give_up(session, our_change.NO_TRANSPORT, now)]
    return [result(stanza), *our_change.finish(session, now)]


def _moved(change: OurChange, request: JingleRequest) -> None:
    for content in request.contents:
        name = content.get("name", "")
        element = next((child for child in content if child.tag in TRANSPORTS), None)
        if element is not None and name in change.replacing:
            transport = read_transport(element, "transport-accept", Dropped())
            change.answer[name] = replace(change.answer[name], transport=transport)
            change.replacing = change.replacing - {name}


def _added(session: Session, change: OurChange, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    named = change.adding & {name for _, name in contents.names(request.contents)}
    change.adding = change.adding - named
    wanted = {media.name: media for media in change.wanted.media}
    try:
        described, dropped = request.describe()
    except PeerError as failure:
        gone = session.ask(Action.CONTENT_REMOVE, changes.stubs(wanted[name] for name in sorted(named)), now)
        session.withdrawn |= named
        return [refused(stanza, failure) if failure.reason is EndReason.GENERAL_ERROR else result(stanza), gone]
    session.dropped.extend(dropped)
    groups = read_groups(request.element, change.answer.keys() | named)
    known = Description(media=tuple(change.answer.values()))
    for media in contents.bundled(described, known, groups).media:
        if media.name in named:
            # Its creator is who added it, whatever the answer says.  COMPAT(Dino): what it has called otherwise once it
            # knows by no other creator.
            creator = wanted[media.name].creator
            if media.creator is not creator:
                session.creators[media.name] = media.creator
            answer = replace(media, creator=creator)
            change.answer[media.name] = contents.fold_media(answer, change.early.pop(media.name, None))
    said = {group.semantics for group in groups}
    change.groups = groups + tuple(group for group in change.groups if group.semantics not in said)
    return [result(stanza)]


def modified(change: OurChange, stanza: Stanza, request: JingleRequest) -> Out:
    """The client wants other senders for a content that it was offered and has not accepted.

    Who sends less says so again in its answer; that more may send the other side has not offered.
    COMPAT(Conversations): it asks so before it accepts video that we alone send, and takes an error as a no.
    """
    offered = {media.name: media.senders for media in change.wanted.media}
    for content in request.contents:
        said = content.get("senders", Senders.BOTH.value)
        known = offered.get(content.get("name", ""))
        if known is not None and known not in (Senders.BOTH, said):
            return [error(stanza, "not-acceptable", f"the other side has offered that {known.value} sends")]
    return [result(stanza)]


def rejected(session: Session, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    """No: content-reject, transport-reject."""
    change = session.change
    named = {name for _, name in contents.names(request.contents)}
    if not isinstance(change, OurChange) or not named & (change.adding | change.replacing):
        return [result(stanza) if named <= session.withdrawn else out_of_order(stanza)]
    if named & change.replacing:
        return [result(stanza), *our_change.give_up(session, our_change.NO_TRANSPORT, now)]
    change.adding = change.adding - named
    return [result(stanza), *our_change.finish(session, now)]


def replied(session: Session, id: str, failure: StanzaError | None, now: float, *, late: bool = False) -> Out:
    """A reply to one of these requests; or, ``late``, the news that there will be none."""
    lost = failure is not None and UNKNOWN_SESSION in failure.details
    if lost:
        return session.leave(our_change.LOST)
    change = session.change
    if not isinstance(change, OurChange) or (action := change.asked.pop(id, None)) is None:
        return []
    if failure is not None and TIE_BREAK in failure.details:
        return our_change.give_way(session, action if isinstance(action, Action) else Action.CONTENT_MODIFY, now)
    if late and (isinstance(action, Info) or action is Action.CONTENT_MODIFY):
        session.silent = True
    if isinstance(action, Info) and failure is not None and session.dialect.silenced:
        session.uninformed, session.informed = True, False
        assert session.ours is not None
        before = {media.name: media.senders for media in session.ours.media}
        modified = [media for media in change.wanted.media if media.senders is not before.get(media.name)]
        return our_change.modify(session, change, modified, False, now)
    if (failure is not None or late) and action is Action.CONTENT_ADD:
        session.withdrawn |= change.adding
        change.adding = set()
    if (failure is not None or late) and action in our_change.TRANSPORT:
        return our_change.give_up(session, our_change.NO_TRANSPORT, now, spare=Action(action))
    # Any other no to a content-modify is a client's that knows of no directions: the answer is as if it did.
    return our_change.finish(session, now)
