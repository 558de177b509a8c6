"""A phone behind a NAT that tells an address which nobody can reach: it is heard, and hears, by where it comes from."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers import alone, chromium, loopback
from tests.peers.alone import on_loopback
from tests.peers.baresip import Baresip
from tests.peers.chromium import Chromium
from tests.peers.nat import INSIDE, ROUTER, WORLD, behind_nat
from tests.peers.prosody import Prosody
from tests.peers.rig import Rig
from tests.peers.test_anchor import AUDIO, BROWSER_HERTZ, PHONE_HERTZ, Pair
from tests.peers.xmpp_server import ACCOUNTS, HOST

pytestmark = pytest.mark.skipif(bool(chromium.missing() or alone.missing()), reason="no browser, or no networks")


@pytest.fixture(autouse=True)
def _nothing_but_loopback() -> Iterator[None]:
    with on_loopback():
        yield


async def test_a_phone_behind_a_nat_calls_a_browser_and_both_hear_each_other(tmp_path: Path) -> None:
    with behind_nat(tmp_path) as household:
        at = (WORLD, loopback.port(WORLD))
        trunk = {"name": "pbx", "host": ROUTER, "allow": [HOST], "media": "anchor", "media_source": "source"}
        server = Prosody(tmp_path, browsers=True)
        async with (
            Chromium(tmp_path) as browser,
            Rig(tmp_path, server=lambda _: server, at=at, changes={"trunk": [trunk]}) as rig,
        ):
            client = await browser.page("client", "client")
            await client.call("login", f"romeo@{HOST}", ACCOUNTS["romeo"], server.websocket)
            await client.call("speak", BROWSER_HERTZ)
            inside = (INSIDE, loopback.port(INSIDE))
            phone = Baresip(tmp_path, at=inside, hertz=PHONE_HERTZ, household=household)
            await phone.start()
            rig.leaves(phone.program.kill)
            both = Pair(rig, client, phone)
            await asyncio.gather(
                client.call("take", AUDIO),
                phone.dial(f"sip:romeo@{rig.gateway.uri}"),
                phone.expect("CALL_ESTABLISHED", 15),
            )
            await both.heard()
            await asyncio.gather(phone.hang_up(), client.call("ended"))
            await both.check_phone()
            (line,) = await rig.gateway.logged("call_ended")
            assert (line["anchor"], line["reason"]) == ("embedded", "success")
            assert min(line["caller_packets"], line["callee_packets"]) > 0
            await phone.stop()
