"""One call each way through every XMPP server that we know how to run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peers.jingle_client import initiation
from tests.peers.rig import Rig
from tests.peers.servers import SERVERS
from tests.peers.steps import NUMBER, answered_in
from tests.peers.xmpp_server import XmppServer


@pytest.mark.parametrize("server", SERVERS)
async def test_a_call_each_way_goes_through_the_server(server: Callable[[Path], XmppServer], tmp_path: Path) -> None:
    async with Rig(tmp_path, server=server) as rig:
        phone = await rig.answers("uas_answer")
        romeo = await rig.client("romeo", carbons=True)
        sid = romeo.propose(rig.gateway.number(NUMBER))
        proceeded = await romeo.expect(initiation("proceed", sid))
        session = romeo.session(proceeded.sender, sid, voice=await rig.voice())
        assert (await session.initiate()).type == "result"
        await session.accepted()
        assert (await session.terminate()).type == "result"
        await romeo.expect(initiation("finish", sid))
        await phone.done()

        juliet = await rig.client("juliet", carbons=True)
        caller = await rig.calls("uac_call")
        answering = await answered_in(rig, caller, juliet)
        assert (await answering.terminated()).condition == "success"
        await caller.done()
