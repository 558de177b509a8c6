"""One payload type number for a format on both sides: without transcoding rtpengine passes numbers as they come.

So a side is told of a format by the number that the other side has said; formats for which that cannot be are left
out.  Digits are no exception here: they are told to a side where the other one has said them at the same clock rate.
Where formats may be made of others (``convert``) those stay, and all digits, under numbers that the other side has not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gateway.errors import AnchorError
from gateway.media.agreement import Agreement
from gateway.media.negotiation import DYNAMIC, Identity, auxiliary, identity, is_events
from gateway.media.rtpengine import formats
from gateway.media.streams import Plan
from gateway.signals import Side
from mappings.description import Codec, Media
from mappings.reasons import EndReason
from mappings.terms import Senders


def offered(
    agreement: Agreement, side: Side, plans: Sequence[Plan], *, convert: bool = False, settled: bool = False
) -> tuple[Plan, ...]:
    """What a side is offered, in the numbers of the other.  AnchorError: nothing is left.

    ``settled``: the other side has no offer open, so that of what it has said only that counts which was accepted.
    """
    found = []
    for plan in plans:
        stream = agreement.streams[plan.stream]
        far, near = stream.said(side.other), stream.ends[side]
        if far is None or plan.senders is Senders.NONE:
            found.append(plan)
            continue
        said = formats.agreed(stream, side.other, plan.rtp.codecs) if convert and settled else far.rtp.codecs
        theirs = _numbers(said)
        if convert and not any(identity(codec) in theirs for codec in formats.mains(plan.rtp.codecs)):
            theirs = {}  # nothing passes, so that no numbers have to meet
        if plan.same and _meets(near.said, theirs):
            found.append(plan)
            continue
        codecs = _renumbered(plan.rtp.codecs, theirs, near.numbers)
        if convert:
            codecs = _apart(codecs, _numbers(said), near.numbers)
        codecs = _kept(codecs, theirs, convert=convert)
        if codecs:
            same = plan.same and codecs == plan.rtp.codecs
            found.append(replace(plan, rtp=replace(plan.rtp, codecs=codecs), same=same))
    return _left(found, plans)


def answered(
    agreement: Agreement, side: Side, plans: Sequence[Plan], *, strict: bool, convert: bool = False
) -> tuple[Plan, ...]:
    """The answer to a side's offer, without the formats that the other side knows by another number.

    ``strict`` False: the other side will be offered this side's numbers, so that all may stay that it has.
    """
    found = []
    for plan in plans:
        far = agreement.streams[plan.stream].said(side.other)
        if far is None or plan.senders is Senders.NONE:
            found.append(plan)
            continue
        theirs = _numbers(far.rtp.codecs)
        if not strict:
            theirs |= {one: codec.id for codec in plan.rtp.codecs if (one := identity(codec)) in theirs}
        if codecs := _kept(plan.rtp.codecs, theirs, convert=convert):
            found.append(replace(plan, rtp=replace(plan.rtp, codecs=codecs)))
    return _left(found, plans)


def _left(found: Sequence[Plan], plans: Sequence[Plan]) -> tuple[Plan, ...]:
    if len(found) < len(plans) and all(plan.senders is Senders.NONE for plan in found):
        raise unmapped(plan.rtp.media for plan in plans)
    return tuple(found)


def unmapped(kinds: Iterable[str]) -> AnchorError:
    """The call cannot be carried for its numbers."""
    said = " and ".join(dict.fromkeys(kinds))
    text = f"{said}: the two sides number their codecs differently, and rtpengine cannot change that"
    return AnchorError(text, EndReason.INCOMPATIBLE_PARAMETERS, 488)


def _numbers(codecs: Sequence[Codec]) -> dict[Identity, int]:
    return {identity(codec): codec.id for codec in reversed(codecs)}


def _meets(near: Media | None, theirs: Mapping[Identity, int]) -> bool:
    """Whether what a side has agreed to has the other side's numbers already, where that has it."""
    return near is None or all(theirs.get(identity(one), one.id) == one.id for one in near.rtp.codecs)


def _kept(codecs: Iterable[Codec], theirs: Mapping[Identity, int], *, convert: bool) -> tuple[Codec, ...]:
    """The formats that pass or are made; none, where only such are left that carry nothing by themselves."""
    codecs = tuple(codecs)
    passes = [theirs.get(identity(codec)) == codec.id for codec in codecs]
    through = any(passing and not auxiliary(codec) for codec, passing in zip(codecs, passes, strict=True))
    kept = tuple(
        codec
        for codec, passing in zip(codecs, passes, strict=True)
        if passing or (convert and (identity(codec) not in theirs or (is_events(codec) and not through)))
    )
    return () if all(map(auxiliary, kept)) else kept


def _apart(codecs: Iterable[Codec], theirs: Mapping[Identity, int], told: Mapping[Identity, int]) -> tuple[Codec, ...]:
    """Formats of which the other side has none under numbers that it has not, where this side was not told them yet."""
    used = {*theirs.values(), *told.values()}
    found = []
    for codec in codecs:
        one = codec
        if identity(codec) not in theirs and identity(codec) not in told and codec.id in used:
            one = replace(codec, id=next((number for number in DYNAMIC if number not in used), codec.id))
        used.add(one.id)
        found.append(one)
    return tuple(found)


def _renumbered(
    codecs: Iterable[Codec], theirs: Mapping[Identity, int], told: Mapping[Identity, int]
) -> tuple[Codec, ...]:
    """Formats by the other side's numbers, where this side was never told another format by that (RFC 3264 §8.3.2)."""
    meant = {number: one for one, number in told.items()}
    found = []
    for codec in codecs:
        number = theirs.get(identity(codec), codec.id)
        free = meant.get(number, identity(codec)) == identity(codec)
        found.append(replace(codec, id=number) if free else codec)
    return tuple(found)


def common(one: Media | None, other: Media | None) -> bool:
    """Whether two sides have a codec under one number."""
    if one is None or other is None:
        return True
    numbers = {(identity(codec), codec.id) for codec in one.rtp.codecs if not auxiliary(codec)}
    return any((identity(codec), codec.id) in numbers for codec in other.rtp.codecs)
