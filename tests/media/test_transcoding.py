"""Opus on one side and G.711 on the other, by rtpengine: a tone said in one is heard in the other."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import AnchorError
from gateway.media.anchor import PHONE, WEB, Anchor, LegMedia
from gateway.media.rtpengine import RtpengineAnchors, RtpengineSettings
from gateway.signals import Side
from mappings.description import Codec, Description
from mappings.reasons import EndReason
from mappings.terms import Role, Senders
from tests.media import rtpengine
from tests.media.rig import EVENTS, Phone, rtp
from tests.media.rtpengine import Rtpengine
from tests.media.sound import OPUS, PCMA, PCMU, Speaker
from tests.media.test_contract import Bench
from tests.media.webrtc import WebPeer

pytestmark = pytest.mark.skipif(bool(rtpengine.missing()), reason=rtpengine.missing())

CALLER, CALLEE = Side
BOTH = ("opus", "PCMU", "PCMA")
CLIENT, TRUNK = replace(PHONE, transcodes=BOTH), replace(PHONE, codecs=("PCMA", "PCMU"), transcodes=BOTH)
G722 = Codec(id=9, name="G722", clockrate=8000)
G729 = Codec(id=18, name="G729", clockrate=8000)
WIDE_EVENTS = replace(EVENTS, id=110, clockrate=48000)
LOW, HIGH = 600, 1000


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        daemon = await stack.enter_async_context(Rtpengine(folder))
        anchors = RtpengineAnchors(RtpengineSettings(nodes=(daemon.node,)))
        stack.push_async_callback(anchors.close)
        yield Bench(anchors, stack)


def of(description: Description, index: int = 0) -> list[tuple[str | None, int]]:
    """The formats in a description."""
    return [(codec.name, codec.id) for codec in description.media[index].rtp.codecs]


async def both_hear(one: Speaker, other: Speaker) -> None:
    """Each hears the other's tone, and in its own codec."""
    await asyncio.gather(one.say(), other.say())
    for here, there in ((one, other), (other, one)):
        await here.phone.speech.hears(50)
        assert here.hears(there.hertz) > 0.9
        numbers = {packet[1] & 0x7F for packet in here.phone.speech.heard if not 192 <= packet[1] <= 223}
        assert numbers == {here.codec.id}
        here.phone.speech.heard.clear()


async def called(
    rig: Bench,
    offers: Sequence[Codec],
    answers: Sequence[Codec],
    *,
    caller: LegMedia = CLIENT,
    callee: LegMedia = TRUNK,
) -> tuple[Anchor, Phone, Phone, Description, Description]:
    """A call of two, each of which describes itself in time; what the callee was offered, and the caller answered."""
    one, other = await rig.phone(), await rig.phone()
    anchor, _ = await rig.anchor(caller, callee)
    await anchor.take_offer(CALLER, one.description(*offers))
    offer = await anchor.make_offer(CALLEE)
    other.told(offer)
    await anchor.take_answer(CALLEE, other.description(*answers))
    answer = await anchor.make_answer(CALLER)
    one.told(answer)
    return anchor, one, other, offer, answer


@pytest.mark.parametrize("answers", [PCMA, PCMU], ids=["PCMA", "PCMU"])
async def test_a_client_with_opus_alone_calls_a_phone_with_g711(tmp_path: Path, answers: Codec) -> None:
    async with bench(tmp_path) as rig:
        _, one, other, offer, answer = await called(rig, (OPUS, WIDE_EVENTS), (answers, EVENTS))
        assert of(offer) == [("PCMA", 8), ("PCMU", 0), ("telephone-event", 101)]
        assert of(answer) == [("opus", 109), ("telephone-event", 110)]
        await both_hear(Speaker(one, OPUS, LOW), Speaker(other, answers, HIGH))


async def test_a_phone_with_g711_calls_a_client_that_takes_opus_alone(tmp_path: Path) -> None:
    async with bench(tmp_path) as rig:
        theirs = replace(OPUS, id=111)
        _, one, other, offer, answer = await called(
            rig, (PCMA, EVENTS), (theirs, WIDE_EVENTS), caller=TRUNK, callee=CLIENT
        )
        assert of(offer)[:3] == [("PCMA", 8), ("opus", 111), ("PCMU", 0)]  # what passes before what is made
        assert of(answer) == [("PCMA", 8), ("telephone-event", 101)]
        await both_hear(Speaker(one, PCMA, LOW), Speaker(other, theirs, HIGH))


