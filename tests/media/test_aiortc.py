"""The anchor against aiortc: both offer directions, both DTLS roles, every octet compared after decryption."""

from dataclasses import replace

import pytest

from gateway.media.anchor import PHONE, WEB
from gateway.signals import Side
from mappings.description import Codec, Description
from mappings.terms import Role, Setup
from tests.media.rig import EVENTS, PCMU, Phone, rigged, rtp, sender_report
from tests.media.webrtc import WebPeer
from tests.peers.program import until

CALLER, CALLEE = Side
OPUS = Codec(id=111, name="opus", clockrate=48000, channels=2)


def as_setup(description: Description, setup: Setup) -> Description:
    """The description with another DTLS role."""
    return replace(
        description,
        media=tuple(
            replace(
                media,
                transport=replace(
                    media.transport,
                    fingerprints=tuple(replace(one, setup=setup) for one in media.transport.fingerprints),
                ),
            )
            for media in description.media
        ),
    )


async def exchange(peer: WebPeer, phone: Phone, number: int, near: int) -> None:
    """Both hear what the other sent, under each one's number."""
    await peer.send(*(rtp(sequence, number=number) for sequence in range(25)))
    assert await phone.speech.hears(25) == [rtp(sequence, number=near) for sequence in range(25)]
    phone.speak(*(rtp(sequence, number=near, ssrc=5) for sequence in range(25)))
    assert await peer.hears(25) == [rtp(sequence, number=number, ssrc=5) for sequence in range(25)]


@pytest.mark.conformance("MED-01", "MED-07")
@pytest.mark.parametrize("setup", [Setup.ACTPASS, Setup.ACTIVE])
async def test_the_peer_offers(setup: Setup) -> None:
    async with rigged() as rig, WebPeer(Role.INITIATOR) as peer:
        phone = await rig.phone()
        anchor, told = await rig.anchor(WEB, PHONE)
        # As after a proposal: the phone is asked before the client says anything, and numbers formats otherwise.
        phone.told(await anchor.make_offer(CALLEE, ["audio"]))
        await anchor.take_answer(CALLEE, phone.description(OPUS, PCMU, EVENTS))
        offer = await peer.offer()
        if setup is Setup.ACTIVE:  # the peer takes the role that our answer leaves it
            offer = as_setup(offer, setup)
        await anchor.take_offer(CALLER, offer)
        answer = await anchor.make_answer(CALLER)
        said = answer.media[0].transport.fingerprints[0].setup
        assert said is (Setup.PASSIVE if setup is Setup.ACTIVE else Setup.ACTIVE)
        await peer.answered(answer)
        await told.connected(CALLER)
        await peer.up()
        assert [codec.id for codec in answer.media[0].rtp.codecs][:2] == [96, 0]
        await exchange(peer, phone, 96, 111)


@pytest.mark.conformance("MED-01")
async def test_the_anchor_offers() -> None:
    async with rigged() as rig, WebPeer(Role.RESPONDER) as peer:
        phone = await rig.phone()
        anchor, told = await rig.anchor(PHONE, WEB)
        await anchor.take_offer(CALLER, phone.description(PCMU, EVENTS))
        await anchor.take_answer(CALLEE, await peer.answer(await anchor.make_offer(CALLEE)))
        phone.told(await anchor.make_answer(CALLER))
        await told.connected(CALLEE)
        await peer.up()
        await exchange(peer, phone, 0, 0)


@pytest.mark.conformance("MED-02")
async def test_what_is_multiplexed_on_one_side_is_split_on_the_other() -> None:
    async with rigged() as rig, WebPeer(Role.INITIATOR) as peer:
        phone = await rig.phone()
        anchor, told = await rig.anchor(WEB, PHONE)
        await anchor.take_offer(CALLER, await peer.offer())
        phone.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, phone.description(PCMU, name="0"))
        await peer.answered(await anchor.make_answer(CALLER))
        await told.connected(CALLER)
        await peer.up()
        await peer.send(sender_report(3), rtp(1))
        assert await phone.control.hears(1) == [sender_report(3)]
        assert await phone.speech.hears(1) == [rtp(1)]
        assert phone.control.sources[0] == phone.far_control
        phone.report(sender_report(4))
        await until(lambda: sender_report(4) in peer.reports, "the phone's report")
