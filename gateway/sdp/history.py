"""One side's offers and answers over the life of a call (RFC 3264 §8).

What SDP asks to be remembered is here and nowhere else: the place of every m= line (a line is never removed or moved,
only disabled, and a disabled one is used again), its protocol and its a=mid, which name of a content each is (Jingle
names need not be tokens), the o= version, and the offer that an answer must fit.

Nothing is agreed before it is answered: an offer that was refused leaves no trace but its version, and a fork's answers
may be read one after the other, each against the offer alone.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from gateway.errors import PeerError
from gateway.fields import Dropped
from mappings.description import Description, Ice, Media, RawUdp
from mappings.reasons import EndReason
from mappings.terms import Role, Senders

from . import description, groups
from .answer import fit
from .description import Context
from .lines import Slot, place, take
from .text import Medium, Sdp, Section, join, parse
from .transport import Address, addresses

_USER = re.compile(r"[!-~]{1,64}").fullmatch


class SdpSession:
    """One SIP leg's side of offer and answer.

    ``role`` is ours in the session: whose SDP we write.  ``address`` stands where no medium has one.  ``longest_name``
    is how long a mid may be that becomes a content's name; clients take 16 characters, libwebrtc's limit for a mid.
    ``carries`` are the lines of a session whose contents go on in this one with another peer, under their names.
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
        carries: Iterable[Slot] = (),
    ) -> None:
        self.role = role
        self.text: str | None = None
        "The SDP that we wrote last."

        self.dropped: tuple[str, ...] = ()
        "What the last read or write could not carry, as it is spelled on that side."

        self.ice_options = ice_options
        "What a=ice-options says of us, where there is ICE."

        self.ours: Description | None = None
        "What we said last: our offer, answered or not, or our answer."

        self.theirs: Description | None = None
        "What the peer said last."

        self._origin = f"o={user if _USER(user) else '-'} {session_id}"
        self._network = Address(address, 0).network()
        self._version = version
        self._longest_name = longest_name
        self._carries = tuple(carries)
        self._slots: tuple[Slot, ...] = ()
        "The lines as they were agreed; an offer changes them by being answered."

        self._offered: tuple[Slot, ...] | None = None
        "The lines of the offer that is out, ours or theirs."

        self._offer: Description | None = None
        "What that offer says."

        self._agreed: Description | None = None
        "What the peer last said and was answered, or answered."

        self._kept: Description | None = None
        "What we had said when that was agreed."

        self._heard: int | None = None
        self._answered: int | None = None
        "What the peer's last text, and the last that took effect, are known again by."

    def write_offer(self, offer: Description) -> str:
        """Offer this: known contents in their lines, new ones in disabled lines or at the end (RFC 3264 §8.1)."""
        dropped = Dropped()
        self._offered = self._write(place(self._slots, offer), offer, dropped, answer=False)
        self._offer = self.ours = offer
        return self._told(dropped)

    def read_answer(self, text: str | bytes) -> Description:
        """What the peer answered to our offer; refused contents are not in it.

        PeerError: 400 where it is no SDP, 488 with incompatible-parameters where nothing was accepted, and with
        security-error where protection was given up.
        """
        sdp = parse(text)
        dropped = Dropped()
        slots = self._take(sdp, self.role, dropped) if self._offered is None else self._offered
        if len(sdp.media) != len(slots):
            dropped.add("m=")
        answer, slots, error = self._read(sdp, slots, dropped, answer=True)
        if self._offer is not None:
            answer = fit(answer, self._offer, dropped)
        self.dropped = dropped.names()
        if not answer.media:
            raise error or _nothing("answer: every m= line is refused")
        self.theirs = answer
        self._agree(slots, answer, _comparable(text))
        return answer

    def read_offer(self, text: str | bytes) -> Description:
        """What the peer offers; media that cannot cross are not in it and will be refused in their lines.

        An offer that disables the last live line of a session leaves its contents without senders (MOD-11).
        """
        sdp = parse(text)
        dropped = Dropped()
        slots = self._take(sdp, self.role.other, dropped)
        offer, slots, error = self._read(sdp, slots, dropped, answer=False)
        self.dropped = dropped.names()
        if not offer.media:
            if error is not None or self._agreed is None:
                raise error or _nothing("offer: every m= line is disabled")
            silenced = tuple(replace(media, senders=Senders.NONE) for media in self._agreed.media)
            offer = Description(media=silenced)
        self._offered, self._offer, self._heard = slots, offer, _comparable(text)
        self.theirs = offer
        return offer

    def write_answer(self, answer: Description) -> str:
        """Answer the peer's offer line by line: what is not in the answer is refused with port 0 (RFC 3264 §6)."""
        dropped = Dropped()
        if self._offered is None or self._offer is None:
            self.ours = answer
            self._agree(self._write(place(self._slots, answer), answer, dropped, answer=True), answer, None)
            return self._told(dropped)
        answer = fit(answer, self._offer, dropped)
        names = {media.name for media in answer.media}
        slots = tuple(replace(slot, live=slot.live and slot.name in names) for slot in self._offered)
        if any(slot.live for slot in self._offered) and not any(slot.live for slot in slots):
            raise _nothing("answer: nothing in it was offered")
        slots = self._write(slots, answer, dropped, answer=True)
        self.ours = answer
        self._agree(slots, self._offer, self._heard)
        return self._told(dropped)

    def same_as_last_offer(self, text: str | bytes) -> bool:
        """The peer says again what it said last: a refresh, to be answered with `text` (RFC 4028 §7.4, MOD-13).

        Only what was answered counts: a refused offer that comes again is an offer.
        """
        return self._answered is not None and self._answered == _comparable(text)

    def rollback(self) -> None:
        """The offer that is out, ours or theirs, was refused: everything is as it was agreed (RFC 6141 §3.4)."""
        self._offered, self._offer, self._heard = None, None, None
        self.ours, self.theirs = self._kept, self._agreed

    def lines(self) -> tuple[Slot, ...]:
        """The lines that are in use, as they were agreed; before that, as they were offered."""
        return tuple(slot for slot in self._slots or self._offered or () if slot.live)

    def name(self, mid: str) -> str | None:
        """The content that the peer means by an a=mid, in what it said last."""
        slots = (*(self._offered or ()), *self._slots)
        return next((slot.name for slot in slots if slot.live and slot.mid == mid), None)

    def _agree(self, slots: tuple[Slot, ...], theirs: Description, text: int | None) -> None:
        names = {media.name for media in theirs.media}
        self._slots = tuple(replace(slot, live=False) if slot.name not in names else slot for slot in slots)
        self._agreed = theirs
        self._kept = self.ours
        self._answered = text

    # Reading and writing.

    def _take(self, sdp: Sdp, creator: Role, dropped: Dropped) -> tuple[Slot, ...]:
        return take(self._slots, sdp, creator, dropped, carries=self._carries, longest_name=self._longest_name)

    def _read(
        self, sdp: Sdp, slots: tuple[Slot, ...], dropped: Dropped, *, answer: bool
    ) -> tuple[Description, tuple[Slot, ...], PeerError | None]:
        """What the peer says in these lines, the lines after it, and why the first that is refused is."""
        context = Context(by=self.role.other, answer=answer, dropped=dropped, head=sdp.head, lone=len(sdp.media) == 1)
        description.report_head(context)
        tags = groups.transports(sdp)
        media: list[Media] = []
        after: list[Slot] = []
        error: PeerError | None = None
        for slot, medium in zip(slots, sdp.media, strict=False):
            one = None
            if slot.live and slot.kind == medium.kind and _enabled(medium, answer=answer):
                try:
                    one = description.read(medium, tags.get(id(medium)), slot.name, slot.creator, context)
                except PeerError as refused:
                    if refused.status == 400:
                        raise
                    error = error or refused
                    dropped.add(f"m={medium.kind}")
            if one is None:
                after.append(replace(slot, live=False))
                continue
            where = one.transport
            if isinstance(where, RawUdp) and not where.candidates and isinstance(slot.transport, RawUdp):
                one = replace(one, transport=replace(where, candidates=slot.transport.candidates))
            media.append(one)
            after.append(replace(slot, transport=one.transport))
        after.extend(replace(slot, live=False) for slot in slots[len(sdp.media) :])
        return Description(media=tuple(media), groups=groups.read(sdp, after, dropped)), tuple(after), error

    def _write(
        self, slots: tuple[Slot, ...], wanted: Description, dropped: Dropped, *, answer: bool
    ) -> tuple[Slot, ...]:
        """Put our description into `text`; what the lines are then."""
        by_name = {media.name: media for media in wanted.media}
        context = Context(by=self.role, answer=answer, dropped=dropped, head=Section())
        where = [addresses(by_name[slot.name].transport)[0] for slot in slots if slot.live]
        network = next((one.network() for one in where if not one.zero), where[0].network() if where else self._network)
        mids = {slot.name: slot.mid for slot in slots if slot.live and slot.mid is not None}
        body = ["s=-", f"c={network}", "t=0 0", *groups.write(wanted.groups, mids, dropped)]
        if self.ice_options and any(isinstance(media.transport, Ice) for media in wanted.media):
            body.append(f"a=ice-options:{self.ice_options}")
        after = []
        for slot in slots:
            if not slot.live:
                body.append(f"m={slot.kind} 0 {slot.proto or 'RTP/AVP'} {slot.formats or '0'}")
                after.append(slot)
                continue
            media = by_name[slot.name]
            proto = slot.proto if answer and slot.proto else _proto(slot, media)
            body += description.write(media, proto, slot.mid, network, context)
            formats = " ".join(str(codec.id) for codec in media.rtp.codecs)
            after.append(replace(slot, proto=proto, formats=formats, kind=media.rtp.media))
        if self.text is not None and self._with_origin(body) != self.text:
            self._version += 1
        self.text = self._with_origin(body)
        return tuple(after)

    def _with_origin(self, body: list[str]) -> str:
        return join(["v=0", f"{self._origin} {self._version} {self._network}", *body])

    def _told(self, dropped: Dropped) -> str:
        self.dropped = dropped.names()
        assert self.text is not None
        return self.text


def _nothing(text: str) -> PeerError:
    return PeerError(f"sdp {text}", status=488, reason=EndReason.INCOMPATIBLE_PARAMETERS)


def _enabled(medium: Medium, *, answer: bool) -> bool:
    """Port 0 disables a line, except one that an offer puts into a bundle (RFC 9143 §6)."""
    return medium.port != 0 or (not answer and "bundle-only" in medium.attributes)


def _proto(slot: Slot, media: Media) -> str:
    """A line keeps its protocol while its protection stays what it was."""
    wanted = description.profile(media)
    return slot.proto if slot.proto and ("SAVP" in slot.proto) == ("SAVP" in wanted) else wanted


def _comparable(text: str | bytes) -> int:
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return hash(decoded.replace("\r\n", "\n").strip())
