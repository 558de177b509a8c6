"""A change inside the call that the client wants: offered to the other side, whose answer it is told.

Each request is acknowledged at once, whatever becomes of it: to some clients an error is the end of the call
(clients.md rule 9).  There is one change at a time; what comes while there is no call yet, or another change is under
way, waits in the session's queue.  Only the same action from both sides at once is a tie, and the initiator's
stands (XEP-0166 §7.2.16).  A change of the client's that met one of the other side's (glare) is made again after it.
"""

from dataclasses import replace

from gateway.errors import PeerError
from gateway.signals import Candidates, End, Offer, Refuse
from gateway.stanza import Stanza, error, result
from mappings.description import Description, Group, Ice, Media
from mappings.reasons import EndReason
from mappings.terms import Action, Info, Role

from . import accepting, changes, contents, dialects, our_answers, our_change, telling
from .contents import Transport
from .description import write
from .our_change import OurChange
from .phases import Phase
from .refusal import TIE_BREAK, refused
from .request import JingleRequest
from .session import Out, Session, Timer
from .wishes import WISHES, TheirChange, Wish, impossible, names, reject

MOST_WAITING = 16
"So many changes may wait."

RETRY_SECONDS = 1.0
MOST_TRIES = 4
"How often a change is made that meets the other side's, and how long after it."


# ------------------------------------------------------------------------------------------------------- they are asked


