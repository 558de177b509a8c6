"""An anchored call's life: changes, several media, what is too long, silence, and what is left afterwards: nothing."""

import asyncio
import gc
import os
import weakref
from collections import Counter
from dataclasses import replace
from time import monotonic

import pytest

from gateway.errors import AnchorError
from gateway.media.anchor import PHONE, WEB, Call, Failed, OneWay, PictureWanted
from gateway.media.embedded import lines, rtcp
from gateway.media.embedded.anchor import EmbeddedAnchor
from gateway.media.embedded.srtp import LONGEST
from gateway.signals import Side
from mappings.description import Codec, Description, Feedback, Ice, RawUdp
from mappings.reasons import EndReason
from mappings.terms import Role, Senders
from tests.media.rig import (
    EVENTS,
    PCMU,
    BackToBack,
    Phone,
    Rig,
    Told,
    drops,
    picture_loss,
    receiver_report,
    rigged,
    rtp,
    sender_report,
)
from tests.media.webrtc import WebPeer
from tests.peers import loopback
from tests.peers.program import until

CALLER, CALLEE = Side
VP8 = Codec(id=96, name="VP8", clockrate=90000)


async def phones(rig: Rig, *, senders: Senders = Senders.BOTH) -> tuple[EmbeddedAnchor, Told, Phone, Phone]:
    """Two plain phones in a call."""
    one, other = await rig.phone(), await rig.phone()
    anchor, told = await rig.anchor(PHONE, PHONE)
    await anchor.take_offer(CALLER, one.description(senders=senders))
    other.told(await anchor.make_offer(CALLEE))
    await anchor.take_answer(CALLEE, other.description(senders=senders))
    one.told(await anchor.make_answer(CALLER))
    return anchor, told, one, other


# -------------------------------------------------------------------------------------------------------------- changes


async def test_hold_is_passed_and_the_ports_stay() -> None:
    async with rigged() as rig:
        anchor, _, one, other = await phones(rig)
        before = one.far, other.far
        await anchor.take_offer(CALLER, one.description(senders=Senders.INITIATOR))
        held = await anchor.make_offer(CALLEE)
        assert held.media[0].senders is Senders.INITIATOR
        other.told(held)
        await anchor.take_answer(CALLEE, other.description(senders=Senders.INITIATOR))
        answer = await anchor.make_answer(CALLER)
        assert answer.media[0].senders is Senders.INITIATOR
        one.told(answer)
        assert (one.far, other.far) == before
        one.speak(rtp(1))  # music while one waits
        await other.speech.hears(1)
        await anchor.take_offer(CALLER, one.description())
        assert (await anchor.make_offer(CALLEE)).media[0].senders is Senders.BOTH


async def test_a_change_that_is_refused_leaves_all_as_it_was() -> None:
    async with rigged() as rig:
        anchor, _, one, other = await phones(rig)
        free = rig.anchors.ports.free
        told = await anchor.make_offer(CALLEE)
        video = await rig.phone()
        offer = one.description()
        both = (*offer.media, replace(video.description(VP8, name="video").media[0]))
        both = (both[0], replace(both[1], rtp=replace(both[1].rtp, media="video")))
        await anchor.take_offer(CALLER, Description(media=both))
        assert len((await anchor.make_offer(CALLEE)).media) == 2
        assert rig.anchors.ports.free == free - 2
        await anchor.withdraw(CALLER)
        assert await anchor.make_offer(CALLEE) == told
        await until(lambda: rig.anchors.ports.free == free, "the new medium's ports")
        one.speak(rtp(1))
        await other.speech.hears(1)
        await anchor.withdraw(CALLER)  # nothing is open


