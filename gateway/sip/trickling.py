"""What a leg knows of the candidates that come one by one, ours and the peer's (RFC 8840 §4).

Ours are those of the description that we wrote last and what came later for it; a new description, agreed or only
offered, is a new beginning by itself, since it is asked every time.  So is the peer's.  Nothing is counted twice: an
INFO repeats all there is (§4.4), and what changes nothing is not sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from gateway.errors import PeerError
from gateway.sdp.history import SdpSession
from gateway.sip import gather
from gateway.sip.lines import Header
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.trickle import TAG, Fragment, Part
from gateway.sip.wire import Outgoing
from mappings.description import Candidate, Description, GatheringComplete, Ice, RawUdp

Mode = Literal["auto", "required", "never"]
"Whether a peer is told candidates one by one: if it can; whoever it is, since the operator says that it can; never."

REQUIRED: tuple[Header, ...] = (("Require", TAG),)

MAX_COLLISIONS = 5
"How often a re-INVITE for late candidates is sent again after a 491."

_Said = tuple[str | None, int, bool]
"Whose candidates, how many of them, and whether those are all."


@dataclass(frozen=True, slots=True)
class Weighed:
    """What was made of the candidates of one generation that came late (`gateway.sip.late`)."""

    generation: frozenset[str | None]
    count: int
    "Of all its candidates, when they were looked at last."

    told: bool = False
    "Whether the peer had its re-INVITE."


class Trickling:
    """One dialog's candidates."""

    __slots__ = (
        "_heard",
        "_more",
        "_supported",
        "_told",
        "announced",
        "collisions",
        "confirmed",
        "held",
        "mode",
        "offering",
        "owed",
        "pending",
        "provisional",
        "resend_after",
        "weighed",
    )  # fmt: skip

    def __init__(self, mode: Mode, supported: tuple[str, ...]) -> None:
        """``supported`` are the other option tags that Supported is to name."""
        self._supported = supported
        self.mode = mode
        self.announced = False
        "Whether the peer was told, or will be, that we can."

        self.confirmed: bool | None = None
        "Whether the peer can; None: not known yet."

        self.pending: Outgoing | None = None
        "Our INFO that has no final response; there is never a second one (§10.9)."

        self.owed = False
        "An INFO must be sent, whether it says anything new or not."

        self.held: Fragment | None = None
        "The peer's last INFO of an early dialog, whose answer is not read yet."

        self.provisional: SipResponse | None = None
        "Our response that begins the dialog, sent again until the peer shows that it came."

        self.resend_after = 0.0
        self.weighed: Weighed | None = None
        self.offering = False
        "Whether a re-INVITE is out for candidates that came late."

        self.collisions = 0
        "How often that has met a change of the peer's."

        self._more: dict[str, Ice] = {}
        self._told: dict[str, _Said] = {}
        self._heard: dict[str, Ice] = {}

    @property
    def required(self) -> bool:
        """Whether the next INVITE insists on it."""
        return self.announced and self.mode == "required"

    @property
    def headers(self) -> tuple[Header, ...]:
        """Supported and what belongs to it, for an INVITE or a response to one (§5; RFC 6086 §4.1, §5.2)."""
        if self.announced:
            return ("Supported", ", ".join((*self._supported, TAG))), ("Recv-Info", TAG)
        return (("Supported", ", ".join(self._supported)),) if self._supported else ()

    def turn(self, mode: Mode, supported: tuple[str, ...]) -> None:
        """The next INVITE is for another peer."""
        self.mode, self._supported = mode, supported

    def announce(self, description: Description) -> bool:
        """Decide whether we say that we can, given the description that the call begins with."""
        ice = any(isinstance(media.transport, Ice) for media in description.media)
        self.announced = ice and self.mode != "never"
        return self.announced

    def forget(self) -> None:
        """The dialog is gone, or was another fork's."""
        self.pending = self.held = None
        self.owed = False
        self._told = {}
        self._heard = {}

    # ----------------------------------------------------------------------------------------------------------- ours

    def add(self, sdp: SdpSession, by_media: Mapping[str, Ice | RawUdp]) -> int:
        """Keep what came later for our description; how many candidates do not belong to it."""
        stray = 0
        for name, transport in by_media.items():
            base = _ice(sdp.ours, name)
            if sdp.theirs is not None and _ice(sdp.theirs, name) is None:
                base = None  # the peer has no ICE
            if base is None or not isinstance(transport, Ice) or transport.ufrag not in (None, base.ufrag):
                stray += len(transport.candidates)
                continue
            known = self._whole(sdp, name, base)
            found = _unknown(transport.candidates, known.candidates)
            wanted = [one for one in found if one.component == 1] if _muxed(sdp, name) else found
            fresh = wanted[: max(0, gather.MAX_CANDIDATES - len(known.candidates))]
            stray += len(found) - len(fresh)
            before = self._more.get(name)
            kept = before.candidates if before is not None and before.ufrag == base.ufrag else ()
            complete = transport.gathering_complete or known.gathering_complete
            self._more[name] = Ice(ufrag=base.ufrag, candidates=(*kept, *fresh), gathering_complete=complete)
        return stray

    def collided(self) -> bool:
        """The re-INVITE for late candidates met a change of the peer's; whether it is worth another try."""
        self.collisions += 1
        if self.collisions <= MAX_COLLISIONS:
            self.weighed = None
        return self.weighed is None

    def give_up(self) -> int:
        """The peer cannot be told; how many candidates are lost by that."""
        self.confirmed = False
        lost = sum(len(more.candidates) for more in self._more.values())
        self._more.clear()
        return lost

    def news(self, sdp: SdpSession) -> bool:
        """Whether there is anything that the peer was not told."""
        if not self._more:
            return False
        for slot in sdp.lines():
            if slot.name in self._more and slot.mid is not None and (base := _ice(sdp.ours, slot.name)) is not None:
                said, first = _said(self._whole(sdp, slot.name, base)), _said(base)
                if said not in (first, self._told.get(slot.name)):
                    return True
        return False

    def later(self, sdp: SdpSession) -> Description | None:
        """Our description with candidates that came later for it; None where there are none."""
        if not self._more or sdp.ours is None:
            return None
        whole = self.whole(sdp)
        return None if whole == sdp.ours else whole

    def whole(self, sdp: SdpSession) -> Description | None:
        """Our description with all that came later for it."""
        if sdp.ours is None or not self._more:
            return sdp.ours
        return gather.merged(sdp.ours, {name: more for name, more in self._more.items() if self._current(sdp, name)})

    def _current(self, sdp: SdpSession, name: str) -> bool:
        base = _ice(sdp.ours, name)
        return base is not None and base.ufrag == self._more[name].ufrag

    def tell(self, sdp: SdpSession) -> Fragment | None:
        """All there is for an INFO, in the order in which it was first said; None: no medium has ICE and a name."""
        self.owed = False
        parts = []
        for slot in sdp.lines():
            base = _ice(sdp.ours, slot.name)
            if slot.mid is None or base is None:
                continue
            whole = self._whole(sdp, slot.name, base)
            self._told[slot.name] = _said(whole)
            parts.append(
                Part(
                    kind=slot.kind,
                    mid=slot.mid,
                    ufrag=whole.ufrag,
                    pwd=whole.pwd,
                    candidates=whole.candidates,
                    complete=whole.gathering_complete is not None,
                )
            )
        if not parts:
            return None
        complete = all(part.complete for part in parts)
        if complete:
            parts = [replace(part, complete=False) for part in parts]
        return Fragment(parts=tuple(parts), complete=complete)

    def _whole(self, sdp: SdpSession, name: str, base: Ice) -> Ice:
        more = self._more.get(name)
        if more is None or more.ufrag != base.ufrag:
            return base
        return replace(
            base,
            candidates=(*base.candidates, *_unknown(more.candidates, base.candidates)),
            gathering_complete=base.gathering_complete or more.gathering_complete,
        )

    # --------------------------------------------------------------------------------------------------------- theirs

    def hear(self, sdp: SdpSession, fragment: Fragment) -> tuple[dict[str, Ice], int]:
        """What of a fragment is news, by content; and how many candidates are nobody's.

        Candidates of other credentials than the peer's description has are of a generation that is over, or not yet
        agreed, and say nothing (§4.4).
        """
        news: dict[str, Ice] = {}
        stray = 0
        spoken = set()
        for part in fragment.parts:
            name = sdp.name(part.mid)
            theirs = None if name is None else _ice(sdp.theirs, name)
            if name is None or theirs is None or fragment.credentials(part) != (theirs.ufrag, theirs.pwd):
                stray += len(part.candidates)
                continue
            spoken.add(name)
            self._hear(name, theirs, part.candidates, part.complete or fragment.complete, news)
        if fragment.complete and spoken:
            for media in () if sdp.theirs is None else sdp.theirs.media:
                if media.name not in spoken and isinstance(media.transport, Ice):
                    self._hear(media.name, media.transport, (), True, news)
        return news, stray

    def _hear(
        self, name: str, theirs: Ice, candidates: tuple[Candidate, ...], complete: bool, news: dict[str, Ice]
    ) -> None:
        heard = self._heard.get(name)
        if heard is None or heard.ufrag != theirs.ufrag:
            heard = Ice(ufrag=theirs.ufrag)
        known = (*theirs.candidates, *heard.candidates)
        fresh = _unknown(candidates, known)[: max(0, gather.MAX_CANDIDATES - len(known))]
        ended = GatheringComplete() if complete else None
        if complete and (theirs.gathering_complete or heard.gathering_complete):
            ended = None
        self._heard[name] = replace(
            heard, candidates=(*heard.candidates, *fresh), gathering_complete=ended or heard.gathering_complete
        )
        if fresh or ended:
            news[name] = Ice(ufrag=theirs.ufrag, pwd=theirs.pwd, candidates=fresh, gathering_complete=ended)


