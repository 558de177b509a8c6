"""The difference of two whole descriptions, in Jingle's partial actions, and what such actions make of a description.

The law: ``apply(diff(a, b), a) == b``.  `settle` comes before the difference where the other side's description is to
be told: it leaves out what looks different but says the same, so that a phone's refresh is not news to a client.  How
the parts are asked for, and in which order, is `gateway.jingle.our_change`'s; here are also their elements.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import assert_never
from xml.etree.ElementTree import Element

from mappings.description import Description, Fingerprint, Group, Ice, Media, RawCandidate, RawUdp, Rtp
from mappings.terms import Role, Senders, Setup

from . import tree
from .description import CONTENT, DESCRIPTION, write_content, write_groups, write_transport

Transport = Ice | RawUdp


@dataclass(frozen=True, slots=True)
class Add:
    """content-add."""

    media: Media


@dataclass(frozen=True, slots=True)
class Remove:
    """content-remove."""

    name: str


@dataclass(frozen=True, slots=True)
class Modify:
    """content-modify."""

    name: str
    senders: Senders


@dataclass(frozen=True, slots=True)
class Describe:
    """description-info: another application, of the same kind."""

    name: str
    rtp: Rtp


@dataclass(frozen=True, slots=True)
class Inform:
    """transport-info: the same kind of transport with other candidates, or restarted with other credentials."""

    name: str
    transport: Transport


@dataclass(frozen=True, slots=True)
class Replace:
    """transport-replace: another kind of transport."""

    name: str
    transport: Transport


@dataclass(frozen=True, slots=True)
class Arrange:
    """The order of the contents and their groups; no action of its own, groups go along with content-add."""

    names: tuple[str, ...]
    groups: tuple[Group, ...]


Change = Add | Remove | Modify | Describe | Inform | Replace | Arrange


def diff(current: Description, offered: Description) -> tuple[Change, ...]:
    """What makes the one of the other, in an order in which it can be applied."""
    before = {media.name: media for media in current.media}
    after = {media.name: media for media in offered.media}
    same = {name for name, media in after.items() if name in before and _same_content(before[name], media)}
    changes: list[Change] = [Remove(name) for name in before if name not in same]
    for name, media in after.items():
        if name not in same:
            changes.append(Add(media))
        else:
            changes += _diff(before[name], media)
    reached = apply(changes, current)
    if reached != offered:
        changes.append(Arrange(tuple(after), offered.groups))
    return tuple(changes)


def _same_content(one: Media, other: Media) -> bool:
    """Its creator and name identify a content (XEP-0166 §7.3); what kind of medium it is cannot change."""
    return (one.creator, one.disposition, one.rtp.media) == (other.creator, other.disposition, other.rtp.media)


def _diff(before: Media, after: Media) -> list[Change]:
    changes: list[Change] = []
    if type(before.transport) is not type(after.transport):
        changes.append(Replace(after.name, after.transport))
    elif before.transport != after.transport:
        changes.append(Inform(after.name, after.transport))
    if before.rtp != after.rtp:
        changes.append(Describe(after.name, after.rtp))
    if before.senders is not after.senders:
        changes.append(Modify(after.name, after.senders))
    return changes


def apply(changes: Iterable[Change], description: Description) -> Description:
    """The description after these changes; what names a content that is not there changes nothing."""
    media = {one.name: one for one in description.media}
    groups = description.groups
    for change in changes:
        match change:
            case Add(media=added):
                media[added.name] = added
            case Remove(name):
                media.pop(name, None)
                groups = without(groups, {name})
            case Arrange(names, groups):
                media = {name: media[name] for name in names if name in media}
            case Modify(name, senders):
                if name in media:
                    media[name] = replace(media[name], senders=senders)
            case Describe(name, rtp):
                if name in media:
                    media[name] = replace(media[name], rtp=rtp)
            case Inform(name, transport) | Replace(name, transport):
                if name in media:
                    media[name] = replace(media[name], transport=transport)
            case never:
                assert_never(never)
    return Description(media=tuple(media.values()), groups=groups)


def without(groups: tuple[Group, ...], names: set[str]) -> tuple[Group, ...]:
    """Groups after these contents are gone."""
    left = (replace(group, names=tuple(name for name in group.names if name not in names)) for group in groups)
    return tuple(group for group in left if group.names)


# ------------------------------------------------------------------------------------------ what only looks different


def settle(known: Description, offered: Description) -> Description:
    """What is offered, with everything of `known` kept that says the same (RFC 8839 §4.4.1.1.1, RFC 8842 §3.1)."""
    before = {media.name: media for media in known.media}
    return replace(
        offered,
        media=tuple(
            replace(media, transport=_settle(before[media.name].transport, media.transport))
            if media.name in before
            else media
            for media in offered.media
        ),
    )


def _settle(known: Transport, offered: Transport) -> Transport:
    if isinstance(known, Ice) and isinstance(offered, Ice):
        if not restarts(known, offered):
            # One of the two alone is no restart, and nothing else that Jingle knows (ICE-23).
            offered = replace(offered, ufrag=known.ufrag or offered.ufrag, pwd=known.pwd or offered.pwd)
        if _certificates(known) == _certificates(offered):
            offered = replace(offered, fingerprints=known.fingerprints)
        return offered
    if isinstance(known, RawUdp) and isinstance(offered, RawUdp):
        if _certificates(known) == _certificates(offered):
            offered = replace(offered, fingerprints=known.fingerprints)
        if list(map(_place, known.candidates)) == list(map(_place, offered.candidates)):
            offered = replace(offered, candidates=known.candidates)
        return offered
    return offered


def restarts(known: Transport, offered: Transport) -> bool:
    """Whether it is an ICE restart: both credentials are others than before (RFC 8839 §4.4.1.1.1)."""
    if not isinstance(known, Ice) or not isinstance(offered, Ice) or not (known.ufrag and known.pwd):
        return False
    return offered.ufrag not in (None, known.ufrag) and offered.pwd not in (None, known.pwd)


def _certificates(transport: Transport) -> frozenset[tuple[str, str]]:
    return frozenset((one.hash, one.value) for one in transport.fingerprints)


def _place(candidate: RawCandidate) -> tuple[str, int, int]:
    return candidate.ip, candidate.port, candidate.component


def roles(description: Description, other: Description) -> Description:
    """The description with the DTLS role of each medium that the other side's leaves to it (RFC 8842 §5)."""
    taken = {media.name: media.transport for media in other.media}
    return replace(description, media=tuple(_role(media, taken.get(media.name)) for media in description.media))


