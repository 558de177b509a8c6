"""RTCP, as much of it as a relay reads: reports, and which packets are feedback (RFC 3550 §6, RFC 4585 §6)."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

SENDER_REPORT, RECEIVER_REPORT, TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK = 200, 201, 205, 206
FEEDBACK = frozenset({TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK})

_WORD = struct.Struct("!I")
_PICTURE_LOSS = struct.Struct("!BBHIBBHII")
_BLOCK = struct.Struct("!IIIIII")


class Packet(NamedTuple):
    """One packet of a compound, by its place in it."""

    kind: int
    reports: int
    "The report blocks in it, or the format of a feedback message."

    start: int
    end: int


class Block(NamedTuple):
    """What a receiver reports of one source."""

    ssrc: int
    lost: int
    "Packets since the beginning, never below nought."

    jitter: int
    "In units of the clock."

    last_report: int
    "The middle 32 bits of the NTP time of the last sender report; 0: none was received."

    delay: float
    "Seconds since that."


def picture_loss(author: int, about: int) -> bytes:
    """A compound that asks a source for a whole picture (RFC 4585 §6.3.1), after an empty report (RFC 3550 §6.1)."""
    return _PICTURE_LOSS.pack(0x80, RECEIVER_REPORT, 1, author, 0x81, PAYLOAD_FEEDBACK, 2, author, about)


def packets(data: bytes) -> Iterator[Packet]:
    """The packets of a compound; ends at the first that is none."""
    start, length = 0, len(data)
    while length - start >= 4:
        end = start + 4 * (1 + int.from_bytes(data[start + 2 : start + 4], "big"))
        if data[start] >> 6 != 2 or end > length or not 192 <= data[start + 1] <= 223:
            return
        yield Packet(data[start + 1], data[start] & 0x1F, start, end)
        start = end


def blocks(data: bytes, packet: Packet) -> Iterator[Block]:
    """The report blocks of a sender or receiver report."""
    place = packet.start + (28 if packet.kind == SENDER_REPORT else 8)
    for _ in range(packet.reports):
        if place + 24 > packet.end:
            return
        ssrc, loss, _, jitter, last_report, delay = _BLOCK.unpack_from(data, place)
        lost = loss & 0xFFFFFF
        yield Block(ssrc, lost if lost < 0x800000 else 0, jitter, last_report, delay / 65536)
        place += 24


def author(data: bytes) -> int:
    """The SSRC that a compound comes from; of at least 8 octets."""
    return int(_WORD.unpack_from(data, 4)[0])


def about(data: bytes) -> int | None:
    """The SSRC that a compound is about: of its first report block or feedback message."""
    for packet in packets(data):
        if packet.kind in (SENDER_REPORT, RECEIVER_REPORT):
            for block in blocks(data, packet):
                return block.ssrc
        elif packet.kind in FEEDBACK and packet.end - packet.start >= 12:
            return int(_WORD.unpack_from(data, packet.start + 8)[0])
    return None


def report_time(data: bytes, packet: Packet) -> int:
    """What a receiver will name a sender report by: the middle of its NTP time."""
    return int(_WORD.unpack_from(data, packet.start + 10)[0]) if packet.end - packet.start >= 28 else 0
