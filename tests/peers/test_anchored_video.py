"""Sound and picture between two browsers through the anchor, and calls on a way that loses packets.

Both browsers speak ICE and DTLS-SRTP with the gateway, which decrypts what one sends and encrypts it for the other.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers import alone, chromium
from tests.peers.alone import loses, on_loopback
from tests.peers.browser_phone import BrowserPhone
from tests.peers.chromium import Chromium
from tests.peers.program import PATIENCE_SECONDS, PeerFailure
from tests.peers.prosody import Prosody
from tests.peers.rig import Rig
from tests.peers.steps import NUMBER
from tests.peers.test_anchor import AUDIO, pair
from tests.peers.test_chromium import BOTH, Pair
from tests.peers.xmpp_server import ACCOUNTS, HOST

pytestmark = pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing())
lossy = pytest.mark.skipif(bool(alone.missing()), reason=alone.missing())

WEB = {"transport": "udp", "media": "anchor", "media_ice": True, "media_protection": "dtls"}
PICTURES = ("-m", "length", "--length", "400:65535")
"Speech has smaller packets."

ONE_IN_TWENTY = ("-m", "statistic", "--mode", "nth", "--every", "20", "--packet", "0")


@pytest.fixture(autouse=True)
def _nothing_but_loopback() -> Iterator[None]:
    with on_loopback():
        yield


@contextlib.asynccontextmanager
async def browsers(folder: Path) -> AsyncIterator[Pair]:
    """Romeo's browser is signed in; a browser phone stands at a trunk whose calls are anchored."""
    server = Prosody(folder, browsers=True)
    changes = {"media": {"video": True}}
    async with Chromium(folder) as browser, Rig(folder, server=lambda _: server, trunk=WEB, changes=changes) as rig:
        client, phone = await asyncio.gather(browser.page("client", "client"), browser.page("phone", "phone"))
        await client.call("login", f"romeo@{HOST}", ACCOUNTS["romeo"], server.websocket)
        yield Pair(rig, client, BrowserPhone(await rig.raw_trunk(), phone))


async def counted(both: Pair) -> list[dict[str, Any]]:
    """What the two browsers count."""
    return [await page.call("statistics") for page in (both.client, both.phone.page)]


async def counts(both: Pair, what: str, name: str, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Wait until both browsers have counted more of that."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        now = await counted(both)
        if all(one[what].get(name, 0) > old[what].get(name, 0) for one, old in zip(now, before, strict=True)):
            return now
        if asyncio.get_running_loop().time() > deadline:
            raise PeerFailure(f"no more {what} {name}\n{before}\n{now}")
        await asyncio.sleep(0.1)


async def test_sound_and_picture_pass_the_anchor_both_ways(tmp_path: Path) -> None:
    async with browsers(tmp_path) as both:
        number = both.rig.gateway.number(NUMBER)
        await asyncio.gather(both.client.call("call", number, BOTH, False), both.phone.take(BOTH))
        client, phone = await both.flowing(BOTH)
        assert client["codecs"] == phone["codecs"]
        for one, other in ((client, phone), (phone, client)):
            assert {transport["dtls"] for transport in one["transports"]} == {"connected"}
            # Each sends to the gateway, and none to the other.
            assert not {transport["remote"] for transport in one["transports"]} & set(other["ports"])
        await asyncio.gather(both.client.call("end"), both.phone.ended())
        (line,) = await both.rig.gateway.logged("call_ended")
        assert (line["anchor"], line["reason"]) == ("embedded", "success")
        assert min(line["caller_packets"], line["callee_packets"]) >= 20


@lossy
async def test_a_browser_that_lost_the_picture_asks_the_other_for_a_new_one(tmp_path: Path) -> None:
    async with browsers(tmp_path) as both:
        await asyncio.gather(both.client.call("take", BOTH), both.phone.dial("romeo", both.rig.gateway.sip, BOTH))
        await both.flowing(BOTH)
        before = await counted(both)
        with loses("-s", both.rig.gateway.address, *PICTURES):
            asked = await counts(both, "asks", "video", before)
        after = await counts(both, "asked", "video", before)
        assert all(one["asks"]["video"] for one in asked)
        await counts(both, "decoded", "video", after)
        await asyncio.gather(both.client.call("ended"), both.phone.hang_up())


@lossy
async def test_a_call_survives_a_way_that_loses_packets_and_says_how_many(tmp_path: Path) -> None:
    async with pair(tmp_path, auto_answer=True) as both:
        number = both.rig.gateway.number(NUMBER)
        await both.client.call("call", number, AUDIO, False)
        await both.heard()
        media = ("-d", both.rig.gateway.address, "--dport", "20000:29999")
        before = (await both.client.call("statistics"))["received"]["audio"]
        with loses(*media, *ONE_IN_TWENTY):
            deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
            while (await both.client.call("statistics"))["received"]["audio"] < before + 40_000:
                assert asyncio.get_running_loop().time() < deadline, "too little is heard"
                await asyncio.sleep(0.1)
        await both.heard()
        await asyncio.gather(both.client.call("end"), both.phone.expect("CALL_CLOSED"))
        (line,) = await both.rig.gateway.logged("call_ended")
        assert line["reason"] == "success"
        lost, came = line["callee_lost"], line["callee_packets"]
        assert 5 <= lost < came / 5
