"""A tone in G.711, and an ear for it (ITU-T G.711, RFC 3551 §4.5.14): what a test call says, and hopes to hear again.

Pure: bytes in, bytes out.
"""

import math
from bisect import bisect
from collections.abc import Callable
from typing import Final

RATE: Final = 8000
"Samples a second, and units of RTP's timestamp."

FRAME: Final = 160
"Samples, and octets, of the 20 ms in a packet."

HERTZ: Final = 1000.0
"In the middle of what telephony carries, and none of its own tones (ITU-T E.180)."

AMPLITUDE: Final = 8000.0
"Of 32768: loud, and far from clipping."

PCMU: Final = 0
PCMA: Final = 8

CLEAR: Final = 0.5
"The share of a frame's power at the tone's frequency from which on it is the tone."

LEAST: Final = 100.0
"The root mean square of a frame below which it is silence."


def _ulaw(octet: int) -> int:
    octet = ~octet & 0xFF
    magnitude = (((octet & 0x0F) << 3) + 0x84) << ((octet & 0x70) >> 4)
    return 0x84 - magnitude if octet & 0x80 else magnitude - 0x84


def _alaw(octet: int) -> int:
    octet ^= 0x55
    segment = (octet & 0x70) >> 4
    magnitude = ((octet & 0x0F) << 4) + 8
    if segment:
        magnitude = (magnitude + 0x100) << (segment - 1)
    return magnitude if octet & 0x80 else -magnitude


def _table(decode: Callable[[int], int]) -> tuple[int, ...]:
    return tuple(decode(octet) for octet in range(256))


_DECODE: Final = {PCMU: _table(_ulaw), PCMA: _table(_alaw)}
SILENCE: Final = {PCMU: b"\xff" * FRAME, PCMA: b"\xd5" * FRAME}
"A frame in which nothing is to be heard, by payload type."


def _encoded(payload_type: int) -> bytes:
    ordered = sorted((sample, octet) for octet, sample in enumerate(_DECODE[payload_type]))
    samples = (AMPLITUDE * math.sin(2 * math.pi * HERTZ * number / RATE) for number in range(FRAME))
    return bytes(ordered[min(bisect(ordered, (round(sample), 0)), 255)][1] for sample in samples)


TONE: Final = {payload_type: _encoded(payload_type) for payload_type in _DECODE}
"A frame of the tone, by payload type; it holds whole periods, so that frames follow one another without a click."


def is_tone(payload: bytes, payload_type: int) -> bool:
    """Whether a frame of one of the two codecs is the tone, or mostly so (Goertzel's filter)."""
    table = _DECODE.get(payload_type)
    if table is None or len(payload) < FRAME // 2:
        return False
    coefficient = 2 * math.cos(2 * math.pi * HERTZ / RATE)
    power = last = before = 0.0
    for octet in payload:
        sample = table[octet]
        power += sample * sample
        last, before = sample + coefficient * last - before, last
    count = len(payload)
    if power < count * LEAST * LEAST:
        return False
    at_tone = last * last + before * before - coefficient * last * before
    return 2 * at_tone / (count * power) >= CLEAR
