"""Digits as RTP events (RFC 4733): read, made, and brought to another clock rate.  Pure: times come as arguments.

An event is made in place of the audio packets that pass meanwhile, with their source and sequence numbers, since
receivers take events for part of the audio stream (§2.5.1.2).  Only where no audio passes it is a stream of its own,
and what audio comes before its end is left out, too: two sources in turns are more than some receivers can follow.
"""

import struct
from collections import deque
from typing import NamedTuple

SIGNS = "0123456789*#ABCD"
"By event number."

PACKET_SECONDS = 0.02
SILENT_SECONDS = 0.2
"Without audio for so long, an event makes its own packets: busy machines keep their audio back for less."

GAP_SECONDS = 0.06
"Between two digits (ITU-T Q.24 asks for 40 ms and more)."

ENDS = 3
"How often the last packet is sent (§2.5.1.4)."

SHORTEST, LONGEST = 40, 6000
"Of a digit, in ms."

LONGEST_TOLD = 0xFFFF
"Units of a duration in one packet."

MOST_QUEUED = 64
VOLUME = 10
"-10 dBm0."

END_BIT = 0x80

_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")


class Digit(NamedTuple):
    """A digit that was heard."""

    sign: str
    duration: int
    "Milliseconds."


def payload_offset(data: bytes) -> int:
    """Where an RTP packet's payload begins; beyond its end where it is damaged."""
    offset = 12 + 4 * (data[0] & 0x0F)
    if data[0] & 0x10 and len(data) >= offset + 4:
        offset += 4 + 4 * int.from_bytes(data[offset + 2 : offset + 4], "big")
    return offset


class Segments:
    """Where one event stands that takes more than the 16 bits of a duration.

    Such an event is told in segments (§2.5.1.3): each begins where the one before it was last told to end.
    """

    __slots__ = ("_told", "begins")

    def __init__(self) -> None:
        self.begins = 0
        "Units after the event's beginning."

        self._told = 0

    def duration(self, total: int) -> int:
        """What is told of an event that lasts so long by now; `begins` moves where that is the next segment's."""
        total = max(total, self.begins + self._told)  # a packet that comes late says nothing new
        while total - self.begins > LONGEST_TOLD:
            self.begins += self._told or LONGEST_TOLD
            self._told = 0
        self._told = total - self.begins
        return self._told


