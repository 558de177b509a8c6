"""Yes to a client's offer: the session-accept, and what comes before it where the other side has no ICE.

An answer without ICE to an offer of ICE is raw UDP, which a session-accept cannot say of a content that was offered
otherwise.  So the client is asked first (transport-replace; XEP-0176 §6), before the session-accept, or inside the call
where the answer to a later offer gives ICE up.  Its consent brings the address where it is; the other side is offered
that, where it was told another.  Without consent no media could flow, and the call ends.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.sdp.transport import addresses
from gateway.signals import End
from gateway.stanza import Stanza, StanzaError, result
from mappings.description import Description, Ice, Media, RawCandidate, RawUdp
from mappings.reasons import EndReason
from mappings.terms import Action

from . import changes, contents, description, dialects
from .description import TRANSPORTS, read_transport
from .phases import Phase
from .refusal import UNKNOWN_SESSION, out_of_order, refused
from .request import JingleRequest
from .session import Asked, Out, Session, Timer
from .wishes import Wish

UNREACHABLE = End(EndReason.FAILED_TRANSPORT, "the other side has no ICE, and the client nothing else")
LOST = End(EndReason.GENERAL_ERROR, "the client has lost the session")


@dataclass(slots=True, kw_only=True)
class Fallback:
    """A transport-replace that the client has not answered."""

    waiting: set[str]
    "The contents without ICE."

    answer: Description | None
    "What the session-accept will say; None inside the call."

    moved: dict[str, RawUdp] = field(default_factory=dict)
    "Where the client is then."


def accept(session: Session, answer: Description, now: float) -> Out:
    """The other side has answered the client's offer."""
    assert session.theirs is not None
    ours = contents.fold(contents.accepting(session.theirs, answer), session.early)
    session.early = {}
    if not ours.media:
        end = End(EndReason.INCOMPATIBLE_PARAMETERS, "the answer has nothing of what was offered")
        return [*session.terminate(end, now), *session.say(end)]
    if without := fallen(session.theirs, ours):
        return fall_back(session, without, now, answer=ours)
    return _accept(session, ours, now)


def _accept(session: Session, ours: Description, now: float) -> Out:
    assert session.theirs is not None
    session.timers.clear()
    session.phase = Phase.ACTIVE
    refused = dialects.refused(session.theirs, ours, session.dialect)
    session.kept |= refused
    answer = dialects.filled(session.theirs, ours) if refused else ours
    said = dialects.accepted(answer, session.dialect, session.role)
    session.watching = dialects.watching(said, session.dialect, session.role.other)
    written = description.write(said)
    session.agree(ours, session.theirs)
    return [session.ask(Action.SESSION_ACCEPT, written, now, asked=Asked.ACCEPT, responder=session.local)]


# ------------------------------------------------------------------------------------------------------- we fall back


def fallen(offer: Description, answer: Description) -> list[Media]:
    """What of the answer has an address and no ICE, though it was offered ICE."""
    offered = {media.name: media.transport for media in offer.media}
    return [
        media
        for media in answer.media
        if isinstance(media.transport, RawUdp) and media.transport.candidates and isinstance(offered[media.name], Ice)
    ]


def fall_back(session: Session, several: Collection[Media], now: float, *, answer: Description | None = None) -> Out:
    """Ask the client to go on without ICE."""
    session.change = Fallback(waiting={media.name for media in several}, answer=answer)
    session.timers[Timer.CHANGE] = now + session.settings.change_timeout_seconds
    return [session.ask(Action.TRANSPORT_REPLACE, changes.transported(several), now, asked=Asked.CHANGE)]


