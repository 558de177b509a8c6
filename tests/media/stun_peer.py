"""A peer in ICE whose every message is in the test's hands: it answers checks, or not, and makes its own when told."""

from dataclasses import replace
from typing import Any

from aioice import stun

from mappings.description import Candidate, Description, Ice
from mappings.terms import CandidateType
from tests.media.rig import Address, Ear
from tests.peers.program import until

UFRAG, PASSWORD = "hand", "a-password-of-the-hand-26"


class StunPeer:
    """It, at one socket; first deaf, then answering when `answers` is set."""

    def __init__(self, ear: Ear) -> None:
        self.answers = False
        self.checks: list[stun.Message] = []
        "The other side's, all that came."

        self.replies: list[stun.Message] = []
        "To its own."

        self._ear = ear
        self._theirs = Ice()
        ear.datagram_received = self._receive  # type: ignore[method-assign, assignment]

    @property
    def address(self) -> Address:
        """Where it is."""
        return self._ear.address

    def answer(self, offer: Description, *ends: "StunPeer") -> Description:
        """Its answer, which is the offer with its own credentials, and the addresses of these ends of it."""
        (media,) = offer.media
        assert isinstance(media.transport, Ice)
        for one in {self, *ends}:
            one._theirs = media.transport
        candidates = tuple(
            Candidate(
                foundation=str(index), component=1, protocol="udp", priority=2_130_706_431 - index,
                ip=one.address[0], port=one.address[1], type=CandidateType.HOST,
            )
            for index, one in enumerate(ends)
        )  # fmt: skip
        own = Ice(ufrag=UFRAG, pwd=PASSWORD, candidates=candidates)
        return replace(offer, media=(replace(media, transport=own),))

    def check(self, **attributes: Any) -> None:
        """Send a check of its own, which has a priority unless told otherwise."""
        there = self._theirs.candidates[0]
        self._ear.send(bytes(self.written(**attributes)), (there.ip, there.port))

    def written(self, **attributes: Any) -> stun.Message:
        """The same, not sent."""
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes = {"USERNAME": f"{self._theirs.ufrag}:{UFRAG}", "PRIORITY": 1}
        for name, value in attributes.items():
            request.attributes[name.replace("_", "-")] = value
        request.attributes = {name: value for name, value in request.attributes.items() if value != "left out"}
        request.add_message_integrity((self._theirs.pwd or "").encode())
        return request

    async def is_checked(self, count: int) -> stun.Message:
        """Wait for so many checks in all; the last one."""
        await until(lambda: len(self.checks) >= count, f"{count} checks")
        return self.checks[count - 1]

    async def is_answered(self, count: int) -> stun.Message:
        """Wait for so many answers in all; the last one."""
        await until(lambda: len(self.replies) >= count, f"{count} answers")
        return self.replies[count - 1]

    def _receive(self, data: bytes, address: Address) -> None:
        message = stun.parse_message(data)
        if message.message_class is not stun.Class.REQUEST:
            self.replies.append(message)
            return
        self.checks.append(message)
        if self.answers:
            response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=message.transaction_id)
            response.attributes["XOR-MAPPED-ADDRESS"] = address[:2]
            response.add_message_integrity(PASSWORD.encode())
            self._ear.send(bytes(response), address)
