"""What a call needs of a media anchor, whichever back-end it is.

Descriptions in and out are whole and absolute, as everywhere (`mappings.description`): the caller is the initiator on
both legs.  `side` is always the leg that is spoken with: `make_offer(CALLEE)` is what the callee is offered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.signals import Candidates, Side
from mappings.description import Description, Ice, RawUdp
from mappings.reasons import EndReason


class Protection(StrEnum):
    """How a leg's media are protected."""

    NONE = "none"
    SDES = "sdes"
    DTLS = "dtls"


class Latch(StrEnum):
    """From where the first packets of a leg without ICE are believed (RFC 4961); never again without a new description.

    Every member also allows what the members before it allow.
    """

    SIGNALLED = "signalled"
    "The address that was signalled, and any port of that host."

    SOURCE = "source"
    "Any port of the host that the signalling came from: a phone behind NAT whose description shows a private address."

    ANY = "any"
    "Whoever is first: only where the network keeps strangers out."


AUDIO_CODECS = ("opus", "G722", "PCMU", "PCMA")
VIDEO_CODECS = ("VP8", "H264")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMedia:
    """What one leg's peer is offered where the anchor speaks first; what it offers itself is answered in kind."""

    ice: bool
    "ICE with all its candidates; else one address."

    protection: Protection
    "What an offer asks for. An answer has what was offered, DTLS before SDES."

    rtcp_mux: bool
    "RTP and RTCP on one port (RFC 5761)."

    bundle: bool
    "All media on one transport (RFC 9143)."

    feedback: bool
    "Whether feedback messages are offered (RFC 4585): NACK, PLI, FIR."

    codecs: Sequence[str] = AUDIO_CODECS + VIDEO_CODECS
    "The names of the codecs that may be used, the wanted one of each kind first; digits and comfort noise go along."

    as_said: bool = False
    """Whether it is offered what the other side has said in that one's order, and not in that of `codecs` (RFC 3264
    §6.1): a client sends what stands first, and a PBX that wants another codec may not be able to convert it."""

    transcodes: Sequence[str] = ()
    """The names of the codecs that may be turned into each other where the two sides share none; of a call's both legs,
    and none where the back-end cannot."""

    transcodes_first: bool = False
    "Whether they are, too, where one of them stands before all shared ones in `codecs`."

    ptime: int | None = None
    "The packet time to ask for, ms."

    latch: Latch = Latch.SIGNALLED
    "From where packets are believed, without ICE."

    whole: bool = False
    """Whether the first answer has all media of the offer: what the other side refused stands in it with senders none.
    What is added later is refused by being left out."""

    foreign: bool = False
    """Whether its peer is never the gateway itself.  A trunk's may be, where it brings a call of ours back; an XMPP
    client that names what is ours would have the packets of two calls go round between them for ever."""

    @property
    def audio(self) -> Sequence[str]:
        """Its codecs for sound."""
        return tuple(name for name in self.codecs if name in AUDIO_CODECS)


WEB = LegMedia(
    ice=True,
    protection=Protection.DTLS,
    rtcp_mux=True,
    bundle=True,
    feedback=True,
    as_said=True,
    whole=True,
    foreign=True,
)
"A browser, or what speaks as one. COMPAT(Conversations): an answer without a kind that it offered ends its call."

PHONE = LegMedia(ice=False, protection=Protection.NONE, rtcp_mux=False, bundle=False, feedback=False)
"A phone, exchange or trunk as most are."


# ----------------------------------------------------------------------------------------------- what happens by itself


@dataclass(frozen=True, slots=True)
class Gathered:
    """More candidates of ours for a side, or the news that there are no more; new credentials where it restarted."""

    side: Side
    candidates: Candidates


@dataclass(frozen=True, slots=True)
class Connected:
    """A side's media have a way and, where they are protected, keys: what is sent now is heard.  Once a side."""

    side: Side


@dataclass(frozen=True, slots=True)
class Failed:
    """A side's media are lost for good, and the call with them: both sides are told the reason.

    connectivity-error: ICE found no way, or consent was lost (RFC 7675); security-error: the DTLS handshake failed, or
    its certificate is not the one that was announced; timeout: nothing was received for long; failed-transport: the
    back-end lost the call.
    """

    side: Side
    reason: EndReason
    text: str


@dataclass(frozen=True, slots=True)
class OneWay:
    """Nothing comes from this side while the other one sends, or (`silent` False) it has begun after all."""

    side: Side
    silent: bool = True


