"""G.711 as tables (ITU-T G.711; RFC 3551 §4.5.14), and a tone in it."""

import bisect
import functools
import math
from collections.abc import Callable, Iterable

RATE = 8000
"Samples a second, and RTP timestamp units."
FRAME = 160
"Samples, and bytes, in the 20 ms that one packet carries."
PCMU, PCMA = 0, 8
"Static payload types."


def _ulaw(byte: int) -> int:
    byte = ~byte & 0xFF
    magnitude = (((byte & 0x0F) << 3) + 0x84) << ((byte & 0x70) >> 4)
    return 0x84 - magnitude if byte & 0x80 else magnitude - 0x84


def _alaw(byte: int) -> int:
    byte ^= 0x55
    segment = (byte & 0x70) >> 4
    magnitude = ((byte & 0x0F) << 4) + 8
    if segment:
        magnitude = (magnitude + 0x100) << (segment - 1)
    return magnitude if byte & 0x80 else -magnitude


def _table(decode: Callable[[int], int]) -> tuple[int, ...]:
    return tuple(decode(byte) for byte in range(256))


DECODE = {PCMU: _table(_ulaw), PCMA: _table(_alaw)}
"The linear sample of each byte, by payload type."
_BY_SAMPLE = {number: sorted((sample, byte) for byte, sample in enumerate(table)) for number, table in DECODE.items()}
SILENCE = {PCMU: b"\xff", PCMA: b"\xd5"}


def decode(payload: bytes, payload_type: int) -> list[int]:
    """The linear samples of a payload."""
    table = DECODE[payload_type]
    return [table[byte] for byte in payload]


def encode(samples: Iterable[float], payload_type: int) -> bytes:
    """The nearest bytes."""
    ordered = _BY_SAMPLE[payload_type]
    return bytes(_nearest(ordered, sample) for sample in samples)


def _nearest(ordered: list[tuple[int, int]], sample: float) -> int:
    index = bisect.bisect(ordered, (sample, 0))
    return min(ordered[max(index - 1, 0) : index + 1], key=lambda entry: abs(entry[0] - sample))[1]


@functools.lru_cache
def tone(hertz: float, payload_type: int = PCMU, *, seconds: float = 0.1, amplitude: float = 8000) -> bytes:
    """A sine tone; it repeats without a click when `seconds` holds a whole number of its periods."""
    count = round(seconds * RATE)
    return encode((amplitude * math.sin(2 * math.pi * hertz * n / RATE) for n in range(count)), payload_type)


def loudness(samples: list[int]) -> float:
    """Root mean square."""
    return math.sqrt(sum(sample * sample for sample in samples) / len(samples)) if samples else 0.0


def share_of_tone(samples: list[int], hertz: float) -> float:
    """How much of the power lies at one frequency, 0 to 1 (Goertzel)."""
    power = sum(sample * sample for sample in samples)
    if not power:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * hertz / RATE)
    before = last = 0.0
    for sample in samples:
        last, before = sample + coefficient * last - before, last
    at_tone = last * last + before * before - coefficient * last * before
    return 2 * at_tone / (len(samples) * power)