def _role(media: Media, other: Transport | None) -> Media:
    mine = media.transport.fingerprints
    if other is None or not mine or not other.fingerprints or mine[0].setup is not Setup.ACTPASS:
        return media
    setup = {Setup.ACTIVE: Setup.PASSIVE, Setup.PASSIVE: Setup.ACTIVE}.get(other.fingerprints[0].setup or Setup.ACTPASS)
    if setup is None:
        return media
    fingerprints: tuple[Fingerprint, ...] = tuple(replace(one, setup=setup) for one in mine)
    return replace(media, transport=replace(media.transport, fingerprints=fingerprints))


# ------------------------------------------------------------------------------------------------------------- senders


def silence(senders: Senders, role: Role) -> Senders:
    """Who still sends when that role does not any more (RFC 3264 §8.4)."""
    if senders is Senders.BOTH:
        return Senders(role.other.value)
    return Senders.NONE if senders.value == role.value else senders


def sends(senders: Senders, role: Role) -> bool:
    """Whether that role sends."""
    return senders is Senders.BOTH or senders.value == role.value


def meet(one: Senders, other: Senders) -> Senders:
    """Who sends in both."""
    if one is other or other is Senders.BOTH:
        return one
    return other if one is Senders.BOTH else Senders.NONE


def with_senders(description: Description, senders: dict[str, Senders]) -> Description:
    """The description with other senders for these contents."""
    return replace(
        description,
        media=tuple(replace(media, senders=senders.get(media.name, media.senders)) for media in description.media),
    )


def only(description: Description, names: set[str]) -> Description:
    """The description without contents of other names."""
    gone = {media.name for media in description.media} - names
    media = tuple(media for media in description.media if media.name in names)
    return Description(media=media, groups=without(description.groups, gone))


def in_use(theirs: Description, ours: Description, client: Role) -> Description:
    """What a client, who is ``client``, has said, with the codecs of what it offered in the order in which we answered.

    The first codec of an answer is the one that is spoken; an offer only lists them.
    """
    answered = {media.name: {codec.id: place for place, codec in enumerate(media.rtp.codecs)} for media in ours.media}
    media = tuple(
        _ordered(media, answered[media.name]) if media.creator is client and media.name in answered else media
        for media in theirs.media
    )
    return replace(theirs, media=media)


def _ordered(media: Media, places: Mapping[int, int]) -> Media:
    codecs = sorted(media.rtp.codecs, key=lambda codec: places.get(codec.id, len(places)))
    return replace(media, rtp=replace(media.rtp, codecs=tuple(codecs)))


# ------------------------------------------------------------------------------------------------------------ elements


def stubs(media: Iterable[Media]) -> list[Element]:
    """Contents by name and creator, and what they are of: for content-remove and content-reject.

    COMPAT(Conversations): it compares name, kind and senders with what it knows, and ends the call where one is
    missing, or the transport, though XEP-0166 §7.2.5 and §7.2.4 want the name alone.
    """
    found = []
    for one in media:
        content = _content(one, Element(DESCRIPTION, {"media": one.rtp.media}), write_transport(type(one.transport)()))
        if one.senders is not Senders.BOTH:
            content.set("senders", one.senders.value)
        found.append(content)
    return found


def whole(media: Iterable[Media], groups: tuple[Group, ...]) -> list[Element]:
    """Contents with all they hold, and the groups that they are in: for content-add and content-accept."""
    media = tuple(media)
    names = {one.name for one in media}
    return [*map(write_content, media), *write_groups(tuple(group for group in groups if names & set(group.names)))]


def directed(media: Iterable[Media]) -> list[Element]:
    """Contents with their senders, which content-modify must say even if they are both (XEP-0166 §7.3)."""
    found = []
    for one in media:
        content = _content(one)
        content.set("senders", one.senders.value)
        found.append(content)
    return found


def described(media: Iterable[Media]) -> list[Element]:
    """Contents with their description: for description-info."""
    return [_content(one, tree.write(one.rtp)) for one in media]


def transported(media: Iterable[Media]) -> list[Element]:
    """Contents with their transport: for transport-replace, transport-accept and transport-info."""
    return [_content(one, write_transport(one.transport)) for one in media]


def opening(known: Transport, offered: Ice, *, answer: bool) -> Ice:
    """What the transport-info says that begins an ICE restart, or answers one (XEP-0176 §5.9).

    COMPAT(Conversations): new credentials without candidates are an offer, with one they are the answer.
    COMPAT(Dino): a fingerprint stands in it only if it is another one.
    """
    return Ice(
        ufrag=offered.ufrag,
        pwd=offered.pwd,
        candidates=offered.candidates[:1] if answer else (),
        fingerprints=() if _certificates(known) == _certificates(offered) else offered.fingerprints,
    )


def _content(media: Media, *children: Element) -> Element:
    content = Element(CONTENT, {"creator": media.creator.value, "name": media.name})
    content.extend(children)
    return content
