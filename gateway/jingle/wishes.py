"""What a client can wish for inside a call, and what its side of the description is then.

One function an action; each changes the offer of a `TheirChange`, and returns what the client is told at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.signals import End
from gateway.stanza import Stanza
from mappings.description import Description, Rtp
from mappings.reasons import EndReason
from mappings.terms import Action, Info, Senders

from . import changes, contents, telling, tree
from .contents import Transport
from .description import DESCRIPTION, TRANSPORTS, read_groups, read_transport
from .request import JingleRequest, write_reason
from .session import Out, Session


@dataclass(slots=True, kw_only=True)
class Wish:
    """A change that the client wants."""

    action: Action
    request: JingleRequest
    info: Info | None = None
    "hold, or the end of it, for a session-info."

    restarts: dict[str, Transport] = field(default_factory=dict)
    "The new transports of an ICE restart, for a transport-info."

    again: bool = False
    "The other side is to be told what it was not told yet, though nothing changes here."

    tries: int = 0


@dataclass(slots=True, kw_only=True)
class TheirChange:
    """A wish that is with the other side."""

    wish: Wish
    offer: Description
    "The client's whole side, if the other side agrees."

    added: set[str] = field(default_factory=set)
    replaced: set[str] = field(default_factory=set)
    held: dict[str, Senders]
    "What is on hold then."


def names(described: Description) -> set[str]:
    """The names of its contents."""
    return {media.name for media in described.media}


def impossible(session: Session, wish: Wish, failure: PeerError, now: float) -> Out:
    """What answers a wish that cannot be read or cannot cross."""
    named = wish.request.contents
    if wish.action is Action.CONTENT_ADD:
        return [reject(session, contents.stubs(named), End(failure.reason, failure.text), now)]
    if wish.action is Action.TRANSPORT_REPLACE:
        kept = contents.with_transports(named)
        return [session.ask(Action.TRANSPORT_REJECT, kept, now)]
    return []


def reject(session: Session, stubs: list[Element], end: End, now: float) -> Stanza:
    """A content-reject."""
    return session.ask(Action.CONTENT_REJECT, [*stubs, write_reason(end)], now)


def _add(session: Session, change: TheirChange, now: float) -> Out:
    request = change.wish.request
    described, dropped = request.describe()
    session.dropped.extend(dropped)
    change.added = names(described)
    groups = read_groups(request.element, names(change.offer) | change.added)
    described = contents.bundled(described, change.offer, groups)
    media = (*change.offer.media, *described.media)
    said = {group.semantics for group in groups}
    kept = tuple(group for group in change.offer.groups if group.semantics not in said)
    change.offer = Description(media=media, groups=groups + kept)
    session.credentials |= contents.credentials({one.name: one.transport for one in described.media})
    unusable = [one for one in request.contents if one.get("name") not in change.added]
    if not unusable:
        return []
    end = End(EndReason.FAILED_APPLICATION, "no medium that can cross")
    return [reject(session, contents.stubs(unusable), end, now)]


def _modify(session: Session, change: TheirChange, now: float) -> Out:
    wanted = {}
    before = {media.name: media.senders for media in change.offer.media}
    for content in change.wish.request.contents:
        name = content.get("name", "")
        try:
            senders = Senders(content.get("senders", Senders.BOTH.value))
        except ValueError:
            session.dropped.append("content@senders")
            continue
        if name not in before:
            continue
        wanted[name] = senders
        if changes.sends(senders, session.role):
            change.held.pop(name, None)
        elif changes.sends(before[name], session.role):
            change.held.setdefault(name, before[name])
    change.offer = changes.with_senders(change.offer, wanted)
    return []


def _remove(session: Session, change: TheirChange, now: float) -> Out:
    removed = {name for _, name in contents.names(change.wish.request.contents)}
    change.offer = changes.only(change.offer, names(change.offer) - removed)
    change.held = {name: senders for name, senders in change.held.items() if name not in removed}
    return []


def _replace(session: Session, change: TheirChange, now: float) -> Out:
    moved = {}
    there = names(change.offer)
    for content in change.wish.request.contents:
        name = content.get("name", "")
        element = next((child for child in content if child.tag in TRANSPORTS), None)
        if element is None or name not in there:
            raise PeerError("transport-replace: no transport that can cross", reason=EndReason.UNSUPPORTED_TRANSPORTS)
        moved[name] = read_transport(element, "transport-replace", Dropped())
    change.replaced = set(moved)
    change.offer = _moved(change.offer, moved)
    return []


def _restart(session: Session, change: TheirChange, now: float) -> Out:
    # It may say nothing of certificates, which stay what they were.
    known = {media.name: media.transport for media in change.offer.media}
    moved = {
        name: replace(transport, fingerprints=transport.fingerprints or known[name].fingerprints)
        for name, transport in change.wish.restarts.items()
        if name in known
    }
    change.offer = _moved(change.offer, moved)
    return []


def _moved(description: Description, transports: dict[str, Transport]) -> Description:
    return replace(
        description,
        media=tuple(
            replace(media, transport=transports.get(media.name, media.transport)) for media in description.media
        ),
    )


def _hold(session: Session, change: TheirChange, now: float) -> Out:
    before = {media.name: media.senders for media in change.offer.media}
    if change.wish.info is Info.HOLD:
        wanted = {name: changes.silence(said, session.role) for name, said in before.items()}
        change.held = before | change.held
    else:
        wanted, change.held = change.held, {}
    change.offer = changes.with_senders(change.offer, wanted)
    return []


def _describe(session: Session, change: TheirChange, now: float) -> Out:
    """description-info: advice (XEP-0167 §9), offered where it changes a codec that the other side may use.

    Anything else is only remembered, and will stand in the next offer.
    """
    described: dict[str, Rtp] = {}
    dropped = Dropped()
    for content in change.wish.request.contents:
        element = next((child for child in content if child.tag == DESCRIPTION), None)
        if element is not None:
            described.setdefault(content.get("name", ""), tree.read(Rtp, element, dropped))
    session.dropped.extend(dropped.names())
    media = []
    for one in change.offer.media:
        rtp = described.get(one.name)
        known = rtp is not None and rtp.media == one.rtp.media
        media.append(replace(one, rtp=_advised(one.rtp, rtp)) if rtp is not None and known else one)
    assert session.ours is not None
    before = {one.name: one for one in change.offer.media}
    told = {one.name: one for one in session.ours.media}
    change.offer = replace(change.offer, media=tuple(media))
    if not any(telling.tells(before[one.name], one, told[one.name]) for one in media if one.name in told):
        session.theirs = change.offer
    return []


def _advised(known: Rtp, said: Rtp) -> Rtp:
    """The application with what is said anew of its payload types; one that it has not got would need an offer."""
    advice = {(codec.id, (codec.name or "").lower(), codec.clockrate, codec.channels): codec for codec in said.codecs}
    codecs = tuple(
        advice.get((codec.id, (codec.name or "").lower(), codec.clockrate, codec.channels), codec)
        for codec in known.codecs
    )
    return replace(known, codecs=codecs, bandwidth=said.bandwidth or known.bandwidth)


def _again(session: Session, change: TheirChange, now: float) -> Out:
    return []


WISHES: dict[Action, Callable[[Session, TheirChange, float], Out]] = {
    Action.CONTENT_ADD: _add,
    Action.CONTENT_MODIFY: _modify,
    Action.CONTENT_REMOVE: _remove,
    Action.DESCRIPTION_INFO: _describe,
    Action.SESSION_INFO: _hold,
    Action.TRANSPORT_ACCEPT: _again,
    Action.TRANSPORT_INFO: _restart,
    Action.TRANSPORT_REPLACE: _replace,
}
