"""Two browsers are signed in as devices of one user: both ring, one takes the call, and a call moves between them.

The browsers are Chromium with stanza, the phone Debian's baresip; each says a tone of its own.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers import chromium, g711
from tests.peers.alone import on_loopback
from tests.peers.baresip import Baresip
from tests.peers.browser import Page
from tests.peers.chromium import Chromium
from tests.peers.ejabberd import Ejabberd
from tests.peers.program import until
from tests.peers.prosody import Prosody
from tests.peers.rig import Rig
from tests.peers.servers import SERVERS
from tests.peers.steps import NUMBER
from tests.peers.test_anchor import AUDIO, PHONE_HERTZ, TRUNK, Pair
from tests.peers.xmpp_server import ACCOUNTS, HOST

pytestmark = [
    pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing()),
    pytest.mark.parametrize("kind", SERVERS),
]

DESK_HERTZ, TABLET_HERTZ = 600, 1700
Kind = type[Prosody] | type[Ejabberd]


@pytest.fixture(autouse=True)
def _nothing_but_loopback() -> Iterator[None]:
    with on_loopback():
        yield


@dataclass(frozen=True, slots=True)
class House:
    """A gateway, romeo's two browsers, and a phone."""

    rig: Rig
    desk: Page
    tablet: Page
    phone: Baresip

    @property
    def number(self) -> str:
        return self.rig.gateway.number(NUMBER)

    async def dialled(self) -> None:
        """The phone calls romeo, and hears that somebody rings."""
        host, port = self.rig.gateway.sip
        await self.phone.dial(f"sip:romeo@{host}:{port}")

    async def talk(self, page: Page) -> None:
        """Wait until that browser and the phone hear each other."""
        await Pair(self.rig, page, self.phone).heard()
        hertz = DESK_HERTZ if page is self.desk else TABLET_HERTZ
        await until(lambda: g711.share_of_tone(self.phone.hearing(), hertz) > 0.9, f"the phone hears {page.name}")


@contextlib.asynccontextmanager
async def house(folder: Path, kind: Kind, *, auto_answer: bool = False) -> AsyncIterator[House]:
    """Romeo is signed in twice."""
    server = kind(folder, browsers=True)
    async with Chromium(folder) as browser, Rig(folder, server=lambda _: server, trunk=TRUNK) as rig:
        desk, tablet = await browser.page("client", "desk"), await browser.page("client", "tablet")
        for page, hertz in ((desk, DESK_HERTZ), (tablet, TABLET_HERTZ)):
            await page.call("login", f"romeo@{HOST}/{page.name}", ACCOUNTS["romeo"], server.websocket, True)
            await page.call("speak", hertz)
        yield House(rig, desk, tablet, await rig.phone(auto_answer=auto_answer, hertz=PHONE_HERTZ))


@pytest.mark.conformance("JMI-03", "JMI-04", "JMI-05")
async def test_both_devices_ring_and_the_first_to_take_the_call_has_it(tmp_path: Path, kind: Kind) -> None:
    async with house(tmp_path, kind) as home:
        _, desk, tablet = await asyncio.gather(home.dialled(), home.desk.call("ring"), home.tablet.call("ring"))
        assert desk["id"] == tablet["id"]
        await home.phone.expect("CALL_RINGING")
        await home.tablet.call("answer", tablet, AUDIO)
        await home.phone.expect("CALL_ESTABLISHED")
        await home.desk.call("next", "proceed-elsewhere", desk["id"])
        await home.desk.call("say", "proceed", desk)
        await home.desk.call("next", "proceed-refused", desk["id"])
        await home.talk(home.tablet)
        await asyncio.gather(home.phone.hang_up(), home.tablet.call("ended"))
        metrics = await home.rig.gateway.metrics()
        assert metrics.total("jinglesip_jingle_requests_total", direction="out", action="session-initiate") == 1


async def test_a_call_that_the_phone_gives_up_stops_ringing_everywhere(tmp_path: Path, kind: Kind) -> None:
    async with house(tmp_path, kind) as home:
        _, desk, tablet = await asyncio.gather(home.dialled(), home.desk.call("ring"), home.tablet.call("ring"))
        await home.phone.expect("CALL_RINGING")
        await home.phone.hang_up()
        for page, call in ((home.desk, desk), (home.tablet, tablet)):
            await page.call("next", "retract", call["id"])


async def test_a_device_rejects_for_all(tmp_path: Path, kind: Kind) -> None:
    async with house(tmp_path, kind) as home:
        _, desk, tablet = await asyncio.gather(home.dialled(), home.desk.call("ring"), home.tablet.call("ring"))
        await home.phone.expect("CALL_RINGING")
        await home.desk.call("say", "reject", desk)
        closed = await home.phone.expect("CALL_CLOSED")
        assert "486" in closed.text
        await home.tablet.call("next", "reject-elsewhere", tablet["id"])


async def test_a_device_takes_its_own_call_back(tmp_path: Path, kind: Kind) -> None:
    async with house(tmp_path, kind) as home:
        call = await home.desk.call("propose", home.number, AUDIO)
        await home.phone.expect("CALL_INCOMING")
        await home.desk.call("next", "ringing", call["id"])
        await home.desk.call("say", "retract", call)
        await home.phone.expect("CALL_CLOSED")


@pytest.mark.conformance("JMI-25")
async def test_a_call_moves_from_one_device_to_the_other_and_back_with_the_sound_going_on(
    tmp_path: Path, kind: Kind
) -> None:
    async with house(tmp_path, kind, auto_answer=True) as home:
        first = await home.desk.call("call", home.number, AUDIO, False)
        await home.talk(home.desk)
        second = await home.tablet.call("call", home.number, AUDIO, False)
        assert (await home.desk.call("next", "session-terminated", first))["reason"] == "success"
        await home.desk.call("next", "finish", first)
        await home.talk(home.tablet)
        await home.desk.call("call", home.number, AUDIO, False)
        assert (await home.tablet.call("next", "session-terminated", second))["reason"] == "success"
        await home.talk(home.desk)
        assert len(home.rig.gateway.log("call_opened")) == 1
        await asyncio.gather(home.desk.call("end"), home.phone.expect("CALL_CLOSED"))


@pytest.mark.conformance("JMI-25")
async def test_a_call_that_came_in_moves_too(tmp_path: Path, kind: Kind) -> None:
    async with house(tmp_path, kind) as home:
        _, desk, _ = await asyncio.gather(home.dialled(), home.desk.call("ring"), home.tablet.call("ring"))
        await home.desk.call("answer", desk, AUDIO)
        await home.phone.expect("CALL_ESTABLISHED")
        await home.talk(home.desk)
        await home.tablet.call("call", desk["from"].partition("/")[0], AUDIO, False)
        assert (await home.desk.call("next", "session-terminated", desk["id"]))["reason"] == "success"
        await home.talk(home.tablet)
        await asyncio.gather(home.phone.hang_up(), home.tablet.call("ended"))
