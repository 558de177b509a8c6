"""STUN and TURN by coturn: what is gathered there is told when it comes, and relayed packets arrive."""

import shutil
from pathlib import Path

import pytest

from gateway.media.anchor import PHONE, WEB, Gathered
from gateway.signals import Side
from mappings.description import Candidate, Ice
from mappings.terms import CandidateType
from tests.media.coturn import Coturn
from tests.media.rig import BackToBack, Rig, Told, rigged, rtp
from tests.media.test_ice import ice
from tests.peers.program import until

CALLER, CALLEE = Side
pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(shutil.which("turnserver") is None, reason="coturn is not installed"),
]


async def gathered(rig: Rig) -> tuple[Ice, Ice]:
    """What an offer has at once, and what is told when gathering is over."""
    anchor, told = await rig.anchor(PHONE, WEB)
    offer = ice(await anchor.make_offer(CALLEE, ["audio"]))
    return offer, await complete(told)


async def complete(told: Told) -> Ice:
    """What is told when gathering is over."""
    event = await told.expect(Gathered)
    found = event.candidates.by_media["audio"]
    assert isinstance(found, Ice)
    assert found.gathering_complete is not None
    return found


def kinds(transport: Ice) -> list[CandidateType]:
    """The candidates' types."""
    return [candidate.type for candidate in transport.candidates]


def of(transport: Ice, kind: CandidateType) -> Candidate:
    """The candidate of a type."""
    return next(candidate for candidate in transport.candidates if candidate.type is kind)


async def test_what_servers_add_is_told_when_it_comes(tmp_path: Path) -> None:
    async with Coturn(tmp_path) as coturn, rigged() as rig:
        rig.anchors.use((coturn.server("stun"), coturn.server("turn")))
        offer, found = await gathered(rig)
        assert kinds(offer) == [CandidateType.HOST]
        assert offer.gathering_complete is None
        assert (found.ufrag, found.pwd) == (offer.ufrag, offer.pwd)
        assert set(kinds(found)) == set(CandidateType) - {CandidateType.PRFLX}
        relayed = of(found, CandidateType.RELAY)
        assert relayed.ip == coturn.host
        # Seen by the server as it is: there is no NAT on the way.
        assert of(found, CandidateType.SRFLX).port == of(offer, CandidateType.HOST).port
        assert of(found, CandidateType.SRFLX).rel_port == of(offer, CandidateType.HOST).port


@pytest.mark.conformance("MED-13")
async def test_credentials_are_renewed_for_the_calls_that_follow(tmp_path: Path) -> None:
    async with Coturn(tmp_path) as coturn, rigged() as rig:
        rig.anchors.use((coturn.server("turn", "expired"),))
        _, found = await gathered(rig)
        assert kinds(found) == [CandidateType.HOST]
        rig.anchors.use((coturn.server("turn"),))
        _, found = await gathered(rig)
        assert kinds(found) == [CandidateType.HOST, CandidateType.RELAY]


async def test_packets_are_relayed_where_there_is_no_other_way(tmp_path: Path) -> None:
    # Of different families, so that only the relay has an address that the other can reach.
    async with Coturn(tmp_path) as coturn, rigged(addresses=("::1",)) as six, rigged() as four:
        six.anchors.use((coturn.server("turn"),))
        pair = BackToBack(four)
        pair.near, pair.far = await six.phone("::1"), await four.phone()
        pair.one, pair.one_told = await six.anchor(PHONE, WEB)
        pair.two, pair.two_told = await four.anchor(WEB, PHONE)
        await pair.one.take_offer(CALLER, pair.near.description())
        offer = await pair.one.make_offer(CALLEE)
        answer = await pair.answer(offer)
        await pair.finish(answer)
        found = await complete(pair.one_told)
        await pair.two.candidates(CALLER, {"audio": found})
        await pair.one_told.connected(CALLEE)
        await pair.two_told.connected(CALLER)
        pair.near.speak(rtp(1))
        assert await pair.far.speech.hears(1) == [rtp(1)]
        pair.far.speak(*(rtp(number) for number in range(20)))
        await pair.near.speech.hears(20)
        assert sorted(pair.near.speech.heard) == sorted(rtp(number) for number in range(20))
        files = six.anchors.ports.free
        await pair.one.close()
        await until(lambda: six.anchors.ports.free > files, "the ports")
