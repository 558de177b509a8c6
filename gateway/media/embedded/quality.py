"""How a stream fares: what was received and lost, its jitter, and how it sounds (RFC 3550 §6.4.1, A.1; ITU-T G.107)."""

import struct

_HEADER = struct.Struct("!HII")
_MOST_AHEAD = 3000
"A jump of the sequence number by more begins a new count (RFC 3550 A.1: MAX_DROPOUT)."

_G711 = (0.0, 25.1)
_IMPAIRMENTS = {"g729": (11.0, 19.0), "ilbc": (11.0, 32.0), "gsm": (20.0, 10.0)}
"Ie and Bpl by codec (ITU-T G.113 appendix I); what has no row there is taken for G.711 with concealment."

_CODEC_SECONDS = 0.04
"What packetising and the listener's jitter buffer add to the delay, besides the jitter itself."


class Meter:
    """One stream in one direction, as its packets pass."""

    __slots__ = (
        "_base", "_expected_before", "_highest", "_rate", "_transit", "codec", "dropped", "jitter_units", "kind",
        "octets", "packets", "received", "reported_lost", "seen", "ssrc",
    )  # fmt: skip

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.codec: str | None = None
        self.packets = 0
        self.octets = 0
        self.dropped = 0
        self.seen = 0.0
        "When the last packet came; 0: none came."

        self.ssrc: int | None = None
        self.received = 0
        "Of the present source."

        self.jitter_units = 0.0
        self.reported_lost: int | None = None
        "What the receiver at the far end says that it misses."

        self._rate = 8000
        self._base = 0
        self._highest = 0
        self._transit = 0.0
        self._expected_before = 0
        "Packets of earlier sources that were expected and did not come."

    def take(self, data: bytes, rate: int, now: float) -> None:
        """Count an RTP packet of at least 12 octets; ``rate`` is its format's clock, 0: its timestamp says nothing."""
        sequence, timestamp, ssrc = _HEADER.unpack_from(data, 2)
        self.packets += 1
        self.octets += len(data)
        self.seen = now
        ahead = (sequence - self._highest) & 0xFFFF
        begun = ssrc != self.ssrc or _MOST_AHEAD < ahead < 0x10000 - _MOST_AHEAD
        if begun:
            self._begin(ssrc, sequence)
        elif ahead < 0x8000:
            self._highest += ahead
        self.received += 1
        if not rate:
            return
        transit = now * rate - timestamp
        if rate != self._rate:
            self._rate, self.jitter_units = rate, 0.0
        elif not begun:
            change = abs(transit - self._transit) % 0x100000000
            if change < rate:  # no talk spurt begun, nor timestamps that began anew
                self.jitter_units += (change - self.jitter_units) / 16
        self._transit = transit

    def _begin(self, ssrc: int, sequence: int) -> None:
        self._expected_before += self._missed()
        self.ssrc = ssrc
        self._base = self._highest = sequence
        self.received = 0

    def _missed(self) -> int:
        return max(0, self._highest - self._base + 1 - self.received) if self.received else 0

    @property
    def lost(self) -> int:
        """Packets that did not come, all sources together."""
        return self._expected_before + self._missed()

    @property
    def jitter(self) -> float:
        """Seconds."""
        return self.jitter_units / self._rate


def mos(codec: str | None, packets: int, lost: int, jitter: float, round_trip: float | None) -> float | None:
    """How a stream of speech is heard, 1 to 4.5; None without packets.  Times in seconds."""
    if not packets:
        return None
    impairment, robustness = _IMPAIRMENTS.get((codec or "").lower(), _G711)
    loss = 100 * min(1.0, lost / (packets + lost))
    delay = 1000 * ((round_trip or 0.0) / 2 + 2 * jitter + _CODEC_SECONDS)
    rating = 93.2 - 0.024 * delay - (0.11 * (delay - 177.3) if delay > 177.3 else 0.0)
    rating -= impairment + (95 - impairment) * loss / (loss + robustness)
    rating = min(max(rating, 0.0), 100.0)
    return round(min(max(1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6, 1.0), 4.5), 2)