def accepted(session: Session, change: Fallback, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    """transport-accept."""
    named = change.waiting & {name for _, name in contents.names(request.contents)}
    if request.action is not Action.TRANSPORT_ACCEPT or not named:
        return [out_of_order(stanza)]
    try:
        for content in request.contents:
            name = content.get("name", "")
            element = next((child for child in content if child.tag in TRANSPORTS), None)
            if name not in named:
                continue
            transport = None if element is None else read_transport(element, "transport-accept", Dropped())
            if not isinstance(transport, RawUdp):
                raise PeerError("transport-accept: not raw UDP", reason=EndReason.FAILED_TRANSPORT)
            change.moved[name] = transport
    except PeerError as failure:
        broken = failure.reason is EndReason.GENERAL_ERROR
        return [refused(stanza, failure) if broken else result(stanza), *give_up(session, now)]
    change.waiting -= named
    return [result(stanza), *([] if change.waiting else _moved(session, change, request, now))]


def _moved(session: Session, change: Fallback, request: JingleRequest, now: float) -> Out:
    """The client takes it: go on, and offer the other side where the client is, unless it was told just that."""
    assert session.theirs is not None
    session.change = None
    session.timers.pop(Timer.CHANGE, None)
    media, elsewhere = [], False
    for one in session.theirs.media:
        where = change.moved.get(one.name)
        if where is not None:
            known = by_default(one.transport)
            elsewhere = elsewhere or (bool(where.candidates) and _places(where) != _places(known))
            where = replace(
                where,
                candidates=where.candidates or known.candidates,
                fingerprints=where.fingerprints or known.fingerprints,
            )
        media.append(one if where is None else replace(one, transport=where))
    session.theirs = replace(session.theirs, media=tuple(media))
    if elsewhere:
        session.queue.insert(0, Wish(action=Action.TRANSPORT_ACCEPT, request=request, again=True))
    return [] if change.answer is None else _accept(session, change.answer, now)


def give_up(session: Session, now: float) -> Out:
    """The client does not take it, or says nothing: there is no way for the media (ICE-28)."""
    return [*session.terminate(UNREACHABLE, now), *session.say(UNREACHABLE)]


def rejected(session: Session, change: Fallback, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    """transport-reject."""
    named = {name for _, name in contents.names(request.contents)}
    if request.action is not Action.TRANSPORT_REJECT or not named & change.waiting:
        return [out_of_order(stanza)]
    return [result(stanza), *give_up(session, now)]


def replied(session: Session, failure: StanzaError | None, now: float) -> Out:
    """The reply to our transport-replace: a result says only that it came."""
    if failure is None:
        return []
    return session.leave(LOST) if UNKNOWN_SESSION in failure.details else give_up(session, now)


# ------------------------------------------------------------------------------------------------ the client falls back


def replaced(session: Session, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    """transport-replace before the answer.

    A client that is called and has no ICE asks for raw UDP so (XEP-0176 §6): the default address of an offer is one
    for peers without ICE.  Any other transport would need an offer of its own, and is rejected.
    """
    there = {} if session.ours is None else {media.name: media for media in session.ours.media}
    moved = []
    for content in request.contents:
        media = there.get(content.get("name", ""))
        wanted = next((TRANSPORTS[child.tag] for child in content if child.tag in TRANSPORTS), None)
        where = None if media is None else by_default(media.transport)
        if session.phase is not Phase.INITIATED or wanted is not RawUdp or where is None or not where.candidates:
            kept = contents.with_transports(request.contents)
            return [result(stanza), session.ask(Action.TRANSPORT_REJECT, kept, now)]
        assert media is not None
        moved.append(replace(media, transport=where))
    assert session.ours is not None
    there |= {media.name: media for media in moved}
    session.ours = replace(session.ours, media=tuple(there.values()))
    return [result(stanza), session.ask(Action.TRANSPORT_ACCEPT, changes.transported(moved), now)]


def by_default(transport: Ice | RawUdp) -> RawUdp:
    """Where a peer without ICE sends to (RFC 8839 §4.2.5): nowhere, while there is no candidate."""
    if isinstance(transport, RawUdp):
        return transport
    found = [
        RawCandidate(ip=address.host, port=address.port, component=component)
        for component, address in enumerate(addresses(transport), 1)
        if address is not None and not address.zero
    ]
    return RawUdp(candidates=tuple(found), fingerprints=transport.fingerprints)


def _places(transport: RawUdp) -> dict[int, tuple[str, int]]:
    return {one.component: (one.ip, one.port) for one in transport.candidates}
