"""A phone behind a NAT that tells an address which nobody can reach, and a client behind one, with and without TURN."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiortc import RTCIceServer

from gateway.media.anchor import PHONE, WEB
from gateway.signals import Side
from mappings.terms import Role
from tests.media.coturn import PASSWORD, USER, Coturn
from tests.media.rig import PCMU, rigged, rtp
from tests.media.webrtc import WebPeer
from tests.peers import alone, chromium, loopback
from tests.peers.alone import on_loopback, within
from tests.peers.baresip import Baresip
from tests.peers.chromium import Chromium
from tests.peers.nat import INSIDE, ROUTER, WORLD, behind_nat
from tests.peers.prosody import Prosody
from tests.peers.rig import Rig
from tests.peers.test_anchor import AUDIO, BROWSER_HERTZ, PHONE_HERTZ, Pair
from tests.peers.xmpp_server import ACCOUNTS, HOST

pytestmark = pytest.mark.skipif(bool(alone.missing()), reason=alone.missing())


@pytest.fixture(autouse=True)
def _nothing_but_loopback() -> Iterator[None]:
    with on_loopback():
        yield


@pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing())
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
                phone.expect("CALL_ESTABLISHED"),
            )
            await both.heard()
            await asyncio.gather(phone.hang_up(), client.call("ended"))
            await both.check_phone()
            (line,) = await rig.gateway.logged("call_ended")
            assert (line["anchor"], line["reason"]) == ("embedded", "success")
            assert min(line["caller_packets"], line["callee_packets"]) > 0
            await phone.stop()


@pytest.mark.parametrize("relayed", [False, True], ids=["by-what-the-router-opens", "by-turn-alone"])
async def test_a_client_behind_a_nat_and_a_phone_hear_each_other(tmp_path: Path, relayed: bool) -> None:
    with behind_nat(tmp_path) as household:
        async with Coturn(tmp_path, host=WORLD) as coturn, rigged(addresses=(WORLD,)) as rig:
            url = f"turn:{WORLD}:{coturn.port}?transport=udp"
            turn = RTCIceServer(urls=url, username=USER, credential=PASSWORD)
            if relayed:
                household.lets_out(coturn.port)
            async with WebPeer(Role.RESPONDER, servers=[turn]) as peer:
                phone = await rig.phone()
                anchor, told = await rig.anchor(PHONE, WEB)
                await anchor.take_offer(Side.CALLER, phone.description(PCMU))
                offer = await anchor.make_offer(Side.CALLEE, ["audio"])
                with within(household.network):
                    answer = await peer.answer(offer)
                await anchor.take_answer(Side.CALLEE, answer)
                phone.told(await anchor.make_answer(Side.CALLER))
                await told.connected(Side.CALLEE)
                await peer.up()
                await peer.send(*(rtp(sequence) for sequence in range(25)))
                assert await phone.speech.hears(25) == [rtp(sequence) for sequence in range(25)]
                phone.speak(*(rtp(sequence, ssrc=5) for sequence in range(25)))
                assert await peer.hears(25) == [rtp(sequence, ssrc=5) for sequence in range(25)]