@pytest.mark.parametrize("early", [True, False], ids=["before-the-answer", "after-the-answer"])
async def test_a_client_that_has_only_proposed_comes_with_opus_alone(tmp_path: Path, early: bool) -> None:
    async with bench(tmp_path) as rig:
        one, other = await rig.phone(), await rig.phone()
        anchor, _ = await rig.anchor(CLIENT, TRUNK)
        first = await anchor.make_offer(CALLEE, ("audio",))
        other.told(first)
        if early:
            await anchor.take_offer(CALLER, one.description(OPUS, WIDE_EVENTS))
        await anchor.take_answer(CALLEE, other.description(PCMA, EVENTS))
        if not early:
            await anchor.take_offer(CALLER, one.description(OPUS, WIDE_EVENTS))
        answer = await anchor.make_answer(CALLER)
        one.told(answer)
        assert of(answer) == [("opus", 109), ("telephone-event", 110)]
        assert await anchor.make_offer(CALLEE) == first  # so that the phone needs no re-INVITE
        await both_hear(Speaker(one, OPUS, LOW), Speaker(other, PCMA, HIGH))


async def test_a_phone_that_calls_without_a_description_is_offered_what_is_made_of_the_clients(tmp_path: Path) -> None:
    async with bench(tmp_path) as rig:
        one, other = await rig.phone(), await rig.phone()
        anchor, _ = await rig.anchor(TRUNK, CLIENT)
        other.told(await anchor.make_offer(CALLEE, ("audio",)))
        theirs = replace(OPUS, id=111)
        await anchor.take_answer(CALLEE, other.description(theirs, WIDE_EVENTS))
        offer = await anchor.make_offer(CALLER)
        assert of(offer)[:2] == [("PCMA", 8), ("PCMU", 0)]
        one.told(offer)
        await anchor.take_answer(CALLER, one.description(PCMU, EVENTS))
        await both_hear(Speaker(one, PCMU, LOW), Speaker(other, theirs, HIGH))


async def test_what_both_sides_have_passes_as_it_is(tmp_path: Path) -> None:
    async with bench(tmp_path) as rig:
        _, one, other, offer, answer = await called(rig, (OPUS, PCMU, EVENTS), (PCMU, EVENTS))
        assert of(offer)[:2] == [("PCMU", 0), ("PCMA", 8)]
        assert of(answer) == [("PCMU", 0), ("telephone-event", 101)]
        packets = [rtp(number) for number in range(10)]
        one.speak(*packets)
        assert await other.speech.hears(10) == packets
        other.speak(*packets)
        assert await one.speech.hears(10) == packets


async def test_the_operator_may_want_opus_although_both_have_g711(tmp_path: Path) -> None:
    async with bench(tmp_path) as rig:
        caller, callee = replace(CLIENT, transcodes_first=True), replace(TRUNK, transcodes_first=True)
        _, one, other, _, answer = await called(
            rig, (PCMU, OPUS, EVENTS, WIDE_EVENTS), (PCMU, EVENTS), caller=caller, callee=callee
        )
        assert of(answer) == [("opus", 109), ("telephone-event", 110)]
        await both_hear(Speaker(one, OPUS, LOW), Speaker(other, PCMU, HIGH))


async def test_what_a_client_was_answered_stands_when_its_phone_is_told_of_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as rig:
        one, other = await rig.phone(), await rig.phone()
        caller, callee = replace(CLIENT, transcodes_first=True), replace(TRUNK, transcodes_first=True)
        anchor, _ = await rig.anchor(caller, callee)
        first = await anchor.make_offer(CALLEE, ("audio",))
        other.told(first)
        await anchor.take_answer(CALLEE, other.description(PCMA, EVENTS))
        await anchor.take_offer(CALLER, one.description(OPUS, PCMU, PCMA, WIDE_EVENTS, replace(EVENTS, id=126)))
        answer = await anchor.make_answer(CALLER)
        assert of(answer) == [("opus", 109), ("telephone-event", 110)]
        one.told(answer)
        assert await anchor.make_offer(CALLEE) == first
        await anchor.take_offer(CALLEE, other.description(PCMA, EVENTS))
        assert await anchor.make_offer(CALLER) == answer
        await anchor.make_answer(CALLEE)
        await both_hear(Speaker(one, OPUS, LOW), Speaker(other, PCMA, HIGH))


async def test_what_nobody_may_make_is_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as rig:
        one = await rig.phone()
        trunk = replace(TRUNK, codecs=("PCMA",))
        anchor, _ = await rig.anchor(CLIENT, trunk)
        await anchor.take_offer(CALLER, one.description(G722))  # which is not among what may be transcoded
        with pytest.raises(AnchorError) as refused:
            await anchor.make_offer(CALLEE)
        assert refused.value.reason is EndReason.UNSUPPORTED_APPLICATIONS


