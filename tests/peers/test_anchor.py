"""A browser calls a plain phone, and is called by one: ICE and DTLS-SRTP on one side, G.711 over RTP on the other.

The browser is Chromium with stanza, the phone Debian's baresip.  What each says is a steady tone, and is looked for in
what the other hears, decoded by itself.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.peers import chromium, g711, loopback
from tests.peers.alone import on_loopback
from tests.peers.baresip import Baresip
from tests.peers.browser import Browser, Page
from tests.peers.chromium import Chromium
from tests.peers.gateway import PASSWORD, Table
from tests.peers.kamailio import Kamailio
from tests.peers.program import PATIENCE_SECONDS, PeerFailure, until
from tests.peers.prosody import Prosody
from tests.peers.rig import Rig
from tests.peers.steps import NUMBER
from tests.peers.xmpp_server import ACCOUNTS, HOST

pytestmark = pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing())

PHONE_HERTZ = 1000
BROWSER_HERTZ = 600
AUDIO = ["audio"]
TRUNK = {"media": "auto", "media_source": "any"}
"On loopback the phone's packets come from another address than it says: its socket is bound to none."


@pytest.fixture(autouse=True)
def _nothing_but_loopback() -> Iterator[None]:
    with on_loopback():
        yield


@dataclass(frozen=True, slots=True)
class Pair:
    """A gateway with a browser on one side and a phone on the other."""

    rig: Rig
    client: Page
    phone: Baresip

    async def heard(self) -> None:
        """Wait until the browser hears the phone's tone."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while (share := await self.client.call("hears", PHONE_HERTZ)) < 0.9:
            if asyncio.get_running_loop().time() > deadline:
                statistics = await self.client.call("statistics")
                raise PeerFailure(f"the browser hears {share:.0%} of the tone\n{statistics}\n{self.client.tail()}")
            await asyncio.sleep(0.1)

    async def silent(self) -> None:
        """Wait until the browser hears nothing of the phone any more."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        before = await self._received()
        while True:
            await asyncio.sleep(0.5)
            now = await self._received()
            if now == before:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise PeerFailure(f"the browser still hears the phone: {before}, {now}\n{self.client.tail()}")
            before = now

    async def spoke(self, octets: int = 6000) -> None:
        """Wait until the browser has sent so much sound: of Opus, a good second."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while (await self.client.call("statistics"))["sent"].get("audio", 0) < octets:
            if asyncio.get_running_loop().time() > deadline:
                raise PeerFailure(f"the browser has not sent {octets} octets\n{self.client.tail()}")
            await asyncio.sleep(0.1)

    async def _received(self) -> int:
        statistics = await self.client.call("statistics")
        return int(statistics["received"]["audio"])

    async def check_phone(self) -> None:
        """The phone has heard the browser's tone; to be asked after the call."""
        sent, received = await self.phone.packets()
        assert sent > 0
        assert received > 0
        assert g711.share_of_tone(self.phone.heard(), BROWSER_HERTZ) > 0.9


@contextlib.asynccontextmanager
async def pair(
    folder: Path,
    *,
    auto_answer: bool = False,
    trunk: Mapping[str, object] = TRUNK,
    changes: Mapping[str, Table] | None = None,
    controls: int = 0,
    browsers: Callable[[Path], Browser] = Chromium,
) -> AsyncIterator[Pair]:
    """Romeo's browser is signed in; a plain phone stands at the trunk, whose calls are anchored where they must be."""
    server = Prosody(folder, browsers=True)
    async with (
        browsers(folder) as browser,
        Rig(folder, server=lambda _: server, trunk=trunk, changes=changes, controls=controls) as rig,
    ):
        client = await browser.page("client", "client")
        await client.call("login", f"romeo@{HOST}", ACCOUNTS["romeo"], server.websocket)
        await browser.speak(client, BROWSER_HERTZ)
        yield Pair(rig, client, await rig.phone(auto_answer=auto_answer, hertz=PHONE_HERTZ))


@pytest.mark.conformance("MED-01", "MED-02")
@pytest.mark.parametrize("direct", [False, True], ids=["by-message", "without-message-initiation"])
async def test_a_browser_calls_a_plain_phone_and_both_hear_each_other(tmp_path: Path, direct: bool) -> None:
    async with pair(tmp_path, auto_answer=True) as both:
        number = both.rig.gateway.number(NUMBER)
        await both.client.call("call", f"{number}/sip" if direct else number, AUDIO, direct)
        await both.heard()
        await asyncio.gather(both.client.call("end"), both.phone.expect("CALL_CLOSED"))
        await both.check_phone()


async def test_a_phone_that_refuses_a_browsers_offer_is_called_again_and_both_hear_each_other(tmp_path: Path) -> None:
    web = TRUNK | {"media_ice": True, "media_protection": "dtls"}
    async with pair(tmp_path, auto_answer=True, trunk=web) as both:
        await both.client.call("call", both.rig.gateway.number(NUMBER), AUDIO, False)
        await both.heard()
        await asyncio.gather(both.client.call("end"), both.phone.expect("CALL_CLOSED"))
        await both.check_phone()
        assert both.rig.gateway.log("leg_replaced")