async def test_a_medium_whose_removal_is_refused_goes_on() -> None:
    async with rigged() as rig:
        one, other, seen, shown = [await rig.phone() for _ in range(4)]
        anchor, _ = await rig.anchor(PHONE, PHONE)

        def both(sound: Phone, pictures: Phone) -> Description:
            video = pictures.description(VP8, name="video").media[0]
            return Description(
                media=(*sound.description().media, replace(video, rtp=replace(video.rtp, media="video")))
            )

        await anchor.take_offer(CALLER, both(one, seen))
        offer = await anchor.make_offer(CALLEE)
        await anchor.take_answer(CALLEE, both(other, shown))
        answer = await anchor.make_answer(CALLER)
        seen.told(answer, 1)
        shown.told(offer, 1)
        free = rig.anchors.ports.free
        await anchor.take_offer(CALLER, one.description())
        assert len((await anchor.make_offer(CALLEE)).media) == 1
        with pytest.raises(AnchorError):
            await anchor.take_answer(CALLEE, Description(media=()))
        await anchor.withdraw(CALLEE)
        await anchor.withdraw(CALLER)
        assert rig.anchors.ports.free == free
        seen.speak(rtp(1, number=96))
        await shown.speech.hears(1)
        await anchor.take_offer(CALLER, one.description())
        await anchor.make_offer(CALLEE)
        await anchor.take_answer(CALLEE, other.description())
        await anchor.make_answer(CALLER)
        await until(lambda: rig.anchors.ports.free == free + 4, "the ports of what is over")


async def test_what_raises_changes_nothing() -> None:
    async with rigged() as rig:
        anchor, _, one, other = await phones(rig)
        told = await anchor.make_offer(CALLEE)
        with pytest.raises(AnchorError):
            await anchor.take_offer(CALLER, Description(media=()))
        with pytest.raises(AnchorError):
            await anchor.take_answer(CALLEE, Description(media=()))
        ice = replace(other.description().media[0], transport=Ice(ufrag="abcd", pwd="x" * 22))
        with pytest.raises(AnchorError, match="another transport"):
            await anchor.take_answer(CALLEE, Description(media=(ice,)))
        name = replace(one.description().media[0], transport=RawUdp(candidates=()))
        await anchor.take_answer(CALLEE, Description(media=(name,)))  # an address that is owed: the old one stays
        assert await anchor.make_offer(CALLEE) == told
        one.speak(rtp(1))
        await other.speech.hears(1)


async def test_a_host_name_is_refused() -> None:
    async with rigged() as rig:
        anchor, _, one, _ = await phones(rig)
        await anchor.take_offer(CALLER, one.description(shown="phone.example.org"))
        with pytest.raises(AnchorError, match=r"phone\.example\.org: a name"):
            await anchor.make_answer(CALLER)


async def test_early_media_are_heard_and_the_answer_may_come_from_elsewhere() -> None:
    async with rigged() as rig:
        one, early, final = await rig.phone(), await rig.phone(), await rig.phone()
        anchor, _ = await rig.anchor(PHONE, PHONE)
        await anchor.take_offer(CALLER, one.description())
        offer = await anchor.make_offer(CALLEE)
        early.told(offer)
        final.told(offer)
        await anchor.take_answer(CALLEE, early.description())
        one.told(await anchor.make_answer(CALLER))
        early.speak(rtp(1))
        await one.speech.hears(1)
        await anchor.take_answer(CALLEE, final.description())
        final.speak(rtp(2, ssrc=2))
        await one.speech.hears(2)
        one.speak(rtp(1))
        await final.speech.hears(1)
        assert early.speech.heard == []


# -------------------------------------------------------------------------------------------------------- several media


@pytest.mark.parametrize("bundled", [True, False])
async def test_sound_and_pictures_share_a_way_where_that_was_agreed_on(bundled: bool) -> None:
    async with rigged() as rig, WebPeer(Role.INITIATOR, "audio", "video") as peer:
        sound, pictures = await rig.phone(), await rig.phone()
        anchor, told = await rig.anchor(WEB, PHONE)
        offer = await peer.offer()
        if not bundled:
            offer = replace(offer, groups=())
        await anchor.take_offer(CALLER, offer)
        told_phone = await anchor.make_offer(CALLEE)
        sound.told(told_phone)
        pictures.told(told_phone, 1)
        number = told_phone.media[1].rtp.codecs[0].id
        spoken = sound.description(PCMU, name=told_phone.media[0].name)
        seen = pictures.description(replace(VP8, id=number), name=told_phone.media[1].name).media[0]
        seen = replace(seen, rtp=replace(seen.rtp, media="video"))
        await anchor.take_answer(CALLEE, Description(media=(*spoken.media, seen)))
        answer = await anchor.make_answer(CALLER)
        ways = {media.transport.ufrag for media in answer.media if isinstance(media.transport, Ice)}
        assert len(ways) == (1 if bundled else 2)
        if not bundled:
            return  # aiortc itself cannot do without
        await peer.answered(answer)
        await told.connected(CALLER)
        await peer.up()
        await peer.send(rtp(1, number=0, ssrc=11), rtp(1, number=number, ssrc=12))
        assert await sound.speech.hears(1) == [rtp(1, number=0, ssrc=11)]
        assert await pictures.speech.hears(1) == [rtp(1, number=number, ssrc=12)]
        # Reports find their stream by whom they are of.
        await peer.send(sender_report(12), sender_report(11))
        assert await pictures.control.hears(1) == [sender_report(12)]
        assert await sound.control.hears(1) == [sender_report(11)]
        pictures.speak(rtp(5, number=number, ssrc=14))
        await peer.hears(1)
        await peer.send(receiver_report(1, 14))
        assert (await pictures.control.hears(2))[1] == receiver_report(1, 14)


