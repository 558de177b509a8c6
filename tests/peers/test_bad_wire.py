"""Calls over a wire that loses, repeats and reorders datagrams, with SIPp in both roles."""

from pathlib import Path
from typing import get_args

import pytest

from tests.peers.jingle_client import action
from tests.peers.program import until
from tests.peers.relay import Fault
from tests.peers.rig import Rig
from tests.peers.steps import answered_in, calling_out, proposed_in

FAULTS = get_args(Fault)


# SIPp takes copies of a PRACK for new ones, so that "uas_reliable" can only be reordered.
@pytest.mark.parametrize(
    ("scenario", "fault"), [*(("uas_timer", fault) for fault in FAULTS), ("uas_reliable", "swaps")]
)
async def test_a_call_out_comes_through(tmp_path: Path, scenario: str, fault: Fault) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers(scenario, fault=fault, parameters={"linger": 2500 if fault == "loses" else 1})
        call = await calling_out(rig, server)
        await call.session.accepted()
        if scenario == "uas_timer":
            await call.client.expect(action("content-modify"))
        assert (await call.session.terminate()).type == "result"
        await server.done()
        assert len(call.client.came(action("session-accept"))) == 1
        assert len(call.client.came(action("session-info", info="ringing"))) <= 1


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("scenario", ["uac_call", "uac_reliable", "uac_timer"])
async def test_a_call_in_comes_through(tmp_path: Path, scenario: str, fault: Fault) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls(scenario, fault=fault)
        if scenario == "uac_reliable":
            call = await proposed_in(rig, caller, juliet)
            juliet.initiate_message("ringing", call.sid, call.proposed.sender)
            await until(lambda: caller.received("200"), "200 to PRACK")
            juliet.initiate_message("proceed", call.sid, call.proposed.sender)
            offer = await juliet.expect(action("session-initiate", call.sid))
            session = juliet.session(offer.sender, call.sid, voice=await rig.voice(), initiator=False)
            await session.accept(offer)
        else:
            session = await answered_in(rig, caller, juliet)
        await session.terminated()
        await caller.done()
        assert len(juliet.came(action("session-initiate"))) == 1
        assert len(juliet.came(action("session-terminate"))) == 1
