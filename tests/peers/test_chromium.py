"""A browser on each side: stanza's Jingle in Chromium, and Chromium's own SDP behind a SIP phone.

WebRTC takes nothing half said: without the right candidates, credentials, fingerprints, roles, codecs and groups in the
translated descriptions no packet flows.  What flows goes straight from browser page to browser page.
"""

import asyncio
import base64
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.peers import chromium
from tests.peers.alone import on_loopback
from tests.peers.browser import Page
from tests.peers.browser_phone import BrowserPhone
from tests.peers.chromium import Chromium
from tests.peers.program import PATIENCE_SECONDS, PeerFailure
from tests.peers.prosody import Prosody
from tests.peers.rig import Rig
from tests.peers.steps import NUMBER
from tests.peers.xmpp_server import ACCOUNTS, HOST

LEAST_BYTES = {"audio": 3_000, "video": 30_000}
"What each page is to receive before a call counts as heard and seen: about a second of it."

pytestmark = pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing())

AUDIO = ["audio"]
VIDEO = ["video"]
BOTH = ["audio", "video"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A gateway with a browser on each side."""

    rig: Rig
    client: Page
    phone: BrowserPhone

    async def flowing(self, kinds: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Wait until enough of each medium came in on both sides; what both count."""
        pages = (self.client, self.phone.page)
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            client, phone = [await page.call("statistics") for page in pages]
            if all(_heard(side, kind) for side in (client, phone) for kind in kinds):
                return client, phone
            if asyncio.get_running_loop().time() > deadline:
                said = "\n".join(page.tail() for page in pages)
                sdp = "\n".join([*self.phone.offers, *self.phone.answers])
                raise PeerFailure(f"not enough flows:\nclient {client}\nphone {phone}\n{said}\n{sdp}")
            await asyncio.sleep(0.1)

    async def goes_on(self) -> None:
        """From now on sound comes in on both sides."""
        for page in (self.client, self.phone.page):
            before = await _sound(page)
            await _until(page, partial(_more, page, before), "no more sound comes in")

    async def falls_silent(self) -> None:
        """The client's browser hears nothing more."""
        await _until(self.client, partial(_still, self.client), "sound still comes in")

    async def check(self, kinds: list[str]) -> None:
        """All media flow both ways, decoded, encrypted, and straight between the pages."""
        client, phone = await self.flowing(kinds)
        assert (client["state"], phone["state"]) == ("connected", "connected")
        for side in (client, phone):
            assert {kind for kind in side["sent"] if side["sent"][kind]} == set(kinds)
            assert all(side["decoded"][kind] > 0 for kind in kinds)
            assert {transport["dtls"] for transport in side["transports"]} == {"connected"}
        assert client["codecs"] == phone["codecs"]
        assert _agreed(client) == _agreed(phone)
        assert {transport["role"] for transport in client["transports"]} != {
            transport["role"] for transport in phone["transports"]
        }
        # What the one sends to is a port of the other's: nothing stands between them.
        for one, other in ((client, phone), (phone, client)):
            assert {transport["remote"] for transport in one["transports"]} <= set(other["ports"])
        await self.rig.check_sockets()


async def _until(page: Page, what: Callable[[], Awaitable[bool]], text: str) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not await what():
        if asyncio.get_running_loop().time() > deadline:
            raise PeerFailure(f"{text}\n{page.tail()}")


async def _sound(page: Page) -> int:
    return int((await page.call("statistics"))["received"].get("audio", 0))


async def _more(page: Page, before: int) -> bool:
    await asyncio.sleep(0.1)
    return await _sound(page) >= before + LEAST_BYTES["audio"]


async def _still(page: Page) -> bool:
    before = await _sound(page)
    await asyncio.sleep(0.5)
    return await _sound(page) == before


def _heard(side: dict[str, Any], kind: str) -> bool:
    return bool(side["received"].get(kind, 0) >= LEAST_BYTES[kind] and side["decoded"].get(kind, 0) > 0)


def _agreed(side: dict[str, Any]) -> list[str]:
    """A line for each payload type and header extension that the browser took, and for what it says of digits."""
    return [
        f"{kind} {what} {one}"
        for kind, taken in sorted(side["agreed"].items())
        for what, several in taken.items()
        for one in several
    ]


@pytest.fixture(autouse=True)
def _nothing_but_loopback() -> Iterator[None]:
    with on_loopback():
        yield


@contextlib.asynccontextmanager
async def browsers(folder: Path, kinds: list[str]) -> AsyncIterator[Pair]:
    """Romeo's browser is signed in; a phone with a browser's media stands at the trunk."""
    changes = {"media": {"video": "video" in kinds}}
    server = Prosody(folder, browsers=True)
    trunk = {"transport": "udp"}  # the phone knows no other, however long an offer is
    async with Chromium(folder) as browser, Rig(folder, server=lambda _: server, trunk=trunk, changes=changes) as rig:
        client, phone = await asyncio.gather(browser.page("client", "client"), browser.page("phone", "phone"))
        await client.call("login", f"romeo@{HOST}", ACCOUNTS["romeo"], server.websocket)
        yield Pair(rig, client, BrowserPhone(await rig.raw_trunk(), phone))


@pytest.mark.parametrize(
    ("kinds", "direct"),
    [(AUDIO, False), (AUDIO, True), (VIDEO, False), (BOTH, False)],
    ids=["audio", "audio-without-message-initiation", "video", "audio-and-video"],
)
async def test_a_browser_calls_a_browser_behind_sip(tmp_path: Path, kinds: list[str], direct: bool) -> None:
    async with browsers(tmp_path, kinds) as pair:
        number = pair.rig.gateway.number(NUMBER)
        dialled = f"{number}/sip" if direct else number
        features = await pair.client.call("features", f"{number}/sip")
        assert set(kinds) <= {kind for kind in BOTH if f"urn:xmpp:jingle:apps:rtp:{kind}" in features}
        await asyncio.gather(pair.client.call("call", dialled, kinds, direct), pair.phone.take(kinds))
        await pair.check(kinds)
        await asyncio.gather(pair.client.call("end"), pair.phone.ended())


@pytest.mark.parametrize("kinds", [AUDIO, BOTH], ids=["audio", "audio-and-video"])
async def test_a_browser_behind_sip_calls_a_browser(tmp_path: Path, kinds: list[str]) -> None:
    async with browsers(tmp_path, kinds) as pair:
        proposed, _ = await asyncio.gather(
            pair.client.call("take", kinds), pair.phone.dial("romeo", pair.rig.gateway.sip, kinds)
        )
        assert proposed == kinds
        await pair.check(kinds)
        reason, _ = await asyncio.gather(pair.client.call("ended"), pair.phone.hang_up())
        assert reason == "success"


async def test_a_browser_meets_a_number_and_verifies_all_that_it_shows(tmp_path: Path) -> None:
    server = Prosody(tmp_path, browsers=True)
    async with Chromium(tmp_path) as browser, Rig(tmp_path, server=lambda _: server) as rig:
        client = await browser.page("client", "client")
        await client.call("login", f"romeo@{HOST}", ACCOUNTS["romeo"], server.websocket)
        met = await client.call("meets", rig.gateway.number(NUMBER), "sip")
        assert met["verified"]
        assert "urn:xmpp:jingle:apps:rtp:audio" in met["features"]
        assert (met["name"], met["number"], met["version"]) == ("+1 555 123 0000", NUMBER, "jingle-sip")
        assert met["picture"] == met["photo"]
        assert met["avatar"] == hashlib.sha1(base64.b64decode(met["photo"])).hexdigest()
        assert abs(met["utc"] - time.time()) < 60


async def test_each_side_holds_and_resumes_and_the_client_restarts_ice(tmp_path: Path) -> None:
    async with browsers(tmp_path, AUDIO) as pair:
        number = pair.rig.gateway.number(NUMBER)
        await asyncio.gather(pair.client.call("call", number, AUDIO, False), pair.phone.take(AUDIO))
        await pair.check(AUDIO)
        await asyncio.gather(pair.client.call("hold"), pair.phone.follow())
        assert "a=recvonly" in pair.phone.answers[-1]
        await pair.falls_silent()
        await asyncio.gather(pair.client.call("resume"), pair.phone.follow())
        await pair.goes_on()
        await pair.phone.change("inactive")
        assert "a=inactive" in pair.phone.answers[-1]
        await pair.falls_silent()
        await pair.phone.change("sendrecv")
        await pair.goes_on()
        before = [await page.call("credentials") for page in (pair.client, pair.phone.page)]
        await asyncio.gather(pair.client.call("restart"), pair.phone.follow())
        await pair.goes_on()
        after = [await page.call("credentials") for page in (pair.client, pair.phone.page)]
        assert not set(before) & set(after)
        await asyncio.gather(pair.client.call("end"), pair.phone.ended())


async def test_a_browser_behind_sip_restarts_ice(tmp_path: Path) -> None:
    async with browsers(tmp_path, AUDIO) as pair:
        await asyncio.gather(pair.client.call("take", AUDIO), pair.phone.dial("romeo", pair.rig.gateway.sip, AUDIO))
        await pair.check(AUDIO)
        before = [await page.call("credentials") for page in (pair.client, pair.phone.page)]
        await pair.phone.change(restart=True)
        await pair.goes_on()
        after = [await page.call("credentials") for page in (pair.client, pair.phone.page)]
        assert not set(before) & set(after)
        await asyncio.gather(pair.client.call("ended"), pair.phone.hang_up())