async def test_video_that_is_refused_costs_no_port() -> None:
    async with rigged() as rig, WebPeer(Role.INITIATOR, "audio", "video") as peer:
        sound = await rig.phone()
        anchor, _ = await rig.anchor(WEB, PHONE)
        await anchor.take_offer(CALLER, await peer.offer())
        told = await anchor.make_offer(CALLEE)
        sound.told(told)
        await anchor.take_answer(CALLEE, sound.description(PCMU, name=told.media[0].name))
        answer = await anchor.make_answer(CALLER)
        assert [media.senders for media in answer.media] == [Senders.BOTH, Senders.NONE]
        await peer.answered(answer)
        await peer.up()
        await peer.send(rtp(1))
        await sound.speech.hears(1)
        await until(lambda: rig.anchors.ports.free == 2000 - 3, f"all but three ports, {rig.anchors.ports.free}")


@pytest.mark.parametrize("known", [True, False])
async def test_feedback_reaches_only_who_agreed_to_it(known: bool) -> None:
    feedback = (Feedback(type="nack", subtype="pli"),) if known else ()
    async with rigged() as rig:
        one, other = await rig.phone(), await rig.phone()
        anchor, _ = await rig.anchor(replace(PHONE, feedback=True), replace(PHONE, feedback=True))
        pli = (Feedback(type="nack", subtype="pli"),)
        await anchor.take_offer(CALLER, one.description(replace(PCMU, feedback=pli)))
        other.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, other.description(replace(PCMU, feedback=feedback)))
        answer = await anchor.make_answer(CALLER)
        assert answer.media[0].rtp.codecs[0].feedback == feedback
        one.told(answer)
        one.report(picture_loss(1, 2))
        one.report(receiver_report(1, 2) + picture_loss(1, 2))
        one.report(receiver_report(1, 2))
        heard = await other.control.hears(3 if known else 2)
        whole = receiver_report(1, 2)
        assert heard == ([picture_loss(1, 2), whole + picture_loss(1, 2), whole] if known else [whole, whole])


async def test_two_sides_that_ask_for_pictures_in_different_ways_understand_each_other() -> None:
    pli, fir = Feedback(type="nack", subtype="pli"), Feedback(type="ccm", subtype="fir")
    async with rigged() as rig:
        one, other = await rig.phone(), await rig.phone()
        anchor, _ = await rig.anchor(replace(PHONE, feedback=True), replace(PHONE, feedback=True))
        await anchor.take_offer(CALLER, one.description(replace(PCMU, feedback=(pli,))))
        offer = await anchor.make_offer(CALLEE)
        assert offer.media[0].rtp.codecs[0].feedback == (pli, fir)
        other.told(offer)
        await anchor.take_answer(CALLEE, other.description(replace(PCMU, feedback=(fir,))))
        answer = await anchor.make_answer(CALLER)
        assert answer.media[0].rtp.codecs[0].feedback == (pli,)
        one.told(answer)
        one.report(picture_loss(1, 2))
        (heard,) = await other.control.hears(1)
        assert heard[:2] == b"\x84\xce"  # FIR
        other.report(heard)
        assert await one.control.hears(1) == [picture_loss(1, 2)]


