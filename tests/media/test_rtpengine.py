"""What only the back-end at rtpengine has: nodes that are gone, numbers that stay, and what nobody tells it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.check import _rtpengines
from gateway.errors import AnchorError
from gateway.media.anchor import PHONE, WEB, Call, Failed, Gathered, LegMedia, OneWay, Protection
from gateway.media.rtpengine import Node, RtpengineAnchors, RtpengineSettings
from gateway.signals import Side
from mappings.description import Codec, Description, Fingerprint, Ice, RawUdp
from mappings.reasons import EndReason
from mappings.terms import Role, Senders
from tests.media import rtpengine
from tests.media.rig import EVENTS, PCMU, Phone, Told, rtp
from tests.media.rtpengine import Rtpengine
from tests.media.test_contract import Bench, both_hear, phones, web_calls
from tests.media.webrtc import WebPeer
from tests.peers import loopback
from tests.peers.program import PATIENCE_SECONDS, until
from tests.test_config_media import read

pytestmark = pytest.mark.skipif(bool(rtpengine.missing()), reason=rtpengine.missing())

CALLER, CALLEE = Side
OPUS = Codec(id=111, name="opus", clockrate=48000, channels=2)
SDES = LegMedia(ice=False, protection=Protection.SDES, rtcp_mux=False, bundle=False, feedback=False)


@asynccontextmanager
async def bench(
    folder: Path, *options: str, nodes: tuple[Node, ...] = (), **keys: Any
) -> AsyncIterator[tuple[Bench, Rtpengine]]:
    """A daemon; ``nodes`` come before it."""
    async with AsyncExitStack() as stack:
        daemon = await stack.enter_async_context(Rtpengine(folder, *options))
        settings = RtpengineSettings(nodes=(*nodes, daemon.node), **{"look_seconds": 0.3, **keys})
        anchors = RtpengineAnchors(settings, draw=lambda: 0.0)
        stack.push_async_callback(anchors.close)
        yield Bench(anchors, stack), daemon


def nobody() -> Node:
    """A place where nobody listens."""
    host = loopback.address()
    return Node(host, loopback.port(host), 9)


# ------------------------------------------------------------------------------------------------------------ the nodes


async def test_a_call_goes_to_the_next_node_when_the_first_is_silent(tmp_path: Path) -> None:
    async with bench(tmp_path, nodes=(nobody(),), look_seconds=60) as (rig, _):
        _, _, one, other = await phones(rig)
        one.speak(rtp(1))
        await other.speech.hears(1)


async def test_a_node_that_is_full_is_left_for_the_next(tmp_path: Path) -> None:
    async with (
        Rtpengine(tmp_path, "--max-sessions=1", name="small") as small,
        bench(tmp_path, nodes=(small.node,)) as (rig, daemon),
    ):
        _, _, one, _ = await phones(rig)
        _, _, two, other = await phones(rig)
        assert one.far is not None
        assert two.far is not None
        assert (one.far[0], two.far[0]) == (small.host, daemon.host)
        two.speak(rtp(1))
        await other.speech.hears(1)


async def test_a_node_without_ports_refuses_the_call_and_gets_those_of_others_back_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path, "--port-min=46000", "--port-max=46009") as (rig, _):
        for _ in range(4):  # each takes most of them, and gives them back without a delay
            _, _, one, other = await phones(rig)
            one.speak(rtp(1))
            await other.speech.hears(1)
            with pytest.raises(AnchorError, match="ports") as refused:
                await offers(rig, one, 3)
            assert refused.value.status == 503
            for anchor in tuple(rig.anchors._anchors):  # type: ignore[attr-defined]
                await anchor.close()


async def offers(rig: Bench, phone: Phone, count: int) -> None:
    """Begin so many calls."""
    for _ in range(count):
        anchor, _ = await rig.anchor(PHONE, PHONE)
        await anchor.take_offer(CALLER, phone.description())
        await anchor.make_offer(CALLEE)


async def test_without_a_node_a_call_is_refused_in_time() -> None:
    anchors = RtpengineAnchors(RtpengineSettings(nodes=(nobody(),)))
    try:
        anchor = await anchors.open(Call(id="call", legs={CALLER: PHONE, CALLEE: PHONE}), Told().append)
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(AnchorError, match="no answer") as refused:
                await anchor.make_offer(CALLEE, ("audio",))
        assert refused.value.status == 503
        assert not (await anchors.health()).ready
        with pytest.raises(AnchorError, match="takes calls"):
            await anchors.open(Call(id="other"), Told().append)
    finally:
        await anchors.close()


async def test_an_error_of_ours_in_looking_ends_one_call_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    anchors = RtpengineAnchors(RtpengineSettings(nodes=(nobody(),), look_seconds=0))
    looked: list[float] = []

    async def pinged(node: Node) -> str:
        return ""

    async def broken(now: float) -> None:
        raise ValueError

    async def looks(now: float) -> None:
        looked.append(now)

    monkeypatch.setattr(anchors, "ping", pinged)
    with capture_logs() as logs:
        try:
            for name, look in (("broken", broken), ("sound", looks)):
                told = Told()
                anchor = await anchors.open(Call(id=name), told.append)
                monkeypatch.setattr(anchor, "look", look)
                if look is broken:
                    failed = told
            assert (await failed.expect(Failed)).reason is EndReason.GENERAL_ERROR
            await until(lambda: len(looked) >= 2, "the other call is looked at again")
        finally:
            await anchors.close()
    assert {line["event"] for line in logs} == {"media_failed"}


async def test_a_node_that_dies_ends_its_calls_and_says_why(tmp_path: Path) -> None:
    async with bench(tmp_path) as (rig, daemon):
        anchor, told, _, _ = await phones(rig)
        await told.connected(CALLEE)
        daemon.kill()
        failed = await told.expect(Failed)
        assert failed.reason is EndReason.FAILED_TRANSPORT
        assert str(daemon.node) in failed.text
        with pytest.raises(AnchorError) as refused:
            await anchor.take_answer(CALLEE, (await rig.phone()).description())
        assert refused.value.reason is EndReason.FAILED_TRANSPORT
        assert sum(isinstance(event, Failed) for event in told) == 1


async def test_a_check_asks_each_node(tmp_path: Path) -> None:
    async with Rtpengine(tmp_path) as daemon:
        nodes = f'["{daemon.node}", "{nobody()}"]'
        settings = read(tmp_path, media=f'anchor = "rtpengine"\nrtpengine = {nodes}')
        assert settings.rtpengine is not None
        assert [(one.well, one.what) async for one in _rtpengines(settings)] == [
            (True, f"rtpengine {settings.rtpengine.nodes[0]}"),
            (False, f"rtpengine {settings.rtpengine.nodes[1]}"),
        ]


async def test_a_call_that_the_node_has_forgotten_ends(tmp_path: Path) -> None:
    async with bench(tmp_path, "--timeout=1") as (rig, _):
        _, told, _, _ = await phones(rig)
        failed = await told.expect(Failed)
        assert failed.reason is EndReason.FAILED_TRANSPORT
        assert "Unknown call-id" in failed.text


# -------------------------------------------------------------------------------------------------------- what it hears


async def test_a_certificate_that_was_not_announced_ends_the_call(tmp_path: Path) -> None:
    async with bench(tmp_path, dtls_seconds=2.0) as (rig, _):
        peer, phone = await rig.peer(Role.INITIATOR), await rig.phone()
        anchor, told = await rig.anchor(WEB, PHONE)
        offer = await peer.offer()
        (media,) = offer.media
        lie = Fingerprint(hash="sha-256", value=":".join(["AB"] * 32), setup=media.transport.fingerprints[0].setup)
        wrong = replace(media, transport=replace(media.transport, fingerprints=(lie,)))
        await anchor.take_offer(CALLER, Description(media=(wrong,)))
        phone.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, phone.description(PCMU, name="0"))
        await peer.answered(await anchor.make_answer(CALLER))
        failed = await told.expect(Failed)
        assert (failed.side, failed.reason) == (CALLER, EndReason.SECURITY_ERROR)


async def test_silence_of_both_ends_the_call(tmp_path: Path) -> None:
    async with bench(tmp_path, silence_seconds=1.0) as (rig, _):
        _, told, _, _ = await phones(rig)
        assert (await told.expect(Failed)).reason is EndReason.TIMEOUT


async def test_nobody_is_missed_before_the_answer(tmp_path: Path) -> None:
    async with bench(tmp_path, silence_seconds=1.0) as (rig, _):
        one, other = await rig.phone(), await rig.phone()
        anchor, told = await rig.anchor(PHONE, PHONE)
        await anchor.take_offer(CALLER, one.description())
        other.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, other.description(), early=True)
        one.told(await anchor.make_answer(CALLER))
        await told.connected(CALLER)
        await told.connected(CALLEE)
        looking: Any = anchor
        for later in (5, 100):
            await looking.look(monotonic() + later)
        assert not told.has(Failed)
        await anchor.take_answer(CALLEE, other.description())
        assert (await told.expect(Failed)).reason is EndReason.TIMEOUT


async def test_silence_of_one_is_told_and_its_end(tmp_path: Path) -> None:
    async with bench(tmp_path, one_way_seconds=1.5) as (rig, _):
        _, told, one, other = await phones(rig)
        talk = asyncio.create_task(talking(one))
        try:
            assert (await told.expect(OneWay)).side is CALLEE
            answer = asyncio.create_task(talking(other))
            try:
                await told.expect(OneWay, lambda event: not event.silent)
            finally:
                answer.cancel()
        finally:
            talk.cancel()


async def talking(phone: Any) -> None:
    """Speak until cancelled."""
    sequence = 0
    while True:
        phone.speak(rtp(sequence))
        sequence += 1
        await asyncio.sleep(0.02)


async def test_a_stranger_takes_no_call_over(tmp_path: Path) -> None:
    async with bench(tmp_path) as (rig, _):
        anchor, _, one, other = await phones(rig)
        talks = [asyncio.create_task(talking(phone)) for phone in (one, other)]
        try:
            for _ in range(200):
                if await learned(anchor):
                    break
                await asyncio.sleep(0.1)
            assert await learned(anchor)
        finally:
            for talk in talks:
                talk.cancel()
        assert one.far is not None
        stranger = await rig.phone()
        before = len(one.speech.heard)
        for number in range(20):
            stranger.speech.send(rtp(number, ssrc=66), one.far)
        other.speak(*(rtp(number, ssrc=5) for number in range(20)))
        await one.speech.hears(before + 20)
        assert stranger.speech.heard == []


async def learned(anchor: Any) -> bool:
    """Whether the node is sure from where each side speaks."""
    tags = (await anchor._session.query())["tags"]
    return all("confirmed" in tag["medias"][0]["streams"][0]["flags"] for tag in tags.values())


# ------------------------------------------------------------------------------------------- numbers, media, protection


@pytest.mark.parametrize("number", [111, 109, 96])
async def test_a_client_that_comes_late_gives_its_numbers(tmp_path: Path, number: int) -> None:
    async with bench(tmp_path) as (rig, _):
        caller, callee = await rig.phone(), await rig.phone()
        anchor, _ = await rig.anchor(PHONE, PHONE)
        callee.told(await anchor.make_offer(CALLEE, ("audio",)))
        await anchor.take_answer(CALLEE, callee.description(OPUS))
        theirs = replace(OPUS, id=number)
        await anchor.take_offer(CALLER, caller.description(theirs, PCMU))
        answer = await anchor.make_answer(CALLER)
        assert [codec.id for codec in answer.media[0].rtp.codecs] == [number]
        caller.told(answer)
        again = await anchor.make_offer(CALLEE)
        if number != 111:
            assert again.media[0].rtp.codecs[0].id == number
            callee.told(again)
            await anchor.take_answer(CALLEE, callee.description(theirs))
        assert await anchor.make_offer(CALLEE) == again
        caller.speak(rtp(1, number=number))
        assert await callee.speech.hears(1) == [rtp(1, number=number)]
        callee.speak(rtp(2, number=number))
        assert await caller.speech.hears(1) == [rtp(2, number=number)]


async def test_a_callee_with_numbers_of_its_own_has_what_fits(tmp_path: Path) -> None:
    async with bench(tmp_path) as (rig, _):
        caller, callee = await rig.phone(), await rig.phone()
        anchor, _ = await rig.anchor(PHONE, PHONE)
        await anchor.take_offer(CALLER, caller.description(OPUS, PCMU, EVENTS))
        await anchor.make_offer(CALLEE)
        await anchor.take_answer(CALLEE, callee.description(replace(OPUS, id=96), PCMU, replace(EVENTS, id=97)))
        answer = await anchor.make_answer(CALLER)
        assert [codec.name for codec in answer.media[0].rtp.codecs] == ["PCMU"]


async def test_numbers_that_cannot_meet_end_the_call(tmp_path: Path) -> None:
    async with bench(tmp_path) as (rig, _):
        caller, callee = await rig.phone(), await rig.phone()
        anchor, _ = await rig.anchor(PHONE, PHONE)
        await anchor.take_offer(CALLER, caller.description(OPUS))
        await anchor.make_offer(CALLEE)
        with pytest.raises(AnchorError, match="number their codecs differently") as refused:
            await anchor.take_answer(CALLEE, callee.description(replace(OPUS, id=96)))
        assert refused.value.reason is EndReason.INCOMPATIBLE_PARAMETERS


async def test_a_medium_that_is_refused_stands_in_the_answer_to_a_browser(tmp_path: Path) -> None:
    async with bench(tmp_path) as (rig, _), WebPeer(Role.INITIATOR, "audio", "video") as peer:
        phone = await rig.phone()
        anchor, told = await rig.anchor(WEB, PHONE)
        await anchor.take_offer(CALLER, await peer.offer())
        offer = await anchor.make_offer(CALLEE)
        assert [media.rtp.media for media in offer.media] == ["audio", "video"]
        phone.told(offer)
        await anchor.take_answer(CALLEE, phone.description(PCMU, name=offer.media[0].name))
        answer = await anchor.make_answer(CALLER)
        assert [media.senders for media in answer.media] == [Senders.BOTH, Senders.NONE]
        assert [group.names for group in answer.groups] == [(answer.media[0].name,)]  # it cannot bundle
        await peer.answered(answer)
        await told.connected(CALLEE)
        await peer.up()
        await both_hear(peer, phone)


async def test_keys_are_told_by_sdp_and_suites_without_encryption_are_not(tmp_path: Path) -> None:
    async with bench(tmp_path) as (rig, _):
        caller = await rig.phone()
        anchor, _ = await rig.anchor(PHONE, SDES)
        await anchor.take_offer(CALLER, caller.description())
        (media,) = (await anchor.make_offer(CALLEE)).media
        assert isinstance(media.transport, RawUdp)
        assert media.rtp.encryption is not None
        suites = {crypto.crypto_suite for crypto in media.rtp.encryption.crypto}
        assert "AES_CM_128_HMAC_SHA1_80" in suites
        assert not any("NULL" in suite or "F8" in suite for suite in suites)


async def test_a_client_that_restarts_ice_is_answered_with_new_credentials(tmp_path: Path) -> None:
    async with bench(tmp_path) as (rig, _):
        anchor, told, _, phone = await web_calls(rig)
        before = (await anchor.make_offer(CALLER)).media[0]
        place = phone.far
        assert isinstance(before.transport, Ice)
        await anchor.candidates(CALLER, {before.name: Ice(ufrag=before.transport.ufrag)})
        assert not told.has(Gathered)
        await anchor.candidates(CALLER, {before.name: Ice(ufrag="anew", pwd="a-password-of-twenty-two")})
        after = (await told.expect(Gathered)).candidates.by_media[before.name]
        assert isinstance(after, Ice)
        assert after.ufrag != before.transport.ufrag
        assert after.pwd != before.transport.pwd
        await anchor.take_offer(CALLEE, phone.description(PCMU, name="0"))
        phone.told(await anchor.make_answer(CALLEE))
        assert phone.far == place


async def test_what_it_cannot_do_is_said(tmp_path: Path) -> None:
    async with bench(tmp_path) as (rig, _):
        anchor, _, _, _ = await web_calls(rig)
        with pytest.raises(AnchorError, match="ICE restart"):
            await anchor.make_offer(CALLER, restart=True)
