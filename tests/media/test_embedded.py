"""Two anchors back to back: every way and protection on loopback, octet by octet."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from gateway.media.anchor import PHONE, WEB, Failed, LegMedia, Protection
from gateway.media.embedded import backend
from gateway.media.embedded.ice import IceLink
from gateway.media.embedded.link import Link
from gateway.signals import Side
from mappings.description import Description, Ice
from mappings.reasons import EndReason
from tests.media.rig import BackToBack, receiver_report, rigged, rtp, sender_report
from tests.peers.program import until

CALLER, CALLEE = Side
SDES = LegMedia(ice=False, protection=Protection.SDES, rtcp_mux=False, bundle=False, feedback=False)

WAYS = {
    "ICE, DTLS": WEB,
    "ICE, DTLS, two ports": replace(WEB, rtcp_mux=False, bundle=False),
    "DTLS, two ports": replace(PHONE, protection=Protection.DTLS),
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


def whole(link: Link) -> bool:
    """Whether every component has a way, and keys."""
    if link.path.protected and link.path.control_outbound is None:
        return False
    return link.way and (link.control_way or not link.control_apart)


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
        # RTCP's own way may be found a moment later.
        both = (pair.one._links[CALLEE][0], pair.two._links[CALLER][0])
        await until(lambda: all(map(whole, both)), "every component's way")
        for link in both:
            apart = link.control_apart and WAYS[way].protection is Protection.DTLS
            assert (link.path.control_outbound is not link.path.outbound) is apart  # RFC 5764 §3
        pair.near.report(sender_report(7))
        assert await pair.far.control.hears(1) == [sender_report(7)]
        pair.far.report(receiver_report(9, 7, lost=3))
        assert await pair.near.control.hears(1) == [receiver_report(9, 7, lost=3)]


def alone(description: Description) -> Description:
    """The description without what it says of RTCP's port."""
    (media,) = description.media
    assert isinstance(media.transport, Ice)
    kept = tuple(one for one in media.transport.candidates if one.component == 1)
    return replace(description, media=(replace(media, transport=replace(media.transport, candidates=kept)),))


async def test_speech_goes_on_where_rtcp_finds_no_way() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        offer = await pair.offer(WAYS["ICE, plain, two ports"])
        answer = await pair.answer(alone(offer))
        rig.change(ice_seconds=2.0)
        for anchor, side in ((pair.one, CALLEE), (pair.two, CALLER)):
            link = anchor._links[side][0]
            assert isinstance(link, IceLink)
            assert link._next is not None
            # Nothing of the second component gets anywhere.
            for protocol in link._next._protocols:
                if protocol.local_candidate.component == 2:
                    protocol.transport.sendto = lambda *_: None  # type: ignore[method-assign]
        await pair.finish(alone(answer))
        await pair.one_told.connected(CALLEE)
        generation = pair.one._links[CALLEE][0]._current  # type: ignore[attr-defined]
        await until(generation._task.done, "the end of the search")
        assert not pair.one_told.has(Failed)
        pair.near.speak(rtp(1))
        await pair.far.speech.hears(1)


async def test_an_error_of_ours_in_looking_ends_one_call_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(now: float) -> None:
        raise ValueError

    looked: list[float] = []
    monkeypatch.setattr(backend, "LOOK_SECONDS", 0.01)
    with capture_logs() as logs:
        async with rigged() as rig:
            one, told = await rig.anchor()
            other, _ = await rig.anchor()
            monkeypatch.setattr(one, "look", broken)
            monkeypatch.setattr(other, "look", looked.append)
            assert (await told.expect(Failed)).reason is EndReason.GENERAL_ERROR
            await until(lambda: len(looked) >= 2, "the other call is looked at again")
    assert {line["event"] for line in logs} == {"media_failed"}