@dataclass(frozen=True, slots=True)
class DigitHeard:
    """A side sent a digit as RTP event (RFC 4733); told when it ends, once.

    `carried`: it went on to the other side in the same form.  Otherwise that side has no such format, and must be told
    by other means.
    """

    side: Side
    digit: str
    duration: int
    "Milliseconds."

    carried: bool


@dataclass(frozen=True, slots=True)
class PictureWanted:
    """The other side wants a whole picture of this one, which has agreed to no message that asks for it.

    Told once a second at most, however often it is wanted.
    """

    side: Side


Event = Gathered | Connected | Failed | OneWay | DigitHeard | PictureWanted
Listener = Callable[[Event], None]
"Called from the event loop, outside any operation; must not raise."


# ----------------------------------------------------------------------------------------------------------- statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatistics:
    """What came from one side, of one medium, and how it fared on its way to the other."""

    kind: str
    codec: str | None
    "The name of what was received last."

    packets: int
    octets: int
    "Of RTP, headers included."

    dropped: int
    "Packets of strangers, garbage, unauthenticated or repeated ones, and such as were not agreed on."

    lost: int
    "Packets of this side that the last one to hear of them missed: the other side by its reports, else we."

    jitter: float
    "Seconds, by RFC 3550 §6.4.1."

    round_trip: float | None
    "Seconds between us and this side, where reports told it; the last."

    mos: float | None
    "An estimate between 1 and 4.5 of how the other side hears it (ITU-T G.107); audio only, None without packets."


Statistics = Mapping[Side, Sequence[StreamStatistics]]
"By the side that the packets come from."


# ------------------------------------------------------------------------------------------------------------ protocols


class Anchor(Protocol):
    """One call's media.  Operations raise AnchorError, and have then changed nothing."""

    async def take_offer(self, side: Side, description: Description, *, source: str | None = None) -> None:
        """A side offers.  `source` is the address that its signalling came from, for `Latch.SOURCE`.

        incompatible-parameters: nothing of it can be carried to the other side.
        """
        ...

    async def make_offer(self, side: Side, kinds: Sequence[str] = (), *, restart: bool = False) -> Description:
        """What this side is offered: what the other side offers or has agreed to, or media of these kinds.

        Equal to what this side was told last where nothing changes for it.  `restart`: with new ICE credentials.
        AnchorError with status 503: no port is left.
        """
        ...

    async def take_answer(
        self, side: Side, description: Description, *, source: str | None = None, early: bool = False
    ) -> None:
        """A side answers what it was offered; again, where a later answer of the same exchange takes its place.

        ``early``: there will be one, and until then neither side is missed when it is silent.
        incompatible-parameters: nothing was accepted that can be carried.
        """
        ...

    async def make_answer(self, side: Side) -> Description:
        """The answer to this side's offer, which opens its media.

        incompatible-parameters: what it offered and what the other side has agreed to have nothing in common.
        """
        ...

    async def withdraw(self, side: Side) -> None:
        """The exchange that is open with this side came to nothing; all is as it was before it."""
        ...

    async def candidates(self, side: Side, by_media: Mapping[str, Ice | RawUdp]) -> None:
        """A side's further candidates.  New credentials with them restart ICE; ours come as `Gathered`."""
        ...

    async def digit(self, side: Side, digit: str, duration: int) -> bool:
        """Send this side a digit, 0-9 * # A-D, of so many ms, as RTP event; one after the other.

        False: it has agreed to no such format, and must be told by other means.
        """
        ...

    async def picture(self, side: Side) -> None:
        """Ask this side for a whole picture, where it has agreed to a message that does (PLI, FIR); else nothing."""
        ...

    async def statistics(self) -> Statistics:
        """What was counted so far; after `close`, what had been counted then."""
        ...

    async def close(self) -> None:
        """Give back ports, tasks and memory.  May be called at any time and more than once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a back-end is."""

    ready: bool
    "Whether it takes new calls."

    anchors: int
    "Calls that it carries."

    ports_free: int | None = None
    text: str = ""
    "Why not, where it does not."


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What an anchor is told of the call it is opened for."""

    id: str
    legs: Mapping[Side, LegMedia] = field(default_factory=lambda: {Side.CALLER: WEB, Side.CALLEE: PHONE})


class Anchors(Protocol):
    """A back-end."""

    name: str
    "What configuration, log and metrics call it."

    digits: bool
    "Whether it can say digits in the sound, to a side that takes them so."

    async def open(self, call: Call, listener: Listener) -> Anchor:
        """An anchor for a new call.  AnchorError when the back-end takes none."""
        ...

    async def health(self) -> Health:
        """How it is at this moment."""
        ...

    async def close(self) -> None:
        """Close what is still open, and leave."""
        ...