async def test_a_phone_without_feedback_is_asked_for_pictures_by_other_means_and_asks_so_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "PICTURE_SECONDS", 600.0)  # so that one second is not over on a busy machine
    async with rigged() as rig, WebPeer(Role.INITIATOR, "video") as peer:
        phone = await rig.phone()
        anchor, told = await rig.anchor(WEB, PHONE)
        await anchor.take_offer(CALLER, await peer.offer())
        offer = await anchor.make_offer(CALLEE)
        phone.told(offer)
        (asked,) = offer.media
        assert not any(codec.feedback for codec in asked.rtp.codecs)
        seen = phone.description(asked.rtp.codecs[0], name=asked.name).media[0]
        await anchor.take_answer(CALLEE, Description(media=(replace(seen, rtp=replace(seen.rtp, media="video")),)))
        answer = await anchor.make_answer(CALLER)
        known = answer.media[0].rtp.codecs[0]
        assert Feedback(type="nack", subtype="pli") in known.feedback
        assert Feedback(type="nack") not in known.feedback
        await peer.answered(answer)
        await told.connected(CALLER)
        await peer.up()
        await anchor.picture(CALLER)  # nobody knows yet of what
        await peer.send(rtp(1, number=known.id, ssrc=12))
        await phone.speech.hears(1)
        for _ in range(3):
            await anchor.picture(CALLER)
        await until(lambda: peer.reports, "what asks for a picture")
        (heard,) = peer.reports
        assert [part.kind for part in rtcp.packets(heard)] == [rtcp.RECEIVER_REPORT, rtcp.PAYLOAD_FEEDBACK]
        assert heard[8:10] == picture_loss(0, 0)[:2]
        assert heard[16:] == (12).to_bytes(4, "big")
        await peer.send(*[picture_loss(12, 5)] * 3)
        wanted = await told.expect(PictureWanted)
        assert wanted.side is CALLEE
        await peer.send(sender_report(12))
        assert await phone.control.hears(1) == [sender_report(12)]
        assert sum(isinstance(event, PictureWanted) for event in told) == 1


# -------------------------------------------------------------------------------------------------------------- packets


async def test_what_is_too_long_is_dropped_and_what_is_not_agreed_on() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect()
        fits = rtp(1, payload=bytes(LONGEST - 12))
        pair.near.speak(
            rtp(2, payload=bytes(LONGEST - 11)),
            rtp(3, payload=bytes(1600)),
            rtp(4, payload=bytes(3000)),
            rtp(5, number=8),
            rtp(6)[:11],
            fits,
        )
        assert await pair.far.speech.hears(1) == [fits]
        await drops(pair.one, CALLER, 5)


@pytest.mark.parametrize("milliseconds", [10, 20, 30, 40, 60])
async def test_packets_of_any_time_and_comfort_noise_pass(milliseconds: int) -> None:
    noise = Codec(id=13, name="CN", clockrate=8000)
    timed = replace(PCMU, ptime=milliseconds)
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect(codecs=(timed, replace(noise, ptime=milliseconds), EVENTS))
        told = await pair.one.make_offer(CALLEE)
        assert [codec.ptime for codec in told.media[0].rtp.codecs[:2]] == [milliseconds, milliseconds]
        speech = rtp(1, payload=bytes(8 * milliseconds))
        pair.near.speak(speech, rtp(2, number=13, payload=b"\x30"), rtp(3))
        assert await pair.far.speech.hears(3) == [speech, rtp(2, number=13, payload=b"\x30"), rtp(3)]


async def test_a_flood_from_a_stranger_stops_nobody() -> None:
    async with rigged() as rig:
        anchor, _, one, other = await phones(rig)
        one.speak(rtp(0))
        await other.speech.hears(1)
        stranger = await rig.ear(loopback.address())
        assert one.far is not None
        for number in range(1, 51):
            for _ in range(50):
                stranger.send(rtp(number, payload=b"stranger"), one.far)
            one.speak(rtp(number))
            await other.speech.hears(number + 1)
        assert all(b"stranger" not in packet for packet in other.speech.heard)
        await drops(anchor, CALLER, 2500)


