"""One side's offers and answers over the life of a call (RFC 3264 §8).

What SDP asks to be remembered is here and nowhere else: the place of every m= line (a line is never removed or moved,
only disabled, and a disabled one is used again), its protocol and its a=mid, which name of a content each is (Jingle
names need not be tokens), the o= version, and the offer that an answer must fit.

An exchange that came to nothing is undone by `rollback`.  A fork's answers may be read one after the other: each is
read against the offer alone.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gateway.errors import PeerError
from gateway.fields import Dropped
from mappings.description import Description, Group, Ice, Media, RawUdp
from mappings.reasons import EndReason
from mappings.terms import Role, Senders

from . import description
from .answer import fit
from .description import Context
from .text import Medium, Sdp, Section, join, parse
from .transport import NONE_YET, Address, addresses

_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}").fullmatch
_USER = re.compile(r"[!-~]{1,64}").fullmatch
_MOST_GROUPS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One m= line's place."""

    name: str
    "The content's name."

    mid: str | None
    "Its a=mid; None where the peer's offer gave none, so that an answer has none either (RFC 5888 §9.1)."

    kind: str
    proto: str
    formats: str
    creator: Role
    live: bool
    transport: Ice | RawUdp | None = None
    "What the peer last said of where it is: kept while it holds by a zero address."


