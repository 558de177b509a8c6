"""When a description has candidates enough to be told to a peer that cannot be told more later (RFC 8840 §5.3).

The rule is the conformance reference's 2.23: wait for the news that gathering is complete, or for a server-reflexive or
relayed candidate of every component.  Host candidates alone say nothing: they are always first.
"""

from collections.abc import Mapping
from dataclasses import replace

from mappings.description import Description, Ice, Media, RawUdp
from mappings.record import MOST
from mappings.terms import CandidateType

MAX_SECONDS = 3.0
"No offer waits longer, whatever is configured."

MAX_CANDIDATES = MOST
"Of one medium; further ones are left out, since a client has a whole moment to send as many as it likes."

REACHABLE = frozenset({CandidateType.SRFLX, CandidateType.RELAY})


def ready(description: Description) -> bool:
    """Whether every medium may be written now."""
    followers = {name for group in description.groups if group.semantics == "BUNDLE" for name in group.names[1:]}
    complete = any(_complete(media) for media in description.media if media.name not in followers)
    return all(_ready(media, follows=complete and media.name in followers) for media in description.media)


def unheard(description: Description) -> bool:
    """Whether a medium has no candidate at all: its client tells them one by one, and has only begun."""
    return any(
        isinstance(media.transport, Ice) and not media.transport.candidates and not _complete(media)
        for media in description.media
    ) and not ready(description)


def restarted(description: Description, told: Description | None) -> bool:
    """Whether a medium has begun to gather anew, or for the first time, and has no candidate yet."""
    known = {media.transport.ufrag for media in (told.media if told else ()) if isinstance(media.transport, Ice)}
    heard = {
        media.transport.ufrag
        for media in description.media
        if isinstance(media.transport, Ice) and (media.transport.candidates or _complete(media))
    }
    return any(
        isinstance(media.transport, Ice) and media.transport.ufrag not in known | heard for media in description.media
    )


def merged(description: Description, by_media: Mapping[str, Ice | RawUdp], *, restarts: bool = False) -> Description:
    """The description with further candidates in it; those of a medium that it lacks are left out.

    Candidates of other credentials are those of the time before it and left out too; ``restarts``: or of a restart,
    which nobody has been told of, and all begins anew.
    """
    media = []
    for one in description.media:
        more = by_media.get(one.name)
        if more is None:
            media.append(one)
        elif not _others(one.transport, more):
            media.append(replace(one, transport=_joined(one.transport, more)))
        elif restarts:
            fingerprints = more.fingerprints or one.transport.fingerprints
            media.append(replace(one, transport=replace(more, fingerprints=fingerprints)))
        else:
            media.append(one)
    return replace(description, media=tuple(media))


def count(by_media: Mapping[str, Ice | RawUdp]) -> int:
    """How many candidates there are."""
    return sum(len(transport.candidates) for transport in by_media.values())


def _complete(media: Media) -> bool:
    return not isinstance(media.transport, Ice) or media.transport.gathering_complete is not None


def _ready(media: Media, *, follows: bool) -> bool:
    transport = media.transport
    if not isinstance(transport, Ice) or transport.gathering_complete is not None:
        return True
    if follows and not transport.candidates:
        return True  # bundled: what leads the bundle has gathered for it (RFC 9143 §7.1.3)
    components = {1} if media.rtp.rtcp_mux is not None else {1, 2}
    reachable = {candidate.component for candidate in transport.candidates if candidate.type in REACHABLE}
    return components <= reachable


def _others(transport: Ice | RawUdp, more: Ice | RawUdp) -> bool:
    """Whether the one is of other ICE credentials than the other."""
    if not isinstance(transport, Ice) or not isinstance(more, Ice):
        return False
    return None not in (transport.ufrag, more.ufrag) and more.ufrag != transport.ufrag


def _joined(transport: Ice | RawUdp, more: Ice | RawUdp) -> Ice | RawUdp:
    if isinstance(transport, Ice) and isinstance(more, Ice):
        return replace(
            transport,
            ufrag=transport.ufrag or more.ufrag,
            pwd=transport.pwd or more.pwd,
            candidates=tuple(dict.fromkeys(transport.candidates + more.candidates))[:MAX_CANDIDATES],
            fingerprints=transport.fingerprints or more.fingerprints,
            gathering_complete=more.gathering_complete or transport.gathering_complete,
        )
    if isinstance(transport, RawUdp) and isinstance(more, RawUdp):
        components = {candidate.component for candidate in more.candidates}
        kept = tuple(candidate for candidate in transport.candidates if candidate.component not in components)
        return replace(transport, candidates=kept + more.candidates)
    return transport
