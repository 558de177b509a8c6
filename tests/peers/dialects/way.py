"""The way of a client's sound: ICE of its own, and DTLS where it has that (aiortc's transports, without its SDP)."""

import asyncio
from unittest import mock
from xml.etree.ElementTree import Element

from aiortc import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceCandidate,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceTransport,
)

from tests.peers import jingle

_ROLES = {"active": "server", "passive": "client", "actpass": "client"}
"Ours in the handshake, by the other side's setup; an answerer is active."


class Way:
    """One way, from a host's address; to be closed."""

    def __init__(self, host: str, *, initiator: bool, protected: bool) -> None:
        self._host = host
        self._gatherer = RTCIceGatherer([])
        self._ice = RTCIceTransport(self._gatherer)
        # Before anything can come: who is checked while it believes to have the other role takes no notice of a choice.
        self._ice._connection.ice_controlling = initiator
        self._dtls = RTCDtlsTransport(self._ice, [RTCCertificate.generateCertificate()]) if protected else None
        self._started: asyncio.Task[None] | None = None

    async def gather(self) -> None:
        """Find the address that is told."""
        with mock.patch("aioice.ice.get_host_addresses", return_value=[self._host]):
            await self._gatherer.gather()

    def written(self, xml: str, host: str) -> str:
        """Contents in which a speech names an address of its own, with what is here in its stead."""
        mine = self._gatherer.getLocalCandidates()[0]
        own = self._gatherer.getLocalParameters()
        assert own.usernameFragment is not None
        assert own.password is not None
        xml = xml.replace("cl01", own.usernameFragment).replace("client-client-client-01", own.password)
        xml = xml.replace(f"ip='{host}' network='0' port='41000'", f"ip='{mine.ip}' network='0' port='{mine.port}'")
        xml = xml.replace(f"ip='{host}' port='41000'", f"ip='{mine.ip}' port='{mine.port}'")
        if self._dtls is not None:
            prints = {one.algorithm: one.value for one in self._dtls.getLocalParameters().fingerprints}
            xml = xml.replace("AB:CD", prints["sha-256"])
        return xml.replace(host, self._host)

    def meet(self, content: Element) -> None:
        """Begin to look for the other side, as its session-initiate or session-accept describes it."""
        self._started = asyncio.ensure_future(self._meet(content))

    async def _meet(self, content: Element) -> None:
        transport = next(child for child in content if jingle.local(child.tag) == "transport")
        for found in transport:
            if jingle.local(found.tag) == "candidate" and found.get("component") == "1":
                await self._ice.addRemoteCandidate(
                    RTCIceCandidate(
                        component=1, foundation=found.get("foundation", ""), ip=found.get("ip", ""),
                        port=int(found.get("port", "0")), priority=int(found.get("priority", "0")),
                        protocol="udp", type=found.get("type", ""),
                    )
                )  # fmt: skip
        await self._ice.addRemoteCandidate(None)
        credentials = transport.get("ufrag", ""), transport.get("pwd", "")
        await self._ice.start(RTCIceParameters(usernameFragment=credentials[0], password=credentials[1]))
        if self._dtls is not None:
            print_ = next(child for child in transport if jingle.local(child.tag) == "fingerprint")
            said = RTCDtlsFingerprint(algorithm=print_.get("hash", ""), value=(print_.text or "").strip())
            self._dtls._set_role(_ROLES[print_.get("setup", "")])
            await self._dtls.start(RTCDtlsParameters(fingerprints=[said]))

    async def up(self, within: float) -> str:
        """Wait until there is a way, secured where it is to be; empty, or what there is instead."""
        assert self._started is not None
        async with asyncio.timeout(within):
            await self._started
        states = [self._ice.state, *([self._dtls.state] if self._dtls is not None else [])]
        return "" if set(states) <= {"completed", "connected"} else " ".join(states)

    async def close(self) -> None:
        """End it."""
        if self._started is not None:
            self._started.cancel()
            await asyncio.gather(self._started, return_exceptions=True)
        if self._dtls is not None:
            await self._dtls.stop()
        await self._ice.stop()
