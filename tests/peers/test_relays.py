"""A TURN server whose credentials the XMPP server hands out: Prosody's turn_external, and coturn with its secret."""

import shutil
from pathlib import Path

import pytest

from tests.media.coturn import Coturn
from tests.peers.jingle_client import Seen, Wanted, action, initiation
from tests.peers.program import until
from tests.peers.prosody import Prosody
from tests.peers.rig import Rig
from tests.peers.xmpp_server import COMPONENT, HOST

pytestmark = pytest.mark.skipif(shutil.which("turnserver") is None, reason="coturn is not installed")

SECRET = "between the two"


def _relayed(seen: Seen) -> bool:
    return seen.jingle is not None and any(one.get("type") == "relay" for one in seen.jingle.iter())


RELAYED = Wanted("a relayed candidate", _relayed)


@pytest.mark.conformance("MED-13")
async def test_a_client_is_told_an_address_at_the_turn_server_that_prosody_knows(tmp_path: Path) -> None:
    async with Coturn(tmp_path, secret=SECRET) as coturn:
        more = (
            f'turn_external_secret = "{SECRET}"\nturn_external_host = "{coturn.host}"\n'
            f'turn_external_port = {coturn.port}\nexternal_service_access = {{ "{COMPONENT}" }}\n'
        )
        async with Rig(
            tmp_path,
            server=lambda folder: Prosody(folder, modules=("turn_external",), more=more),
            trunk={"media": "anchor"},
            changes={"media": {"services_from": HOST}},
        ) as rig:
            await until(lambda: bool(rig.gateway.log("relays_told")), "the gateway is told of the TURN server")
            assert SECRET not in rig.gateway.story()
            phone = await rig.phone()
            client = await rig.client("juliet")
            await phone.dial(f"sip:juliet@{rig.gateway.uri}")
            proposed = await client.expect(initiation("propose"))
            client.initiate_message("proceed", proposed.sid, proposed.sender)
            relayed = await client.expect(RELAYED)  # in the session-initiate, or after it
            assert relayed.jingle is not None
            (candidate,) = [one for one in relayed.jingle.iter() if one.get("type") == "relay"]
            assert candidate.get("ip") == coturn.host
            await phone.hang_up()
            await client.expect(action("session-terminate", proposed.sid))
