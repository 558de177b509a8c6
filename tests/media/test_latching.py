"""From whom a phone's packets are believed: the table of strangers ("RTP bleed"), and phones that are elsewhere."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import AnchorError
from gateway.media.anchor import PHONE, Latch
from gateway.media.embedded.anchor import EmbeddedAnchor
from gateway.signals import Side
from mappings.description import Description, RawCandidate, RawUdp
from mappings.reasons import EndReason
from tests.media.rig import EVENTS, HOST, PCMU, Ear, Phone, Rig, dropped, drops, rigged, rtp, sender_report
from tests.peers import loopback

CALLER, CALLEE = Side
STRANGER, NAT = loopback.address(), loopback.address()


async def joined(
    rig: Rig, latch: Latch, *, shown: str = "", source: str | None = None
) -> tuple[EmbeddedAnchor, Phone, Phone]:
    """Two phones, the caller's packets believed by ``latch``; it shows another address where ``shown`` is one."""
    one, other = await rig.phone(), await rig.phone()
    anchor, _ = await rig.anchor(replace(PHONE, latch=latch), PHONE)
    await anchor.take_offer(CALLER, one.description(shown=shown), source=source)
    other.told(await anchor.make_offer(CALLEE))
    await anchor.take_answer(CALLEE, other.description())
    one.told(await anchor.make_answer(CALLER))
    return anchor, one, other


async def rounds(anchor: EmbeddedAnchor, sender: Ear, phone: Phone, count: int) -> None:
    """Have a stranger's packets arrive and be dropped, all of them."""
    before = dropped(anchor, CALLER)
    assert phone.far is not None
    for number in range(count):
        sender.send(rtp(1000 + number, payload=b"stranger"), phone.far)
    await drops(anchor, CALLER, before + count)


@pytest.mark.conformance("MED-04")
@pytest.mark.parametrize("latch", [Latch.SIGNALLED, Latch.SOURCE])
@pytest.mark.parametrize("first", [True, False])
async def test_a_stranger_neither_hears_nor_is_heard(latch: Latch, first: bool) -> None:
    async with rigged() as rig:
        anchor, one, other = await joined(rig, latch, source=HOST)
        stranger = await rig.ear(STRANGER)
        if not first:
            one.speak(rtp(1))
            await other.speech.hears(1)
        await rounds(anchor, stranger, one, 50)
        one.speak(*(rtp(number) for number in range(2, 12)))
        other.speak(*(rtp(number) for number in range(20)))
        await one.speech.hears(20)
        assert stranger.heard == []
        await other.speech.hears(10)
        assert b"stranger" not in b"".join(other.speech.heard)


@pytest.mark.conformance("MED-03")
async def test_another_port_of_the_same_host_is_believed_once() -> None:
    async with rigged() as rig:
        anchor, one, other = await joined(rig, Latch.SIGNALLED)
        elsewhere, third = await rig.ear(), await rig.ear()
        assert one.far is not None
        elsewhere.send(rtp(1), one.far)
        await other.speech.hears(1)
        await rounds(anchor, third, one, 5)
        await rounds(anchor, one.speech, one, 5)
        other.speak(rtp(1, ssrc=9))
        assert await elsewhere.hears(1) == [rtp(1, ssrc=9)]
        assert one.speech.heard == third.heard == []


@pytest.mark.conformance("MED-03")
async def test_a_phone_behind_nat_is_found_where_its_signalling_comes_from() -> None:
    async with rigged() as rig:
        anchor, one, other = await joined(rig, Latch.SOURCE, shown=loopback.address(), source=NAT)
        outside, stranger = await rig.ear(NAT), await rig.ear(STRANGER)
        await rounds(anchor, stranger, one, 5)
        assert one.far is not None
        outside.send(rtp(1), one.far)
        await other.speech.hears(1)
        other.speak(rtp(1, ssrc=9))
        await outside.hears(1)
        # Its reports come from there too, and ours go next to it.
        assert one.far_control is not None
        control = await rig.ear(NAT)
        control.send(sender_report(7), one.far_control)
        await other.control.hears(1)
        other.report(sender_report(9))
        assert await control.hears(1) == [sender_report(9)]


async def test_behind_nat_nobody_is_believed_unless_that_is_wanted() -> None:
    async with rigged() as rig:
        anchor, one, other = await joined(rig, Latch.SIGNALLED, shown=loopback.address(), source=NAT)
        await rounds(anchor, await rig.ear(NAT), one, 5)
        assert other.speech.heard == []


async def test_anybody_is_believed_where_the_operator_wants_it_and_only_the_first() -> None:
    async with rigged() as rig:
        anchor, one, other = await joined(rig, Latch.ANY)
        anybody, late = await rig.ear(STRANGER), await rig.ear(NAT)
        assert one.far is not None
        anybody.send(rtp(1), one.far)
        await other.speech.hears(1)
        await rounds(anchor, late, one, 5)


@pytest.mark.conformance("MED-04")
async def test_nobody_is_believed_after_the_moment_has_passed() -> None:
    async with rigged(latch_seconds=0.0) as rig:
        anchor, one, _ = await joined(rig, Latch.ANY)
        await rounds(anchor, await rig.ear(), one, 5)


