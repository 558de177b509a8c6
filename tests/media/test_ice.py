"""ICE: trickled, restarted, misled, lost."""

from dataclasses import replace

import pytest
from aioice import stun

from gateway.errors import AnchorError
from gateway.media.anchor import PHONE, WEB, Connected, Failed, Gathered, Protection
from gateway.media.embedded import IceServer
from gateway.media.embedded.anchor import EmbeddedAnchor
from gateway.media.embedded.ice import IceLink
from gateway.signals import Side
from mappings.description import Candidate, Description, Fingerprint, GatheringComplete, Ice
from mappings.reasons import EndReason
from mappings.terms import CandidateType, Setup
from tests.media.rig import HOST, PCMU, BackToBack, dropped, drops, rigged, rtp
from tests.peers import loopback
from tests.peers.program import until

CALLER, CALLEE = Side
PLAIN_ICE = replace(WEB, protection=Protection.NONE)


def with_ice(description: Description, **changes: object) -> Description:
    """The description with something of each transport changed."""
    return replace(
        description,
        media=tuple(replace(media, transport=replace(media.transport, **changes)) for media in description.media),  # type: ignore[arg-type]
    )


def ice(description: Description) -> Ice:
    """The first medium's transport."""
    transport = description.media[0].transport
    assert isinstance(transport, Ice)
    return transport


def link(anchor: EmbeddedAnchor, side: Side) -> IceLink:
    """The first stream's link."""
    found = anchor._links[side][0]
    assert isinstance(found, IceLink)
    return found


async def talks(pair: BackToBack, number: int) -> None:
    """Both hear each other, now."""
    before = len(pair.far.speech.heard), len(pair.near.speech.heard)
    pair.near.speak(rtp(number, ssrc=1))
    pair.far.speak(rtp(number, ssrc=2))
    assert (await pair.far.speech.hears(before[0] + 1))[-1] == rtp(number, ssrc=1)
    assert (await pair.near.speech.hears(before[1] + 1))[-1] == rtp(number, ssrc=2)


# -------------------------------------------------------------------------------------------------------- finding a way


@pytest.mark.parametrize("complete", [None, GatheringComplete()])
async def test_candidates_may_come_after_the_answer(complete: GatheringComplete | None) -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        offer = await pair.offer()
        answer = await pair.answer(with_ice(offer, candidates=(), gathering_complete=None))
        await pair.finish(with_ice(answer, candidates=(), gathering_complete=None))
        for candidate in ice(offer).candidates:
            await pair.two.candidates(CALLER, {"audio": replace(ice(offer), candidates=(candidate,), fingerprints=())})
        await pair.two.candidates(CALLER, {"audio": replace(ice(offer), candidates=(), gathering_complete=complete)})
        await pair.one_told.connected(CALLEE)
        await pair.two_told.connected(CALLER)
        await talks(pair, 1)


async def test_a_peer_that_tells_no_usable_candidate_is_found_by_its_own_checks() -> None:
    useless = Candidate(
        foundation="1", component=1, protocol="tcp", priority=1, ip=HOST, port=9, type=CandidateType.HOST
    )
    async with rigged() as rig:
        pair = BackToBack(rig)
        answer = await pair.answer(await pair.offer())
        await pair.finish(with_ice(answer, candidates=(useless,), gathering_complete=GatheringComplete()))
        await pair.one_told.connected(CALLEE)
        await talks(pair, 1)


async def test_candidates_that_come_before_the_answer_are_kept() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        offer = await pair.offer()
        await pair.two.take_offer(CALLER, with_ice(offer, candidates=()))
        await pair.two.candidates(CALLER, {"audio": ice(offer)})
        pair.far.told(await pair.two.make_offer(CALLEE))
        await pair.two.take_answer(CALLEE, pair.far.description())
        answer = await pair.two.make_answer(CALLER)
        # The other one hears of no candidate: what it gets are checks to what was told early.
        await pair.finish(with_ice(answer, candidates=()))
        await pair.one_told.connected(CALLEE)


async def test_who_decides_is_settled_between_two_that_both_want_to() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        offer = await pair.offer()
        answer = await pair.answer(offer)
        generation = link(pair.two, CALLER)._next
        assert generation is not None
        generation.switch_role(ice_controlling=True)
        await pair.finish(answer)
        await pair.one_told.connected(CALLEE)
        await pair.two_told.connected(CALLER)
        await talks(pair, 1)


