"""What was said on both sides of an anchored call, as a value, and the plan of what is said next.

A stream is one medium of the call, and has an end on each side: under that side's name, in that side's numbers.  What a
side hears of a stream is made of what the other side said of it.  Operations return a new agreement, so that an
exchange that comes to nothing is undone by keeping the old one.

A plan lacks what only a back-end has: addresses and keys.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gateway.errors import AnchorError
from gateway.media import conversion
from gateway.media.anchor import LegMedia
from gateway.media.negotiation import (
    OWN,
    Passage,
    answered,
    auxiliary,
    identity,
    numbered,
    own,
    passages,
    usable,
    with_events,
    with_requests,
)
from gateway.media.streams import ROLES, SENDING, End, Plan, Stream, meet, protection
from gateway.signals import Side
from mappings.codecs import KINDS
from mappings.description import Codec, Description, Group, Ice, Media, RtcpMux, Rtp
from mappings.reasons import EndReason
from mappings.terms import Senders

MOST_STREAMS = 8
"Media of one call; further ones are refused."

MOST_FORMATS = 256
"That a side names of one medium, whatever becomes of them; there are 128 numbers, and each keeps its meaning."

LONGEST_NAME = 16
"Of a content's name: what clients take."


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The streams of a call, in the order in which they came up."""

    streams: Sequence[Stream] = ()

    # -------------------------------------------------------------------------------------------- what the peers say

    def heard_offer(self, side: Side, offer: Description, leg: LegMedia) -> "Agreement":
        """A side offers.  AnchorError when nothing of it can be carried to the other side."""
        streams = list(self.streams)
        offered = set()
        carried = False
        for media in offer.media:
            index = self._place(streams, side, media)
            if index is None:
                continue
            offered.add(index)
            stream = streams[index]
            before = stream.ends.get(side)
            end = before or End(name=media.name)
            numbers = dict(end.numbers) | {identity(codec): codec.id for codec in media.rtp.codecs}
            if len(numbers) > MOST_FORMATS:
                raise AnchorError("more formats than there are numbers", EndReason.INCOMPATIBLE_PARAMETERS, 488)
            live = media.rtp.media in KINDS and not all(map(auxiliary, usable(media.rtp.codecs, leg.codecs)))
            carried = carried or live
            stream = stream.with_end(side, replace(end, said=media, offers=True, live=live, numbers=numbers))
            far = stream.ends.get(side.other)
            if before is not None and not before.live and far is not None and not far.live:
                stream = stream.with_end(side.other, replace(far, live=True, told=None, said=None))  # it begins anew
            streams[index] = stream
        if not carried:
            raise _nothing_in_common(media.rtp.media for media in offer.media)
        for index, stream in enumerate(streams):
            if index not in offered and (gone := stream.ends.get(side)) is not None:
                streams[index] = stream.with_end(side, replace(gone, live=False))
        return replace(self, streams=tuple(streams))

    def heard_answer(self, side: Side, answer: Description) -> "Agreement":
        """A side answers what it was told last.  AnchorError when it accepted nothing."""
        said = {media.name: media for media in answer.media}
        streams = []
        for stream in self.streams:
            end = stream.end(side)
            if end is None or end.told is None:
                streams.append(stream)
                continue
            media = said.get(end.name)
            live = media is not None and not all(map(auxiliary, media.rtp.codecs))
            end = replace(end, said=media if live else None, offers=False, live=live)
            streams.append(stream.with_end(side, end))
        if not any(stream.end(side) for stream in streams):
            raise _nothing_in_common(media.rtp.media for media in answer.media)
        return replace(self, streams=tuple(streams))

    def _place(self, streams: list[Stream], side: Side, media: Media) -> int | None:
        """The index of the stream that an offered medium is; a new one where it is none of ours yet."""
        for index, stream in enumerate(streams):
            end = stream.ends.get(side)
            if end is not None and end.name == media.name and stream.kind == media.rtp.media:
                return index
        for index, stream in enumerate(streams):
            if side not in stream.ends and stream.kind == media.rtp.media and stream.end(side.other):
                return index
        if len(streams) == MOST_STREAMS:
            return None
        streams.append(Stream(kind=media.rtp.media, creator=ROLES[side], ends={}))
        return len(streams) - 1

    # -------------------------------------------------------------------------------------------------- what we say

    def plan_offer(self, side: Side, leg: LegMedia, kinds: Sequence[str]) -> tuple["Agreement", tuple[Plan, ...]]:
        """What a side is offered: all that lives on the other side, and these kinds where there is nothing yet.

        The agreement that is returned has the streams that begin with this offer.
        """
        streams = list(self.streams)
        for kind in dict.fromkeys(kinds):
            if kind in KINDS and not any(stream.kind == kind and _lives(stream) for stream in streams):
                streams.append(Stream(kind=kind, creator=ROLES[side.other], ends={}))
        plans: list[Plan] = []
        given: set[int] = set()
        for index, stream in enumerate(streams):
            near, far = stream.ends.get(side), stream.ends.get(side.other)
            if near is not None and far is not None and near.live and not far.live and _kept(near, leg):
                assert near.told is not None
                plans.append(_plan(index, stream, near, leg, rtp=near.told.rtp, senders=near.told.senders, same=True))
                continue
            if (near is not None and not near.live) or (far is not None and not far.live):
                continue
            if near is None:
                near = End(name=self._name(streams, side, stream))
                streams[index] = stream.with_end(side, near)
            avoid = _numbers(streams, side, but=index) | given
            plan = _offered(index, streams[index], side, leg, avoid)
            if plan.rtp.codecs:
                plans.append(plan)
                given |= {codec.id for codec in plan.rtp.codecs}
        if not plans:
            raise AnchorError("nothing to offer", EndReason.UNSUPPORTED_APPLICATIONS)
        return replace(self, streams=tuple(streams)), tuple(plans)

    def plan_answer(self, side: Side, leg: LegMedia) -> tuple[Plan, ...]:
        """The answer to a side's offer.  AnchorError when nothing of it is left."""
        plans: list[Plan] = []
        carried = False
        first = all(end is None or end.told is None for end in (stream.end(side) for stream in self.streams))
        for index, stream in enumerate(self.streams):
            near, far = stream.end(side), stream.ends.get(side.other)
            if near is None or near.said is None:
                continue
            offered, senders = near.said, near.said.senders
            agreed = usable(offered.rtp.codecs, leg.codecs)
            refused = far is not None and not far.live
            if far is not None and far.live and far.said is not None:
                agreed = usable_as_said(_spoken(far, far.said), leg.codecs)
                senders = meet(senders, far.said.senders)
            codecs = answered(offered.rtp.codecs, agreed, pictures=leg.feedback and stream.kind == "video")
            if far is not None and far.live and far.said is not None:
                codecs = conversion.chosen(offered.rtp.codecs, codecs, far.said.rtp.codecs, leg)
            if codecs and not refused:
                carried = True
            elif not leg.whole or (near.told is None and not first):
                continue
            else:
                codecs = codecs or answered(offered.rtp.codecs, usable(offered.rtp.codecs, leg.codecs))
                senders = Senders.NONE
            limits = far.said.rtp.bandwidth if far is not None and far.said is not None else ()
            rtp = Rtp(media=stream.kind, codecs=codecs, bandwidth=limits, rtcp_mux=offered.rtp.rtcp_mux)
            plans.append(_plan(index, stream, near, leg, rtp=rtp, senders=senders))
        if not carried:
            raise _nothing_in_common(stream.kind for stream in self.streams if stream.end(side))
        return tuple(plans)

    def told(self, side: Side, description: Description) -> "Agreement":
        """What we have said to a side, made of a plan; a stream that is not in it is over there."""
        by_name = {media.name: media for media in description.media}
        streams = []
        for stream in self.streams:
            end = stream.ends.get(side)
            if end is None:
                streams.append(stream)
                continue
            if (media := by_name.get(end.name)) is None:
                streams.append(stream.with_end(side, replace(end, told=None, live=False)))
                continue
            numbers = {identity(codec): codec.id for codec in media.rtp.codecs} | dict(end.numbers)
            streams.append(stream.with_end(side, replace(end, told=media, numbers=numbers)))
        return replace(self, streams=tuple(streams))

    def with_stream(self, index: int, stream: Stream) -> "Agreement":
        """With another stream in that place."""
        return replace(self, streams=(*self.streams[:index], stream, *self.streams[index + 1 :]))

    def _name(self, streams: Sequence[Stream], side: Side, stream: Stream) -> str:
        """A name for a stream on a side: what the other side calls it, where everybody can say that."""
        taken = {one.ends[side].name for one in streams if side in one.ends}
        far = stream.ends.get(side.other)
        wanted = [far.name] if far is not None and far.name.isalnum() and len(far.name) <= LONGEST_NAME else []
        wanted += [stream.kind, *(f"{stream.kind}{number}" for number in range(2, MOST_STREAMS + 2))]
        return next(name for name in wanted if name not in taken)

    # ------------------------------------------------------------------------------------------------ what it means

    def passages(self, index: int, side: Side) -> dict[int, Passage]:
        """What becomes of a stream's packets that come from a side, by their payload type number."""
        near, far = self.streams[index].end(side), self.streams[index].end(side.other)
        if near is None or near.told is None:
            return {}
        said = far.said.rtp.codecs if far is not None and far.said is not None else ()
        return passages(near.told.rtp.codecs, said)

    def may_send(self, index: int, side: Side) -> bool:
        """Whether a side is to be heard: nobody holds it, as both ends of the stream were last told."""
        role = ROLES[side]
        for one in Side:
            end = self.streams[index].end(one)
            if end is None or end.told is None or end.said is None:
                return False
            if role not in SENDING[meet(end.told.senders, end.said.senders)]:
                return False
        return True


