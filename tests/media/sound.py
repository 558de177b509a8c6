"""Tones as codecs have them: made, sent in time, and looked for in what was heard."""

import array
import asyncio
import math
from collections.abc import Iterable, Sequence

import av

from mappings.description import Codec
from tests.media.rig import Phone, rtp
from tests.peers import g711

OPUS = Codec(id=109, name="opus", clockrate=48000, channels=2)
PCMU = Codec(id=0, name="PCMU", clockrate=8000)
PCMA = Codec(id=8, name="PCMA", clockrate=8000)

_RATE = 48_000
_FRAME = _RATE // 50


def frames(codec: Codec, hertz: float, count: int) -> Sequence[bytes]:
    """So many payloads of 20 ms of a tone."""
    if codec.name != "opus":
        whole = g711.tone(hertz, codec.id)
        return [(whole * 2)[start : start + g711.FRAME] for start in _starts(count, len(whole))]
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = _RATE, "stereo", "s16"
    found: list[bytes] = []
    place = 0
    while len(found) < count:
        samples = [round(8000 * math.sin(2 * math.pi * hertz * (place + one) / _RATE)) for one in range(_FRAME)]
        frame = av.AudioFrame(format="s16", layout="stereo", samples=_FRAME)
        frame.planes[0].update(array.array("h", [one for one in samples for _ in "lr"]).tobytes())
        frame.sample_rate, frame.pts = _RATE, place
        place += _FRAME
        found += [bytes(packet) for packet in encoder.encode(frame)]
    return found[:count]


def _starts(count: int, length: int) -> Iterable[int]:
    return (one * g711.FRAME % length for one in range(count))


def samples(codec: Codec, packets: Iterable[bytes]) -> list[int]:
    """What RTP packets of a codec sound like, at 8000 Hz."""
    payloads = [packet[12:] for packet in packets if packet[1] & 0x7F == codec.id]
    if codec.name != "opus":
        return [one for payload in payloads for one in g711.decode(payload, codec.id)]
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    narrow = av.AudioResampler(format="s16", layout="mono", rate=g711.RATE)
    found = array.array("h")
    for payload in payloads:
        for frame in decoder.decode(av.Packet(payload)):
            for one in narrow.resample(frame):
                found.frombytes(bytes(one.planes[0])[: one.samples * 2])
    return list(found)


class Speaker:
    """A phone that says a tone in a codec, in time, and goes on where it stopped."""

    def __init__(self, phone: Phone, codec: Codec, hertz: float) -> None:
        self.phone = phone
        self.codec = codec
        self.hertz = hertz
        self._sequence = 0

    async def say(self, count: int = 60) -> None:
        """Speak for so many packets of 20 ms."""
        step = _FRAME if self.codec.name == "opus" else g711.FRAME
        for payload in frames(self.codec, self.hertz, count):
            self._sequence += 1
            self.phone.speak(
                rtp(self._sequence, number=self.codec.id, payload=payload, timestamp=self._sequence * step)
            )
            await asyncio.sleep(0.02)

    def hears(self, hertz: float) -> float:
        """The share of a tone in what it heard last."""
        return g711.share_of_tone(samples(self.codec, self.phone.speech.heard)[-g711.RATE // 2 :], hertz)
