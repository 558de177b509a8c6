"""A browser and a plain phone in calls whose sound goes through rtpengine, both ways, as `test_anchor` has it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from tests.media import rtpengine
from tests.media.rtpengine import Rtpengine
from tests.peers import chromium
from tests.peers.alone import on_loopback
from tests.peers.steps import NUMBER
from tests.peers.test_anchor import AUDIO, TRUNK, Pair, pair

_missing = chromium.missing() or rtpengine.missing()
pytestmark = pytest.mark.skipif(bool(_missing), reason=_missing)


@pytest.fixture(autouse=True)
def _nothing_but_loopback() -> Iterator[None]:
    with on_loopback():
        yield


@contextlib.asynccontextmanager
async def joined(
    folder: Path, *, auto_answer: bool = False, trunk: Mapping[str, object] = TRUNK
) -> AsyncIterator[tuple[Pair, Rtpengine]]:
    """A browser and a phone at a gateway that has an rtpengine."""
    async with Rtpengine(folder) as daemon:
        media = {"anchor": "rtpengine", "rtpengine": [str(daemon.node)]}
        async with pair(folder, auto_answer=auto_answer, trunk=trunk, changes={"media": media}, controls=1) as both:
            yield both, daemon


@pytest.mark.parametrize("direct", [False, True], ids=["by-message", "without-message-initiation"])
async def test_a_browser_calls_a_plain_phone_and_both_hear_each_other(tmp_path: Path, direct: bool) -> None:
    async with joined(tmp_path, auto_answer=True) as (both, _):
        number = both.rig.gateway.number(NUMBER)
        await both.client.call("call", f"{number}/sip" if direct else number, AUDIO, direct)
        await both.heard()
        await asyncio.gather(both.client.call("end"), both.phone.expect("CALL_CLOSED"))
        await both.check_phone()
        (ended,) = await both.rig.gateway.logged("call_ended")
        assert ended["anchor"] == "rtpengine"
        assert ended["caller_packets"] > 0
        assert ended["callee_packets"] > 0


async def test_a_plain_phone_calls_a_browser_and_both_hear_each_other(tmp_path: Path) -> None:
    async with joined(tmp_path) as (both, _):
        host, port = both.rig.gateway.sip
        await asyncio.gather(
            both.client.call("take", AUDIO),
            both.phone.dial(f"sip:romeo@{host}:{port}"),
            both.phone.expect("CALL_ESTABLISHED"),
        )
        await both.heard()
        await asyncio.gather(both.phone.hang_up(), both.client.call("ended"))
        await both.check_phone()


async def test_keys_that_a_user_writes_to_the_number_are_heard_by_the_phone(tmp_path: Path) -> None:
    async with joined(tmp_path, auto_answer=True) as (both, _):
        number = both.rig.gateway.number(NUMBER)
        await both.client.call("call", number, AUDIO, False)
        await both.heard()
        await both.client.call("write", number, "1,#")
        heard = [(await both.phone.expect("CALL_DTMF_START")).text for _ in range(2)]
        assert heard == ["1", "#"]
        await both.heard()  # decoded and encoded on its way, as it was before
        await asyncio.gather(both.client.call("end"), both.phone.expect("CALL_CLOSED"))


TRANSCODED = TRUNK | {
    "media_codecs": ["PCMA", "PCMU"],
    "media_transcode": ["opus", "PCMA", "PCMU"],
    "media_transcode_first": True,
}
"Browsers have G.711, too: what they want more is made of it."


@pytest.mark.parametrize("direct", [False, True], ids=["by-message", "without-message-initiation"])
async def test_a_browser_speaks_opus_to_a_phone_that_has_only_g711(tmp_path: Path, direct: bool) -> None:
    async with joined(tmp_path, auto_answer=True, trunk=TRANSCODED) as (both, _):
        number = both.rig.gateway.number(NUMBER)
        await both.client.call("call", f"{number}/sip" if direct else number, AUDIO, direct)
        await both.heard()
        await both.spoke()
        assert (await both.client.call("statistics"))["codecs"] == {"audio": "audio/opus"}
        await asyncio.gather(both.client.call("end"), both.phone.expect("CALL_CLOSED"))
        await both.check_phone()
        (ended,) = await both.rig.gateway.logged("call_ended")
        assert ended["codec"] == "PCMA"  # the phone's


async def test_a_phone_that_has_only_g711_calls_a_browser_that_speaks_opus(tmp_path: Path) -> None:
    async with joined(tmp_path, trunk=TRANSCODED) as (both, _):
        host, port = both.rig.gateway.sip
        await asyncio.gather(
            both.client.call("take", AUDIO),
            both.phone.dial(f"sip:romeo@{host}:{port}"),
            both.phone.expect("CALL_ESTABLISHED"),
        )
        await both.heard()
        await both.spoke()
        assert (await both.client.call("statistics"))["codecs"] == {"audio": "audio/opus"}
        await asyncio.gather(both.phone.hang_up(), both.client.call("ended"))
        await both.check_phone()


async def test_a_call_whose_rtpengine_dies_ends_on_both_sides(tmp_path: Path) -> None:
    async with joined(tmp_path, auto_answer=True) as (both, daemon):
        await both.client.call("call", both.rig.gateway.number(NUMBER), AUDIO, False)
        await both.heard()
        daemon.kill()
        await asyncio.gather(both.client.call("ended"), both.phone.expect("CALL_CLOSED"))
