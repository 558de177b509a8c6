"""A call's streams on both sides, and the plan of what is said of one: the values that `agreement` works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from gateway.errors import AnchorError
from gateway.media.anchor import Protection
from gateway.media.negotiation import Identity
from gateway.signals import Side
from mappings.description import Description, Encryption, Ice, Media, RawUdp, Rtp
from mappings.reasons import EndReason
from mappings.terms import Role, Senders

ROLES = {Side.CALLER: Role.INITIATOR, Side.CALLEE: Role.RESPONDER}
"What the peer of a side is in its session; we are the other."


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """A stream on one side."""

    name: str
    told: Media | None = None
    "What we said of it last."

    said: Media | None = None
    "What the peer said of it last."

    offers: bool = False
    "Whether that was an offer, to which what we said was the answer."

    live: bool = True
    "False: the peer has refused or removed it."

    numbers: Mapping[Identity, int] = field(default_factory=dict)
    "Every payload type number that a format was ever given here."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One medium of the call."""

    kind: str
    creator: Role
    ends: Mapping[Side, End]

    def end(self, side: Side) -> End | None:
        """Its end on that side, if it has one that lives."""
        end = self.ends.get(side)
        return end if end is not None and end.live else None

    def said(self, side: Side) -> Media | None:
        """What the peer there said of it last, while it lives."""
        end = self.end(side)
        return end.said if end is not None else None

    def with_end(self, side: Side, end: End) -> "Stream":
        """With another end on that side."""
        return replace(self, ends={**self.ends, side: end})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be said of one stream, but for addresses and keys."""

    stream: int
    name: str
    creator: Role
    senders: Senders
    rtp: Rtp
    ice: bool
    protection: Protection
    told: Media | None
    "What was said of it last."

    same: bool = False
    "Nothing of it changes but what the back-end itself wants changed."

    def media(self, transport: Ice | RawUdp, encryption: Encryption | None) -> Media:
        """What is said, with what a back-end adds."""
        return Media(
            name=self.name,
            rtp=replace(self.rtp, encryption=encryption),
            transport=transport,
            creator=self.creator,
            senders=self.senders,
        )


def protection(media: Media) -> Protection:
    """What a description asks for, the best first."""
    if media.transport.fingerprints:
        return Protection.DTLS
    keyed = media.rtp.encryption is not None and media.rtp.encryption.crypto
    return Protection.SDES if keyed else Protection.NONE


def ours() -> AnchorError:
    """What a peer is told that says to be where we are (`LegMedia.foreign`)."""
    return AnchorError("transport: our own, and nobody else's", EndReason.UNSUPPORTED_TRANSPORTS, 488)


def held_to(reaches: Callable[[str], bool], description: Description) -> Description:
    """A description without what leads to where media may not go; AnchorError where a plain transport does."""
    held = tuple(replace(one, transport=transport_held_to(reaches, one.transport)) for one in description.media)
    return replace(description, media=held)


def transport_held_to(reaches: Callable[[str], bool], transport: Ice | RawUdp) -> Ice | RawUdp:
    """The same of a transport: of ICE's candidates the others are left, since even a check goes to who is named."""
    if isinstance(transport, Ice):
        return replace(transport, candidates=tuple(one for one in transport.candidates if reaches(one.ip)))
    for candidate in transport.candidates:
        if candidate.port and candidate.ip not in _NOWHERE and not reaches(candidate.ip):
            text = f"transport: {candidate.ip[:64]} is not where media of this side may be sent"
            raise AnchorError(text, EndReason.UNSUPPORTED_TRANSPORTS, 488)
    return transport


_NOWHERE = ("0.0.0.0", "::")  # noqa: S104 - how a hold is said (RFC 3264 §8.4)

SENDING = {
    Senders.BOTH: frozenset(Role),
    Senders.INITIATOR: frozenset({Role.INITIATOR}),
    Senders.RESPONDER: frozenset({Role.RESPONDER}),
    Senders.NONE: frozenset[Role](),
}
"Which roles send, by what a description says."

_SENDERS = {roles: senders for senders, roles in SENDING.items()}


def meet(one: Senders, other: Senders) -> Senders:
    """Who still sends where one wants this and the other that."""
    return _SENDERS[SENDING[one] & SENDING[other]]
