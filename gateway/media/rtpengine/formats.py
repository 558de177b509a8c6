"""The formats of each stream as a node is told them, and how it is made to turn one into another.  Pure.

rtpengine passes what both texts have, under its number.  What it is to make of something else it adds to an offer by
itself, under a number of its choice: the first one from 96 on that is free, and likewise for digits at that rate.  So
that the choice is ours, the text of who offers has all numbers before taken, by a format that nobody has and that is
stripped, and the other side's digits beside its own; rtpengine turns digits of one clock rate into those of another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gateway.media.conversion import MADE, name_of
from gateway.media.negotiation import FIRST_DYNAMIC, auxiliary, identity, is_events
from gateway.media.rtpengine.bencode import Value
from gateway.media.streams import Stream
from gateway.signals import Side
from mappings.description import Codec

Formats = Mapping[int, Sequence[Codec]]
"By stream."

_PAD = "none"
"A format that nobody has."


def mains(codecs: Iterable[Codec]) -> list[Codec]:
    """The formats that carry something by themselves."""
    return [codec for codec in codecs if not auxiliary(codec)]


def spoken(stream: Stream, side: Side, other: Sequence[Codec]) -> Sequence[Codec]:
    """What a side has said of a stream of which formats may be made; ``other``, the other side's, where nothing yet."""
    said = stream.said(side)
    if said is None:
        return other
    passing = set(map(identity, other))
    return tuple(
        codec for codec in said.rtp.codecs if is_events(codec) or name_of(codec) in MADE or identity(codec) in passing
    )


def agreed(stream: Stream, side: Side, other: Sequence[Codec]) -> Sequence[Codec]:
    """The same without what was not accepted, once an answer was given."""
    found = spoken(stream, side, other)
    end = stream.end(side)
    told = {(identity(codec), codec.id) for codec in end.told.rtp.codecs} if end is not None and end.told else set()
    accepted = tuple(codec for codec in found if (identity(codec), codec.id) in told)
    return accepted if mains(accepted) else found


def aligned(codecs: Sequence[Codec], other: Sequence[Codec]) -> Sequence[Codec]:
    """One side's formats under the numbers of the other, where anything passes: those it is to be told next."""
    numbers = {identity(codec): codec.id for codec in reversed(other)}
    if not any(identity(codec) in numbers for codec in mains(codecs)):
        return codecs
    return tuple(replace(codec, id=numbers.get(identity(codec), codec.id)) for codec in codecs)


def made(mine: Iterable[Codec], wanted: Iterable[Codec]) -> list[Codec]:
    """What of the formats that one side is to have is made of the other's."""
    passing = set(map(identity, mine))
    return [codec for codec in mains(wanted) if identity(codec) not in passing]


def text(mine: Sequence[Codec], wanted: Sequence[Codec]) -> Sequence[Codec]:
    """What stands in the text of a side that offers, so that the other one has what is ``wanted``, and so numbered."""
    new = made(mine, wanted)
    if not new:
        return mine
    taken = {codec.id for codec in mine}
    digits = [codec for codec in wanted if is_events(codec) and codec.id not in taken]
    taken |= {codec.id for codec in (*digits, *wanted)}
    before = range(FIRST_DYNAMIC, max(codec.id for codec in new))
    pads = [Codec(id=number, name=_PAD, clockrate=8000) for number in before if number not in taken]
    return (*mine, *digits, *pads)


def command(lines: Iterable[tuple[Sequence[Codec], Sequence[Codec]]]) -> dict[str, Value]:
    """What an offer says of codecs, by what who offers has of each stream, and what the other side is to have."""
    makes: dict[str, None] = {}
    hides: dict[str, None] = {}
    for mine, wanted in lines:
        if not (new := made(mine, wanted)):
            continue
        passing = set(map(identity, wanted))
        makes |= dict.fromkeys(codec.name or "" for codec in new)
        hides |= dict.fromkeys(codec.name or "" for codec in mains(mine) if identity(codec) not in passing)
    if not makes:
        return {}
    return {"codec": {"transcode": list(makes), "mask": list(hides), "strip": [_PAD]}}
