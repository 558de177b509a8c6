"""The voice of a test call, over loopback, with a peer that echoes, and one that does not."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from gateway.errors import AnchorError
from gateway.media.embedded.ports import Ports
from gateway.media.embedded.settings import EmbeddedSettings
from gateway.media.embedded.socket import Arrivals
from gateway.media.embedded.voice import Voice
from mappings.description import Codec, Description, Ice, Media, RawCandidate, RawUdp, Rtp
from tests.peers import g711, loopback

WITHIN_SECONDS = 20


class Around:
    """What a back-end has."""

    def __init__(self, host: str, advertised: tuple[str, ...] = ()) -> None:
        self.settings = EmbeddedSettings(addresses=(host,), advertised=advertised)
        self.ports = Ports(self.settings.port_low, self.settings.port_high)
        self.arrivals = Arrivals()


@dataclass
class Peer(asyncio.DatagramProtocol):
    """Sends back what it makes of a packet."""

    makes: Callable[[bytes], bytes | None]
    wanted: int = 0
    got: list[bytes] = field(default_factory=list)
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.got.append(data)
        if len(self.got) == self.wanted:
            self.enough.set()
        if (back := self.makes(data)) is not None:
            self.transport.sendto(back, address)


def answer(host: str, port: int, *, codec: int = 0, name: str = "PCMU") -> Description:
    transport = RawUdp(candidates=(RawCandidate(ip=host, port=port),))
    rtp = Rtp(media="audio", codecs=(Codec(id=codec, name=name, clockrate=8000),))
    return Description(media=(Media(name="audio", rtp=rtp, transport=transport),))


async def talk(makes: Callable[[bytes], bytes | None], *, codec: int = 0, packets: int = 0) -> tuple[bool, Peer]:
    """Talk to a peer until the echo is heard, or so many packets have come there."""
    around, host = Around(loopback.address()), loopback.address()
    voice = Voice(around)
    transport, peer = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Peer(makes, packets), (host, 0))
    try:
        voice.hear(answer(host, transport.get_extra_info("sockname")[1], codec=codec, name="PCMA" if codec else "PCMU"))
        async with asyncio.timeout(WITHIN_SECONDS):
            await (peer.enough if packets else voice.heard).wait()
        return voice.heard.is_set(), peer
    finally:
        voice.close()
        transport.close()
        assert around.ports.free == Around(host).ports.free


@pytest.mark.parametrize("codec", [0, 8])
def test_an_echo_is_heard(codec: int) -> None:
    heard, peer = asyncio.run(talk(lambda data: data, codec=codec))
    assert heard
    first = peer.got[0]
    assert (first[0], first[1], len(first)) == (0x80, 0x80 | codec, 172)


def test_packets_follow_one_another_as_rtp_wants_it() -> None:
    _, peer = asyncio.run(talk(lambda data: None, packets=60))
    numbers = [int.from_bytes(data[2:4], "big") for data in peer.got]
    stamps = [int.from_bytes(data[4:8], "big") for data in peer.got]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert {after - before for before, after in pairwise(stamps)} == {160}
    loud = [g711.loudness(g711.decode(data[12:], 0)) > 1000 for data in peer.got]
    assert (loud[0], loud[14], loud[15], loud[49], loud[50]) == (True, True, False, False, True)


@pytest.mark.parametrize(
    "makes",
    [
        lambda data: data[:12] + g711.tone(440)[:160],
        lambda data: b"\x80\x00",
        lambda data: b"\x20" + data[1:],
        lambda data: data[:1] + bytes([0x80 | 96]) + data[2:],
    ],
    ids=["another tone", "short", "no RTP", "another codec"],
)
def test_something_else_is_no_echo(makes: Callable[[bytes], bytes | None]) -> None:
    heard, _ = asyncio.run(talk(makes, packets=30))
    assert not heard


def test_its_offer_is_plain_and_names_what_peers_can_reach() -> None:
    async def offered() -> Description:
        voice = Voice(Around(loopback.address(), ("198.51.100.1",)))
        try:
            return voice.offer
        finally:
            voice.close()

    (media,) = asyncio.run(offered()).media
    assert isinstance(media.transport, RawUdp)
    assert {candidate.ip for candidate in media.transport.candidates} == {"198.51.100.1"}
    assert [codec.name for codec in media.rtp.codecs] == ["PCMU", "PCMA"]


@pytest.mark.parametrize(
    "said",
    [
        Description(media=()),
        answer("192.0.2.1", 0),
        answer("sip.example", 4000),
        answer("192.0.2.1", 4000, codec=9, name="G722"),
        Description(media=(Media(name="audio", rtp=Rtp(media="audio"), transport=Ice()),)),
    ],
    ids=["nothing", "no port", "a name", "another codec", "ICE"],
)
def test_an_answer_that_cannot_be_spoken_to(said: Description) -> None:
    async def hears() -> None:
        voice = Voice(Around(loopback.address()))
        try:
            voice.hear(said)
        finally:
            voice.close()

    with pytest.raises(AnchorError):
        asyncio.run(hears())
