"""Stops: SIGTERM lets calls end, SIGINT ends them now and tells both sides."""

import signal
from pathlib import Path

from tests.peers.jingle_client import initiation
from tests.peers.program import until
from tests.peers.rig import Rig
from tests.peers.steps import NUMBER, answered_in, answered_out, proposed_in, ringing_out


async def test_sigterm_lets_a_call_end_by_itself_and_takes_no_new_one(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_answer")
        call = await answered_out(rig, server)
        rig.gateway.program.send_signal(signal.SIGTERM)
        assert "stopping" in await rig.gateway.ready_is(503)
        refused = call.client.session(f"{rig.gateway.number(NUMBER)}/sip", voice=await rig.voice())
        assert (await refused.initiate()).type == "error"
        caller = await rig.calls("uac_expect", parameters={"status": 503}, host=rig.trunk[0])
        await caller.done()
        assert rig.gateway.program.running

        assert (await call.session.terminate()).type == "result"
        await server.done()
        assert await rig.gateway.program.ended() == 0
        assert len(rig.gateway.log("call_ended")) == 1


async def test_sigterm_without_calls_ends_at_once(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        assert await rig.gateway.stop(signal.SIGTERM) == 0


async def test_sigterm_ends_what_does_not_end_in_time(tmp_path: Path) -> None:
    async with Rig(tmp_path, changes={"limits": {"drain_timeout_seconds": 1.0}}) as rig:
        server = await rig.answers("uas_answer")
        call = await answered_out(rig, server)
        rig.gateway.program.send_signal(signal.SIGTERM)
        assert (await call.session.terminated()).condition
        await server.done()
        assert await rig.gateway.program.ended() == 0


async def test_sigint_ends_answered_calls_now_and_tells_both_sides(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_answer")
        out = await answered_out(rig, server)
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_bye_received", host=rig.trunk[0])
        inward = await answered_in(rig, caller, juliet)
        await until(lambda: any(m.is_("ACK") for m in caller.messages()), "ACK")
        await rig.gateway.active(2)

        rig.gateway.program.send_signal(signal.SIGINT)
        assert (await out.session.terminated()).condition
        assert (await inward.terminated()).condition
        await server.done()
        await caller.done()
        assert await rig.gateway.program.ended() == 0
        assert len(rig.gateway.log("call_ended")) == 2


async def test_sigint_gives_up_calls_that_only_ring(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_ring_forever")
        out = await ringing_out(rig, server)
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_expect", parameters={"status": 503}, host=rig.trunk[0])
        call = await proposed_in(rig, caller, juliet)

        rig.gateway.program.send_signal(signal.SIGINT)
        await out.session.terminated()
        await juliet.expect(initiation("retract", call.sid))
        await server.done()
        await until(lambda: caller.finished, "a final response")
        final = [m for m in caller.messages() if not m.outgoing and not m.label.startswith("1")]
        assert final[0].label.split()[0] in ("480", "487", "500", "503")
        assert await rig.gateway.program.ended() == 0


async def test_a_second_sigterm_does_not_wait_any_longer(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_answer")
        call = await answered_out(rig, server)
        rig.gateway.program.send_signal(signal.SIGTERM)
        await rig.gateway.ready_is(503)
        rig.gateway.program.send_signal(signal.SIGINT)
        await call.session.terminated()
        await server.done()
        assert await rig.gateway.program.ended() == 0
