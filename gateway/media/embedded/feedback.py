"""Feedback messages, each for who has agreed to it (RFC 4585, RFC 5104).  Pure.

Of the two ways to ask for a whole picture, PLI and FIR, many peers know one: each becomes the other where that is the
one that was agreed on.  Who has agreed to neither may be asked by other means.
"""

from collections.abc import Callable, Iterable

from gateway.media.embedded import rtcp
from mappings.description import Feedback, Media

NACK, PLI, FIR, OTHER = "nack", "pli", "fir", "other"

REQUESTS = frozenset({PLI, FIR})
"What asks for a whole picture."

_NAMES = {("nack", None): NACK, ("nack", "pli"): PLI, ("ccm", "fir"): FIR}
_FORMATS = {(rtcp.TRANSPORT_FEEDBACK, 1): NACK, (rtcp.PAYLOAD_FEEDBACK, 1): PLI, (rtcp.PAYLOAD_FEEDBACK, 4): FIR}

_PLI, _FIR = 0x81, 0x84
"The first octets: version 2, and the format."


def agreed(told: Media, said: Media) -> frozenset[str]:
    """What two descriptions of a medium have in common."""
    return frozenset(map(_name, _all(told))) & frozenset(map(_name, _all(said)))


def _all(media: Media) -> Iterable[Feedback]:
    yield from media.rtp.feedback
    for codec in media.rtp.codecs:
        yield from codec.feedback


def _name(feedback: Feedback) -> str:
    return _NAMES.get((feedback.type, feedback.subtype), OTHER)


class Feedbacks:
    """Makes a compound what one peer has agreed to; one for each stream that goes to it."""

    __slots__ = ("_count", "_unmet", "known")

    def __init__(self, unmet: Callable[[], None]) -> None:
        """``unmet`` is called when a whole picture is asked for that the peer cannot be asked for so."""
        self._unmet = unmet
        self.known: frozenset[str] = frozenset()
        self._count = 0
        "FIR counts its commands (RFC 5104 §4.3.1.1)."

    def fitted(self, data: bytes) -> bytes:
        """The compound without what was not agreed on, and what is no packet; may be empty."""
        return b"".join(self._part(data[part.start : part.end], part) for part in rtcp.packets(data))

    def _part(self, packet: bytes, part: rtcp.Packet) -> bytes:
        if part.kind not in rtcp.FEEDBACK:
            return packet
        name = _FORMATS.get((part.kind, part.reports), OTHER)
        if name in self.known:
            return packet
        if name == PLI and FIR in self.known and len(packet) >= 12:
            self._count = (self._count + 1) & 0xFF
            entry = packet[8:12] + bytes((self._count, 0, 0, 0))
            return bytes((_FIR, rtcp.PAYLOAD_FEEDBACK, 0, 4)) + packet[4:8] + bytes(4) + entry
        if name == FIR and PLI in self.known:
            head = bytes((_PLI, rtcp.PAYLOAD_FEEDBACK, 0, 2)) + packet[4:8]
            return b"".join(head + packet[start : start + 4] for start in range(12, len(packet) - 7, 8))
        if name in REQUESTS:
            self._unmet()
        return b""