class SdpSession:
    """One SIP leg's side of offer and answer.

    ``role`` is ours in the session: whose SDP we write.  ``address`` stands where no medium has one.  ``longest_name``
    is how long a mid may be that becomes a content's name; clients take 16 characters, libwebrtc's limit for a mid.
    """

    def __init__(
        self,
        role: Role,
        session_id: int,
        *,
        user: str = "-",
        address: str = "0.0.0.0",  # noqa: S104 — an address in a text
        version: int = 1,
        ice_options: str | None = None,
        longest_name: int = 16,
    ) -> None:
        self.role = role
        self.text: str | None = None
        "The SDP that we wrote last."

        self.dropped: tuple[str, ...] = ()
        "What the last read or write could not carry, as it is spelled on that side."

        self._origin = f"o={user if _USER(user) else '-'} {session_id}"
        self._network = Address(address, 0).network()
        self._version = version
        self._ice_options = ice_options
        self._longest_name = longest_name
        self._slots: tuple[Slot, ...] = ()
        self._before: tuple[Slot, ...] = ()
        self._body: list[str] = []
        self._remote: str | None = None
        self._ours: Description | None = None
        "The offer of ours that is being answered."

        self._theirs: Description | None = None
        "The offer of theirs that is being answered."

    # Our offer, their answer.

    def write_offer(self, offer: Description) -> str:
        """Offer this: known contents in their lines, new ones in disabled lines or at the end (RFC 3264 §8.1)."""
        dropped = Dropped()
        self._before = self._slots
        self._slots = self._place(offer)
        self._ours = offer
        return self._write(offer, dropped, answer=False)

    def read_answer(self, text: str | bytes) -> Description:
        """What the peer answered to our offer; refused contents are not in it.

        PeerError: 400 where it is no SDP, 488 with incompatible-parameters where nothing was accepted, and with
        security-error where protection was given up.
        """
        sdp = parse(text)
        dropped = Dropped()
        slots = self._slots
        if self._ours is None:
            slots = self._take(sdp, dropped)
        if len(sdp.media) != len(slots):
            dropped.add("m=")
        answer, slots, error = self._read(sdp, slots, dropped, answer=True)
        if self._ours is not None:
            answer = fit(answer, self._ours, dropped)
        self.dropped = dropped.names()
        if not answer.media:
            raise error or PeerError(
                "sdp answer: every m= line is refused", status=488, reason=EndReason.INCOMPATIBLE_PARAMETERS
            )
        names = {media.name for media in answer.media}
        self._slots = tuple(replace(slot, live=slot.name in names) for slot in slots)
        self._remote = _as_text(text)
        return answer

    # Their offer, our answer.

    def read_offer(self, text: str | bytes) -> Description:
        """What the peer offers; media that cannot cross are not in it and will be refused in their lines.

        An offer that disables the last live line of a running session leaves its contents without senders.
        """
        sdp = parse(text)
        dropped = Dropped()
        before = self._slots
        offer, slots, error = self._read(sdp, self._take(sdp, dropped), dropped, answer=False)
        self.dropped = dropped.names()
        if not offer.media:
            if (self._theirs is None and self._ours is None) or error is not None:
                raise error or PeerError(
                    "sdp offer: every m= line is disabled", status=488, reason=EndReason.INCOMPATIBLE_PARAMETERS
                )
            offer = self._silenced(before)
        self._before = before
        self._slots = slots
        self._theirs = offer
        self._remote = _as_text(text)
        return offer

    def write_answer(self, answer: Description) -> str:
        """Answer the peer's offer line by line: what is not in the answer is refused with port 0 (RFC 3264 §6)."""
        dropped = Dropped()
        if self._theirs is None:
            self._slots = self._place(answer)
        else:
            answer = fit(answer, self._theirs, dropped)
            names = {media.name for media in answer.media}
            if not any(slot.live and slot.name in names for slot in self._slots) and any(
                slot.live for slot in self._slots
            ):
                raise PeerError(
                    "answer: nothing in it was offered", status=488, reason=EndReason.INCOMPATIBLE_PARAMETERS
                )
            self._slots = tuple(replace(slot, live=slot.live and slot.name in names) for slot in self._slots)
        return self._write(answer, dropped, answer=True)

    def same_as_last_offer(self, text: str | bytes) -> bool:
        """The peer sends again what it sent last: a refresh, to be answered with `text` (RFC 4028 §7.4)."""
        return self._remote is not None and self._remote == _as_text(text)

    def rollback(self) -> None:
        """The last offer, ours or theirs, was refused: the lines are again what they were (RFC 6141 §3.4)."""
        self._slots = self._before

    # Lines and names.

    def _place(self, wanted: Description) -> tuple[Slot, ...]:
        by_name = {media.name: media for media in wanted.media}
        slots = [replace(slot, live=slot.live and slot.name in by_name) for slot in self._slots]
        placed = {slot.name for slot in slots if slot.live}
        mids = {slot.mid for slot in slots if slot.live}
        for media in wanted.media:
            if media.name in placed:
                continue
            placed.add(media.name)
            free = next((i for i, slot in enumerate(slots) if not slot.live), len(slots))
            mid = media.name if _TOKEN(media.name) and media.name not in mids else _fresh(f"m{free}", mids)
            mids.add(mid)
            slot = Slot(
                name=media.name, mid=mid, kind=media.rtp.media, proto="", formats="", creator=media.creator, live=True
            )
            slots[free : free + 1] = [slot]
        return tuple(slots)

    def _take(self, sdp: Sdp, dropped: Dropped) -> tuple[Slot, ...]:
        """The lines as the peer's offer has them; what has a name keeps it."""
        slots: list[Slot] = []
        said = [medium.attributes.get("mid", ("",))[0] for medium in sdp.media]
        names = {slot.name for slot in self._slots if slot.live}
        for index, (medium, mid) in enumerate(zip(sdp.media, said, strict=True)):
            known = self._slots[index] if index < len(self._slots) else None
            if known is not None and known.live and (not mid or mid == known.mid or known.mid is None):
                name, creator = known.name, known.creator
            else:
                taken = names | {slot.name for slot in slots} | set(said[index + 1 :])
                creator = self.role.other
                if mid and len(mid) <= self._longest_name and mid not in names | {slot.name for slot in slots}:
                    name = mid
                else:
                    name = (
                        medium.kind[:8] if medium.kind[:8] not in taken else _fresh(f"{medium.kind[:8]}{index}", taken)
                    )
                    if mid:
                        dropped.add("mid")
            slots.append(
                Slot(
                    name=name,
                    mid=mid or None,
                    kind=medium.kind,
                    proto=medium.proto,
                    formats=" ".join(medium.formats),
                    creator=creator,
                    live=True,
                    transport=known.transport if known is not None and known.name == name else None,
                )
            )
        return tuple(slots)

    # Reading and writing.

    def _read(
        self, sdp: Sdp, slots: tuple[Slot, ...], dropped: Dropped, *, answer: bool
    ) -> tuple[Description, tuple[Slot, ...], PeerError | None]:
        context = Context(by=self.role.other, answer=answer, dropped=dropped, head=sdp.head, lone=len(sdp.media) == 1)
        description.report_head(context)
        tags = _tags(sdp)
        media: list[Media] = []
        after: list[Slot] = []
        error: PeerError | None = None
        for slot, medium in zip(slots, sdp.media, strict=False):
            one = None
            if slot.live and _enabled(medium, answer=answer):
                try:
                    one = description.read(medium, tags.get(id(medium)), slot.name, slot.creator, context)
                except PeerError as refused:
                    error = error or refused
                    dropped.add(f"m={medium.kind}")
                    if refused.status == 400:
                        raise
            if one is not None and one.transport == RawUdp() and slot.transport is not None:
                one = replace(one, transport=slot.transport)
            if one is not None:
                media.append(one)
            after.append(replace(slot, live=one is not None, transport=one.transport if one is not None else None))
        after.extend(replace(slot, live=False) for slot in slots[len(sdp.media) :])
        return Description(media=tuple(media), groups=_read_groups(sdp, after, dropped)), tuple(after), error

    def _write(self, wanted: Description, dropped: Dropped, *, answer: bool) -> str:
        by_name = {media.name: media for media in wanted.media}
        context = Context(by=self.role, answer=answer, dropped=dropped, head=Section())
        live = [by_name[slot.name] for slot in self._slots if slot.live]
        network = next((where.network() for where in _defaults(live) if not where.zero), None)
        if network is None:
            network = NONE_YET.network() if live else self._network
        mids = {slot.name: slot.mid for slot in self._slots if slot.live and slot.mid is not None}
        body = ["s=-", f"c={network}", "t=0 0", *_write_groups(wanted.groups, mids, dropped)]
        if self._ice_options and any(isinstance(media.transport, Ice) for media in live):
            body.append(f"a=ice-options:{self._ice_options}")
        slots = list(self._slots)
        for index, slot in enumerate(slots):
            if not slot.live:
                body.append(f"m={slot.kind} 0 {slot.proto or 'RTP/AVP'} {slot.formats or '0'}")
                continue
            media = by_name[slot.name]
            proto = slot.proto if answer and slot.proto else _proto(slot, media)
            lines = description.write(media, proto, slot.mid, network, context)
            formats = " ".join(str(codec.id) for codec in media.rtp.codecs)
            slots[index] = replace(slot, proto=proto, formats=formats, kind=media.rtp.media)
            body += lines
        self._slots = tuple(slots)
        self.dropped = dropped.names()
        if self.text is not None and body != self._body:
            self._version += 1
        if self.text is None or body != self._body:
            self._body = body
            self.text = join(["v=0", f"{self._origin} {self._version} {self._network}", *body])
        return self.text

    def _silenced(self, slots: Iterable[Slot]) -> Description:
        """The contents that were live, with nobody sending: a session keeps its last content (conformance MOD-11)."""
        known = {media.name: media for one in (self._theirs, self._ours) if one is not None for media in one.media}
        media = tuple(
            replace(known[slot.name], senders=Senders.NONE) for slot in slots if slot.live and slot.name in known
        )
        return Description(media=media)