def groups(side_said: Sequence[Group] | None, plans: Sequence[Plan], leg: LegMedia) -> tuple[Group, ...]:
    """The BUNDLE group of an offer (``side_said`` None), or of the answer to an offer with these groups (RFC 9143)."""
    names = tuple(plan.name for plan in plans)
    if side_said is None:
        return (Group(semantics="BUNDLE", names=names),) if leg.bundle else ()
    bundled = next((group.names for group in side_said if group.semantics == "BUNDLE"), ())
    kept = tuple(name for name in bundled if name in names)
    return (Group(semantics="BUNDLE", names=kept),) if kept else ()


def usable_as_said(codecs: Iterable[Codec], names: Sequence[str]) -> tuple[Codec, ...]:
    """As `usable`, but in the order in which they were said: an answer's first codec is the one that will be sent."""
    codecs = tuple(codecs)
    allowed = set(usable(codecs, names))
    return tuple(codec for codec in codecs if codec in allowed)


def _spoken(end: End, said: Media) -> tuple[Codec, ...]:
    """What a side said of its formats, in the order of the answer, whoever gave it: its first codec is in use."""
    if not end.offers or end.told is None:
        return said.rtp.codecs
    order = {identity(codec): place for place, codec in enumerate(end.told.rtp.codecs)}
    return tuple(sorted(said.rtp.codecs, key=lambda codec: order.get(identity(codec), len(order))))


