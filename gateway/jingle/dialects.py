"""What some clients cannot take inside a call, and what they are known by.

A client is known by what it writes, since names and versions change and forks keep both the code and its ways.  What
holds for every client alike needs no dialect: it is simply written so (`changes.stubs`, `canonical`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from gateway.jid import is_full
from gateway.signals import End
from mappings.description import Description, Group, Ice, Media
from mappings.namespaces import DTLS, ICE_OPTION
from mappings.reasons import EndReason
from mappings.terms import Role, Senders

_FINGERPRINT = f"{{{DTLS}}}fingerprint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a client takes."""

    silenced: bool = True
    "A content-modify by which it does not send any more."

    removed: bool = True
    "A content-remove of what it has accepted."

    idle: bool = True
    "Senders of none in a session-accept."

    partial: bool = True
    "A session-accept without all that it has offered."

    answered: bool = True
    "A content-accept or a content-reject of what it has added."

    ends: bool = True
    "Any reason of an end."


USUAL = Dialect()

LIBWEBRTC = Dialect(silenced=False, removed=False, idle=False, partial=False)
"""COMPAT(Conversations): it ends the call when it is told not to send, is to lose a content, or has one not accepted
that it offered; a hold by session-info it lets pass.  COMPAT(Monal): it writes the same, knows neither and leaves both
without a reply; a session-accept in which nobody sends it cannot read."""


MOVIM = Dialect(answered=False)
"""COMPAT(Movim): it answers whatever it is offered, and hears answers to what it offers, by another session-accept with
all contents.  In all that it writes the initiator is its own bare JID."""

GAJIM = Dialect(ends=False)
"""COMPAT(Gajim): at any reason but success and decline it goes on ringing, or calling, so it is told one of these, and
the text.  It is known by TCP candidates beside no fingerprint, and before it has said anything by RTP over ICE without
protection, which is what it is offered."""


def spoken(jingle: Element) -> Dialect:
    """The dialect of who wrote this, as far as it tells."""
    options = f"{{{ICE_OPTION}}}"
    transports = [child for content in jingle for child in content if child.tag.endswith("}transport")]
    inside = [one for transport in transports for one in transport]
    if any(one.tag.startswith(options) for one in inside):
        return LIBWEBRTC
    if any(one.get("protocol") == "tcp" for one in inside) and not any(one.tag == _FINGERPRINT for one in inside):
        return GAJIM
    initiator = jingle.get("initiator")
    return MOVIM if initiator is not None and not is_full(initiator) else USUAL


def offered(ours: Description) -> Description:
    """What a session-initiate says.  COMPAT(Monal): it cannot read one in which nobody sends; so everybody does.

    Nothing is known of the client yet.  Its answer is cut to what was offered, and nothing is to be told when the other
    side begins to send.
    """
    return _otherwise(ours, Senders.BOTH)


def accepted(ours: Description, dialect: Dialect, role: Role) -> Description:
    """What a session-accept of ours, who are ``role``, says to such a client: where nobody sends, that only we do."""
    return ours if dialect.idle else _otherwise(ours, Senders(role.value))


def ended(end: End, dialect: Dialect, offered: Description | None) -> End:
    """What a session-terminate says to such a client, or to one that was ``offered`` this and has said nothing yet."""
    deaf = not dialect.ends or (offered is not None and all(map(_unprotected, offered.media)))
    heard = end.reason in (EndReason.SUCCESS, EndReason.DECLINE)
    return replace(end, reason=EndReason.DECLINE) if deaf and not heard else end


def _unprotected(media: Media) -> bool:
    """Only Gajim's like is offered that."""
    return isinstance(media.transport, Ice) and not media.transport.fingerprints and media.rtp.encryption is None


def watching(said: Description, dialect: Dialect, client: Role) -> set[str]:
    """The contents in which such a client, who is ``client``, only listens and watches, for good.

    COMPAT(Conversations): whom it has begun not to send to it cannot be told to send to.
    """
    if dialect.silenced:
        return set()
    return {one.name for one in said.media if one.senders not in (Senders.BOTH, Senders(client.value))}


def refused(offer: Description, answer: Description, dialect: Dialect) -> set[str]:
    """The contents that such a client is to have accepted although the other side refuses them.

    They need a transport, so that they must share one: all are in one bundle, and what is accepted can be (RFC 9143
    §9.3: nothing is bundled that is not multiplexed with its RTCP).
    """
    there = {media.name for media in answer.media}
    names = {media.name for media in offer.media}
    shares = all(isinstance(media.transport, Ice) and media.rtp.rtcp_mux is not None for media in answer.media)
    bundled = len(there) == 1 or _bundle(answer.groups) is not None
    bundle = _bundle(offer.groups)
    together = bundle is not None and names <= set(bundle.names)
    return set() if dialect.partial or not (shares and bundled and together) else names - there


def filled(offer: Description, answer: Description) -> Description:
    """An answer with what it refuses, as `whole`; who refuses all but one medium may not say that it bundles."""
    bundle = _bundle(offer.groups)
    groups = answer.groups if bundle is None or _bundle(answer.groups) is not None else (*answer.groups, bundle)
    return whole(offer, replace(answer, groups=groups))


def _bundle(groups: Iterable[Group]) -> Group | None:
    return next((group for group in groups if group.semantics == "BUNDLE"), None)


def whole(offer: Description, agreed: Description) -> Description:
    """All that a client has offered, with what is agreed; the rest is said to be sent by nobody.

    What is refused has the transport of what is there: a browser answers no other than its bundle's.
    """
    there = {media.name: media for media in agreed.media}
    shared = next((media.transport for media in agreed.media if isinstance(media.transport, Ice)), Ice())
    nowhere = Ice(ufrag=shared.ufrag, pwd=shared.pwd, fingerprints=shared.fingerprints)
    media = tuple(there.get(one.name) or _refused(one, nowhere) for one in offer.media)
    groups = tuple(
        Group(semantics=group.semantics, names=group.names)
        for group in offer.groups
        if any(group.semantics == one.semantics for one in agreed.groups)
    )
    return Description(media=media, groups=groups)


def _refused(media: Media, transport: Ice) -> Media:
    rtp = replace(media.rtp, sources=(), source_groups=(), ssrc=None)
    return replace(media, rtp=rtp, transport=transport, senders=Senders.NONE)


def _otherwise(ours: Description, senders: Senders) -> Description:
    media = tuple(replace(one, senders=senders) if one.senders is Senders.NONE else one for one in ours.media)
    return replace(ours, media=media)