async def test_no_way_is_told_after_a_while() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        answer = await pair.answer(await pair.offer())
        await pair.two.close()
        rig.change(ice_seconds=0.2)
        await pair.finish(answer)
        failed = await pair.one_told.expect(Failed)
        assert (failed.side, failed.reason) == (CALLEE, EndReason.CONNECTIVITY_ERROR)
        assert failed.text == "ICE: no way to the peer within 0.2 seconds"


@pytest.mark.conformance("MED-10")
async def test_consent_that_is_lost_is_told() -> None:
    async with rigged(consent_interval=0.05, consent_seconds=0.2) as rig:
        pair = BackToBack(rig)
        await pair.connect()
        await pair.two.close()
        failed = await pair.one_told.expect(Failed)
        assert (failed.side, failed.reason) == (CALLEE, EndReason.CONNECTIVITY_ERROR)
        assert "consent" in failed.text


async def test_consent_that_is_given_goes_on() -> None:
    async with rigged(consent_interval=0.02) as rig:
        pair = BackToBack(rig)
        await pair.connect()
        generation = link(pair.one, CALLEE)._current
        assert generation is not None
        asked = []
        build = generation.build_request

        def counted(*args: object, **more: object) -> stun.Message:
            asked.append(args)
            return build(*args, **more)  # type: ignore[arg-type]

        generation.build_request = counted  # type: ignore[method-assign]
        await until(lambda: len(asked) > 30, "thirty consent checks")
        assert not pair.one_told.has(Failed)
        await talks(pair, 1)


async def test_addresses_behind_static_nat_are_told_as_they_are_seen_outside() -> None:
    async with rigged(addresses=(HOST, loopback.address()), advertised=("203.0.113.1", "203.0.113.2")) as rig:
        anchor, _ = await rig.anchor(PHONE, WEB)
        candidates = ice(await anchor.make_offer(CALLEE, ["audio"])).candidates
        assert [candidate.ip for candidate in candidates] == ["203.0.113.1", "203.0.113.2"]
        assert candidates[0].priority > candidates[1].priority
        phone = await anchor.make_offer(CALLER, ["audio"])
        assert {one.ip for one in phone.media[0].transport.candidates} == {"203.0.113.1"}


async def test_both_are_found_over_ipv6() -> None:
    async with rigged(addresses=("::1",)) as rig:
        pair = BackToBack(rig)
        rig_phone = rig.phone

        async def six(host: str = "::1") -> object:
            return await rig_phone(host)

        rig.phone = six  # type: ignore[method-assign, assignment]
        await pair.connect()
        await talks(pair, 1)


async def test_a_phone_is_told_an_address_of_its_own_family() -> None:
    async with rigged(addresses=(HOST, "::1")) as rig:
        anchor, _ = await rig.anchor(PHONE, WEB)
        phone = await rig.phone("::1")
        await anchor.take_offer(CALLER, phone.description())
        answer = await anchor.make_answer(CALLER)
        assert answer.media[0].transport.candidates[0].ip == "::1"


async def test_a_phone_of_a_family_that_we_have_not_is_refused() -> None:
    async with rigged() as rig:
        anchor, _ = await rig.anchor(PHONE, WEB)
        phone = await rig.phone("::1")
        await anchor.take_offer(CALLER, phone.description())
        with pytest.raises(AnchorError, match="IPv6") as caught:
            await anchor.make_answer(CALLER)
        assert caught.value.reason is EndReason.UNSUPPORTED_TRANSPORTS


async def test_a_server_that_is_not_there_holds_nothing_up() -> None:
    # The port is bound, and nobody answers; the address is given so that no name has to be looked up.
    async with rigged() as rig:
        dead = await rig.ear()
        rig.anchors.use((IceServer(kind="stun", host=HOST, port=dead.address[1]),))
        pair = BackToBack(rig)
        offer = await pair.offer()
        assert ice(offer).gathering_complete is None
        await pair.finish(await pair.answer(offer))
        await pair.one_told.connected(CALLEE)
        await talks(pair, 1)


# ------------------------------------------------------------------------------------------------------------- restarts


