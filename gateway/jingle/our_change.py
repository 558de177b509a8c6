"""A change inside the call that the other side wants: what the client is asked, and what its replies come to.

An Offer is compared with what we said last.  What needs the client's consent is asked at once (transport-replace, an
ICE restart, content-add, content-modify); when that is answered, the rest is told (content-remove, description-info)
and all goes back as one Answer.  A content that the client does not take is absent from the Answer; a transport that it
does not take makes the whole a Refuse, and what it was told is taken back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import assert_never
from xml.etree.ElementTree import Element

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.signals import Answer, End, Offer, Refuse
from gateway.stanza import Stanza, StanzaError, result
from mappings.description import Description, Group, Ice, Media
from mappings.reasons import EndReason
from mappings.terms import Action, Info

from . import changes, contents, telling
from .changes import Add, Arrange, Describe, Inform, Modify, Remove, Replace
from .description import TRANSPORTS, read_groups, read_transport
from .refusal import TIE_BREAK, UNKNOWN_SESSION, out_of_order, refused
from .request import JingleRequest, write_info
from .session import Asked, Out, Session, Timer

GLARE = Refuse(EndReason.GENERAL_ERROR, "the client made a change first", glare=True)
NO_TRANSPORT = Refuse(EndReason.UNSUPPORTED_TRANSPORTS, "the client does not take that transport")
_TRANSPORT = (Action.TRANSPORT_REPLACE, Action.TRANSPORT_INFO)
LOST = End(EndReason.GENERAL_ERROR, "the client has lost the session")


@dataclass(slots=True, kw_only=True)
class OurChange:
    """An Offer from the bridge that is not answered yet."""

    wanted: Description
    "What the other side will have said, when all is agreed."

    answer: dict[str, Media]
    "The client's side, as far as it is known."

    groups: tuple[Group, ...]
    early: dict[str, contents.Transport] = field(default_factory=dict)
    "Candidates of contents that are not accepted yet."

    asked: dict[str, Action | Info] = field(default_factory=dict)
    "Requests without a reply, by their id."

    actions: set[Action] = field(default_factory=set)
    "What was asked at all: the same from the client is a tie."

    adding: set[str] = field(default_factory=set)
    replacing: set[str] = field(default_factory=set)
    restarting: set[str] = field(default_factory=set)
    last: tuple[Media, ...] = ()
    "What is left out at the end."

    described: tuple[Media, ...] = ()
    "What is described anew at the end."

    @property
    def open(self) -> bool:
        """Whether the client still has something to say."""
        modifying = any(isinstance(action, Info) or action is Action.CONTENT_MODIFY for action in self.asked.values())
        return bool(self.adding or self.replacing or self.restarting or modifying)


def begin(session: Session, offer: Offer, now: float) -> Out:
    """The other side wants a change."""
    if session.change is not None:
        return [GLARE]
    assert session.ours is not None
    assert session.theirs is not None
    if offer.description is None or not offer.description.media:
        return [Refuse(EndReason.INCOMPATIBLE_PARAMETERS, "an offer without a description")]
    wanted = changes.settle(session.ours, _held(session, offer.description))
    found = changes.diff(session.ours, wanted)
    added = {change.media.name for change in found if isinstance(change, Add)}
    there = {media.name for media in wanted.media} - added
    kept = changes.only(session.theirs, there)
    if (lacking := telling.lacking(kept, wanted)) is not None:
        return [lacking]
    answer = {media.name: media for media in kept.media}
    session.change = OurChange(wanted=wanted, answer=answer, groups=session.theirs.groups)
    session.timers[Timer.CHANGE] = now + session.settings.change_timeout_seconds
    out = _ask(session, session.change, found, now)
    return out + finish(session, now)


def _held(session: Session, offered: Description) -> Description:
    """The offer, with what the client has put on hold kept so, whatever the other side would like to send."""
    senders = {media.name: media.senders for media in offered.media if media.name in session.held}
    return changes.with_senders(offered, {name: changes.silence(said, session.role) for name, said in senders.items()})


def _ask(session: Session, change: OurChange, found: Iterable[changes.Change], now: float) -> Out:
    wanted = {media.name: media for media in change.wanted.media}
    assert session.ours is not None
    before = {media.name: media for media in session.ours.media}
    replaced, informed, added, modified, described, removed = [], [], [], [], [], []
    for one in found:
        match one:
            case Replace(name):
                replaced.append(wanted[name])
            case Inform(name):
                informed.append(wanted[name])
            case Add(media):
                added.append(media)
            case Modify(name):
                modified.append(wanted[name])
            case Describe(name):
                if telling.tells(before[name], wanted[name], change.answer[name]):
                    described.append(wanted[name])
            case Remove(name):
                removed.append(before[name])
            case Arrange():
                pass
            case never:
                assert_never(never)
    out: Out = []
    if replaced:
        change.replacing = {media.name for media in replaced}
        out.append(_request(session, change, Action.TRANSPORT_REPLACE, changes.transported(replaced), now))
    out += _inform(session, change, informed, now)
    again = [media for media in removed if media.name in {one.name for one in added}]
    if again:
        out.append(session.ask(Action.CONTENT_REMOVE, changes.bare(again), now))
    if added:
        change.adding = {media.name for media in added}
        session.withdrawn -= change.adding
        out.append(_request(session, change, Action.CONTENT_ADD, changes.whole(added, change.wanted.groups), now))
    if modified:
        alone = not (replaced or informed or added or removed or described)
        out.append(_modify(session, change, modified, alone, now))
    change.last = tuple(media for media in removed if media not in again)
    change.described = tuple(described)
    return out


def _request(session: Session, change: OurChange, action: Action, children: list[Element], now: float) -> Stanza:
    stanza = session.ask(action, children, now, asked=Asked.CHANGE)
    change.asked[stanza.id] = action
    change.actions.add(action)
    return stanza


def _modify(session: Session, change: OurChange, modified: list[Media], alone: bool, now: float) -> Stanza:
    """content-modify; or, where that is wished and enough, the news that it is a hold, or none any more (1.8)."""
    session.timers[Timer.MODIFY] = now + session.settings.modify_timeout_seconds
    change.actions.add(Action.CONTENT_MODIFY)
    if session.settings.hold_by_info and alone and not session.uninformed and session.ours is not None:
        client = session.role.other
        before = {media.name: media.senders for media in session.ours.media}
        everything = len(modified) == len(before)
        held = all(media.senders is changes.silence(before[media.name], client) for media in modified)
        freed = all(changes.sends(media.senders, client) for media in modified) and session.informed
        if everything and (held or freed):
            info = Info.HOLD if held else Info.UNHOLD
            stanza = session.ask(Action.SESSION_INFO, [write_info(info)], now, asked=Asked.CHANGE)
            change.asked[stanza.id] = info
            session.informed = held
            return stanza
    written = changes.directed(modified)
    stanza = session.ask(Action.CONTENT_MODIFY, written, now, asked=Asked.CHANGE)
    if not session.silent:
        change.asked[stanza.id] = Action.CONTENT_MODIFY
    return stanza


# ------------------------------------------------------------------------------------------------------- its transports


def _inform(session: Session, change: OurChange, informed: list[Media], now: float) -> Out:
    assert session.ours is not None
    before = {media.name: media.transport for media in session.ours.media}
    restarted = [media for media in informed if changes.restarts(before[media.name], media.transport)]
    change.restarting = {media.name for media in restarted}
    out: Out = []
    if restarted:
        openings = telling.restarted(session, restarted, before, answer=False)
        out.append(_request(session, change, Action.TRANSPORT_INFO, openings, now))
    return out + telling.transports(session, informed, before, now)


def trickled(session: Session, change: OurChange, transports: dict[str, contents.Transport]) -> set[str]:
    """Take what is the client's answer to our restart, or belongs to a content that it is asked for; their names."""
    taken = set()
    for name, transport in transports.items():
        if name in change.adding:
            contents.keep(change.early, {name: transport})
        elif name in change.answer and name in change.restarting:
            if not changes.restarts(change.answer[name].transport, transport):
                continue
            _restart(change, name, transport)
        elif name in change.answer and Action.TRANSPORT_INFO in change.actions:
            change.answer[name] = contents.fold_media(change.answer[name], transport)
        else:
            continue
        taken.add(name)
    return taken


