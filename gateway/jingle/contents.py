"""Descriptions as a Jingle session needs them: an accept in the offer's shape, and candidates that come one by one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement

from gateway.errors import PeerError
from gateway.fields import Dropped
from mappings.description import Description, Group, Ice, Media, RawUdp
from mappings.namespaces import ICE_UDP
from mappings.reasons import EndReason
from mappings.terms import Role, Senders

from . import tree
from .description import CONTENT, DESCRIPTION, TRANSPORTS, write_transport

_GATHERED = f"{{{ICE_UDP}}}gathering-complete"
"As stanza.js says it, and reads it: in the namespace of the transport."

_ONE_SIDED = frozenset(senders.value for senders in Senders if senders is not Senders.BOTH)

Transport = Ice | RawUdp
Transports = Mapping[str, Transport]
"Transports by the name of their content."


class Credentials(NamedTuple):
    """The ICE credentials of one content, so far."""

    ufrag: str | None
    pwd: str | None


MAX_CANDIDATES = 200
"So many candidates of a content are kept while its description is not there yet."


def accepting(offer: Description, answer: Description) -> Description:
    """The answer as a session-accept says it: the offer's names, creators and order, and no group that was not offered.

    A content that the answer lacks is refused by being absent (clients.md rule 6).
    """
    answered = {media.name: media for media in answer.media}
    media = tuple(
        replace(answered[offered.name], creator=offered.creator, disposition=offered.disposition)
        for offered in offer.media
        if offered.name in answered
    )
    names = {item.name for item in media}
    offered_groups = {group.semantics for group in offer.groups}
    groups = tuple(
        replace(group, names=kept)
        for group in answer.groups
        if group.semantics in offered_groups and (kept := tuple(name for name in group.names if name in names))
    )
    return Description(media=media, groups=groups)


def accepted(offer: Description, answer: Description) -> Description:
    """A client's session-accept, held against what we offered.  Raises PeerError when it accepts anything else."""
    offered = {media.name for media in offer.media}
    for media in answer.media:
        if media.name not in offered:
            raise PeerError(
                f"session-accept content {media.name[:60]!r}: was not offered",
                status=488,
                reason=EndReason.FAILED_APPLICATION,
            )
    return answer


def reachable(offer: Description, answer: Description) -> Description:
    """The answer without what has no way in it, although it was offered ICE.  Raises PeerError if nothing is left.

    COMPAT(stanza.js): what its browser refuses stands in its session-accept all the same, with an empty transport and
    with payload types that nobody offered, in no group.
    """
    offered = {media.name: media.transport for media in offer.media}
    bundled = {name for group in answer.groups if group.semantics == "BUNDLE" for name in group.names}
    media = tuple(
        one
        for one in answer.media
        if one.transport != Ice() or one.name in bundled or not isinstance(offered[one.name], Ice)
    )
    if not media:
        raise PeerError("session-accept: nothing is accepted", status=488, reason=EndReason.INCOMPATIBLE_PARAMETERS)
    return answer if len(media) == len(answer.media) else replace(answer, media=media)


def fold(description: Description, transports: Transports) -> Description:
    """The description with candidates added that came for it."""
    if not transports:
        return description
    return replace(
        description, media=tuple(fold_media(media, transports.get(media.name)) for media in description.media)
    )


def fold_media(media: Media, more: Transport | None) -> Media:
    """The same for one content."""
    transport = media.transport
    if more is None or type(more) is not type(transport):
        return media
    return replace(media, transport=merge(transport, more))


def bundled(described: Description, known: Description, groups: Iterable[Group]) -> Description:
    """The contents that join those that are known, each with its transport.

    COMPAT(Conversations): the transport of what joins a bundle is empty, for that of the bundle holds (RFC 9143 §7.3).
    """
    there = {media.name: media.transport for media in known.media}
    bundles = [group.names for group in groups if group.semantics == "BUNDLE"]
    media = []
    for one in described.media:
        names = next((names for names in bundles if one.name in names), ())
        shared = next((there[name] for name in names if name in there), None)
        media.append(replace(one, transport=shared) if one.transport == Ice() and isinstance(shared, Ice) else one)
    return replace(described, media=tuple(media))


def belongs(transport: Transport | None, more: Transport) -> bool:
    """Whether candidates are of this transport, or of no other that could be told: it is of their ICE generation."""
    if not isinstance(transport, Ice) or not isinstance(more, Ice):
        return type(transport) is type(more)
    return None in (transport.ufrag, more.ufrag) or transport.ufrag == more.ufrag


def aged(transport: Transport, generation: int) -> Transport:
    """The transport with candidates of that generation."""
    if isinstance(transport, RawUdp):
        return replace(transport, candidates=tuple(replace(one, generation=generation) for one in transport.candidates))
    return replace(transport, candidates=tuple(replace(one, generation=generation) for one in transport.candidates))


def keep(early: dict[str, Transport], transports: Transports) -> None:
    """Put transports to those that came before them."""
    for name, transport in transports.items():
        early[name] = merge(early[name], transport) if name in early else transport