async def test_what_passed_is_counted() -> None:
    async with rigged() as rig:
        anchor, _, one, other = await phones(rig)
        one.speak(*(rtp(number, ssrc=7) for number in (1, 2, 3, 5, 6)))
        await other.speech.hears(5)
        one.report(sender_report(7, 0x0001_ABCD_1234_0000))
        await other.control.hears(1)
        other.report(receiver_report(9, 7, lost=2, last=0xABCD1234, delay=0))
        await one.control.hears(1)
        statistics = await anchor.statistics()
        (caller,), (callee,) = statistics[CALLER], statistics[CALLEE]
        assert (caller.kind, caller.codec, caller.packets, caller.octets) == ("audio", "PCMU", 5, 5 * 172)
        assert caller.lost == 2
        assert caller.mos is not None
        assert 1 <= caller.mos < 3
        assert callee.round_trip is not None
        assert 0 <= callee.round_trip < 5
        assert (callee.packets, callee.mos) == (0, None)
        await anchor.close()
        assert await anchor.statistics() == statistics


# -------------------------------------------------------------------------------------------------------------- silence


async def test_silence_of_both_ends_the_call_and_silence_of_one_is_told() -> None:
    async with rigged() as rig:
        anchor, told, one, other = await phones(rig)
        rig.look_away()
        one.speak(rtp(1))
        await other.speech.hears(1)
        now = monotonic()
        anchor.look(now)
        assert not told.has(OneWay)
        one.speak(rtp(2))
        await other.speech.hears(2)
        line = anchor._lines._lines[CALLER, 0]
        line.meter.seen = now + 7
        anchor.look(now + 7)
        assert [event for event in told if isinstance(event, OneWay)] == [OneWay(CALLEE)]
        anchor._lines._lines[CALLEE, 0].meter.seen = now + 8
        anchor.look(now + 8)
        assert [event for event in told if isinstance(event, OneWay)][1:] == [OneWay(CALLEE, silent=False)]
        anchor.look(now + 67)
        assert not told.has(Failed)
        anchor.look(now + 68)
        failed = await told.expect(Failed)
        assert (failed.reason, failed.text) == (EndReason.TIMEOUT, "no media from either side for 60 seconds")
        anchor.look(now + 200)
        assert sum(isinstance(event, Failed) for event in told) == 1


async def test_silence_on_hold_lasts_longer() -> None:
    async with rigged() as rig:
        anchor, told, _, _ = await phones(rig, senders=Senders.NONE)
        rig.look_away()
        now = monotonic()
        anchor.look(now)
        anchor.look(now + 1799)
        assert not told.has(Failed)
        assert not told.has(OneWay)
        anchor.look(now + 1801)
        assert told.has(Failed)


async def test_nobody_is_missed_before_the_answer() -> None:
    async with rigged() as rig:
        one, other = await rig.phone(), await rig.phone()
        anchor, told = await rig.anchor(PHONE, PHONE)
        await anchor.take_offer(CALLER, one.description())
        other.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, other.description(), early=True)
        one.told(await anchor.make_answer(CALLER))
        await told.connected(CALLEE)
        rig.look_away()
        now = monotonic()
        anchor.look(now)
        anchor.look(now + 1801)
        assert not told.has(Failed)
        assert not told.has(OneWay)
        await anchor.take_answer(CALLEE, other.description())
        anchor.look(now + 1802)
        assert not told.has(Failed), "it is answered now"
        anchor.look(now + 3700)
        assert told.has(Failed)


async def test_the_back_end_looks_by_itself() -> None:
    async with rigged(silence_seconds=0.1) as rig:
        _, told, _, _ = await phones(rig)
        await told.expect(Failed)


# -------------------------------------------------------------------------------------------------------------- the end


@pytest.mark.conformance("MED-11")
async def test_no_port_is_left() -> None:
    async with rigged(port_low=43_100, port_high=43_103) as rig:
        one, other = await rig.phone(), await rig.phone()
        anchor, _ = await rig.anchor(PHONE, PHONE)
        await anchor.take_offer(CALLER, one.description())
        other.told(await anchor.make_offer(CALLEE))
        second, _ = await rig.anchor(PHONE, WEB)
        assert (await rig.anchors.health()).ports_free == 2
        await anchor.take_answer(CALLEE, other.description())
        one.told(await anchor.make_answer(CALLER))
        for attempt in (second.make_offer(CALLEE, ["audio"]), second.make_offer(CALLER, ["audio"])):
            with pytest.raises(AnchorError) as caught:
                await attempt
            assert (caught.value.status, caught.value.text) == (503, "no port for media is left")
        health = await rig.anchors.health()
        assert (health.ready, health.anchors, health.text) == (False, 2, "no port for media is left")
        one.speak(rtp(1))
        await other.speech.hears(1)
        await anchor.close()
        await second.make_offer(CALLEE, ["audio"])
        await second.close()
        assert (await rig.anchors.health()).ports_free == 4