class Rescaler:
    """Brings the durations of one stream's events to another clock."""

    __slots__ = ("_event", "_segments")

    def __init__(self) -> None:
        self._event = b""
        self._segments = Segments()

    def take(self, data: bytes, rate: int, wanted: int) -> bytes:
        """An event packet in units of the wanted rate."""
        place = payload_offset(data) + 2
        if rate == wanted or len(data) < place + 2:
            return data
        if data[4:12] != self._event:  # another timestamp or source
            self._event, self._segments = data[4:12], Segments()
        duration = self._segments.duration(int.from_bytes(data[place : place + 2], "big") * wanted // rate)
        begins = (int.from_bytes(data[4:8], "big") + self._segments.begins) & 0xFFFFFFFF
        return b"".join(
            (data[:4], begins.to_bytes(4, "big"), data[8:place], duration.to_bytes(2, "big"), data[place + 2 :])
        )


class EventReader:
    """Hears the digits of one stream."""

    __slots__ = ("_before", "_duration", "_event", "_rate", "_seen", "_ssrc", "_timestamp", "_told")

    def __init__(self) -> None:
        self._ssrc = self._timestamp = 0
        self._event: int | None = None
        self._duration = self._before = 0
        self._rate = 8000
        self._told = True
        self._seen = 0.0

    def read(self, data: bytes, rate: int, now: float) -> list[Digit]:
        """Take an event packet; the digits that ended with it."""
        place = payload_offset(data)
        if len(data) < place + 4:
            return []
        _, second, _, timestamp, ssrc = _HEADER.unpack_from(data)
        event, flags, duration = _EVENT.unpack_from(data, place)
        found = []
        if self._event is None or (ssrc, timestamp) != (self._ssrc, self._timestamp):
            if (
                ssrc == self._ssrc
                and (timestamp - self._timestamp) & 0xFFFFFFFF > 0x80000000
                and self._event is not None
            ):
                return []  # a packet of an earlier event, late
            going_on = event == self._event and not second & 0x80 and not self._told and ssrc == self._ssrc
            if not going_on:
                found += self._end()
            # A long event is told in segments (§2.5.1.3): one goes on where the last one ended.
            self._before = self._before + self._duration if going_on else 0
            self._ssrc, self._timestamp, self._event, self._rate = ssrc, timestamp, event, rate
            self._duration, self._told = 0, False
        self._duration = max(self._duration, duration)
        self._seen = now
        if flags & END_BIT:
            found += self._end()
        return found

    def expire(self, now: float, after: float = 1.0) -> list[Digit]:
        """The digit whose end was lost."""
        return self._end() if not self._told and now - self._seen > after else []

    def _end(self) -> list[Digit]:
        if self._told or self._event is None:
            return []
        self._told = True
        if self._event >= len(SIGNS):
            return []
        return [Digit(SIGNS[self._event], (self._before + self._duration) * 1000 // self._rate)]


class _Queued(NamedTuple):
    event: int
    seconds: float
    number: int
    rate: int


class EventSender:
    """Makes the digits that one stream is to carry."""

    __slots__ = (
        "_after", "_alone", "_began", "_current", "_ends", "_first", "_own", "_passed", "_queue", "_segments",
        "_sequence", "_ssrc", "_timestamp",
    )  # fmt: skip

    def __init__(self, ssrc: int, sequence: int) -> None:
        """The source of a stream of events alone, and its first sequence number."""
        self._queue: deque[_Queued] = deque()
        self._current: _Queued | None = None
        self._own = (ssrc, sequence)
        self._ssrc, self._sequence, self._timestamp = ssrc, sequence, 0
        self._began = self._after = self._passed = 0.0
        self._first = self._alone = False
        self._ends = 0
        self._segments = Segments()

    @property
    def active(self) -> bool:
        """Whether there is anything to send."""
        return self._current is not None or bool(self._queue)

    def queue(self, sign: str, duration: int, number: int, rate: int) -> bool:
        """Send a digit of so many ms after those before it; False where it is none, or too many wait."""
        event = SIGNS.find(sign.upper()) if len(sign) == 1 else -1
        if event < 0 or len(self._queue) >= MOST_QUEUED:
            return False
        seconds = min(max(duration, SHORTEST), LONGEST) / 1000
        self._queue.append(_Queued(event, seconds, number, rate))
        return True

    def replace(self, data: bytes, now: float) -> bytes | None:
        """What goes out for an audio packet: itself, or the event's packet in its place; None: nothing does."""
        self._passed = now
        _, _, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        if self._current is None and not self._begin(ssrc, sequence, timestamp, now):
            return data
        if self._alone:  # as another source's it would be another digit
            return None
        self._ssrc, self._sequence = ssrc, sequence
        return self._packet(now)

    def tick(self, now: float) -> bytes | None:
        """To be called every 20 ms while active: a packet where no audio passes that it could replace."""
        if now - self._passed < SILENT_SECONDS and not self._alone:
            return None
        if self._current is None:
            ssrc, sequence = self._own
            rate = self._queue[0].rate if self._queue else 8000
            if not self._begin(ssrc, sequence, int(now * rate) & 0xFFFFFFFF, now):
                return None
            self._alone = True
        else:
            self._sequence = (self._sequence + 1) & 0xFFFF
        packet = self._packet(now)
        if self._ssrc == self._own[0]:
            self._own = (self._ssrc, (self._sequence + 1) & 0xFFFF)
        return packet

    def _begin(self, ssrc: int, sequence: int, timestamp: int, now: float) -> bool:
        if not self._queue or now < self._after:
            return False
        self._current = self._queue.popleft()
        self._ssrc, self._sequence, self._timestamp = ssrc, sequence, timestamp
        self._began, self._first, self._ends = now, True, ENDS
        self._segments = Segments()
        return True

    def _packet(self, now: float) -> bytes:
        current = self._current
        assert current is not None
        elapsed = now - self._began + PACKET_SECONDS
        ending = elapsed >= current.seconds
        duration = self._segments.duration(round(min(elapsed, current.seconds) * current.rate))
        timestamp = (self._timestamp + self._segments.begins) & 0xFFFFFFFF
        second = current.number | (0x80 if self._first else 0)
        self._first = False
        packet = _HEADER.pack(0x80, second, self._sequence, timestamp, self._ssrc) + _EVENT.pack(
            current.event, VOLUME | (END_BIT if ending else 0), duration
        )
        if ending:
            self._ends -= 1
            if not self._ends:
                self._current, self._after, self._alone = None, now + GAP_SECONDS, False
        return packet
