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

from gateway.signals import Answer, End, Offer, Refuse
from gateway.stanza import Stanza
from mappings.description import Description, Group, Ice, Media
from mappings.reasons import EndReason
from mappings.terms import Action, Info

from . import changes, contents, telling
from .changes import Add, Arrange, Describe, Inform, Modify, Remove, Replace
from .session import Asked, Out, Session, Timer

GLARE = Refuse(EndReason.GENERAL_ERROR, "the client made a change first", glare=True)
NO_TRANSPORT = Refuse(EndReason.UNSUPPORTED_TRANSPORTS, "the client does not take that transport")
TRANSPORT = (Action.TRANSPORT_REPLACE, Action.TRANSPORT_INFO)
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
    kept = changes.in_use(changes.only(session.theirs, there), session.ours, session.role.other)
    if (lacking := telling.lacking(kept, wanted)) is not None:
        return [lacking]
    answer = {media.name: media for media in kept.media}
    session.change = OurChange(wanted=wanted, answer=answer, groups=session.theirs.groups)
    session.timers[Timer.CHANGE] = now + session.settings.change_timeout_seconds
    out = _ask(session, session.change, found, now)
    return out + finish(session, now)


def _held(session: Session, offered: Description) -> Description:
    """The offer, with what the client has put on hold kept so, whatever the other side would like to send.

    Where the client only watches, it is not to send, whatever the other side would take.
    """
    senders = {media.name: media.senders for media in offered.media}
    held = {name: changes.silence(said, session.role) for name, said in senders.items() if name in session.held}
    seen = {name: held.get(name, said) for name, said in senders.items() if name in session.watching}
    watched = {name: changes.silence(said, session.role.other) for name, said in seen.items()}
    return changes.with_senders(offered, held | watched)


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
                if media.name not in session.kept:
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
        out += telling.removed(session, again, now)
        added = [media for media in added if media.name not in session.kept]
    if added:
        change.adding = {media.name for media in added}
        session.withdrawn -= change.adding
        session.creators = {name: one for name, one in session.creators.items() if name not in change.adding}
        out.append(_request(session, change, Action.CONTENT_ADD, changes.whole(added, change.wanted.groups), now))
    if modified:
        alone = not (replaced or informed or added or removed or described)
        out += modify(session, change, modified, alone, now)
    change.last = tuple(media for media in removed if media not in again)
    change.described = tuple(described)
    return out


def _request(session: Session, change: OurChange, action: Action, children: list[Element], now: float) -> Stanza:
    stanza = session.ask(action, children, now, asked=Asked.CHANGE)
    change.asked[stanza.id] = action
    change.actions.add(action)
    return stanza


def modify(session: Session, change: OurChange, modified: list[Media], alone: bool, now: float) -> Out:
    """Say who sends these contents, and wait for the replies of a client that gives any."""
    assert session.ours is not None
    session.timers[Timer.MODIFY] = now + session.settings.modify_timeout_seconds
    change.actions.add(Action.CONTENT_MODIFY)
    before = {media.name: media.senders for media in session.ours.media}
    told = telling.senders(session, modified, before, now, alone=alone, asked=Asked.CHANGE)
    if not session.silent:
        change.asked |= {stanza.id: what for stanza, what in told}
    return [stanza for stanza, _ in told]


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


# ------------------------------------------------------------------------------------------------------- no answers


def expired(session: Session, now: float) -> Out:
    """The client takes too long: what it was to accept is taken back, and the rest is answered (MOD-06)."""
    change = session.change
    if not isinstance(change, OurChange):
        return []
    if change.replacing or change.restarting:
        return give_up(session, NO_TRANSPORT, now)
    out = take_back(session, change, change.adding, now)
    change.adding = set()
    change.asked.clear()
    return out + finish(session, now)


def unmodified(session: Session, now: float) -> Out:
    """The client leaves a content-modify without a reply: it knows of no such thing (COMPAT(Monal))."""
    change = session.change
    if not isinstance(change, OurChange):
        return []
    session.silent = True
    change.asked = {id: one for id, one in change.asked.items() if one in (Action.CONTENT_ADD, *TRANSPORT)}
    return finish(session, now)


def take_back(session: Session, change: OurChange, names: set[str], now: float) -> Out:
    """content-remove for contents that were not accepted, or shall not be there after all."""
    session.withdrawn |= names
    gone = [media for media in change.wanted.media if media.name in names]
    accepted = [media for media in gone if media.name not in change.adding]
    out = telling.removed(session, accepted, now) if accepted else []
    if opened := [media for media in gone if media.name in change.adding]:
        out.append(session.ask(Action.CONTENT_REMOVE, changes.stubs(opened), now))
    return out


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
        out += telling.removed(session, change.last, now)
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
        out += take_back(session, change, (change.adding | set(change.answer)) & added, now)
    session.withdrawn |= added
    if Action.CONTENT_MODIFY in change.actions and spare is not Action.CONTENT_MODIFY:
        told = {media.name: media.senders for media in change.wanted.media}
        back = [one for one in session.ours.media if told.get(one.name, one.senders) is not one.senders]
        out += telling.redirected(session, back, there | told, now)
    _close(session)
    return [*out, refuse]


def give_way(session: Session, action: Action, now: float) -> Out:
    """The client made the same change at the same time, and began the session: ours is void (XEP-0166 §7.2.16)."""
    return give_up(session, GLARE, now, spare=action)


def _close(session: Session) -> None:
    session.change = None
    for timer in (Timer.CHANGE, Timer.MODIFY):
        session.timers.pop(timer, None)
