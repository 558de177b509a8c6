"""Which formats may be made of which: transcoding, where the operator wants it and the back-end can.  Pure.

A format that only one side has is then offered to the other beside those that pass as they are, after them; and it is
answered where nothing passes, or where the operator prefers it (`LegMedia.transcodes_first`).
"""

from collections.abc import Iterable, Sequence

from gateway.media.anchor import LegMedia
from gateway.media.negotiation import KINDS, OWN, answered, auxiliary
from mappings.description import Codec, Media, Parameter

MADE: dict[str, Codec] = {
    **{name: codec for name, codec in OWN.items() if KINDS[name] == "audio"},
    "g729": Codec(id=18, name="G729", clockrate=8000, parameters=(Parameter(name="annexb", value="no"),)),
    "gsm": Codec(id=3, name="GSM", clockrate=8000),
}
"What is said of a format that is made, by lower-case name."


def name_of(codec: Codec) -> str:
    """A codec's name as tables have it."""
    return (codec.name or "").lower()


def made(heard: Iterable[Codec], leg: LegMedia) -> tuple[Codec, ...]:
    """What a side may have although the other has not said it: made of what that has said; none, where of nothing."""
    has = {name_of(codec) for codec in heard}
    can = {name.lower() for name in leg.transcodes}
    if not can & has:
        return ()
    return tuple(MADE[name] for name in map(str.lower, leg.codecs) if name in can - has)


def widened(codecs: Sequence[Codec], heard: Iterable[Codec], leg: LegMedia) -> tuple[Codec, ...]:
    """An offer's formats with those that can be made, digits and noise after all of them."""
    new = made(heard, leg)
    if not new:
        return tuple(codecs)
    real = [*(codec for codec in codecs if not auxiliary(codec)), *new]
    if leg.transcodes_first:
        real.sort(key=lambda codec: _rank(codec, leg))
    return (*real, *filter(auxiliary, codecs))


def chosen(
    offered: Sequence[Codec], passing: Sequence[Codec], heard: Sequence[Codec], leg: LegMedia
) -> tuple[Codec, ...]:
    """The answer to an offer: ``passing``, which pass as they are, or what is made of ``heard``."""
    found = answered(offered, made(heard, leg))
    if not found:
        return tuple(passing)
    found = answered(offered, found[:1])  # nothing is won by a choice between things that are made
    best = min((_rank(codec, leg) for codec in passing if not auxiliary(codec)), default=None)
    if best is None or (leg.transcodes_first and _rank(found[0], leg) < best):
        return found
    return tuple(passing)


def converts(one: Media, other: Media, leg: LegMedia) -> bool:
    """Whether something of what both sides have said can be turned into each other."""
    can = {name.lower() for name in leg.transcodes}
    return all(can & {name_of(codec) for codec in media.rtp.codecs} for media in (one, other))


def _rank(codec: Codec, leg: LegMedia) -> int:
    names = [name.lower() for name in leg.codecs]
    return names.index(name_of(codec)) if name_of(codec) in names else len(names)
