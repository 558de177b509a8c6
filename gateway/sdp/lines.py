"""The m= lines of a session and the contents that they are (RFC 3264 §8): which line a content has, under which name.

A line is never removed or moved, only disabled, and a disabled one is used again.  Jingle's names of contents need not
be tokens, as an a=mid must; and a peer's lines need not have any.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gateway.fields import Dropped
from mappings.description import Description, Ice, RawUdp
from mappings.terms import Role

from .text import Sdp, is_token


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One m= line's place."""

    name: str
    "The content's name."

    mid: str | None
    "Its a=mid; None where the peer's offer gave none, so that an answer has none either (RFC 5888 §9.1)."

    kind: str
    proto: str = ""
    formats: str = ""
    creator: Role
    live: bool
    transport: Ice | RawUdp | None = None
    "Where the peer last said that it is: kept while it holds by a zero address."

    def continues(self, kind: str, mid: str) -> bool:
        """The same content goes on in this line of the peer's offer."""
        return kind == self.kind and (not mid or self.mid is None or mid == self.mid)


def place(lines: Iterable[Slot], wanted: Description) -> tuple[Slot, ...]:
    """The lines for an offer of ours, in a session that has these."""
    names = {media.name for media in wanted.media}
    slots = [replace(slot, live=slot.live and slot.name in names) for slot in lines]
    placed = {slot.name for slot in slots if slot.live}
    mids = {slot.mid for slot in slots if slot.live}
    for media in wanted.media:
        if media.name in placed:
            continue
        placed.add(media.name)
        free = [index for index, slot in enumerate(slots) if not slot.live]
        at = next((index for index in free if slots[index].name == media.name), (*free, len(slots))[0])
        mid = media.name if is_token(media.name) and media.name not in mids else _fresh(f"m{at}", mids)
        mids.add(mid)
        slots[at : at + 1] = [Slot(name=media.name, mid=mid, kind=media.rtp.media, creator=media.creator, live=True)]
    return tuple(slots)


def take(
    lines: Sequence[Slot],
    sdp: Sdp,
    creator: Role,
    dropped: Dropped,
    *,
    carries: Iterable[Slot],
    longest_name: int,
) -> tuple[Slot, ...]:
    """The lines as the peer has them, in a session that has these; what is new was created by the offerer.

    What has a name keeps it.  ``carries`` are the lines of another session whose contents may go on in new ones here;
    ``longest_name`` is how long a mid may be that becomes a content's name.
    """
    slots: list[Slot] = []
    mids = [medium.attributes.get("mid", ("",))[0] for medium in sdp.media]
    live = {slot.name for slot in lines if slot.live}
    for index, (medium, mid) in enumerate(zip(sdp.media, mids, strict=True)):
        known = lines[index] if index < len(lines) else None
        taken = live | {slot.name for slot in slots}
        if known is None:
            known = next((one for one in carries if one.kind == medium.kind and one.name not in taken), None)
            known = replace(known, mid=None, transport=None) if known is not None else None
        if known is not None and known.continues(medium.kind, mid) and (known.live or known.name not in taken):
            slot = replace(known, mid=mid or None, proto=medium.proto, formats=" ".join(medium.formats), live=True)
        else:
            name = mid if 0 < len(mid) <= longest_name and mid not in taken else ""
            if not name:
                taken |= set(mids[index + 1 :])
                name = medium.kind[:8] if medium.kind[:8] not in taken else _fresh(f"{medium.kind[:8]}{index}", taken)
                if mid:
                    dropped.add("mid")
            slot = Slot(
                name=name,
                mid=mid or None,
                kind=medium.kind,
                proto=medium.proto,
                formats=" ".join(medium.formats),
                creator=creator,
                live=True,
            )
        slots.append(slot)
    return tuple(slots)


def _fresh(wanted: str, taken: "set[str] | set[str | None]") -> str:
    name = wanted
    while name in taken:
        name += "x"
    return name
