"""The gateway's own voice in a test call: it sends a tone, again and again, and listens for its echo.

By plain RTP from two of the anchor's ports, G.711 alone, as whatever answers calls understands it.  Packets are taken
from the host that the answer named, from whatever port (RFC 4961); what comes from elsewhere is not listened to.
"""

import asyncio
from contextlib import suppress
from ipaddress import ip_address
from random import getrandbits
from struct import pack
from typing import Any, Protocol, runtime_checkable

from gateway.errors import AnchorError
from gateway.media import tone
from gateway.media.embedded.ports import Ports
from gateway.media.embedded.settings import EmbeddedSettings
from gateway.media.embedded.socket import Arrivals, DatagramSocket
from mappings.description import Codec, Description, Media, RawCandidate, RawUdp, Rtp
from mappings.reasons import EndReason

FRAME_SECONDS = 0.02
ON, PERIOD = 15, 50
"Frames of the tone in each second: 0.3 s of it, so that an echo that is late falls into the silence."

NAME = "audio"


@runtime_checkable
class Grounds(Protocol):
    """A back-end on this machine, as far as a voice needs it."""

    settings: EmbeddedSettings
    ports: Ports
    arrivals: Arrivals


class Voice:
    """One test call's.  AnchorError 503 when no port is left."""

    def __init__(self, around: Grounds) -> None:
        settings = around.settings
        host = settings.addresses[0]
        rtp, rtcp = around.ports.pair(host)
        self._rtp = DatagramSocket(around.ports, around.arrivals, rtp)
        self._rtcp = DatagramSocket(around.ports, around.arrivals, rtcp)
        self._told = settings.advertised[0] if settings.advertised else host
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._peer: tuple[str, int] | None = None
        self._payload_type = tone.PCMU
        self._frames = 0
        self._ssrc, self._sequence, self._timestamp = getrandbits(32), getrandbits(15), getrandbits(31)
        self.heard = asyncio.Event()
        "Set when the tone has come back."

        self.packets = 0
        "That came from the peer, whatever was in them."

    @property
    def offer(self) -> Description:
        """What the callee is offered."""
        rtp = RawCandidate(ip=self._told, port=self._rtp.name[1])
        rtcp = RawCandidate(ip=self._told, port=self._rtcp.name[1], component=2)
        codecs = (Codec(id=tone.PCMU, name="PCMU", clockrate=8000), Codec(id=tone.PCMA, name="PCMA", clockrate=8000))
        sound = Media(name=NAME, rtp=Rtp(media="audio", codecs=codecs), transport=RawUdp(candidates=(rtp, rtcp)))
        return Description(media=(sound,))

    def hear(self, answer: Description) -> None:
        """Begin to speak to where the answer says; AnchorError when that is nowhere."""
        media = next((each for each in answer.media if each.rtp.media == "audio"), None)
        transport = None if media is None else media.transport
        if media is None or not isinstance(transport, RawUdp):
            raise AnchorError("the answer is not by plain RTP", EndReason.UNSUPPORTED_TRANSPORTS, 488)
        known = [codec.id for codec in media.rtp.codecs if codec.id in tone.TONE]
        first = next((each for each in transport.candidates if each.component == 1 and each.port), None)
        if not known or first is None:
            raise AnchorError("the answer has no sound that is understood here", EndReason.FAILED_APPLICATION, 488)
        try:
            peer = str(ip_address(first.ip)), first.port
        except ValueError:
            text = "the answer names a host, where media need an address"
            raise AnchorError(text, EndReason.FAILED_TRANSPORT, 488) from None
        begins = self._peer is None
        self._peer, self._payload_type = peer, known[0]
        if begins:
            self._rtp.listen(self._receive)
            self._speak()

    def close(self) -> None:
        """Be silent, and give the ports back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._rtp.close()
        self._rtcp.close()

    def _speak(self) -> None:
        assert self._peer is not None
        says = tone.TONE if self._frames % PERIOD < ON else tone.SILENCE
        marker = 0x80 if self._frames == 0 else 0
        numbers = (self._sequence & 0xFFFF, self._timestamp & 0xFFFFFFFF, self._ssrc)
        header = pack("!BBHII", 0x80, marker | self._payload_type, *numbers)
        with suppress(OSError):  # where nobody listens, or no way leads, nothing comes back, and that is told
            self._rtp.send(header + says[self._payload_type], self._peer)
        self._frames += 1
        self._sequence += 1
        self._timestamp += tone.FRAME
        self._timer = self._loop.call_later(FRAME_SECONDS, self._speak)

    def _receive(self, data: bytes, address: Any) -> None:
        if self._peer is None or address[0] != self._peer[0] or len(data) < 12 or data[0] >> 6 != 2:
            return
        self.packets += 1
        start = 12 + 4 * (data[0] & 0x0F)
        if not data[0] & 0x30 and tone.is_tone(data[start:], data[1] & 0x7F):
            self.heard.set()
