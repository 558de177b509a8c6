"""What every back-end holds, by real packets: a WebRTC peer on one side and a plain phone on the other."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import AnchorError
from gateway.media.anchor import PHONE, WEB, Anchor, Anchors, Call, LegMedia, Protection
from gateway.media.embedded import EmbeddedAnchors
from gateway.media.rtpengine import RtpengineAnchors, RtpengineSettings
from gateway.signals import Side
from mappings.description import Codec, Description, Ice, RawUdp
from mappings.reasons import EndReason
from mappings.terms import Role, Senders
from tests.media import rtpengine
from tests.media.keyed import KeyedPhone
from tests.media.lite import PASSWORD, UFRAG, LitePeer
from tests.media.rig import EVENTS, PCMU, SETTINGS, Ear, Phone, Told, rtp
from tests.media.rtpengine import Rtpengine
from tests.media.webrtc import WebPeer
from tests.peers.program import until

CALLER, CALLEE = Side
SDES = replace(PHONE, protection=Protection.SDES)
SUITE = "AES_CM_128_HMAC_SHA1_80"
OPUS = Codec(id=109, name="opus", clockrate=48000, channels=2)
needs_rtpengine = pytest.mark.skipif(bool(rtpengine.missing()), reason=rtpengine.missing())
BACKENDS = ["embedded", pytest.param("rtpengine", marks=needs_rtpengine)]
EACH = pytest.mark.parametrize("backend", BACKENDS)


class Bench:
    """A back-end, and who speaks through it."""

    def __init__(self, anchors: Anchors, stack: AsyncExitStack) -> None:
        self.anchors = anchors
        self._stack = stack

    async def anchor(self, caller: LegMedia, callee: LegMedia) -> tuple[Anchor, Told]:
        """A call's anchor."""
        told = Told()
        anchor = await self.anchors.open(Call(id="call", legs={CALLER: caller, CALLEE: callee}), told.append)
        self._stack.push_async_callback(anchor.close)
        return anchor, told

    async def phone(self) -> Phone:
        """A plain phone."""
        phone = Phone(await Ear.open(), await Ear.open())
        self._stack.callback(phone.close)
        return phone

    async def peer(self, role: Role) -> WebPeer:
        """A browser."""
        return await self._stack.enter_async_context(WebPeer(role))


@asynccontextmanager
async def bench(backend: str, folder: Path) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        anchors: Anchors
        if backend == "embedded":
            anchors = EmbeddedAnchors(SETTINGS)
        else:
            daemon = await stack.enter_async_context(Rtpengine(folder))
            anchors = RtpengineAnchors(RtpengineSettings(nodes=(daemon.node,)))
        stack.push_async_callback(anchors.close)
        yield Bench(anchors, stack)


async def both_hear(peer: WebPeer, phone: Phone, *, number: int = 0, near: int | None = None) -> None:
    """Each hears what the other says from now on, octet by octet."""
    there, back = len(phone.speech.heard), len(peer.heard)
    near = number if near is None else near
    numbers = range(there + back, there + back + 25)
    await peer.send(*(rtp(one, number=number) for one in numbers))
    assert (await phone.speech.hears(there + 25))[there:] == [rtp(one, number=near) for one in numbers]
    phone.speak(*(rtp(one, number=near, ssrc=5) for one in numbers))
    assert (await peer.hears(back + 25))[back:] == [rtp(one, number=number, ssrc=5) for one in numbers]


async def web_calls(rig: Bench) -> tuple[Anchor, Told, WebPeer, Phone]:
    """A browser calls a phone, and both are heard."""
    peer, phone = await rig.peer(Role.INITIATOR), await rig.phone()
    anchor, told = await rig.anchor(WEB, PHONE)
    await anchor.take_offer(CALLER, await peer.offer())
    phone.told(await anchor.make_offer(CALLEE))
    await anchor.take_answer(CALLEE, phone.description(PCMU, name="0"))
    await peer.answered(await anchor.make_answer(CALLER))
    await told.connected(CALLER)
    await told.connected(CALLEE)
    await peer.up()
    return anchor, told, peer, phone


