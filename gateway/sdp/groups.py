"""The groups of lines in a session (RFC 5888), read and written, and which lines of them share a transport."""

from collections.abc import Iterable, Mapping

from gateway.fields import Dropped
from mappings.description import Group

from .lines import Slot
from .text import Medium, Sdp, is_token

_MOST_GROUPS = 16


def transports(sdp: Sdp) -> dict[int, Medium]:
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


def read(sdp: Sdp, slots: list[Slot], dropped: Dropped) -> tuple[Group, ...]:
    """The groups that a description has, by the names of the contents in them."""
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
        if is_token(semantics) and (kept := tuple(names[mid] for mid in dict.fromkeys(mids) if mid in names)):
            found.append(Group(semantics=semantics, names=kept))
        else:
            dropped.add("group")
    return tuple(found)


def write(groups: Iterable[Group], mids: Mapping[str, str], dropped: Dropped) -> list[str]:
    """The lines that say these; ``mids`` are the contents' that there are, by name."""
    lines = []
    for group in groups:
        kept = [mids[name] for name in group.names if name in mids]
        if kept and is_token(group.semantics):
            lines.append(f"a=group:{' '.join((group.semantics, *kept))}")
        if len(kept) < len(group.names):
            dropped.add("group")
    return lines