async def test_a_plain_phone_calls_a_browser_and_both_hear_each_other(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        host, port = both.rig.gateway.sip
        await asyncio.gather(
            both.client.call("take", AUDIO),
            both.phone.dial(f"sip:romeo@{host}:{port}"),
            both.phone.expect("CALL_ESTABLISHED"),
        )
        await both.heard()
        await asyncio.gather(both.phone.hang_up(), both.client.call("ended"))
        await both.check_phone()


@pytest.mark.conformance("EXT-09")
async def test_a_plain_phone_hands_a_browser_on_and_it_hears_the_new_call(tmp_path: Path) -> None:
    async with pair(tmp_path, auto_answer=True) as both:
        await both.client.call("call", both.rig.gateway.number(NUMBER), AUDIO, False)
        await both.phone.expect("CALL_ESTABLISHED")
        await both.heard()
        host, port = both.rig.trunk
        await both.phone.transfer(f"sip:{NUMBER}@{host}:{port}")
        await both.phone.expect("CALL_ESTABLISHED")
        await both.phone.expect("CALL_CLOSED")
        await until(lambda: both.phone.recorded > 16_000, "the phone hears a second of the new call")
        await both.heard()
        await asyncio.gather(both.client.call("end"), both.phone.expect("CALL_CLOSED"))
        await both.check_phone()


async def test_keys_that_a_browser_presses_are_heard_by_the_phone(tmp_path: Path) -> None:
    async with pair(tmp_path, auto_answer=True) as both:
        await both.client.call("call", both.rig.gateway.number(NUMBER), AUDIO, False)
        await both.heard()
        await both.client.call("press", "1*#", 120, 80)
        heard = [(await both.phone.expect("CALL_DTMF_START")).text for _ in range(3)]
        assert heard == ["1", "*", "#"]
        await asyncio.gather(both.client.call("end"), both.phone.expect("CALL_CLOSED"))


async def test_keys_that_a_user_writes_to_the_number_are_heard_by_the_phone(tmp_path: Path) -> None:
    async with pair(tmp_path, auto_answer=True) as both:
        number = both.rig.gateway.number(NUMBER)
        await both.client.call("call", number, AUDIO, False)
        await both.heard()
        await both.client.call("write", number, "1,*")
        await both.client.call("write", number, "#5")
        heard = [(await both.phone.expect("CALL_DTMF_START")).text for _ in range(4)]
        assert heard == ["1", "*", "#", "5"]
        await asyncio.gather(both.client.call("end"), both.phone.expect("CALL_CLOSED"))


async def test_a_phone_holds_the_browser_and_comes_back(tmp_path: Path) -> None:
    async with pair(tmp_path, auto_answer=True) as both:
        await both.client.call("call", both.rig.gateway.number(NUMBER), AUDIO, False)
        await both.heard()
        await both.phone.command("hold")
        await both.silent()
        await both.phone.command("resume")
        await both.heard()
        await asyncio.gather(both.client.call("end"), both.phone.expect("CALL_CLOSED"))
        await both.check_phone()


async def test_nothing_of_a_registered_phone_that_calls_and_is_called_is_in_the_clear(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    host, registrar = loopback.address(), loopback.address()
    ports = {"udp": loopback.port(host), "tls": loopback.port(host)}
    ours = authority.issue("ours", dns=["gw.example"], addresses=[host])
    theirs = authority.issue("theirs", dns=["sip.test"], addresses=[registrar])
    server = Prosody(tmp_path, browsers=True)
    kamailio = Kamailio(
        tmp_path, "registrar", at=(registrar, loopback.port(registrar)), transports=["udp", "tls"],
        domains=["sip.test"], parameters={"domain": "sip.test", "password": PASSWORD, "algorithm": "MD5"},
        certificate=theirs.file, key=theirs.key, authority=authority.file,
    )  # fmt: skip
    trunk: Table = {
        **TRUNK, "host": registrar, "port": kamailio.ports["tls"], "transport": "tls", "domain": "sip.test",
        "ca_file": str(authority.file), "certificate_file": str(ours.file), "key_file": str(ours.key),
        "user": "trunk", "password_file": "password", "register": True, "register_user": "romeo",
        "caller_id": "fixed", "caller_id_number": "trunk", "media_protection": "sdes",
    }  # fmt: skip
    changes: dict[str, Table] = {
        "sip": {"listen": [f"{transport}:{host}:{port}" for transport, port in ports.items()]},
        "tls": {"certificate_file": str(ours.file), "key_file": str(ours.key)},
    }
    async with (
        kamailio,
        Chromium(tmp_path) as browser,
        Rig(tmp_path, server=lambda _: server, trunk=trunk, changes=changes, at=(host, ports["udp"])) as rig,
    ):
        client = await browser.page("client", "client")
        await client.call("login", f"romeo@{HOST}", ACCOUNTS["romeo"], server.websocket)
        await client.call("speak", BROWSER_HERTZ)
        await until(lambda: kamailio.said("saved romeo"), "the gateway is registered")
        phone = await rig.registered_phone(
            f"5551@{registrar}:{kamailio.ports['tls']};transport=tls", PASSWORD, auto_answer=True,
            certificate=authority.issue("phone", dns=["phone.example"]), authority=authority.file,
            encryption="srtp-mand",
        )  # fmt: skip
        both = Pair(rig, client, phone)
        await client.call("call", rig.gateway.number("5551"), AUDIO, False)
        await both.heard()
        await asyncio.gather(client.call("end"), phone.expect("CALL_CLOSED"))
        await both.check_phone()
        await asyncio.gather(
            client.call("take", AUDIO),
            phone.dial(f"sip:romeo@{registrar}:{kamailio.ports['tls']}"),
            phone.expect("CALL_ESTABLISHED"),
        )
        await both.heard()
        await asyncio.gather(phone.hang_up(), client.call("ended"))
        await both.check_phone()
        offers = [message for message in phone.messages() if "m=audio" in message.text]
        assert len(offers) == 5  # of two calls; the phone's INVITE was challenged
        assert all("RTP/SAVP" in message.text and "a=crypto:" in message.text for message in offers)
        assert "over udp" not in kamailio.program.text()
        assert "over tls" in kamailio.program.text()