def _restart(change: OurChange, name: str, transport: contents.Transport) -> None:
    """New credentials for a content, and for those bundled with it, which clients do not always name."""
    assert isinstance(transport, Ice)
    bundled = {
        one for group in change.groups if group.semantics == "BUNDLE" and name in group.names for one in group.names
    }
    for one in change.restarting & (bundled | {name}):
        media = change.answer[one]
        moved = transport if one == name else Ice(ufrag=transport.ufrag, pwd=transport.pwd)
        kept = moved.fingerprints or media.transport.fingerprints
        change.answer[one] = replace(media, transport=replace(moved, fingerprints=kept))
        change.restarting = change.restarting - {one}


# ---------------------------------------------------------------------------------------------------------- its answers


def accepted(session: Session, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    """Yes: content-accept, transport-accept; COMPAT(Movim): another session-accept."""
    change = session.change
    named = {name for _, name in contents.names(request.contents)}
    if not isinstance(change, OurChange) or not named & (change.adding | change.replacing):
        return [result(stanza) if named <= session.withdrawn else out_of_order(stanza)]
    try:
        if request.action is Action.TRANSPORT_ACCEPT:
            _moved(change, request)
        else:
            return [*_added(session, change, stanza, request, now), *finish(session, now)]
    except PeerError as failure:
        if failure.reason is EndReason.GENERAL_ERROR:
            return [refused(stanza, failure), *give_up(session, NO_TRANSPORT, now)]
        return [result(stanza), *give_up(session, NO_TRANSPORT, now)]
    return [result(stanza), *finish(session, now)]


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
        gone = session.ask(Action.CONTENT_REMOVE, changes.bare(wanted[name] for name in sorted(named)), now)
        session.withdrawn |= named
        return [refused(stanza, failure) if failure.reason is EndReason.GENERAL_ERROR else result(stanza), gone]
    session.dropped.extend(dropped)
    for media in described.media:
        if media.name in named:
            # Its creator is who added it, whatever the answer says (COMPAT: some name themselves).
            answer = replace(media, creator=wanted[media.name].creator)
            change.answer[media.name] = contents.fold_media(answer, change.early.pop(media.name, None))
    groups = read_groups(request.element, change.answer)
    said = {group.semantics for group in groups}
    change.groups = groups + tuple(group for group in change.groups if group.semantics not in said)
    return [result(stanza)]


def rejected(session: Session, stanza: Stanza, request: JingleRequest, now: float) -> Out:
    """No: content-reject, transport-reject."""
    change = session.change
    named = {name for _, name in contents.names(request.contents)}
    if not isinstance(change, OurChange) or not named & (change.adding | change.replacing):
        return [result(stanza) if named <= session.withdrawn else out_of_order(stanza)]
    if named & change.replacing:
        return [result(stanza), *give_up(session, NO_TRANSPORT, now)]
    change.adding = change.adding - named
    return [result(stanza), *finish(session, now)]


def replied(session: Session, id: str, failure: StanzaError | None, now: float, *, late: bool = False) -> Out:
    """A reply to one of these requests; or, ``late``, the news that there will be none."""
    lost = failure is not None and UNKNOWN_SESSION in failure.details
    if lost:
        return session.leave(LOST)
    change = session.change
    if not isinstance(change, OurChange) or (action := change.asked.pop(id, None)) is None:
        return []
    if failure is not None and TIE_BREAK in failure.details:
        return give_way(session, action if isinstance(action, Action) else Action.CONTENT_MODIFY, now)
    if isinstance(action, Info) and failure is not None:
        session.uninformed, session.informed = True, False
        assert session.ours is not None
        before = {media.name: media.senders for media in session.ours.media}
        modified = [media for media in change.wanted.media if media.senders is not before.get(media.name)]
        return [_modify(session, change, modified, False, now)]
    if (failure is not None or late) and action is Action.CONTENT_ADD:
        session.withdrawn |= change.adding
        change.adding = set()
    if (failure is not None or late) and action in _TRANSPORT:
        return give_up(session, NO_TRANSPORT, now, spare=Action(action))
    # Any other no to a content-modify is a client's that knows of no directions: the answer is as if it did.
    return finish(session, now)


def expired(session: Session, now: float) -> Out:
    """The client takes too long: what it was to accept is taken back, and the rest is answered (MOD-06)."""
    change = session.change
    if not isinstance(change, OurChange):
        return []
    if change.replacing or change.restarting:
        return give_up(session, NO_TRANSPORT, now)
    out = _take_back(session, change, change.adding, now)
    change.adding = set()
    change.asked.clear()
    return out + finish(session, now)


def unmodified(session: Session, now: float) -> Out:
    """The client leaves a content-modify without a reply: it knows of no such thing (COMPAT(Monal))."""
    change = session.change
    if not isinstance(change, OurChange):
        return []
    session.silent = True
    change.asked = {id: one for id, one in change.asked.items() if one in (Action.CONTENT_ADD, *_TRANSPORT)}
    return finish(session, now)


def _take_back(session: Session, change: OurChange, names: set[str], now: float) -> Out:
    """content-remove for contents that were not accepted, or shall not be there after all."""
    gone = [media for media in change.wanted.media if media.name in names]
    session.withdrawn |= names
    return [session.ask(Action.CONTENT_REMOVE, changes.bare(gone), now)] if gone else []


# ------------------------------------------------------------------------------------------------------------- the end


def finish(session: Session, now: float) -> Out:
    """Answer, when the client has said everything."""
    change = session.change
    if not isinstance(change, OurChange) or change.open:
        return []
    if not change.answer:
        return give_up(session, Refuse(EndReason.FAILED_APPLICATION, "the client takes none of it"), now)
    wanted = changes.only(change.wanted, set(change.answer))
    assert session.theirs is not None
    there = {media.name for media in session.theirs.media}
    media = []
    for one in wanted.media:
        answer = change.answer[one.name]
        senders = one.senders if one.name in there else changes.meet(answer.senders, one.senders)
        media.append(replace(answer, senders=senders, creator=one.creator))
    answered = Description(media=tuple(media), groups=change.groups)
    session.agree(wanted, changes.only(answered, set(change.answer)))
    _close(session)
    out: Out = []
    if change.last:
        out.append(session.ask(Action.CONTENT_REMOVE, changes.bare(change.last), now))
    if change.described:
        out.append(session.ask(Action.DESCRIPTION_INFO, changes.described(change.described), now))
    return [*out, Answer(session.theirs)]


def give_up(session: Session, refuse: Refuse, now: float, *, spare: Action | None = None) -> Out:
    """No to the whole change; what the client was told of it is taken back, but for what it refused itself."""
    change = session.change
    assert isinstance(change, OurChange)
    assert session.ours is not None
    out: Out = []
    there = {media.name: media.senders for media in session.ours.media}
    added = {media.name for media in change.wanted.media if media.name not in there}
    if Action.CONTENT_ADD in change.actions and spare is not Action.CONTENT_ADD:
        out += _take_back(session, change, (change.adding | set(change.answer)) & added, now)
    session.withdrawn |= added
    if Action.CONTENT_MODIFY in change.actions and spare is not Action.CONTENT_MODIFY:
        told = {media.name: media.senders for media in change.wanted.media}
        back = [one for one in session.ours.media if told.get(one.name, one.senders) is not one.senders]
        out.append(session.ask(Action.CONTENT_MODIFY, changes.directed(back), now))
    _close(session)
    return [*out, refuse]


def give_way(session: Session, action: Action, now: float) -> Out:
    """The client made the same change at the same time, and began the session: ours is void (XEP-0166 §7.2.16)."""
    return give_up(session, GLARE, now, spare=action)


def _close(session: Session) -> None:
    session.change = None
    for timer in (Timer.CHANGE, Timer.MODIFY):
        session.timers.pop(timer, None)