def merge(transport: Transport, more: Transport) -> Transport:
    """A transport with what came later for it: further candidates, missing credentials, the end of the candidates."""
    if isinstance(transport, RawUdp) or isinstance(more, RawUdp):
        return more if type(transport) is type(more) else transport
    known = set(transport.candidates)
    fresh = [candidate for candidate in more.candidates if candidate not in known]
    return replace(
        transport,
        ufrag=transport.ufrag or more.ufrag,
        pwd=transport.pwd or more.pwd,
        candidates=(*transport.candidates, *fresh)[:MAX_CANDIDATES],
        remote_candidates=more.remote_candidates or transport.remote_candidates,
        fingerprints=transport.fingerprints or more.fingerprints,
        gathering_complete=transport.gathering_complete or more.gathering_complete,
    )


def read_transports(
    contents: Sequence[Element], names: Collection[str], credentials: Mapping[str, Credentials], dropped: Dropped
) -> dict[str, Transport]:
    """The transports of a transport-info for the contents of these names.  Raises PeerError.

    What stands in ``credentials`` may be left out (COMPAT stanza.js: ufrag without pwd, or neither).  Candidates of a
    content that is not in there are let pass: its description is still to come.  Empty transports say nothing and are
    passed over.
    """
    found: dict[str, Transport] = {}
    for content in contents:
        name = content.get("name", "")
        element = next((child for child in content if child.tag in TRANSPORTS), None)
        if element is None or name not in names:
            dropped.add("transport-info")
            continue
        transport: Transport = tree.read(TRANSPORTS[element.tag], element, dropped)
        if transport == type(transport)():
            continue
        if isinstance(transport, Ice) and not (transport.ufrag and transport.pwd) and name in credentials:
            ufrag, pwd = credentials[name]
            if transport.ufrag in (None, ufrag):
                transport = replace(transport, ufrag=ufrag, pwd=transport.pwd or pwd)
            if transport.candidates and not (transport.ufrag and transport.pwd):
                raise PeerError(f"transport-info content {name[:60]!r}: candidates without ufrag and pwd")
        keep(found, {name: transport})
    return found


def credentials(transports: Transports) -> dict[str, Credentials]:
    """The ICE credentials in these transports: none, for those that have none."""
    return {
        name: Credentials(transport.ufrag, transport.pwd) if isinstance(transport, Ice) else Credentials(None, None)
        for name, transport in transports.items()
    }


def says_complete(transports: Iterable[Transport]) -> bool:
    """Whether who wrote these knows <gathering-complete/> (XEP-0371), so that it may be told so."""
    return any(isinstance(transport, Ice) and transport.gathering_complete is not None for transport in transports)


def write_transports(description: Description, transports: Transports, *, complete: bool = False) -> list[Element]:
    """Contents for transport-infos, each with one candidate and its credentials; ``complete``: and the news of the end.

    COMPAT(Monal): it reads only the first candidate of a transport-info, and none without ufrag and pwd.
    """
    contents = []
    for media in description.media:
        more = transports.get(media.name)
        if more is None:
            continue
        for transport in _singly(media.transport, more, complete=complete):
            content = Element(CONTENT, {"creator": media.creator.value, "name": media.name})
            content.append(write_transport(transport))
            if isinstance(transport, Ice) and transport.gathering_complete is not None:
                SubElement(content[0], _GATHERED)
            contents.append(content)
    return contents


def _singly(known: Transport, more: Transport, *, complete: bool) -> list[Transport]:
    if isinstance(more, RawUdp):
        return [more] if more.candidates else []
    ufrag = more.ufrag or (known.ufrag if isinstance(known, Ice) else None)
    pwd = more.pwd or (known.pwd if isinstance(known, Ice) else None)
    said = [Ice(ufrag=ufrag, pwd=pwd, candidates=(candidate,)) for candidate in more.candidates]
    if complete and more.gathering_complete is not None:
        said.append(Ice(ufrag=ufrag, pwd=pwd, gathering_complete=more.gathering_complete))
    return [*said]


def names(contents: Sequence[Element]) -> set[tuple[Role, str]]:
    """What identifies each content: its creator and its name (XEP-0166 §7.3)."""
    return {(Role(content.get("creator", "initiator")), content.get("name", "")) for content in contents}


def stubs(contents: Sequence[Element]) -> list[Element]:
    """These contents as `changes.stubs` has them, for a content-reject of what cannot be read or carried."""
    found = []
    for content in contents:
        copy = _named(content)
        if (senders := content.get("senders")) in _ONE_SIDED:
            copy.set("senders", senders)
        for child in content:
            if child.tag == DESCRIPTION and (media := child.get("media", "")).isalpha():
                copy.append(Element(DESCRIPTION, {"media": media}))
            elif child.tag in TRANSPORTS:
                copy.append(write_transport(TRANSPORTS[child.tag]()))
        found.append(copy)
    return found


def with_transports(contents: Sequence[Element]) -> list[Element]:
    """The contents by name and creator with their transport, for a transport-reject.

    Of a transport only the element itself is said again: what a peer nests in it is neither ours to carry nor to bound.
    """
    found = []
    for content in contents:
        copy = _named(content)
        copy.extend(Element(child.tag, child.attrib) for child in content if child.tag.endswith("}transport"))
        found.append(copy)
    return found


def _named(content: Element) -> Element:
    return Element(CONTENT, {"creator": content.get("creator", "initiator"), "name": content.get("name", "")})
