"""Two anchors back to back: every way and protection on loopback, octet by octet."""

import asyncio
from dataclasses import replace

import pytest

from gateway.media.anchor import PHONE, WEB, LegMedia, Protection
from gateway.signals import Side
from tests.media.rig import BackToBack, receiver_report, rigged, rtp, sender_report

CALLER, CALLEE = Side
SDES = LegMedia(ice=False, protection=Protection.SDES, rtcp_mux=False, bundle=False, feedback=False)

WAYS = {
    "ICE, DTLS": WEB,
    "ICE, SDES": replace(WEB, protection=Protection.SDES),
    "ICE, plain, two ports": replace(WEB, protection=Protection.NONE, rtcp_mux=False, bundle=False),
    "ICE, SDES, two ports": replace(WEB, protection=Protection.SDES, rtcp_mux=False, bundle=False),
    "ICE, plain": replace(WEB, protection=Protection.NONE),
    "DTLS without ICE": replace(PHONE, protection=Protection.DTLS, rtcp_mux=True),
    "SDES": SDES,
    "SDES, one port": replace(SDES, rtcp_mux=True),
    "plain": PHONE,
    "plain, one port": replace(PHONE, rtcp_mux=True),
}


@pytest.mark.conformance("MED-01")
@pytest.mark.parametrize("way", WAYS)
async def test_every_packet_arrives_as_it_was_sent(way: str) -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect(WAYS[way])
        there = [rtp(number, ssrc=7) for number in range(65530, 65560)]
        back = [rtp(number, ssrc=9) for number in range(30)]
        for one, other in zip(there, back, strict=True):
            pair.near.speak(one)
            pair.far.speak(other)
            await asyncio.sleep(0)
        assert await pair.far.speech.hears(30) == there
        assert await pair.near.speech.hears(30) == back
        pair.near.report(sender_report(7))
        assert await pair.far.control.hears(1) == [sender_report(7)]
        pair.far.report(receiver_report(9, 7, lost=3))
        assert await pair.near.control.hears(1) == [receiver_report(9, 7, lost=3)]