def can(message: SipRequest | SipResponse) -> bool:
    """Whether who sent this can be told candidates by INFO (§5).

    a=ice-options:trickle is no sign of it: it stands in the SDP of every browser, and most that put a browser's SDP
    into SIP know nothing of INFO.
    """
    try:
        return any(TAG in message.tokens(name) for name in ("Supported", "Recv-Info", "Require"))
    except PeerError:  # a header of a response that cannot be read says nothing
        return False


def _ice(description: Description | None, name: str) -> Ice | None:
    """That content's ICE, where it has some."""
    for media in () if description is None else description.media:
        if media.name == name:
            return media.transport if isinstance(media.transport, Ice) else None
    return None


def _muxed(sdp: SdpSession, name: str) -> bool:
    """Whether RTCP has no candidates of its own, as both sides have said (§6)."""
    return all(
        description is not None
        and any(media.name == name and media.rtp.rtcp_mux is not None for media in description.media)
        for description in (sdp.ours, sdp.theirs)
    )


def _place(candidate: Candidate) -> tuple[str, int, str, int, str | None]:
    """What makes two candidates one (§4.4; RFC 8838 §10)."""
    return candidate.ip, candidate.port, candidate.protocol, candidate.component, candidate.tcptype


def _unknown(candidates: tuple[Candidate, ...], known: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """Those that are not there yet, each once."""
    if not candidates:
        return ()
    there = set(map(_place, known))
    found: dict[object, Candidate] = {}
    for candidate in candidates:
        if (place := _place(candidate)) not in there:
            found.setdefault(place, candidate)
    return tuple(found.values())


def _said(ice: Ice) -> _Said:
    return ice.ufrag, len(ice.candidates), ice.gathering_complete is not None