@pytest.mark.conformance("SEC-10")
async def test_a_restart_by_offer_changes_the_way_and_nothing_else() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect()
        await talks(pair, 1)
        free, before = rig.anchors.ports.free, link(pair.one, CALLEE)._current
        handshake = dict(link(pair.one, CALLEE)._handshakes)
        offer = await pair.one.make_offer(CALLEE, restart=True)
        await talks(pair, 2)
        await pair.two.take_offer(CALLER, offer)
        answer = await pair.two.make_answer(CALLER)
        await pair.one.take_answer(CALLEE, answer)
        await talks(pair, 3)
        await until(lambda: link(pair.one, CALLEE)._current is not before, "the new way")
        await until(lambda: rig.anchors.ports.free == free, "the old ports")
        await talks(pair, 4)
        assert link(pair.one, CALLEE)._handshakes == handshake
        assert not pair.one_told.has(Failed)
        assert sum(isinstance(event, Connected) for event in pair.one_told) == 2


async def test_another_device_is_greeted_on_its_own_way_alone() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect()
        await talks(pair, 1)
        handshakes = dict(link(pair.two, CALLER)._handshakes)
        theirs = Fingerprint(hash="sha-256", value=":".join(["AB"] * 32), setup=Setup.ACTPASS)
        before = pair.two._now.offers[CALLER]
        await pair.two.take_offer(
            CALLER, with_ice(before, ufrag="other", pwd="x" * 22, candidates=(), fingerprints=(theirs,))
        )
        await pair.two.make_answer(CALLER)
        assert link(pair.two, CALLER)._handshakes == handshakes


async def test_a_restart_that_is_refused_is_forgotten() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect()
        free = rig.anchors.ports.free
        offer = await pair.one.make_offer(CALLEE, restart=True)
        assert rig.anchors.ports.free < free
        await pair.one.withdraw(CALLEE)
        await until(lambda: rig.anchors.ports.free == free, "the new ports")
        await talks(pair, 1)
        assert ice(await pair.one.make_offer(CALLEE)).ufrag != ice(offer).ufrag


async def test_a_restart_that_finds_no_way_leaves_the_old_one() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect()
        rig.change(ice_seconds=0.6)
        free = rig.anchors.ports.free
        offer = await pair.one.make_offer(CALLEE, restart=True)
        answer = with_ice(offer, ufrag="gone", pwd="x" * 24, candidates=())
        await pair.one.take_answer(CALLEE, answer)
        assert rig.anchors.ports.free < free
        await until(lambda: rig.anchors.ports.free == free, "the end of the restart")
        assert not pair.one_told.has(Failed)
        await talks(pair, 1)
        # What began and came to nothing may begin again.
        before = link(pair.one, CALLEE)._current
        rig.change(ice_seconds=60.0)
        await pair.two.take_offer(CALLER, await pair.one.make_offer(CALLEE, restart=True))
        await pair.one.take_answer(CALLEE, await pair.two.make_answer(CALLER))
        await until(lambda: link(pair.one, CALLEE)._current is not before, "the new way")
        await talks(pair, 2)


async def test_a_peer_may_restart_after_a_restart_of_ours_was_refused() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect()
        await pair.one.make_offer(CALLEE, restart=True)
        await pair.one.withdraw(CALLEE)
        before = link(pair.one, CALLEE)._current
        offer = await pair.two.make_offer(CALLER, restart=True)
        await pair.one.take_offer(CALLEE, offer)
        answer = await pair.one.make_answer(CALLEE)
        await pair.two.take_answer(CALLER, answer)
        await until(lambda: link(pair.one, CALLEE)._current is not before, "the new way")
        await talks(pair, 1)


async def test_a_way_that_is_lost_before_the_restart_has_one_ends_the_call() -> None:
    async with rigged(consent_interval=0.05, consent_seconds=0.5) as rig:
        pair = BackToBack(rig)
        await pair.connect()
        rig.change(ice_seconds=1.5)
        offer = await pair.one.make_offer(CALLEE, restart=True)
        await pair.two.close()
        await pair.one.take_answer(CALLEE, with_ice(offer, ufrag="gone", pwd="x" * 24, candidates=()))
        failed = await pair.one_told.expect(Failed)
        assert failed.reason is EndReason.CONNECTIVITY_ERROR