@pytest.mark.parametrize(("codec", "octets"), [(G722, 160), (G729, 20)], ids=["G722", "G729"])
async def test_other_codecs_are_made_too(tmp_path: Path, codec: Codec, octets: int) -> None:
    async with bench(tmp_path) as rig:
        names = ("opus", codec.name or "")
        caller, callee = replace(PHONE, transcodes=names), replace(PHONE, codecs=names[1:], transcodes=names)
        _, one, other, offer, answer = await called(rig, (OPUS,), (codec,), caller=caller, callee=callee)
        assert of(offer)[0] == (codec.name, codec.id)
        assert of(answer) == [("opus", 109)]
        await Speaker(one, OPUS, LOW).say(20)
        heard = await other.speech.hears(10)
        assert {(packet[1] & 0x7F, len(packet) - 12) for packet in heard} == {(codec.id, octets)}


def event(number: int, rate: int, step: int) -> bytes:
    """A packet of a digit 5 of 100 ms; the fifth ends it."""
    ended = 0x80 if step >= 4 else 0
    return bytes((5, ended | 10)) + (rate // 50 * min(step + 1, 5)).to_bytes(2, "big")


async def test_digits_cross_at_each_sides_clock_and_number(tmp_path: Path) -> None:
    async with bench(tmp_path) as rig:
        _, one, other, _, _ = await called(rig, (OPUS, WIDE_EVENTS), (PCMA, EVENTS))
        sides = (one, OPUS, WIDE_EVENTS, 960), (other, PCMA, EVENTS, 160)
        await both_hear(Speaker(one, OPUS, LOW), Speaker(other, PCMA, HIGH))
        for (here, codec, digits, step), (there, _, far, _) in (sides, sides[::-1]):
            for number in range(7):
                payload = event(digits.id, digits.clockrate or 0, number)
                here.speak(rtp(100 + number, number=digits.id, payload=payload, timestamp=100 * step))
                await asyncio.sleep(0.02)
            heard = [packet for packet in await there.speech.hears(5) if packet[1] & 0x7F == far.id]
            assert {packet[12] for packet in heard} == {5}
            assert int.from_bytes(heard[-1][14:16], "big") == (far.clockrate or 0) // 10
            assert codec.id not in {packet[1] & 0x7F for packet in there.speech.heard}


async def test_hold_and_a_change_by_either_side_keep_sound_and_numbers(tmp_path: Path) -> None:
    async with bench(tmp_path) as rig:
        anchor, one, other, _, answer = await called(rig, (OPUS, WIDE_EVENTS), (PCMA, EVENTS))
        near, far = Speaker(one, OPUS, LOW), Speaker(other, PCMA, HIGH)
        await both_hear(near, far)
        for senders in (Senders.RESPONDER, Senders.BOTH):  # the phone holds, and comes back
            await anchor.take_offer(CALLEE, other.description(PCMA, EVENTS, senders=senders))
            told = await anchor.make_offer(CALLER)
            assert of(told) == of(answer)
            one.told(told)
            await anchor.take_answer(CALLER, one.description(OPUS, WIDE_EVENTS, senders=senders))
            other.told(await anchor.make_answer(CALLEE))
        await both_hear(near, far)
        moved = await rig.phone()  # the client moves
        await anchor.take_offer(CALLER, moved.description(OPUS, WIDE_EVENTS))
        await anchor.make_offer(CALLEE)
        moved.told(await anchor.make_answer(CALLER))
        near.phone = moved
        await both_hear(near, far)


async def test_a_change_that_is_refused_leaves_the_sound_as_it_was(tmp_path: Path) -> None:
    async with bench(tmp_path) as rig:
        anchor, one, other, _, _ = await called(rig, (OPUS,), (PCMA,))
        await anchor.take_offer(CALLEE, other.description(PCMU))
        await anchor.make_offer(CALLER)
        await anchor.withdraw(CALLER)
        await anchor.withdraw(CALLEE)
        await both_hear(Speaker(one, OPUS, LOW), Speaker(other, PCMA, HIGH))


async def test_a_browser_with_video_has_its_opus_made_and_the_phone_its_g711(tmp_path: Path) -> None:
    async with bench(tmp_path) as rig, WebPeer(Role.INITIATOR, "audio", "video") as peer:
        phone = await rig.phone()
        anchor, told = await rig.anchor(replace(WEB, transcodes=BOTH), TRUNK)
        offer = await peer.offer()
        audio, video = offer.media
        alone = tuple(codec for codec in audio.rtp.codecs if codec.name == "opus")
        offer = replace(offer, media=(replace(audio, rtp=replace(audio.rtp, codecs=alone)), video))
        await anchor.take_offer(CALLER, offer)
        told_phone = await anchor.make_offer(CALLEE)
        phone.told(told_phone)
        await anchor.take_answer(CALLEE, phone.description(PCMA, name=told_phone.media[0].name))
        answer = await anchor.make_answer(CALLER)
        assert [codec.name for codec in answer.media[0].rtp.codecs] == ["opus"]
        await peer.answered(answer)
        await told.connected(CALLEE)
        await peer.up()
        await Speaker(phone, PCMA, HIGH).say(30)
        heard = await peer.hears(20)
        assert {packet[1] & 0x7F for packet in heard} == {alone[0].id}
