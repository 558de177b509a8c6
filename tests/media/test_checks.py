"""Connectivity checks that cross, come late, or are not as they should be, by a peer that we move by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aioice import stun

from gateway.media.anchor import PHONE, WEB, Protection
from gateway.media.embedded import generation
from gateway.media.embedded.anchor import EmbeddedAnchor
from gateway.media.embedded.generation import MOST_CANDIDATES
from gateway.media.embedded.ice import IceLink
from gateway.signals import Side
from tests.media.rig import Told, rigged
from tests.media.stun_peer import StunPeer
from tests.peers.program import until

CALLER, CALLEE = Side
PLAIN_ICE = replace(WEB, protection=Protection.NONE)
LOW, HIGH = 0, 2**64 - 1
"Who decides between two that both want to, in the last place (RFC 8445 §7.3.1.1)."


@pytest.fixture(autouse=True)
def _nothing_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that is lost is not sent again by itself within a test, and as soon as the peer makes one."""
    monkeypatch.setattr(stun, "RETRY_RTO", 600.0)
    monkeypatch.setattr(generation, "AGAIN_SECONDS", 0.0)


@asynccontextmanager
async def called(
    *, alone: bool = False, early: bool = False
) -> AsyncIterator[tuple[StunPeer, StunPeer, EmbeddedAnchor, Told]]:
    """A phone calls the peer, which has answered; its two ends.

    ``alone``: its answer names no address; ``early``: it has checked before that.
    """
    async with rigged(consent_interval=600.0) as rig:
        peer, second, phone = StunPeer(await rig.ear()), StunPeer(await rig.ear()), await rig.phone()
        anchor, told = await rig.anchor(PHONE, PLAIN_ICE)
        await anchor.take_offer(CALLER, phone.description())
        answer = peer.answer(await anchor.make_offer(CALLEE), *(() if alone else (peer, second)))
        if early:
            peer.check(PRIORITY="left out")
            peer.check(ICE_CONTROLLED=LOW)
            await peer.is_answered(2)
        await anchor.take_answer(CALLEE, answer)
        phone.told(await anchor.make_answer(CALLER))
        yield peer, second, anchor, told


async def test_a_peer_that_has_heard_no_check_yet_is_asked_again_when_it_asks() -> None:
    async with called() as (peer, _, _, told):
        first = await peer.is_checked(1)
        peer.answers = True
        peer.check(ICE_CONTROLLED=LOW)
        again = await peer.is_checked(2)
        assert again.transaction_id == first.transaction_id  # an answer to the first is still one
        await told.connected(CALLEE)


async def test_a_way_whose_check_was_given_up_is_taken_when_the_peer_chooses_it() -> None:
    async with called() as (peer, second, anchor, told):
        await peer.is_checked(1)
        await second.is_checked(1)
        peer.answers = True
        peer.check(ICE_CONTROLLED=LOW)
        await told.connected(CALLEE)
        link = anchor._links[CALLEE][0]
        assert link.path.peer == peer.address
        second.answers = True
        second.check(ICE_CONTROLLING=HIGH, USE_CANDIDATE=None)
        await until(lambda: link.path.peer == second.address, "the way that the peer chose")


async def test_a_worse_way_that_is_found_later_is_not_taken_while_the_better_one_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with called() as (peer, second, anchor, told):
        await peer.is_checked(1)
        peer.answers = True
        peer.check(ICE_CONTROLLED=LOW)
        await told.connected(CALLEE)
        known = len(peer.checks)
        second.answers = True
        second.check(ICE_CONTROLLED=LOW)  # as clients do that have a relay: they check every way that they have
        await second.is_checked(1)
        await peer.is_checked(known + 1)  # whether it is still there
        link = anchor._links[CALLEE][0]
        assert isinstance(link, IceLink)
        way = link._current
        assert way is not None
        await until(lambda: way._doubting is None or way._doubting.done(), "the answer")
        assert link.path.peer == peer.address
        monkeypatch.setattr(stun, "RETRY_RTO", 0.2)
        peer.answers = False
        assert await way._ask_after(1)
        assert link.path.peer == second.address


async def test_no_peer_has_us_check_any_number_of_addresses() -> None:
    async with called() as (peer, _, anchor, told):
        peer.answers = True
        await told.connected(CALLEE)
        link = anchor._links[CALLEE][0]
        assert isinstance(link, IceLink)
        way = link._current
        assert way is not None
        check = peer.written(ICE_CONTROLLED=LOW)
        for port in range(1, 1000):
            way.check_incoming(check, ("127.0.0.9", port), way._protocols[0])
        assert len(way.remote_candidates) == 2 * MOST_CANDIDATES
        assert len(way._check_list) <= 2 * MOST_CANDIDATES
        assert link.path.peer == peer.address


async def test_who_wanted_to_decide_is_told_again_what_was_decided() -> None:
    async with called() as (peer, _, _, told):
        peer.answers = True
        assert "USE-CANDIDATE" in (await peer.is_checked(1)).attributes
        await told.connected(CALLEE)
        peer.check(ICE_CONTROLLING=LOW)  # it took our word for nothing, since it believed to decide itself
        assert (await peer.is_answered(1)).error_code == 487
        assert "USE-CANDIDATE" in (await peer.is_checked(2)).attributes


async def test_who_decides_after_all_is_followed() -> None:
    async with called() as (peer, _, anchor, told):
        peer.answers = True
        await told.connected(CALLEE)
        peer.check(ICE_CONTROLLING=HIGH)
        assert (await peer.is_answered(1)).message_class is stun.Class.RESPONSE
        # A restart asks nobody to settle that anew (RFC 8445 §6.1.1).
        peer.answer(await anchor.make_offer(CALLEE, restart=True))
        peer.check(ICE_CONTROLLING=LOW)
        assert (await peer.is_answered(2)).message_class is stun.Class.RESPONSE


@pytest.mark.parametrize("early", [True, False])
async def test_a_check_without_a_priority_changes_nothing(early: bool) -> None:
    async with called(alone=True, early=early) as (peer, _, _, told):
        peer.answers = True
        peer.check(ICE_CONTROLLED=LOW, PRIORITY="left out")
        peer.check(ICE_CONTROLLED=LOW)
        await told.connected(CALLEE)
