"""The picture of numbers and of the gateway: a telephone receiver, drawn here, as PNG (ISO 15948).

It is made once, of a few shapes: for each pixel, how far it is from their edge says how much of it they cover.
"""

import hashlib
import struct
import zlib
from functools import cache
from math import atan2, cos, hypot, pi, sin
from typing import NamedTuple

SIDE = 96
"Pixels; XEP-0153 §4.3 asks for at most 96."

TYPE = "image/png"

_GROUND, _RECEIVER = (0x2F, 0x6D, 0x8C), (0xFF, 0xFF, 0xFF)
_SHADES = 16
"Colours of the palette, from the ground's to the receiver's; of 4 bits each."

_RADIUS, _HALF, _OPENING = 27.0, 4.5, 0.62 * pi / 2
"The receiver's handle: an arc of that radius and half width, to either side of its middle so far, in radians."

_TURN = -3 * pi / 4
"Where the middle of the handle is: up and to the left."


class Picture(NamedTuple):
    """An image file."""

    data: bytes
    sha1: str
    "Of the data, hexadecimal: its id in XEP-0084 and XEP-0153."


@cache
def picture() -> Picture:
    """The picture that everything here has."""
    rows = []
    for y in range(SIDE):
        shades = [round(_covered(x + 0.5 - SIDE / 2, y + 0.5 - SIDE / 2) * (_SHADES - 1)) for x in range(SIDE)]
        rows.append(bytes([0, *(left << 4 | right for left, right in zip(shades[::2], shades[1::2], strict=True))]))
    palette = bytes(
        round(ground + (receiver - ground) * shade / (_SHADES - 1))
        for shade in range(_SHADES)
        for ground, receiver in zip(_GROUND, _RECEIVER, strict=True)
    )
    data = b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 4, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette),
            _chunk(b"IDAT", zlib.compress(b"".join(rows), 9)),
            _chunk(b"IEND", b""),
        )
    )
    return Picture(data, hashlib.sha1(data, usedforsecurity=False).hexdigest())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _covered(x: float, y: float) -> float:
    """How much of a pixel the receiver covers, 0 to 1."""
    x, y = x - 6, y - 6  # the handle bulges to one side; this brings the whole to the middle
    return min(1.0, max(0.0, 0.5 - min(_handle(x, y), _end(x, y, _OPENING), _end(x, y, -_OPENING))))


def _handle(x: float, y: float) -> float:
    """The distance to the handle's edge, negative inside."""
    angle = (atan2(y, x) - _TURN + pi) % (2 * pi) - pi
    if abs(angle) <= _OPENING:
        return abs(hypot(x, y) - _RADIUS) - _HALF
    return min(_distance(x, y, _OPENING), _distance(x, y, -_OPENING)) - _HALF


def _distance(x: float, y: float, angle: float) -> float:
    return hypot(x - _RADIUS * cos(_TURN + angle), y - _RADIUS * sin(_TURN + angle))


def _end(x: float, y: float, angle: float) -> float:
    """The same for the ear piece or the mouth piece: a block with round corners at one end of the handle."""
    along, inward = _TURN + angle, _RADIUS - 3
    x, y = x - inward * cos(along), y - inward * sin(along)
    out, across = x * cos(along) + y * sin(along), -x * sin(along) + y * cos(along)
    dx, dy = abs(out) - 5.0, abs(across) - 6.5
    return hypot(max(dx, 0.0), max(dy, 0.0)) + min(max(dx, dy), 0.0) - 3.0
