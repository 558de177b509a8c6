"""The lines of one call: each stream in each direction, with its counters and its digits."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic

from gateway.media.agreement import Agreement
from gateway.media.anchor import Statistics, StreamStatistics
from gateway.media.embedded import feedback, rtcp
from gateway.media.embedded.digits import PACKET_SECONDS, Digit, EventSender
from gateway.media.embedded.link import Link
from gateway.media.embedded.path import Line
from gateway.media.embedded.quality import Meter, mos
from gateway.media.negotiation import Passage, is_events
from gateway.signals import Side
from mappings.description import Codec

PICTURE_SECONDS = 1.0
"A side is asked for a whole picture by us no more often: each costs as much as many others."

Links = Mapping[Side, Mapping[int, Link]]
"By side and stream; bundled streams share one."


class Lines:
    """By the side that the packets come from, and the stream."""

    def __init__(self, heard: Callable[[Side, Digit, bool], None], wanted: Callable[[Side], None]) -> None:
        """``heard`` gets the digits of a side, and whether they were passed on.

        ``wanted`` gets who is to send a whole picture, and has agreed to no message that asks for it.
        """
        self._heard = heard
        self._wanted = wanted
        self._asked: dict[Side, float] = {}
        "When each side was last asked for a whole picture by us."

        self._lines: dict[tuple[Side, int], Line] = {}
        self._agreement = Agreement()
        self._links: Links = {side: {} for side in Side}
        self._senders: dict[tuple[Side, int], EventSender] = {}
        "By the side that the digits go to."

        self._own = random.getrandbits(32)
        "Who we are where we ask for something ourselves."

        self._strangers: dict[Side, int] = dict.fromkeys(Side, 0)
        self._timer: asyncio.TimerHandle | None = None

    def rewire(self, agreement: Agreement, links: Links) -> None:
        """Let every path carry what is agreed on."""
        self._agreement, self._links = agreement, links
        for side in Side:
            by_link: dict[Link, dict[Line, Mapping[int, Passage]]] = {}
            for index, link in links[side].items():
                line = self._line(side, index)
                far = links[side.other].get(index)
                line.target = far.path if far is not None else None
                line.feedback.known = self._feedback(side.other, index)
                by_link.setdefault(link, {})[line] = agreement.passages(index, side)
            for link, lines in by_link.items():
                link.path.carry(lines)

    def _line(self, side: Side, index: int) -> Line:
        if (side, index) not in self._lines:
            kind = self._agreement.streams[index].kind
            meters = {one: Meter(kind) for one in Side}
            for one in Side:
                self._lines[one, index] = Line(
                    meters[one], meters[one.other], self._ear(one), partial(self._want, one.other)
                )
        return self._lines[side, index]

    def _ear(self, side: Side) -> Callable[[Digit, bool], None]:
        return lambda digit, carried: self._heard(side, digit, carried)

    def _feedback(self, side: Side, index: int) -> frozenset[str]:
        """The feedback messages that a side has agreed to."""
        end = self._agreement.streams[index].end(side)
        if end is None or end.told is None or end.said is None:
            return frozenset()
        return feedback.agreed(end.told, end.said)

    # ---------------------------------------------------------------------------------------------------- pictures

    def picture(self, side: Side) -> None:
        """Ask a side for a whole picture of each stream that comes from it, where it takes such a message."""
        for index, stream in enumerate(self._agreement.streams):
            link = self._links[side].get(index)
            if stream.kind != "video" or link is None:
                continue
            meter, taken = self._line(side, index).meter, self._line(side.other, index).feedback
            if meter.ssrc is not None and taken.known & feedback.REQUESTS and self._may_ask(side):
                link.path.send_control(taken.fitted(rtcp.picture_loss(self._own, meter.ssrc)))

    def _want(self, side: Side) -> None:
        if self._may_ask(side):
            self._wanted(side)

    def _may_ask(self, side: Side) -> bool:
        now = monotonic()
        if now - self._asked.get(side, -PICTURE_SECONDS) < PICTURE_SECONDS:
            return False
        self._asked[side] = now
        return True

    # ------------------------------------------------------------------------------------------------------ digits

    def digit(self, side: Side, digit: str, duration: int) -> bool:
        """Send a side a digit.  False: it has no format for that, or it is none, or too many wait."""
        for index, stream in enumerate(self._agreement.streams):
            end = stream.end(side)
            if stream.kind != "audio" or end is None or end.said is None or index not in self._links[side]:
                continue
            line = self._line(side.other, index)
            codec = _events_for(end.said.rtp.codecs, line.meter.codec)
            if codec is None:
                continue
            sender = self._senders.get((side, index))
            if sender is None:
                sender = self._senders[side, index] = EventSender(random.getrandbits(32), random.getrandbits(15))
            if not sender.queue(digit, duration, codec.id, codec.clockrate or 8000):
                return False
            line.digits = sender
            self._tick()
            return True
        return False

    def _tick(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PACKET_SECONDS, self._due)

    def _due(self) -> None:
        """Send the packets of events that no audio packet could be replaced for."""
        self._timer = None
        for (side, index), sender in self._senders.items():
            link = self._links[side].get(index)
            if not sender.active:
                self._lines[side.other, index].digits = None
            elif link is not None and (packet := sender.tick(monotonic())) is not None:
                link.path.send(packet)
        if any(sender.active for sender in self._senders.values()):
            self._tick()

    def expire(self, now: float) -> None:
        """Tell of digits whose end was lost."""
        for (side, _), line in self._lines.items():
            for digit in line.reader.expire(now):
                self._heard(side, digit, line.target is not None)

    def stop(self) -> None:
        """Send nothing more; the counters stay."""
        for side in Side:
            self._strangers[side] = self._dropped(side)
        self._links = {side: {} for side in Side}
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for line in self._lines.values():
            line.target = line.digits = None

    # --------------------------------------------------------------------------------------------- what was counted

    def heard(self, side: Side) -> float:
        """When a side's last RTP packet came."""
        return max((line.meter.seen for (one, _), line in self._lines.items() if one is side), default=0.0)

    def statistics(self) -> Statistics:
        """Everything that was counted."""
        return {side: self._counted(side) for side in Side}

    def _dropped(self, side: Side) -> int:
        """What came to a side's ports and was of no stream."""
        return self._strangers[side] + sum(link.path.dropped for link in set(self._links[side].values()))

    def _counted(self, side: Side) -> Sequence[StreamStatistics]:
        found = []
        strangers = self._dropped(side)
        for index in sorted(index for one, index in self._lines if one is side):
            line, back = self._lines[side, index], self._lines[side.other, index]
            meter = line.meter
            lost = max(meter.lost, meter.reported_lost or 0)
            trips = [trip for trip in (line.round_trip, back.round_trip) if trip is not None]
            quality = mos(meter.codec, meter.packets, lost, meter.jitter, sum(trips))
            found.append(
                StreamStatistics(
                    kind=meter.kind,
                    codec=meter.codec,
                    packets=meter.packets,
                    octets=meter.octets,
                    dropped=meter.dropped + strangers,
                    lost=lost,
                    jitter=meter.jitter,
                    round_trip=line.round_trip,
                    mos=quality if meter.kind == "audio" else None,
                )
            )
            strangers = 0  # they are counted with the first
        return tuple(found)


def _events_for(codecs: Sequence[Codec], sent: str | None) -> Codec | None:
    """The format of digits for a side: at the clock rate of what it is sent, or would be sent first."""
    events = [codec for codec in codecs if is_events(codec)]
    speech = next((codec for codec in codecs if sent is not None and codec.name == sent), codecs[0] if codecs else None)
    rate = speech.clockrate if speech is not None else None
    return next((codec for codec in events if codec.clockrate == rate), events[0] if events else None)
