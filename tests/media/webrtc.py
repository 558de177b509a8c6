"""A WebRTC peer (aiortc) whose packets are in our hands: what it decrypts is kept, what we give it is encrypted."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription

from gateway.sdp.history import SdpSession
from mappings.description import Description
from mappings.terms import Role
from tests.peers.program import until


class WebPeer:
    """One peer connection, to be closed by `async with`.  ``role`` is its own in the session."""

    def __init__(self, role: Role, *kinds: str, servers: Sequence[RTCIceServer] | None = None) -> None:
        self.connection = RTCPeerConnection(None if servers is None else RTCConfiguration(iceServers=list(servers)))
        self.heard: list[bytes] = []
        self.reports: list[bytes] = []
        self._kinds = kinds or ("audio",)
        # What reads its SDP and writes ours: the gateway's own SIP leg would do the same.
        self._session = SdpSession(role.other, 1)

    async def offer(self) -> Description:
        """What it offers."""
        for kind in self._kinds:
            self.connection.addTransceiver(kind, direction="sendrecv")
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self._session.read_offer(self.connection.localDescription.sdp)

    async def answered(self, answer: Description) -> None:
        """What it offered is answered."""
        text = self._session.write_answer(answer)
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=text, type="answer"))
        self._listen()

    async def answer(self, offer: Description) -> Description:
        """Its answer to an offer."""
        text = self._session.write_offer(offer)
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=text, type="offer"))
        for transceiver in self.connection.getTransceivers():
            transceiver.direction = "sendrecv"
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        self._listen()
        return self._session.read_answer(self.connection.localDescription.sdp)

    @property
    def transport(self) -> Any:
        """The DTLS transport of the first medium, which bundled ones share."""
        return self.connection.getTransceivers()[0].sender.transport

    def _listen(self) -> None:
        async def rtp(data: bytes, arrival_time_ms: int) -> None:
            self.heard.append(data)

        async def rtcp(data: bytes) -> None:
            self.reports.append(data)

        for transceiver in self.connection.getTransceivers():
            transport: Any = transceiver.sender.transport
            transport._handle_rtp_data = rtp
            transport._handle_rtcp_data = rtcp

    async def up(self) -> None:
        """Wait until ICE and DTLS are done."""
        await until(lambda: self.transport.state == "connected", f"the peer's DTLS, {self.transport.state}")

    async def send(self, *packets: bytes) -> None:
        """Encrypt and send."""
        for packet in packets:
            await self.transport._send_rtp(packet)
            await asyncio.sleep(0)

    async def hears(self, count: int) -> list[bytes]:
        """Wait for so many RTP packets in all."""
        await until(lambda: len(self.heard) >= count, f"{count} packets, {len(self.heard)} came")
        return self.heard

    async def __aenter__(self) -> "WebPeer":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()
