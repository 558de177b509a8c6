"""A voice and ears: one RTP endpoint (RFC 3550) that sends a G.711 tone and counts what it hears."""

import asyncio
import random
import struct
from collections import Counter
from dataclasses import dataclass, field

from tests.peers import g711
from tests.peers.program import until

PACKET_SECONDS = 0.02
_HEADER = struct.Struct("!BBHII")
_EAR_SAMPLES = g711.RATE
"How much of what was heard last is kept for judging it: one second."


@dataclass(slots=True)
class Heard:
    """What arrived so far."""

    packets: int = 0
    unreadable: int = 0
    "Datagrams that are not RTP version 2, RTCP included."
    sources: Counter[tuple[str, int]] = field(default_factory=Counter)
    "Packets by the address they came from."
    streams: Counter[int] = field(default_factory=Counter)
    "Packets by SSRC."
    payload_types: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    "Sequence numbers that were passed over."
    samples: list[int] = field(default_factory=list)
    "The last second, decoded."

    def loudness(self) -> float:
        """Root mean square of the last second: a tone is in the thousands, silence below ten."""
        return g711.loudness(self.samples)

    def share_of_tone(self, hertz: float) -> float:
        """How much of the last second's power is that tone."""
        return g711.share_of_tone(self.samples, hertz)


class RtpEndpoint(asyncio.DatagramProtocol):
    """Open it, tell it where to speak to, count what it hears, close it."""

    def __init__(self, *, hertz: float, payload_type: int) -> None:
        self.payload_type = payload_type
        self.sent = 0
        self.heard = Heard()
        self.ssrc = random.getrandbits(32)
        self._loop_of_tone = g711.tone(hertz, payload_type)
        self._sequence = random.getrandbits(15)
        self._first_timestamp = random.getrandbits(31)
        self._remote: tuple[str, int] | None = None
        self._timer: asyncio.Handle | None = None
        self._next_at = 0.0
        self._last_heard: dict[int, int] = {}
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(
        cls, host: str, port: int = 0, *, hertz: float = 440, payload_type: int = g711.PCMU
    ) -> "RtpEndpoint":
        """An endpoint on that address; port 0 takes any free one."""
        endpoint = cls(hertz=hertz, payload_type=payload_type)
        loop = asyncio.get_running_loop()
        endpoint._transport, _ = await loop.create_datagram_endpoint(lambda: endpoint, local_addr=(host, port))
        return endpoint

    @property
    def local(self) -> tuple[str, int]:
        """The address that it sends from and listens on."""
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")[:2]
        return host, port

    def speak(self, remote: tuple[str, int], payload_type: int | None = None) -> None:
        """Send the tone there, a packet every 20 ms, from now on."""
        if payload_type is not None and payload_type != self.payload_type:
            raise ValueError(f"this endpoint's tone is made for payload type {self.payload_type}, not {payload_type}")
        self._remote = remote
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._next_at = loop.time()
            self._timer = loop.call_soon(self._tick)

    def hush(self) -> None:
        """Stop sending."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Stop sending and give the port back."""
        self.hush()
        if self._transport is not None:
            self._transport.close()

    async def hears(self, packets: int) -> Heard:
        """Wait until that many more packets have arrived."""
        wanted = self.heard.packets + packets
        await until(
            lambda: self.heard.packets >= wanted,
            f"{packets} RTP packets at {self.local} and {self.heard.packets} before",
        )
        return self.heard

    def _tick(self) -> None:
        assert self._transport is not None
        assert self._remote is not None
        start = self.sent * g711.FRAME % len(self._loop_of_tone)
        payload = (self._loop_of_tone * 3)[start : start + g711.FRAME]
        header = _HEADER.pack(
            0x80,
            self.payload_type | (0x80 if self.sent == 0 else 0),
            (self._sequence + self.sent) & 0xFFFF,
            (self._first_timestamp + self.sent * g711.FRAME) & 0xFFFFFFFF,
            self.ssrc,
        )
        self._transport.sendto(header + payload, self._remote)
        self.sent += 1
        self._next_at += PACKET_SECONDS
        self._timer = asyncio.get_running_loop().call_at(self._next_at, self._tick)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        heard = self.heard
        if len(data) < _HEADER.size or data[0] >> 6 != 2 or 64 <= data[1] & 0x7F <= 95:
            heard.unreadable += 1
            return
        first, second, sequence, _, ssrc = _HEADER.unpack_from(data)
        payload_type = second & 0x7F
        heard.packets += 1
        heard.sources[addr[0], addr[1]] += 1
        heard.streams[ssrc] += 1
        heard.payload_types[payload_type] += 1
        if ssrc in self._last_heard:
            gap = (sequence - self._last_heard[ssrc] - 1) & 0xFFFF
            heard.lost += gap if gap < 0x8000 else 0
        self._last_heard[ssrc] = sequence
        if payload_type in g711.DECODE:
            payload = data[_HEADER.size + 4 * (first & 0x0F) :]
            heard.samples = (heard.samples + g711.decode(payload, payload_type))[-_EAR_SAMPLES:]

    def error_received(self, exc: Exception) -> None:
        # The peer has closed its port already: what a hang-up looks like from here.
        pass