def asked(session: Session, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    """content-add, -modify, -remove, transport-replace: to be offered now, or when it is its turn."""
    named = {name for _, name in contents.names(request.contents)}
    there = _there(session)
    change = session.change
    removing = request.action is Action.CONTENT_REMOVE
    if removing and isinstance(change, OurChange) and named & change.adding:
        return our_answers.rejected(session, stanza, request, now)
    if request.action is Action.CONTENT_MODIFY and isinstance(change, OurChange) and named & change.adding:
        return our_answers.modified(change, stanza, request)
    if removing and there <= named:
        return _terminated(session, stanza, request, now)
    waiting = {name for wish in session.queue for _, name in contents.names(wish.request.contents)}
    coming = waiting | (names(change.offer) if isinstance(change, TheirChange) else set())
    if request.action is Action.CONTENT_ADD and named & (there | coming):
        return [refused(stanza, PeerError("content-add: a content of that name is there already"))]
    if request.action is not Action.CONTENT_ADD and not named & (there | coming):
        return [result(stanza)]  # of a content that was never agreed, or is gone
    return _queue(session, stanza, Wish(action=request.action, request=request), now)


def advised(session: Session, stanza: Stanza, request: JingleRequest) -> Out:
    """description-info: never an error, since it is no more than advice."""
    if request.contents and len(session.queue) < MOST_WAITING:
        session.queue.append(Wish(action=Action.DESCRIPTION_INFO, request=request))
    return [result(stanza)]


def informed(session: Session, stanza: Stanza, request: JingleRequest, info: Info, now: float) -> Out:
    """hold, unhold, active (XEP-0167 §8)."""
    return _queue(session, stanza, Wish(action=Action.SESSION_INFO, request=request, info=info), now)


def _queue(session: Session, stanza: Stanza, wish: Wish, now: float) -> Out:
    out: Out = [result(stanza)]
    change = session.change
    if len(session.queue) >= MOST_WAITING:
        return [error(stanza, "resource-constraint", "too many changes at once")]
    if isinstance(change, OurChange) and wish.action in change.actions:
        if session.role is Role.INITIATOR:
            return [error(stanza, "conflict", detail=TIE_BREAK)]
        out += our_change.give_way(session, wish.action, now)
    session.queue.append(wish)
    return out


def _terminated(session: Session, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    """The last content takes the session with it (XEP-0166 §7.2.5), for whatever reason it has in that phase."""
    reason = request.reason
    if reason.reason is not EndReason.UNSPECIFIED:
        meant = reason.reason
    elif session.phase is Phase.ACTIVE:
        meant = EndReason.SUCCESS
    else:
        meant = EndReason.DECLINE if session.role is Role.INITIATOR else EndReason.CANCEL
    end = End(meant, reason.text)
    return [result(stanza), *session.terminate(end, now), *session.say(end)]


def _there(session: Session) -> set[str]:
    described = session.theirs or session.ours
    return set() if described is None else names(described)


# ----------------------------------------------------------------------------------------------------------- candidates


def trickled(session: Session, stanza: Stanza, request: JingleRequest, found: dict[str, Transport], now: float) -> Out:
    """The transports of a transport-info in a call: candidates, an ICE restart, or the answer to one of ours."""
    if isinstance(session.change, OurChange) and session.change.restarting and _restarted(session, found):
        taken = our_change.trickled(session, session.change, found)
        rest = {name: transport for name, transport in found.items() if name not in taken}
        return [result(stanza), *our_change.finish(session, now), *_candidates(session, rest)]
    restarts = _restarted(session, found)
    rest = {name: transport for name, transport in found.items() if name not in restarts}
    if isinstance(session.change, OurChange):
        taken = our_change.trickled(session, session.change, rest)
        rest = {name: transport for name, transport in rest.items() if name not in taken}
    out: Out = [result(stanza)]
    if restarts:
        wish = Wish(action=Action.TRANSPORT_INFO, request=request, restarts=restarts)
        out = _queue(session, stanza, wish, now)
        if session.queue and session.queue[-1] is wish:
            session.credentials |= contents.credentials(restarts)
    return out + _candidates(session, rest)


def _restarted(session: Session, found: dict[str, Transport]) -> dict[str, Transport]:
    """Those whose credentials are others than any that we have been told."""
    known = [
        *([session.theirs] if session.theirs is not None else []),
        *([session.change.offer] if isinstance(session.change, TheirChange) else []),
    ]
    latest: dict[str, list[Transport]] = {}
    for description in known:
        for media in description.media:
            latest.setdefault(media.name, []).append(media.transport)
    for wish in session.queue:
        for name, transport in wish.restarts.items():
            latest.setdefault(name, []).append(transport)
    return {
        name: transport
        for name, transport in found.items()
        if name in latest and all(changes.restarts(one, transport) for one in latest[name])
    }


def _candidates(session: Session, found: dict[str, Transport]) -> Out:
    """Candidates for what the other side knows, or will know by a change that is on its way."""
    told: dict[str, Transport] = {}
    for name, transport in found.items():
        wish = next((wish for wish in session.queue if contents.belongs(wish.restarts.get(name), transport)), None)
        if wish is not None:
            contents.keep(wish.restarts, {name: transport})
            continue
        change = session.change
        if isinstance(change, TheirChange) and contents.belongs(_transport(change.offer, name), transport):
            change.offer = contents.fold(change.offer, {name: transport})
            told[name] = transport
        if session.theirs is not None and contents.belongs(_transport(session.theirs, name), transport):
            session.theirs = contents.fold(session.theirs, {name: transport})
            told[name] = transport
        if name not in told:
            session.dropped.append("transport-info")
    return [Candidates(told)] if told else []


def _transport(description: Description, name: str) -> Transport | None:
    return next((media.transport for media in description.media if media.name == name), None)


# ----------------------------------------------------------------------------------------------------------- their turn


def go_on(session: Session, now: float) -> Out:
    """Offer what waits, one at a time."""
    out: Out = []
    while (
        session.queue
        and session.change is None
        and session.phase is Phase.ACTIVE
        and Timer.RETRY not in session.timers
        and not session.ended
    ):
        out += _begin(session, session.queue.pop(0), now)
    return out


def _begin(session: Session, wish: Wish, now: float) -> Out:
    assert session.theirs is not None
    session.change = change = TheirChange(wish=wish, offer=session.theirs, held=dict(session.held))
    try:
        out = WISHES[wish.action](session, change, now)
    except PeerError as failure:
        session.change = None
        return impossible(session, wish, failure, now)
    if change.offer == session.theirs and not wish.again:
        session.change = None
        session.held = change.held
        return out
    if not change.offer.media:
        session.change = None
        end = End(EndReason.SUCCESS)
        return [*out, *session.terminate(end, now), *session.say(end)]
    return [*out, Offer(change.offer)]


# ----------------------------------------------------------------------------------------------------------- the answer


def answered(session: Session, answer: Description, now: float) -> Out:
    """Yes, or yes to some of it."""
    change = session.change
    if not isinstance(change, TheirChange):
        return []
    assert session.ours is not None
    said = contents.accepting(change.offer, answer)
    before = {media.name: media for media in session.ours.media}
    said = changes.settle(session.ours, said)
    without = names(Description(media=tuple(accepting.fallen(change.offer, said))))
    asked_for = without & (change.added | change.replaced)
    without -= asked_for
    said, out = _unmoved(session, change, said, asked_for, now)
    offered = {media.name: media for media in change.offer.media}
    agreed = {media.name: media for media in said.media}
    session.change, session.held = None, change.held
    session.agree(said, changes.only(change.offer, set(agreed)))
    out += _added(session, change, agreed, said.groups, now)
    replaced = [agreed[name] for name in sorted(change.replaced) if name in agreed]
    if replaced:
        out.append(session.ask(Action.TRANSPORT_ACCEPT, changes.transported(replaced), now))
    gone = [media for name, media in before.items() if name in offered and name not in agreed]
    if gone:
        out += telling.removed(session, gone, now)
    kept = [media for media in said.media if media.name in before and media.name not in change.replaced]
    transports = {name: media.transport for name, media in before.items()}
    restarted = [media for media in kept if changes.restarts(transports[media.name], media.transport)]
    if restarted:
        openings = telling.restarted(session, restarted, transports, answer=True)
        out.append(session.ask(Action.TRANSPORT_INFO, openings, now))
        # The first candidate of each has been told with the credentials.
        restarted = [_told_first(media) for media in restarted]
    moved = [
        media
        for media in kept
        if media.transport != transports[media.name] and media.name not in {*change.wish.restarts, *without}
    ]
    out += telling.transports(session, [*restarted, *moved], transports, now)
    narrower = [media for media in said.media if media.senders is not offered[media.name].senders]
    if narrower:
        known = {media.name: offered[media.name].senders for media in said.media}
        out += telling.redirected(session, narrower, known, now)
    if fallen := [media for media in kept if media.name in without]:
        out += accepting.fall_back(session, fallen, now)
    return out


def _unmoved(
    session: Session, change: TheirChange, said: Description, without: set[str], now: float
) -> tuple[Description, Out]:
    """What is answered without ICE although ICE was what the client asked for: it stays out, or where it was.

    The other side, which has agreed to it, is told so by another offer.
    """
    assert session.theirs is not None
    out: Out = []
    if without:
        session.queue.insert(0, Wish(action=Action.TRANSPORT_ACCEPT, request=change.wish.request, again=True))
    if replaced := without & change.replaced:
        known = {media.name: media.transport for media in session.theirs.media}
        kept = contents.with_transports(change.wish.request.contents)
        out.append(session.ask(Action.TRANSPORT_REJECT, kept, now))
        change.replaced -= replaced
        change.offer = replace(
            change.offer,
            media=tuple(
                replace(media, transport=known[media.name]) if media.name in replaced else media
                for media in change.offer.media
            ),
        )
    return changes.only(said, names(said) - (without & change.added)), out


def _told_first(media: Media) -> Media:
    assert isinstance(media.transport, Ice)
    return replace(media, transport=replace(media.transport, candidates=media.transport.candidates[1:]))


def _added(
    session: Session, change: TheirChange, agreed: dict[str, Media], groups: tuple[Group, ...], now: float
) -> Out:
    if not change.added:
        return []
    if not session.dialect.answered:
        return [_accepted_again(session, change, Description(media=tuple(agreed.values()), groups=groups), now)]
    offered = {media.name: media for media in change.offer.media}
    withdrawn = {
        name
        for wish in session.queue
        if wish.action is Action.CONTENT_REMOVE
        for _, name in contents.names(wish.request.contents)
    }
    # COMPAT(Conversations): the answer must have the senders that were offered; narrower ones follow.
    accepted = [
        replace(agreed[name], senders=offered[name].senders)
        for name in offered
        if name in change.added and name in agreed and name not in withdrawn
    ]
    rejected = [media for media in change.offer.media if media.name in change.added and media.name not in agreed]
    out: Out = []
    if accepted:
        out.append(session.ask(Action.CONTENT_ACCEPT, changes.whole(accepted, groups), now))
    if rejected:
        end = End(EndReason.FAILED_APPLICATION, "the other side does not take it")
        out.append(reject(session, changes.stubs(rejected), end, now))
    return out


def _accepted_again(session: Session, change: TheirChange, agreed: Description, now: float) -> Stanza:
    """The answer to all that the client offers now, for one that takes no other (`dialects.MOVIM`)."""
    written = write(dialects.whole(change.offer, agreed))
    return session.ask(Action.SESSION_ACCEPT, written, now, responder=session.local)


def refused_by(session: Session, refuse: Refuse, now: float) -> Out:
    """No: the call goes on as it was, and the client is told so where Jingle has a word for it."""
    change = session.change
    if not isinstance(change, TheirChange):
        return []
    assert session.theirs is not None
    session.change = None
    wish = change.wish
    if refuse.glare and wish.tries < MOST_TRIES:
        wish.tries += 1
        wish.restarts = {
            media.name: media.transport for media in change.offer.media if media.name in wish.restarts
        } or wish.restarts
        session.queue.insert(0, wish)
        session.timers[Timer.RETRY] = now + RETRY_SECONDS
        return []
    match wish.action:
        case Action.CONTENT_ADD if not session.dialect.answered:
            assert session.ours is not None
            return [_accepted_again(session, change, session.ours, now)]
        case Action.CONTENT_ADD:
            rejected = [media for media in change.offer.media if media.name in change.added]
            end = End(EndReason.FAILED_APPLICATION, refuse.text)
            return [reject(session, changes.stubs(rejected), end, now)]
        case Action.CONTENT_MODIFY | Action.SESSION_INFO:
            # A session-info is not refused in words either, but a contrary content-modify refuses a hold (§7.2.3).
            wanted = {media.name: media.senders for media in change.offer.media}
            back = [media for media in session.theirs.media if wanted[media.name] is not media.senders]
            return telling.redirected(session, back, wanted, now)
        case Action.TRANSPORT_REPLACE:
            kept = contents.with_transports(wish.request.contents)
            return [session.ask(Action.TRANSPORT_REJECT, kept, now)]
        case Action.CONTENT_REMOVE:
            # It is gone for the client whatever the other side says, and will be missing in the next offer.
            left = names(change.offer)
            assert session.ours is not None
            session.agree(changes.only(session.ours, left), changes.only(session.theirs, left))
            session.held = change.held
            return []
        case _:
            return []  # a restart that did not come to be: Jingle has no word for it