def _offered(index: int, stream: Stream, side: Side, leg: LegMedia, avoid: set[int]) -> Plan:
    """What a side is offered of a stream; without codecs where none is left."""
    near, far = stream.ends[side], stream.ends.get(side.other)
    heard = far.said if far is not None else None
    senders = heard.senders if heard is not None else Senders.BOTH
    if near.told is not None and near.said is not None and heard is not None:
        told = {identity(codec) for codec in near.told.rtp.codecs if not auxiliary(codec)}
        agreed = told.intersection(map(identity, near.said.rtp.codecs))
        carried = {identity(codec) for codec in (*heard.rtp.codecs, *conversion.made(heard.rtp.codecs, leg))}
        same = senders is near.told.senders
        if agreed <= carried and (same or leg.transcodes):  # what was agreed on is not made anew of something else
            return _plan(index, stream, near, leg, rtp=near.told.rtp, senders=senders, same=same)
    if heard is None:
        codecs = own(stream.kind, leg.codecs, feedback=leg.feedback, ptime=leg.ptime)
    else:
        ordered = usable_as_said if leg.as_said and not leg.transcodes_first else usable
        codecs = ordered(heard.rtp.codecs, leg.codecs)
        if leg.feedback:
            codecs = tuple(with_requests(codec, always=stream.kind == "video") for codec in codecs)
        else:
            codecs = tuple(replace(codec, feedback=(), feedback_interval=None) for codec in codecs)
    if stream.kind == "audio":
        source = heard.rtp.codecs if heard is not None else tuple(OWN.values())
        codecs = with_events(conversion.widened(codecs, source, leg))
    codecs = numbered(codecs, near.numbers, avoid=avoid)
    if all(map(auxiliary, codecs)):
        codecs = ()
    mux = leg.rtcp_mux if near.said is None else near.said.rtp.rtcp_mux is not None
    limits = heard.rtp.bandwidth if heard is not None else ()
    rtp = Rtp(media=stream.kind, codecs=codecs, bandwidth=limits, rtcp_mux=RtcpMux() if mux else None)
    return _plan(index, stream, near, leg, rtp=rtp, senders=senders)


def _plan(
    index: int, stream: Stream, near: End, leg: LegMedia, *, rtp: Rtp, senders: Senders, same: bool = False
) -> Plan:
    return Plan(
        stream=index,
        name=near.name,
        creator=near.said.creator if near.said is not None else stream.creator,
        senders=senders,
        rtp=rtp,
        ice=leg.ice if near.said is None else isinstance(near.said.transport, Ice),
        protection=leg.protection if near.said is None else protection(near.said),
        told=near.told,
        same=same,
    )


def _kept(near: End, leg: LegMedia) -> bool:
    """Whether a side was told of a medium only to have an answer to all that it offered (`LegMedia.whole`)."""
    return leg.whole and near.told is not None and near.told.senders is Senders.NONE


def _lives(stream: Stream) -> bool:
    return all(end.live for end in stream.ends.values())


def _numbers(streams: Sequence[Stream], side: Side, *, but: int) -> set[int]:
    return {
        number
        for index, stream in enumerate(streams)
        if index != but and side in stream.ends
        for number in stream.ends[side].numbers.values()
    }


def _nothing_in_common(kinds: Iterable[str]) -> AnchorError:
    said = " and ".join(dict.fromkeys(kinds)) or "media"
    return AnchorError(f"{said}: no codec that both sides have", EndReason.INCOMPATIBLE_PARAMETERS, 488)
