"""Two sides of an anchor on loopback: phones that are sockets, and listeners that wait."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

from gateway.media.anchor import PHONE, WEB, Anchor, Call, Connected, Event, LegMedia
from gateway.media.embedded import EmbeddedAnchors, EmbeddedSettings
from gateway.media.embedded.anchor import EmbeddedAnchor
from gateway.signals import Side
from mappings.description import Codec, Description, Media, Parameter, RawCandidate, RawUdp, RtcpMux, Rtp
from mappings.terms import Senders
from tests.peers import loopback
from tests.peers.program import until

CALLER, CALLEE = Side
HOST = loopback.address()
"Where everybody is who is not to be elsewhere: no other process of the tests is there."
PCMU = Codec(id=0, name="PCMU", clockrate=8000)
EVENTS = Codec(id=101, name="telephone-event", clockrate=8000, parameters=(Parameter(name="events", value="0-15"),))
# Nothing is to be over only because the machine has other things to do.
SETTINGS = EmbeddedSettings(
    addresses=(HOST,), port_low=41_000, port_high=42_999, latch_seconds=60.0, ice_seconds=60.0, dtls_seconds=60.0
)

_HEADER = struct.Struct("!BBHII")
Address = tuple[str, int]
Kind = TypeVar("Kind")


def rtp(
    sequence: int, *, number: int = 0, ssrc: int = 0x1234, payload: bytes = b"", timestamp: int | None = None
) -> bytes:
    """An RTP packet of 20 ms."""
    stamp = sequence * 160 if timestamp is None else timestamp
    return _HEADER.pack(0x80, number, sequence & 0xFFFF, stamp, ssrc) + (payload or bytes([sequence & 0xFF]) * 160)


def sender_report(ssrc: int, ntp: int = 0x1122334455667788) -> bytes:
    """A sender report without blocks."""
    return struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, ntp, 160, 1, 160)


def receiver_report(ssrc: int, about: int, *, lost: int = 0, last: int = 0, delay: int = 0) -> bytes:
    """A receiver report with one block."""
    return struct.pack("!BBHIIIIIII", 0x81, 201, 7, ssrc, about, lost, 0, 0, last, delay)


def picture_loss(ssrc: int, about: int) -> bytes:
    """A PLI (RFC 4585 §6.3.1)."""
    return struct.pack("!BBHII", 0x81, 206, 2, ssrc, about)


class Ear(asyncio.DatagramProtocol):
    """A socket that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.sources: list[Address] = []
        self.transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, host: str = HOST, port: int = 0) -> "Ear":
        """Listen there."""
        ear = cls()
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: ear, local_addr=(host, port))
        ear.transport = transport
        return ear

    @property
    def address(self) -> Address:
        """Where it listens."""
        assert self.transport is not None
        host, port = self.transport.get_extra_info("sockname")[:2]
        return host, port

    def send(self, data: bytes, address: Address) -> None:
        """Say something."""
        assert self.transport is not None
        self.transport.sendto(data, address)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self.heard.append(data)
        self.sources.append((addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        # Nobody listens where it spoke to: what a closed port looks like from here.
        pass

    async def hears(self, count: int) -> list[bytes]:
        """Wait until so many datagrams have come in all."""
        await until(lambda: len(self.heard) >= count, f"{count} datagrams, {len(self.heard)} came")
        return self.heard

    def close(self) -> None:
        """Hear nothing more."""
        assert self.transport is not None
        self.transport.close()


class Phone:
    """A phone's media: two sockets, and what it says of them."""

    def __init__(self, speech: Ear, control: Ear) -> None:
        self.speech = speech
        self.control = control
        self.far: Address | None = None
        self.far_control: Address | None = None

    def description(
        self, *codecs: Codec, name: str = "audio", senders: Senders = Senders.BOTH, mux: bool = False, shown: str = ""
    ) -> Description:
        """Its offer or answer; ``shown`` is the address that it believes to have."""
        host, port = self.speech.address
        ports = [RawCandidate(ip=shown or host, port=port)]
        if not mux:
            ports.append(RawCandidate(ip=shown or host, port=self.control.address[1], component=2))
        said = Rtp(media="audio", codecs=codecs or (PCMU, EVENTS), rtcp_mux=RtcpMux() if mux else None)
        return Description(
            media=(Media(name=name, rtp=said, transport=RawUdp(candidates=tuple(ports)), senders=senders),)
        )

    def told(self, description: Description, index: int = 0) -> None:
        """What it was offered or answered."""
        transport = description.media[index].transport
        assert isinstance(transport, RawUdp)
        by_component = {candidate.component: candidate for candidate in transport.candidates}
        self.far = (by_component[1].ip, by_component[1].port)
        self.far_control = (by_component[2].ip, by_component[2].port) if 2 in by_component else None

    def speak(self, *packets: bytes) -> None:
        """Send packets."""
        assert self.far is not None
        for packet in packets:
            self.speech.send(packet, self.far)

    def report(self, packet: bytes) -> None:
        """Send RTCP."""
        assert self.far_control is not None
        self.control.send(packet, self.far_control)

    def close(self) -> None:
        """Close both."""
        self.speech.close()
        self.control.close()


class Told(list[Event]):
    """The events of an anchor."""

    async def expect(self, kind: type[Kind], check: Callable[[Kind], bool] = lambda event: True) -> Kind:
        """Wait for an event."""

        def found() -> Kind | None:
            return next((event for event in self if isinstance(event, kind) and check(event)), None)

        return await until(found, f"{kind.__name__} among {self}")

    async def connected(self, side: Side) -> None:
        """Wait until a side's media may flow."""
        await self.expect(Connected, lambda event: event.side is side)

    def has(self, kind: type[Any]) -> bool:
        """Whether there was one."""
        return any(isinstance(event, kind) for event in self)


def dropped(anchor: EmbeddedAnchor, side: Side) -> int:
    """Packets of a side that went nowhere."""
    return sum(stream.dropped for stream in anchor._lines.statistics()[side])


async def drops(anchor: EmbeddedAnchor, side: Side, count: int) -> None:
    """Wait until so many packets of a side went nowhere, in all."""
    await until(lambda: dropped(anchor, side) >= count, f"{count} dropped, {dropped(anchor, side)} were")
    assert dropped(anchor, side) == count


class Rig:
    """A back-end and what was opened with it."""

    def __init__(self, settings: EmbeddedSettings) -> None:
        self.anchors = EmbeddedAnchors(settings)
        self.opened: list[Anchor] = []
        self._phones: list[Phone] = []
        self._ears: list[Ear] = []

    async def anchor(self, caller: LegMedia = PHONE, callee: LegMedia = WEB) -> tuple[EmbeddedAnchor, Told]:
        """A call's anchor."""
        told = Told()
        anchor = await self.anchors.open(Call(id="call", legs={CALLER: caller, CALLEE: callee}), told.append)
        self.opened.append(anchor)
        return anchor, told

    def change(self, **settings: Any) -> None:
        """Go on with other settings."""
        self.anchors.settings = replace(self.anchors.settings, **settings)

    def look_away(self) -> None:
        """Let only the test look at the anchors that are open, with a clock of its own."""
        assert self.anchors._timer is not None
        self.anchors._timer.cancel()

    async def phone(self, host: str = HOST) -> Phone:
        """A phone on that address."""
        phone = Phone(await Ear.open(host), await Ear.open(host))
        self._phones.append(phone)
        return phone

    async def ear(self, host: str = HOST) -> Ear:
        """Somebody else on that address."""
        ear = await Ear.open(host)
        self._ears.append(ear)
        return ear

    async def close(self) -> None:
        """Close everything."""
        await self.anchors.close()
        for phone in self._phones:
            phone.close()
        for ear in self._ears:
            ear.close()


@asynccontextmanager
async def rigged(**settings: Any) -> AsyncIterator[Rig]:
    """A rig; the settings are `EmbeddedSettings`'s."""
    rig = Rig(replace(SETTINGS, **settings))
    try:
        yield rig
    finally:
        await rig.close()


class BackToBack:
    """A phone, an anchor, ICE and DTLS, another anchor, and a phone: each anchor is the other's client."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.near: Phone
        self.far: Phone
        self.one: EmbeddedAnchor
        self.two: EmbeddedAnchor
        self.one_told: Told
        self.two_told: Told

    async def offer(self, web: LegMedia = WEB, codecs: Sequence[Codec] = (PCMU, EVENTS)) -> Description:
        """The near phone calls, and its anchor offers to the other."""
        self.near, self.far = await self.rig.phone(), await self.rig.phone()
        web = replace(web, foreign=False)
        self.one, self.one_told = await self.rig.anchor(PHONE, web)
        self.two, self.two_told = await self.rig.anchor(web, PHONE)
        await self.one.take_offer(CALLER, self.near.description(*codecs))
        return await self.one.make_offer(CALLEE)

    async def answer(self, offer: Description, codecs: Sequence[Codec] = (PCMU, EVENTS)) -> Description:
        """The other anchor takes that, calls the far phone, and answers."""
        await self.two.take_offer(CALLER, offer)
        self.far.told(await self.two.make_offer(CALLEE))
        await self.two.take_answer(CALLEE, self.far.description(*codecs))
        return await self.two.make_answer(CALLER)

    async def finish(self, answer: Description) -> None:
        """The first anchor takes the answer, and answers the near phone."""
        await self.one.take_answer(CALLEE, answer)
        self.near.told(await self.one.make_answer(CALLER))

    async def connect(self, web: LegMedia = WEB, codecs: Sequence[Codec] = (PCMU, EVENTS)) -> None:
        """All of it, until media may flow."""
        await self.finish(await self.answer(await self.offer(web, codecs), codecs))
        for told in (self.one_told, self.two_told):
            for side in Side:
                await told.connected(side)
