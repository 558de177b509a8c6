"""A peer that is lite in ICE (RFC 8445 §2.5): it answers checks, makes none, and speaks where it is told to."""

from aioice import stun

from mappings.description import Candidate, Codec, Description, Ice, Media, RtcpMux, Rtp
from mappings.terms import CandidateType
from tests.media.rig import Address, Ear

UFRAG, PASSWORD = "lite", "a-password-of-twenty-four"


class LitePeer:
    """It, at one socket."""

    def __init__(self, ear: Ear) -> None:
        self.ear = ear
        self.heard: list[bytes] = []
        self.chosen: Address | None = None
        "Where the other side wants to be spoken to."

        self._their_name = ""
        ear.datagram_received = self._receive  # type: ignore[method-assign, assignment]

    @property
    def candidate(self) -> Candidate:
        """Where it is."""
        host, port = self.ear.address
        return Candidate(
            foundation="1",
            component=1,
            protocol="udp",
            priority=2_130_706_431,
            ip=host,
            port=port,
            type=CandidateType.HOST,
        )

    def description(self, *codecs: Codec, alone: bool = False) -> Description:
        """Its offer; ``alone``: without its candidate."""
        transport = Ice(ufrag=UFRAG, pwd=PASSWORD, candidates=() if alone else (self.candidate,))
        rtp = Rtp(media="audio", codecs=codecs, rtcp_mux=RtcpMux())
        return Description(media=(Media(name="audio", rtp=rtp, transport=transport, lite=True),))

    def told(self, answer: Description) -> None:
        """What it was answered."""
        (media,) = answer.media
        assert isinstance(media.transport, Ice)
        self._their_name = media.transport.ufrag or ""

    def speak(self, *packets: bytes) -> None:
        """Send packets to where it was told to."""
        assert self.chosen is not None
        for packet in packets:
            self.ear.send(packet, self.chosen)

    def _receive(self, data: bytes, address: tuple[str, int]) -> None:
        if data[0] > 3:
            self.heard.append(data)
            return
        request = stun.parse_message(data)
        assert request.check_message_integrity(PASSWORD.encode())
        assert request.message_class is stun.Class.REQUEST
        assert request.attributes["USERNAME"] == f"{UFRAG}:{self._their_name}"
        assert "ICE-CONTROLLING" in request.attributes  # who is lite never decides
        response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=request.transaction_id)
        response.attributes["XOR-MAPPED-ADDRESS"] = address[:2]
        response.add_message_integrity(PASSWORD.encode())
        self.ear.send(bytes(response), (address[0], address[1]))
        if "USE-CANDIDATE" in request.attributes:
            self.chosen = (address[0], address[1])

    def close(self) -> None:
        """Close the socket."""
        self.ear.close()