async def phones(rig: Bench) -> tuple[Anchor, Told, Phone, Phone]:
    """Two phones in a call."""
    one, other = await rig.phone(), await rig.phone()
    anchor, told = await rig.anchor(PHONE, PHONE)
    await anchor.take_offer(CALLER, one.description())
    other.told(await anchor.make_offer(CALLEE))
    await anchor.take_answer(CALLEE, other.description())
    one.told(await anchor.make_answer(CALLER))
    return anchor, told, one, other


@pytest.mark.conformance("MED-01", "MED-02")
@EACH
async def test_a_browser_calls_a_phone(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        anchor, _, peer, phone = await web_calls(rig)
        await both_hear(peer, phone)
        counted = await anchor.statistics()
        assert counted[CALLER][0].kind == "audio"
        assert counted[CALLER][0].packets == 25
        assert counted[CALLEE][0].packets == 25


@EACH
async def test_a_phone_calls_a_browser(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        peer, phone = await rig.peer(Role.RESPONDER), await rig.phone()
        anchor, told = await rig.anchor(PHONE, WEB)
        await anchor.take_offer(CALLER, phone.description(PCMU, EVENTS))
        await anchor.take_answer(CALLEE, await peer.answer(await anchor.make_offer(CALLEE)))
        phone.told(await anchor.make_answer(CALLER))
        await told.connected(CALLEE)
        await peer.up()
        await both_hear(peer, phone)


@EACH
async def test_a_client_that_has_only_proposed_describes_itself_when_the_phone_has_answered(
    backend: str, tmp_path: Path
) -> None:
    async with bench(backend, tmp_path) as rig:
        peer, phone = await rig.peer(Role.INITIATOR), await rig.phone()
        anchor, told = await rig.anchor(WEB, PHONE)
        first = await anchor.make_offer(CALLEE, ("audio",))
        phone.told(first)
        place = phone.far
        await anchor.take_answer(CALLEE, phone.description(PCMU))
        await anchor.take_offer(CALLER, await peer.offer())
        await peer.answered(await anchor.make_answer(CALLER))
        assert await anchor.make_offer(CALLEE) == first
        assert phone.far == place
        await told.connected(CALLER)
        await peer.up()
        await both_hear(peer, phone)


@EACH
async def test_a_client_that_has_only_proposed_describes_itself_before_the_phone_has_answered(
    backend: str, tmp_path: Path
) -> None:
    async with bench(backend, tmp_path) as rig:
        peer, phone = await rig.peer(Role.INITIATOR), await rig.phone()
        anchor, told = await rig.anchor(WEB, PHONE)
        phone.told(await anchor.make_offer(CALLEE, ("audio",)))
        await anchor.take_offer(CALLER, await peer.offer())
        await anchor.take_answer(CALLEE, phone.description(PCMU))
        await peer.answered(await anchor.make_answer(CALLER))
        await told.connected(CALLER)
        await peer.up()
        await both_hear(peer, phone)


@EACH
async def test_a_phone_that_calls_without_a_description_is_offered_the_browsers(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        peer, phone = await rig.peer(Role.RESPONDER), await rig.phone()
        anchor, told = await rig.anchor(PHONE, WEB)
        await anchor.take_answer(CALLEE, await peer.answer(await anchor.make_offer(CALLEE, ("audio",))))
        phone.told(await anchor.make_offer(CALLER))
        await anchor.take_answer(CALLER, phone.description(PCMU))
        await told.connected(CALLEE)
        await peer.up()
        await both_hear(peer, phone)


@EACH
async def test_a_browser_that_calls_without_a_description_is_offered_ice_and_dtls(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        peer, phone = await rig.peer(Role.INITIATOR), await rig.phone()
        anchor, told = await rig.anchor(WEB, PHONE)
        phone.told(await anchor.make_offer(CALLEE, ("audio",)))
        await anchor.take_answer(CALLEE, phone.description(PCMU))
        await anchor.take_answer(CALLER, await peer.answer(await anchor.make_offer(CALLER)))
        await told.connected(CALLER)
        await peer.up()
        await both_hear(peer, phone)


@EACH
async def test_a_phone_with_keys_calls_without_a_description(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        keyed, phone = KeyedPhone(await rig.phone(), SUITE), await rig.phone()
        anchor, told = await rig.anchor(SDES, PHONE)
        phone.told(await anchor.make_offer(CALLEE, ("audio",)))
        await anchor.take_answer(CALLEE, phone.description(PCMU))
        keyed.told(await anchor.make_offer(CALLER))
        await anchor.take_answer(CALLER, keyed.description(codecs=(PCMU,)))
        await told.connected(CALLER)
        await hear_by_keys(keyed, phone)


@EACH
@pytest.mark.parametrize("offers", [True, False], ids=["it-offers", "it-answers"])
async def test_a_phone_with_keys_and_one_without_hear_each_other(backend: str, offers: bool, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        keyed, phone = KeyedPhone(await rig.phone(), SUITE), await rig.phone()
        if offers:
            anchor, _ = await rig.anchor(SDES, PHONE)
            await anchor.take_offer(CALLER, keyed.description())
            phone.told(await anchor.make_offer(CALLEE))
            await anchor.take_answer(CALLEE, phone.description())
            keyed.told(await anchor.make_answer(CALLER))
        else:
            anchor, _ = await rig.anchor(PHONE, SDES)
            await anchor.take_offer(CALLER, phone.description())
            keyed.told(await anchor.make_offer(CALLEE))
            await anchor.take_answer(CALLEE, keyed.description())
            phone.told(await anchor.make_answer(CALLER))
        await hear_by_keys(keyed, phone)


async def hear_by_keys(keyed: KeyedPhone, phone: Phone) -> None:
    """Each hears what the other says, and nothing of the keyed phone's is in the clear."""
    said = [rtp(number) for number in range(10)]
    for packet in said:
        keyed.phone.speak(keyed.out.protect(packet))
    assert await phone.speech.hears(10) == said
    phone.speak(*said)
    heard = await keyed.phone.speech.hears(10)
    assert not set(heard) & set(said)
    assert [keyed.into.unprotect(packet) for packet in heard] == said


@pytest.mark.conformance("ICE-27")
@pytest.mark.parametrize("comes", ["offer", "early", "late"])
@EACH
async def test_a_peer_that_makes_no_checks_of_its_own_is_found(backend: str, comes: str, tmp_path: Path) -> None:
    """By its candidate in the offer, or one that it sends before it is answered or after."""
    async with bench(backend, tmp_path) as rig:
        peer, phone = LitePeer(await Ear.open()), await rig.phone()
        anchor, _ = await rig.anchor(replace(WEB, protection=Protection.NONE, feedback=False), PHONE)
        more = {"audio": Ice(ufrag=UFRAG, pwd=PASSWORD, candidates=(peer.candidate,))}
        await anchor.take_offer(CALLER, peer.description(PCMU, alone=comes != "offer"))
        phone.told(await anchor.make_offer(CALLEE))
        if comes == "early":
            await anchor.candidates(CALLER, more)
        await anchor.take_answer(CALLEE, phone.description(PCMU))
        peer.told(await anchor.make_answer(CALLER))
        if comes == "late":
            await anchor.candidates(CALLER, more)
        await until(lambda: peer.chosen is not None, "the anchor's choice of a way")
        said = [rtp(number) for number in range(10)]
        peer.speak(*said)
        assert await phone.speech.hears(10) == said
        phone.speak(*said)
        await until(lambda: peer.heard == said, f"ten packets, {len(peer.heard)} came")
        peer.close()


async def offered(anchor: Anchor, offer: Description, phone: Phone) -> None:
    """Take it through."""
    await anchor.take_offer(CALLER, offer)
    await anchor.make_offer(CALLEE)
    await anchor.take_answer(CALLEE, phone.description(PCMU))
    await anchor.make_answer(CALLER)


@EACH
@pytest.mark.parametrize("ice", [True, False], ids=["ICE", "plain"])
async def test_who_says_to_be_where_we_are_is_refused(backend: str, ice: bool, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        one = await rig.phone()
        leg = WEB if ice else replace(PHONE, foreign=True)
        first, _ = await rig.anchor(leg, PHONE)
        await first.take_offer(CALLER, one.description())
        ours = await first.make_offer(CALLEE)
        assert isinstance(ours.media[0].transport, RawUdp)
        if ice:
            other, _ = await rig.anchor(PHONE, WEB)
            await other.take_offer(CALLER, one.description())
            ours = await other.make_offer(CALLEE)
        second, _ = await rig.anchor(leg, PHONE)
        with pytest.raises(AnchorError, match="our own") as refused:
            await offered(second, ours, one)
        assert refused.value.reason is EndReason.UNSUPPORTED_TRANSPORTS


@EACH
async def test_early_media_are_answered_again(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        one, other = await rig.phone(), await rig.phone()
        anchor, _ = await rig.anchor(PHONE, PHONE)
        await anchor.take_offer(CALLER, one.description())
        other.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, other.description(senders=Senders.RESPONDER))
        one.told(await anchor.make_answer(CALLER))
        other.speak(rtp(1))
        await one.speech.hears(1)
        await anchor.take_answer(CALLEE, other.description())
        one.speak(rtp(1))
        await other.speech.hears(1)


@EACH
async def test_a_browser_hears_what_plays_and_then_who_answers_elsewhere(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        peer, menu, phone = await rig.peer(Role.INITIATOR), await rig.phone(), await rig.phone()
        anchor, told = await rig.anchor(WEB, PHONE)
        offer = await anchor.make_offer(CALLEE, ("audio",))
        menu.told(offer)
        phone.told(offer)
        await anchor.take_answer(CALLEE, menu.description(PCMU), early=True)
        await anchor.take_offer(CALLER, await peer.offer())
        answer = await anchor.make_answer(CALLER)
        await peer.answered(answer)
        await told.connected(CALLER)
        await peer.up()
        await both_hear(peer, menu)
        await anchor.take_answer(CALLEE, phone.description(PCMU))
        assert await anchor.make_offer(CALLER) == answer, "nothing changes for it"
        await both_hear(peer, phone)


@EACH
async def test_one_side_holds_and_comes_back(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        anchor, _, peer, phone = await web_calls(rig)
        place = phone.far
        await anchor.take_offer(CALLEE, phone.description(PCMU, name="0", senders=Senders.RESPONDER))
        held = await anchor.make_offer(CALLER)
        assert held.media[0].senders is Senders.RESPONDER
        await anchor.take_answer(CALLER, await peer.answer(held))
        phone.told(await anchor.make_answer(CALLEE))
        await anchor.take_offer(CALLEE, phone.description(PCMU, name="0"))
        back = await anchor.make_offer(CALLER)
        assert back.media[0].senders is Senders.BOTH
        await anchor.take_answer(CALLER, await peer.answer(back))
        phone.told(await anchor.make_answer(CALLEE))
        assert phone.far == place
        await both_hear(peer, phone)


@EACH
async def test_a_phone_that_moves_is_followed(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        anchor, _, peer, phone = await web_calls(rig)
        await both_hear(peer, phone)
        told = await anchor.make_offer(CALLER)
        moved = await rig.phone()
        await anchor.take_offer(CALLEE, moved.description(PCMU, name="0"))
        assert await anchor.make_offer(CALLER) == told
        moved.told(await anchor.make_answer(CALLEE))
        await both_hear(peer, moved)


@EACH
async def test_a_change_that_is_refused_leaves_all_as_it_was(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        anchor, _, one, other = await phones(rig)
        told = await anchor.make_offer(CALLEE)
        moved = await rig.phone()
        await anchor.take_offer(CALLER, moved.description(PCMU, senders=Senders.INITIATOR))
        assert (await anchor.make_offer(CALLEE)).media[0].senders is Senders.INITIATOR
        await anchor.withdraw(CALLEE)
        await anchor.withdraw(CALLER)
        assert await anchor.make_offer(CALLEE) == told
        one.speak(rtp(1))
        await other.speech.hears(1)
        other.speak(rtp(2))
        await one.speech.hears(1)


@EACH
async def test_what_cannot_be_carried_is_refused(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        one = await rig.phone()
        anchor, _ = await rig.anchor(PHONE, PHONE)
        with pytest.raises(AnchorError, match="no codec that both sides have") as refused:
            await anchor.take_offer(CALLER, one.description(Codec(id=18, name="G729", clockrate=8000)))
        assert refused.value.reason is EndReason.INCOMPATIBLE_PARAMETERS


async def talks(phone: Phone) -> None:
    """Speak until cancelled."""
    for sequence in itertools.count():
        phone.speak(rtp(sequence))
        await asyncio.sleep(0.02)


def digits(phone: Phone) -> list[tuple[int, bool]]:
    """The events that a phone has heard, each once, and whether each is over."""
    found: dict[bytes, tuple[int, bool]] = {}
    for packet in phone.speech.heard:
        if packet[1] & 0x7F == EVENTS.id:
            found[packet[4:8]] = (packet[12], bool(packet[13] & 0x80))
    return list(found.values())


@EACH
async def test_digits_that_come_beside_the_sound_are_pressed_in_it(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        anchor, told, one, other = await phones(rig)
        await told.connected(CALLEE)
        both = [asyncio.create_task(talks(phone)) for phone in (one, other)]
        try:
            await other.speech.hears(1)
            for digit in ("4", "#"):
                assert await anchor.digit(CALLEE, digit, 160)
            await until(lambda: digits(other) == [(4, True), (11, True)], f"4 and #, {digits(other)} came")
            assert digits(one) == []
            assert await anchor.digit(CALLER, "D", 100)
            await until(lambda: digits(one) == [(15, True)], f"D, {digits(one)} came")
        finally:
            for task in both:
                task.cancel()


@EACH
async def test_a_side_that_has_no_events_is_told_no_digits_in_the_sound(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        one, other = await rig.phone(), await rig.phone()
        anchor, _ = await rig.anchor(PHONE, PHONE)
        await anchor.take_offer(CALLER, one.description())
        await anchor.make_offer(CALLEE)
        await anchor.take_answer(CALLEE, other.description(PCMU))
        await anchor.make_answer(CALLER)
        assert not await anchor.digit(CALLEE, "1", 100)


@EACH
async def test_closing_twice_is_closing_once(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        anchor, _, one, other = await phones(rig)
        one.speak(rtp(1))
        await other.speech.hears(1)
        counted = await anchor.statistics()
        assert counted[CALLER][0].packets == 1
        await anchor.close()
        await anchor.close()
        assert (await anchor.statistics())[CALLER][0].packets == 1
        assert (await rig.anchors.health()).anchors == 0
        with pytest.raises(AnchorError):
            await anchor.take_offer(CALLER, one.description())


@EACH
async def test_a_back_end_that_leaves_takes_no_calls(backend: str, tmp_path: Path) -> None:
    async with bench(backend, tmp_path) as rig:
        assert (await rig.anchors.health()).ready
        await rig.anchors.close()
        with pytest.raises(AnchorError):
            await rig.anchors.open(Call(id="call"), Told().append)
