"""What some clients cannot take inside a call, and what they are known by.

A client is known by what it writes, since names and versions change and forks keep both the code and its ways.  What
holds for every client alike needs no dialect: it is simply written so (`changes.stubs`, `canonical`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from mappings.description import Description
from mappings.namespaces import ICE_OPTION
from mappings.terms import Role, Senders


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a client takes."""

    silenced: bool = True
    "A content-modify by which it does not send any more."

    removed: bool = True
    "A content-remove of what it has accepted."

    idle: bool = True
    "Senders of none in a session-accept."


USUAL = Dialect()

LIBWEBRTC = Dialect(silenced=False, removed=False, idle=False)
"""COMPAT(Conversations): it ends the call when it is told not to send, or is to lose a content; a hold by session-info
it lets pass.  COMPAT(Monal): it writes the same, knows neither and leaves both without a reply; a session-accept in
which nobody sends it cannot read."""


def spoken(contents: Sequence[Element]) -> Dialect:
    """The dialect of who wrote these contents, as far as they tell."""
    options = f"{{{ICE_OPTION}}}"
    transports = (child for content in contents for child in content if child.tag.endswith("}transport"))
    return LIBWEBRTC if any(one.tag.startswith(options) for transport in transports for one in transport) else USUAL


def offered(ours: Description) -> Description:
    """What a session-initiate says.  COMPAT(Monal): it cannot read one in which nobody sends; so everybody does.

    Nothing is known of the client yet.  Its answer is cut to what was offered, and nothing is to be told when the other
    side begins to send.
    """
    return _otherwise(ours, Senders.BOTH)


def accepted(ours: Description, dialect: Dialect, role: Role) -> Description:
    """What a session-accept of ours, who are ``role``, says to such a client: where nobody sends, that only we do."""
    return ours if dialect.idle else _otherwise(ours, Senders(role.value))


def watching(said: Description, dialect: Dialect, client: Role) -> set[str]:
    """The contents in which such a client, who is ``client``, only listens and watches, for good.

    COMPAT(Conversations): whom it has begun not to send to it cannot be told to send to.
    """
    if dialect.silenced:
        return set()
    return {one.name for one in said.media if one.senders not in (Senders.BOTH, Senders(client.value))}


def _otherwise(ours: Description, senders: Senders) -> Description:
    media = tuple(replace(one, senders=senders) if one.senders is Senders.NONE else one for one in ours.media)
    return replace(ours, media=media)