async def test_a_restart_by_candidates_is_answered_by_candidates() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect()
        before = link(pair.two, CALLER)._current
        offer = await pair.one.make_offer(CALLEE, restart=True)
        await pair.two.candidates(CALLER, {"audio": replace(ice(offer), fingerprints=())})
        gathered = await pair.two_told.expect(Gathered)
        back = gathered.candidates.by_media["audio"]
        assert isinstance(back, Ice)
        await pair.one.candidates(CALLEE, {"audio": back})
        await until(lambda: link(pair.two, CALLER)._current is not before, "the new way")
        await talks(pair, 1)


async def restarts(anchor: EmbeddedAnchor, side: Side, *numbers: int) -> None:
    """Restart it by candidates, again and again, in one breath."""
    for number in numbers:
        await anchor.candidates(side, {"audio": Ice(ufrag=f"new{number}", pwd=f"{number:022}")})


async def test_restarts_without_end_take_a_few_ports_at_most() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect()
        free = rig.anchors.ports.free
        with pytest.raises(AnchorError, match="restarted too fast"):
            await restarts(pair.one, CALLEE, *range(100))  # as by a burst of stanzas
        assert free - rig.anchors.ports.free < 10
        for number in range(100):  # and as fast as each is done with
            await until(lambda: not link(pair.two, CALLER)._closing, "what was before is closed")
            await restarts(pair.two, CALLER, number)
        assert free - rig.anchors.ports.free < 10


async def test_a_fragment_alone_is_no_restart() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect()
        transport = link(pair.one, CALLEE)
        assert not transport.restarts(Ice(ufrag="other", pwd=transport._heard[1] if transport._heard else None))
        assert not transport.restarts(Ice(ufrag="other"))
        assert transport.restarts(Ice(ufrag="other", pwd="x" * 22))


# ------------------------------------------------------------------------------------------------------------ confusion


def stun_by_length(number: int) -> bytes:
    """An RTP packet whose sequence number is what a STUN header has for its length."""
    packet = rtp(0, number=number, payload=bytes(160))
    return packet[:2] + (len(packet) - 20).to_bytes(2, "big") + packet[4:]


@pytest.mark.conformance("MED-06")
async def test_a_packet_that_looks_like_stun_by_its_length_is_media() -> None:
    trap = stun_by_length(8)
    assert stun.parse_message(trap)  # this is what would be believed
    pcma = replace(PCMU, id=8, name="PCMA")
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect(PLAIN_ICE, (pcma,))
        pair.near.speak(trap)
        assert await pair.far.speech.hears(1) == [trap]


@pytest.mark.conformance("MED-06")
@pytest.mark.parametrize("way", [WEB, PLAIN_ICE], ids=["DTLS", "plain"])
async def test_garbage_of_every_kind_is_dropped(way: object) -> None:
    assert way in (WEB, PLAIN_ICE)
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect(WEB if way is WEB else PLAIN_ICE)
        stranger = await rig.ear()
        current = link(pair.one, CALLEE)._current
        assert current is not None
        target = (HOST, current.local_candidates[0].port)
        for first in range(256):
            for rest in (b"", bytes(11), bytes(40), b"\x00\x14\x21\x12\xa4\x42" + bytes(32), b"\x00\xff" * 800):
                stranger.send(bytes([first]) + rest, target)
            if first % 32 == 0:
                await talks(pair, first)  # so that nothing is lost for want of room
        await talks(pair, 300)
        assert not pair.one_told.has(Failed)
        assert dropped(pair.one, CALLEE) > 800


async def test_checks_of_strangers_are_not_even_read() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        await pair.connect()
        stranger = await rig.ear()
        current = link(pair.one, CALLEE)._current
        assert current is not None
        target = (HOST, current.local_candidates[0].port)
        check = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        check.attributes["USERNAME"] = "someone:else"
        check.add_message_integrity(b"guess")
        answer = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.RESPONSE)
        keepalive = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.INDICATION)
        for message in (keepalive, check, answer):
            stranger.send(bytes(message), target)
        await drops(pair.one, CALLEE, 2)
        guess = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        guess.attributes["USERNAME"] = f"{current.local_username}:else"
        guess.add_message_integrity(b"guess")
        stranger.send(bytes(guess), target)
        (refusal,) = await stranger.hears(1)
        assert stun.parse_message(refusal).error_code == 401
        await talks(pair, 1)