async def test_what_was_not_agreed_on_moves_nothing() -> None:
    async with rigged() as rig:
        anchor, one, other = await joined(rig, Latch.SIGNALLED)
        elsewhere = await rig.ear()
        assert one.far is not None
        for packet in (rtp(1, number=34), b"\x80" * 8, sender_report(3), b"\x00" * 40, b"\x80"):
            elsewhere.send(packet, one.far)
        await drops(anchor, CALLER, 5)
        one.speak(rtp(1))
        await other.speech.hears(1)
        other.speak(rtp(1, ssrc=9))
        await one.speech.hears(1)


async def test_reports_of_strangers_are_dropped() -> None:
    async with rigged() as rig:
        anchor, one, other = await joined(rig, Latch.SIGNALLED)
        stranger = await rig.ear(STRANGER)
        assert one.far_control is not None
        stranger.send(sender_report(1), one.far_control)
        await drops(anchor, CALLER, 1)
        assert other.control.heard == []


async def test_a_new_address_needs_a_new_description() -> None:
    async with rigged() as rig:
        anchor, one, other = await joined(rig, Latch.SIGNALLED)
        one.speak(rtp(1))
        await other.speech.hears(1)
        moved = await rig.phone()
        moved.far = one.far
        await rounds(anchor, moved.speech, one, 3)
        await anchor.take_offer(CALLER, moved.description())
        assert await anchor.make_offer(CALLEE) == await anchor.make_offer(CALLEE)
        await anchor.make_answer(CALLER)
        moved.speak(rtp(2))
        await other.speech.hears(2)
        other.speak(rtp(1, ssrc=9))
        await moved.speech.hears(1)


async def test_who_spoke_before_from_the_same_host_does_not_take_the_sound_back() -> None:
    async with rigged() as rig:
        anchor, one, other = await joined(rig, Latch.SIGNALLED)
        one.speak(rtp(1))
        await other.speech.hears(1)
        successor = await rig.phone()
        successor.far = one.far
        await anchor.take_offer(CALLER, successor.description())
        await anchor.make_answer(CALLER)
        await rounds(anchor, one.speech, one, 3)
        successor.speak(rtp(2))
        await other.speech.hears(2)
        other.speak(rtp(1, ssrc=9))
        await successor.speech.hears(1)
        assert one.speech.heard == []


async def test_an_offer_that_says_the_same_moves_nothing_while_the_phone_is_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.media.embedded.plain.QUIET_SECONDS", 60.0)
    async with rigged() as rig:
        anchor, one, other = await joined(rig, Latch.SIGNALLED)
        one.speak(rtp(1))
        await other.speech.hears(1)
        await anchor.take_offer(CALLER, one.description(PCMU, EVENTS))
        await anchor.make_answer(CALLER)
        await rounds(anchor, await rig.ear(), one, 3)


async def test_reports_move_where_a_description_says_so_and_speech_stays() -> None:
    async with rigged() as rig:
        anchor, one, other = await joined(rig, Latch.SIGNALLED)
        one.speak(rtp(1))
        await other.speech.hears(1)
        before, one.control = one.control, await rig.ear()
        await anchor.take_offer(CALLER, one.description())
        await anchor.make_answer(CALLER)
        other.report(sender_report(9))
        assert await one.control.hears(1) == [sender_report(9)]
        assert before.heard == []
        before.close()
        await anchor.take_offer(CALLER, one.description(mux=True))
        answer = await anchor.make_answer(CALLER)
        assert answer.media[0].rtp.rtcp_mux is not None
        other.report(sender_report(8))
        assert await one.speech.hears(1) == [sender_report(8)]
        one.speak(sender_report(7))
        assert await other.control.hears(1) == [sender_report(7)]


def showing(phone: Phone, candidate: RawCandidate) -> Description:
    """What a phone says that names one address, and none for its reports."""
    (medium,) = phone.description().media
    return Description(media=(replace(medium, transport=RawUdp(candidates=(candidate,))),))


async def test_beyond_the_last_port_nobody_is_told_of_reports_and_speech_goes_on() -> None:
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
    async with rigged() as rig:
        one, other = await rig.phone(), await rig.phone()
        anchor, _ = await rig.anchor(replace(PHONE, latch=Latch.SIGNALLED), PHONE)
        await anchor.take_offer(CALLER, showing(one, RawCandidate(ip=HOST, port=65535)))
        other.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, other.description())
        one.told(await anchor.make_answer(CALLER))
        other.report(sender_report(9))
        one.speak(rtp(1))
        await other.speech.hears(1)
        other.speak(rtp(1, ssrc=9))
        await one.speech.hears(1)
    assert not failures


async def test_a_name_in_the_place_of_an_address_is_refused() -> None:
    async with rigged() as rig:
        one, other = await rig.phone(), await rig.phone()
        anchor, _ = await rig.anchor(PHONE, PHONE)
        await anchor.take_offer(CALLER, showing(one, RawCandidate(ip="phone.example", port=4000)))
        await anchor.make_offer(CALLEE)
        await anchor.take_answer(CALLEE, other.description())
        with pytest.raises(AnchorError, match="a name, where media need an address") as refused:
            await anchor.make_answer(CALLER)
        assert (refused.value.status, refused.value.reason) == (488, EndReason.UNSUPPORTED_TRANSPORTS)