def _enabled(medium: Medium, *, answer: bool) -> bool:
    """Port 0 disables a line, except one that an offer puts into a bundle (RFC 9143 §6)."""
    return medium.port != 0 or (not answer and "bundle-only" in medium.attributes)


def _proto(slot: Slot, media: Media) -> str:
    """A line keeps its protocol while its protection stays what it was."""
    wanted = description.profile(media)
    return slot.proto if slot.proto and ("SAVP" in slot.proto) == ("SAVP" in wanted) else wanted


def _defaults(media: Iterable[Media]) -> Iterable[Address]:
    return (addresses(one.transport)[0] for one in media)


def _tags(sdp: Sdp) -> dict[int, Medium]:
    """For each section that shares another's transport, that other (RFC 9143 §7.2): the first of its BUNDLE group."""
    if "group" not in sdp.head.attributes:
        return {}
    by_mid = {medium.attributes["mid"][0]: medium for medium in sdp.media if "mid" in medium.attributes}
    found: dict[int, Medium] = {}
    for value in sdp.head.attributes["group"]:
        semantics, *mids = value.split() or ("",)
        if semantics == "BUNDLE" and mids and (tag := by_mid.get(mids[0])) is not None:
            found.update({id(by_mid[mid]): tag for mid in mids[1:] if mid in by_mid and by_mid[mid] is not tag})
    return found


def _read_groups(sdp: Sdp, slots: list[Slot], dropped: Dropped) -> tuple[Group, ...]:
    if "group" not in sdp.head.attributes:
        return ()
    names: dict[str, str] = {}
    for slot, medium in zip(slots, sdp.media, strict=False):
        mid = medium.attributes.get("mid", (slot.mid or "",))[0]
        if slot.live and mid:
            names.setdefault(mid, slot.name)
    found = []
    for value in sdp.head.attributes["group"][:_MOST_GROUPS]:
        semantics, *mids = value.split() or ("",)
        if _TOKEN(semantics) and (kept := tuple(names[mid] for mid in dict.fromkeys(mids) if mid in names)):
            found.append(Group(semantics=semantics, names=kept))
        else:
            dropped.add("group")
    return tuple(found)


def _write_groups(groups: Iterable[Group], mids: Mapping[str, str], dropped: Dropped) -> list[str]:
    lines = []
    for group in groups:
        kept = [mids[name] for name in group.names if name in mids]
        if kept and _TOKEN(group.semantics):
            lines.append(f"a=group:{' '.join((group.semantics, *kept))}")
        if len(kept) < len(group.names):
            dropped.add("group")
    return lines


def _fresh(wanted: str, taken: "set[str] | set[str | None]") -> str:
    name = wanted
    while name in taken:
        name += "x"
    return name


def _as_text(text: str | bytes) -> str:
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return decoded.replace("\r\n", "\n").strip()
