"""A browser hears what a trunk plays before the answer, and is heard; the trunk is played by hand, its sound is real.

No program that Debian has speaks before it answers and waits to be told to: so the SIP is written here, and each sound
is an RTP endpoint's own tone.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers import chromium
from tests.peers.alone import on_loopback
from tests.peers.browser import Page
from tests.peers.chromium import Chromium
from tests.peers.program import PATIENCE_SECONDS, PeerFailure, until
from tests.peers.prosody import Prosody
from tests.peers.raw_sip import SDP, RawSip, Received
from tests.peers.rig import Rig
from tests.peers.rtp import RtpEndpoint
from tests.peers.steps import NUMBER
from tests.peers.xmpp_server import ACCOUNTS, HOST

pytestmark = pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing())

ANNOUNCEMENT, PERSON, BROWSER = 1000, 1400, 600
"Who speaks with what tone, in Hz."

EVENTS = 101
"The payload type of digits in the trunk's descriptions."


@pytest.fixture(autouse=True)
def _nothing_but_loopback() -> Iterator[None]:
    with on_loopback():
        yield


@dataclass(frozen=True, slots=True)
class Hearing:
    """A browser that hears an announcement, in a call that nobody has answered."""

    rig: Rig
    client: Page
    trunk: RawSip
    invite: Received
    announcement: RtpEndpoint
    gateway: tuple[str, int]
    "Where the gateway takes the trunk's sound."

    async def hears(self, hertz: int) -> None:
        """Wait until the browser hears that tone, and hardly anything else."""

        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while (share := await self.client.call("hears", hertz)) < 0.9:
            if asyncio.get_running_loop().time() > deadline:
                raise PeerFailure(f"the browser hears {share:.0%} of the tone\n{self.client.tail()}")
            await asyncio.sleep(0.1)

    def answers(self, status: str, endpoint: RtpEndpoint | None = None) -> None:
        """Say that to the INVITE, with the place where an endpoint listens."""
        body = "" if endpoint is None else SDP.format(host=endpoint.local[0], port=endpoint.local[1])
        self.trunk.respond(self.invite, status, tag="phone", body=body)


@contextlib.asynccontextmanager
async def hearing(folder: Path) -> AsyncIterator[Hearing]:
    """A trunk plays an announcement, and romeo's browser hears it."""
    server = Prosody(folder, browsers=True)
    trunk = {"media": "anchor", "early_media": "hear"}
    async with Chromium(folder) as browser, Rig(folder, server=lambda _: server, trunk=trunk) as rig:
        raw = await rig.raw_trunk()
        client = await browser.page("client", "client")
        await client.call("login", f"romeo@{HOST}", ACCOUNTS["romeo"], server.websocket)
        await browser.speak(client, BROWSER)
        calling = asyncio.create_task(client.call("call", rig.gateway.number(NUMBER), ["audio"], False))
        invite = await raw.expect("INVITE")
        voice = await rig.voice(ANNOUNCEMENT)
        host = invite[0].body.partition("c=IN IP4 ")[2].split()[0]
        port = int(invite[0].body.partition("m=audio ")[2].split()[0])
        voice.speak((host, port))
        call = Hearing(rig, client, raw, invite, voice, (host, port))
        call.answers("183 Session Progress", voice)
        await calling
        await call.hears(ANNOUNCEMENT)
        yield call


async def test_what_is_played_before_the_answer_is_heard_and_answered_with_keys(tmp_path: Path) -> None:
    async with hearing(tmp_path) as call:
        await until(lambda: call.announcement.heard.share_of_tone(BROWSER) > 0.9, "the menu hears the browser")
        await call.client.call("press", "1", 120, 80)
        await until(lambda: call.announcement.heard.payload_types[EVENTS], "the menu hears the key")
        assert not call.rig.gateway.log("leg_answered")
        person = await call.rig.voice(PERSON)
        call.announcement.hush()
        person.speak(call.gateway)
        call.answers("200 OK", person)
        await call.trunk.expect("ACK")
        await call.hears(PERSON)
        await until(lambda: person.heard.share_of_tone(BROWSER) > 0.9, "who answered hears the browser")
        await until(lambda: call.rig.gateway.log("leg_answered"), "the call is answered")
        ending = asyncio.create_task(call.client.call("end"))
        call.trunk.respond(await call.trunk.expect("BYE"), "200 OK")
        await ending


async def test_who_hears_why_nobody_answers_is_told_when_it_is_over(tmp_path: Path) -> None:
    async with hearing(tmp_path) as call:
        ended = asyncio.create_task(call.client.call("ended"))
        call.answers("404 Not Found")
        assert await ended == "gone"
        (line,) = await until(lambda: call.rig.gateway.log("call_ended"), "the call is over")
        assert (line["answered"], line["early_media"], line["status"]) == (False, True, 404)
        assert line["duration_seconds"] is None
