"""Calls that are given up, from both sides, and the crossing of an answer with it."""

from pathlib import Path

import pytest

from tests.peers.jingle_client import action, initiation
from tests.peers.program import until
from tests.peers.rig import Rig
from tests.peers.steps import NUMBER, calling_out, offered_in, proposed_in, ringing_out


@pytest.mark.conformance("XS-12")
async def test_a_client_that_gives_up_while_it_rings_cancels_the_invite(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_ring_forever")
        call = await ringing_out(rig, server)
        assert (await call.session.terminate("cancel")).type == "result"
        messages = await server.done()
        invite, cancel = server.received("INVITE")[0], server.received("CANCEL")[0]
        assert cancel.header("Via") == invite.header("Via")
        assert cancel.header("CSeq").split()[0] == invite.header("CSeq").split()[0]
        assert cancel.uri == invite.uri
        assert messages[-1].label == "ACK"
        await call.client.fence(call.session.peer)
        assert not call.client.came(action("session-terminate"))


@pytest.mark.conformance("XS-11")
async def test_a_client_that_gives_up_before_anything_came_cancels_once_something_comes(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        trunk = await rig.raw_trunk()
        client = await rig.client()
        session = client.session(f"{rig.gateway.number(NUMBER)}/sip", voice=await rig.voice())
        await session.initiate()
        invite = await trunk.expect("INVITE")
        await session.terminate("cancel")
        await client.fence(session.peer)
        assert trunk.count("CANCEL") == 0
        trunk.respond(invite, "180 Ringing", tag="one")
        trunk.respond(await trunk.expect("CANCEL"), "200 OK", tag="one")
        trunk.respond(invite, "487 Request Terminated", tag="one")
        await trunk.expect("ACK")


@pytest.mark.conformance("XS-13")
async def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_late_200")
        call = await ringing_out(rig, server)
        assert (await call.session.terminate("cancel")).type == "result"
        messages = await server.done()
        assert [m.label for m in messages if not m.outgoing] == ["INVITE", "CANCEL", "ACK", "BYE"]
        await call.client.fence(call.session.peer)
        assert not call.client.came(action("session-accept"))


@pytest.mark.conformance("JMI-17")
async def test_a_proposal_that_is_retracted_calls_nobody(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        trunk = await rig.raw_trunk()
        client = await rig.client()
        number = rig.gateway.number(NUMBER)
        sid = client.propose(number)
        await client.expect(initiation("proceed", sid))
        client.initiate_message("retract", sid, number)
        await client.fence(number)
        await rig.gateway.active(0)
        assert trunk.received == []


async def test_a_client_that_never_starts_the_session_it_proposed_is_forgotten(tmp_path: Path) -> None:
    async with Rig(tmp_path, changes={"limits": {"proceed_timeout_seconds": 0.5}}) as rig:
        client = await rig.client()
        sid = client.propose(rig.gateway.number(NUMBER))
        await client.expect(initiation("proceed", sid))
        await rig.gateway.active(0)


async def test_a_busy_phone_is_busy_for_a_proposed_call_too(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_refuse", parameters={"status": "486 Busy Here"})
        client = await rig.client()
        sid = client.propose(rig.gateway.number(NUMBER))
        proceeded = await client.expect(initiation("proceed", sid))
        session = client.session(proceeded.sender, sid, voice=await rig.voice())
        await session.initiate()
        ended = await session.terminated()
        assert (ended.condition, ended.text) == ("busy", "486 Busy Here")
        await server.done()


@pytest.mark.conformance("JMI-12", "END-35")
async def test_a_phone_that_gives_up_takes_the_proposal_back(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        elsewhere = 'SIP;cause=200;text="Call completed elsewhere"'
        caller = await rig.calls("uac_cancel", keys={"reason": elsewhere})
        call = await proposed_in(rig, caller, juliet)
        juliet.initiate_message("ringing", call.sid, call.proposed.sender)
        retracted = await juliet.expect(initiation("retract", call.sid))
        assert retracted.to == juliet.bare
        assert retracted.condition == "cancel"
        assert retracted.text == "Call completed elsewhere"
        await caller.done()


async def test_a_phone_that_gives_up_before_anything_rings_takes_the_proposal_back(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_cancel_early", parameters={"milliseconds": 100})
        call = await proposed_in(rig, caller, juliet)
        await juliet.expect(initiation("retract", call.sid))
        await caller.done()


@pytest.mark.conformance("JMI-13")
async def test_a_phone_that_gives_up_once_the_session_is_offered_ends_it(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_cancel", parameters={"milliseconds": 500})
        session, _ = await offered_in(rig, caller, juliet)
        assert (await session.terminated()).condition == "cancel"
        await juliet.expect(initiation("finish", session.sid))
        await caller.done()


@pytest.mark.conformance("END-34")
async def test_both_sides_may_hang_up_at_once(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        trunk = await rig.raw_trunk()
        client = await rig.client()
        session = client.session(f"{rig.gateway.number(NUMBER)}/sip", voice=await rig.voice())
        await session.initiate()
        invite = await trunk.expect("INVITE")
        trunk.respond(invite, "200 OK", tag="one", body=trunk.sdp())
        ack = await trunk.expect("ACK")
        await session.accepted()
        trunk.hang_up(invite, ack)
        answer = await session.terminate()
        assert answer.type in ("result", "error")
        await trunk.expect("200")
        if trunk.count("BYE"):
            trunk.respond(await trunk.expect("BYE"), "200 OK")
        await rig.gateway.active(0)
        assert len(await rig.gateway.logged("call_ended")) == 1


async def test_a_dead_call_ends_when_the_phone_does_not_know_it_any_more(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        trunk = await rig.raw_trunk()
        client = await rig.client()
        session = client.session(f"{rig.gateway.number(NUMBER)}/sip", voice=await rig.voice())
        await session.initiate()
        trunk.respond(await trunk.expect("INVITE"), "200 OK", tag="one", body=trunk.sdp())
        await trunk.expect("ACK")
        await session.accepted()
        await session.terminate()
        trunk.respond(await trunk.expect("BYE"), "481 Call/Transaction Does Not Exist")
        await rig.gateway.active(0)


async def test_a_caller_may_give_up_and_call_again_at_once(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        first = await rig.answers("uas_ring_forever")
        call = await ringing_out(rig, first)
        await call.session.terminate("cancel")
        await first.done()
        second = await rig.answers("uas_answer")
        again = await calling_out(rig, second, client=call.client)
        await again.session.accepted()
        await again.session.terminate()
        await second.done()
        await until(lambda: second.finished, "the second call's end")
