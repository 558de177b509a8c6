"""The contents and groups of a <jingle/> ↔ `Description`, both ways; here is what no declaration can say.

A content's attributes are the medium's own, its description and transport are told apart by namespace, groups name
contents, and what an offer or an answer must have is filled in (DTLS roles, the sources of a group).  The records
inside are `tree`'s.

Reading tells two kinds of failure apart.  What breaks XEP-0166 or 0176 is a PeerError with reason general-error: an IQ
error answers it.  What is understood but cannot be used (no RTP, an unknown transport, no codec) leaves its content
out, reported; when none is left, the PeerError has the reason that ends the session (XEP-0166 §6.7).
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from xml.etree.ElementTree import Element, SubElement

from gateway import canonical
from gateway.errors import PeerError
from gateway.fields import Dropped, fields
from mappings.codecs import KINDS
from mappings.description import Codec, Description, Group, Ice, Media, RawUdp, Rtp, Source
from mappings.namespaces import GROUPING, ICE, ICE_UDP, ICE_UDP_0, JINGLE, RAW_UDP, RTP
from mappings.reasons import EndReason
from mappings.terms import Role, Senders

from . import tree

CONTENT = f"{{{JINGLE}}}content"
GROUP = f"{{{GROUPING}}}group"
DESCRIPTION = f"{{{RTP}}}description"

TRANSPORTS: dict[str, type[Ice] | type[RawUdp]] = {
    f"{{{ICE_UDP}}}transport": Ice,
    f"{{{ICE}}}transport": Ice,
    f"{{{ICE_UDP_0}}}transport": Ice,
    f"{{{RAW_UDP}}}transport": RawUdp,
}
MOST_CONTENTS = 64

_REASON = f"{{{JINGLE}}}reason"
_IN_GROUP = f"{{{GROUPING}}}content"
_ANSWERS = frozenset({"session-accept", "content-accept", "transport-accept"})
_ROLES = {str(role): role for role in Role}
_SENDERS = {str(senders): senders for senders in Senders}
_SEMANTICS = {field.name: field.read for field in fields(Group)}["semantics"]


def read(jingle: Element) -> tuple[Description, tuple[str, ...]]:
    """What the contents and groups of a <jingle/> say, and the names of what was left out.  Raises PeerError."""
    dropped = Dropped()
    answer = jingle.get("action") in _ANSWERS
    media: dict[str, Media] = {}
    groups = []
    refused: PeerError | None = None
    contents = 0
    for child in jingle:
        if child.tag == CONTENT:
            contents += 1
            if contents > MOST_CONTENTS:
                raise PeerError(f"<jingle/>: more than {MOST_CONTENTS} contents", condition="policy-violation")
            try:
                one = read_content(child, dropped, answer=answer)
            except PeerError as error:
                if error.reason is EndReason.GENERAL_ERROR:
                    raise
                refused = refused or error
                dropped.add("content")
                continue
            # Contents of one name are alternatives (XEP-0166 §7.3): the first that can be used is taken.
            if media.setdefault(one.name, one) is not one:
                dropped.add("content")
        elif child.tag == GROUP:
            groups.append(child)
        elif child.tag != _REASON:
            dropped.add(tree.local(child.tag))
    if not media:
        raise refused or PeerError("<jingle/>: no content")
    return Description(media=tuple(media.values()), groups=_read_groups(groups, media, dropped)), dropped.names()


def read_groups(jingle: Element, names: Collection[str]) -> tuple[Group, ...]:
    """The groups of a <jingle/>, as far as they are of contents with these names."""
    return _read_groups([child for child in jingle if child.tag == GROUP], names, Dropped())


def _read_groups(elements: list[Element], names: Collection[str], dropped: Dropped) -> tuple[Group, ...]:
    return tuple(group for element in elements[:MOST_CONTENTS] if (group := _read_group(element, names, dropped)))


def read_content(content: Element, dropped: Dropped, *, answer: bool) -> Media:
    """One content with its description and transport.  Raises PeerError."""
    name = content.get("name")
    if not name:
        raise PeerError("<content/>: no name")
    where = f"<content/> {name[:40]!r}"
    creator = _ROLES.get(content.get("creator", "initiator"))
    senders = _SENDERS.get(content.get("senders", "both"))
    if creator is None or senders is None:
        raise PeerError(f"{where}: cannot read creator or senders")
    described, carried = None, None
    for child in content:
        kind = tree.local(child.tag)
        if kind == "description" and described is None:
            described = child
        elif kind == "transport" and carried is None:
            carried = child
        else:
            dropped.add(kind)
    if described is None or carried is None:
        raise PeerError(f"{where}: without a {'description' if described is None else 'transport'}")
    if described.tag != DESCRIPTION:
        raise _unusable(f"{where}: not RTP", EndReason.UNSUPPORTED_APPLICATIONS)
    transport = read_transport(carried, where, dropped)
    rtp = tree.read(Rtp, described, dropped)
    if rtp.media not in KINDS:
        raise _unusable(f"{where}: no medium that can cross — {rtp.media[:20]!r}", EndReason.UNSUPPORTED_APPLICATIONS)
    if not rtp.codecs:
        raise _unusable(f"{where}: no payload type that is known", EndReason.INCOMPATIBLE_PARAMETERS)
    if len({codec.id for codec in rtp.codecs}) < len(rtp.codecs):
        first: dict[int, Codec] = {}
        for codec in rtp.codecs:
            first.setdefault(codec.id, codec)
        dropped.add("payload-type")
        rtp = replace(rtp, codecs=tuple(first.values()))
    if rtp.source_groups:
        rtp = _with_grouped_sources(rtp)
    if rtp.encryption is not None and rtp.encryption.required and not rtp.encryption.crypto:
        raise _unusable(f"{where}: encryption without a key that can be used", EndReason.SECURITY_ERROR)
    return Media(
        name=name,
        rtp=rtp,
        transport=_with_setup(transport, answer=answer),
        creator=creator,
        senders=senders,
        disposition=content.get("disposition", "session"),
    )


def read_transport(element: Element, where: str, dropped: Dropped) -> Ice | RawUdp:
    """A transport as an offer or answer has it.  Raises PeerError."""
    cls = TRANSPORTS.get(element.tag)
    if cls is None:
        raise _unusable(f"{where}: not a transport that can cross", EndReason.UNSUPPORTED_TRANSPORTS)
    if any(child.get("setup") == "holdconn" for child in element):
        raise _unusable(f"{where}: DTLS setup holdconn", EndReason.UNSUPPORTED_TRANSPORTS)
    transport: Ice | RawUdp = tree.read(cls, element, dropped)
    if isinstance(transport, Ice) and transport.candidates and not (transport.ufrag and transport.pwd):
        raise PeerError(f"{where}: candidates without ufrag and pwd")
    return transport


def _with_grouped_sources(rtp: Rtp) -> Rtp:
    """Those of a group belong to one sender, who has one CNAME for them (RFC 4588 §5.2): some clients say it once."""
    names = {source.ssrc: one for source in rtp.sources for one in source.parameters if one.name == "cname"}
    told = {source.ssrc for source in rtp.sources}
    sources = list(rtp.sources)
    for group in rtp.source_groups:
        name = next((names[source.ssrc] for source in group.sources if source.ssrc in names), None)
        for source in group.sources:
            if name is not None and source.ssrc not in told:
                told.add(source.ssrc)
                sources.append(Source(ssrc=source.ssrc, parameters=(name,)))
    return rtp if len(sources) == len(rtp.sources) else replace(rtp, sources=tuple(sources))


def _unusable(text: str, reason: EndReason) -> PeerError:
    return PeerError(text, status=488, condition="feature-not-implemented", reason=reason)


def _with_setup(transport: Ice | RawUdp, *, answer: bool) -> Ice | RawUdp:
    if all(one.setup is canonical.setup(one.setup, answer=answer) for one in transport.fingerprints):
        return transport
    fingerprints = tuple(
        replace(one, setup=canonical.setup(one.setup, answer=answer)) for one in transport.fingerprints
    )
    return replace(transport, fingerprints=fingerprints)


def _read_group(element: Element, known: Collection[str], dropped: Dropped) -> Group | None:
    named = [child.get("name", "") for child in element if child.tag == _IN_GROUP]
    names = tuple(name for name in dict.fromkeys(named) if name in known)
    try:
        semantics = _SEMANTICS(element.get("semantics", ""))
    except ValueError:
        names = ()
    if len(names) < len(named):
        dropped.add("group")
    return Group(semantics=semantics, names=names) if names else None


def write(description: Description, *, exact: bool = False) -> list[Element]:
    """The contents and then the groups of a <jingle/>. ``exact``: everything as it stands (`tree.write`)."""
    written = [write_content(media, exact=exact) for media in description.media]
    return written + write_groups(description.groups)


def write_groups(groups: Iterable[Group]) -> list[Element]:
    """The <group/> elements of a <jingle/>."""
    written = []
    for group in groups:
        element = Element(GROUP, {"semantics": group.semantics})
        for name in group.names:
            SubElement(element, _IN_GROUP, {"name": name})
        written.append(element)
    return written


def write_content(media: Media, *, exact: bool = False) -> Element:
    """One content with its description and transport."""
    content = Element(CONTENT, {"creator": media.creator.value, "name": media.name})
    if media.senders is not Senders.BOTH:
        content.set("senders", media.senders.value)
    if media.disposition != "session":
        content.set("disposition", media.disposition)
    described = tree.write(media.rtp, exact=exact)
    if media.rtp.ssrc is None and len(media.rtp.sources) == 1:
        described.set("ssrc", str(media.rtp.sources[0].ssrc))
    content.append(described)
    content.append(write_transport(media.transport, exact=exact))
    return content


def write_transport(transport: Ice | RawUdp, *, exact: bool = False) -> Element:
    """A transport, alone: for transport-info, -replace and -accept."""
    return tree.write(transport, exact=exact)