async def test_a_transport_that_changes_without_end_takes_a_few_ports_at_most() -> None:
    async with rigged() as rig:
        web = replace(WEB, foreign=False)
        other, _ = await rig.anchor(PHONE, web)
        phone = await rig.phone()
        await other.take_offer(CALLER, phone.description())
        ice = await other.make_offer(CALLEE)
        plain = phone.description(name=ice.media[0].name)
        anchor, _ = await rig.anchor(web, PHONE)
        await anchor.take_offer(CALLER, plain)
        await anchor.make_offer(CALLEE)
        await anchor.take_answer(CALLEE, (await rig.phone()).description())
        free = rig.anchors.ports.free
        refused: Counter[str] = Counter()
        for offer in 100 * (ice, plain):  # in one breath
            await anchor.take_offer(CALLER, offer)
            try:
                await anchor.make_answer(CALLER)
            except AnchorError as error:
                await anchor.withdraw(CALLER)
                refused[error.text] += 1
        assert refused["the transport changes too fast"] > 50
        assert free - rig.anchors.ports.free < 40
        await until(lambda: not anchor._closing, "what was before is closed")
        await anchor.take_offer(CALLER, plain)
        await anchor.make_answer(CALLER)


async def test_nothing_is_begun_after_the_end() -> None:
    async with rigged() as rig:
        anchor, told, one, _ = await phones(rig)
        await anchor.close()
        await anchor.close()
        with pytest.raises(AnchorError):
            await anchor.take_offer(CALLER, one.description())
        assert not await anchor.digit(CALLER, "1", 100)
        events = len(told)
        await anchor.candidates(CALLER, {})
        await anchor.withdraw(CALLER)
        assert len(told) == events
        await rig.anchors.close()
        with pytest.raises(AnchorError):
            await rig.anchors.open(Call(id="late"), told.append)
        assert (await rig.anchors.health()).text == "closed"


def descriptors() -> int:
    """Files and sockets that this process has open."""
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.conformance("MED-12")
async def test_a_call_leaves_nothing_behind() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect()
        await pair.one.close()
        await pair.two.close()
        tasks, files, free = asyncio.all_tasks(), descriptors(), rig.anchors.ports.free
        pair = BackToBack(rig)
        rig.opened.clear()
        await pair.connect()
        assert rig.anchors.ports.free == free - 6
        remembered = [weakref.ref(one) for one in (pair.one, pair.two, pair.one._links[CALLEE][0])]
        await pair.one.close()
        await pair.two.close()
        for phone in (pair.near, pair.far):
            phone.close()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == tasks
        assert rig.anchors.ports.free == free
        await until(lambda: descriptors() <= files, "the sockets' end")
        rig.opened.clear()
        del pair
        gc.collect()
        assert [one() for one in remembered] == [None, None, None]


@pytest.mark.conformance("MED-12")
async def test_a_thousand_calls_leave_nothing_behind() -> None:
    async with rigged() as rig:
        free, files = rig.anchors.ports.free, descriptors()
        one, other = await rig.phone(), await rig.phone()
        for _ in range(1000):
            anchor, _ = await rig.anchor(WEB, PHONE)
            other.told(await anchor.make_offer(CALLEE, ["audio"]))
            await anchor.take_answer(CALLEE, other.description(PCMU, EVENTS))
            await anchor.make_offer(CALLER)
            await anchor.close()
        rig.opened.clear()
        assert rig.anchors.ports.free == free
        assert len(asyncio.all_tasks()) == 1
        one.close()
        other.close()
        await until(lambda: descriptors() <= files, "the sockets' end")
        gc.collect()
        assert not [found for found in gc.get_objects() if isinstance(found, EmbeddedAnchor) and found is not anchor]
