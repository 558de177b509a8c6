"""The component stream drops between propose and proceed, and comes back: the call survives, or both sides hear why."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from tests.peers import chromium
from tests.peers.alone import on_loopback
from tests.peers.chromium import Chromium
from tests.peers.gateway import Table
from tests.peers.jingle_client import Wanted, action, initiation
from tests.peers.program import until
from tests.peers.prosody import Prosody
from tests.peers.rig import Rig
from tests.peers.servers import SERVERS
from tests.peers.steps import NUMBER, proposed_in
from tests.peers.test_anchor import AUDIO, PHONE_HERTZ, TRUNK, Pair
from tests.peers.test_devices import Kind
from tests.peers.wire import Wire
from tests.peers.xmpp_server import ACCOUNTS, HOST

pytestmark = pytest.mark.parametrize("kind", SERVERS)


def refused(id: str) -> Wanted:
    """The error for a message of ours."""
    return Wanted(f"error for {id}", lambda seen: seen.kind == "message" and seen.type == "error" and seen.id == id)


@contextlib.asynccontextmanager
async def cut_off(folder: Path, kind: Kind, **limits: float) -> AsyncIterator[tuple[Rig, Wire]]:
    """A gateway whose stream to its server can be cut."""
    server = kind(folder)
    async with Wire((server.address, server.component_port)) as wire:
        changes: Mapping[str, Table] = {"xmpp": {"host": wire.host, "port": wire.port}, "limits": limits}
        async with Rig(folder, server=lambda _: server, changes=changes) as rig:
            yield rig, wire


async def down(rig: Rig, wire: Wire) -> None:
    await wire.cut()
    await rig.gateway.ready_is(503)


async def up(rig: Rig, wire: Wire) -> None:
    await wire.mend()
    await rig.gateway.ready_is(200)


async def test_a_call_survives_that_is_taken_after_the_stream_is_back(tmp_path: Path, kind: Kind) -> None:
    async with cut_off(tmp_path, kind) as (rig, wire):
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_call")
        call = await proposed_in(rig, caller, juliet)
        juliet.initiate_message("ringing", call.sid, call.proposed.sender)
        await until(lambda: caller.received("180"), "180")
        await down(rig, wire)
        await up(rig, wire)
        juliet.initiate_message("proceed", call.sid, call.proposed.sender)
        offer = await juliet.expect(action("session-initiate", call.sid))
        session = juliet.session(offer.sender, call.sid, voice=await rig.voice(), initiator=False)
        assert (await session.accept(offer)).type == "result"
        await session.terminated()
        await caller.done()


async def test_a_proceed_that_is_lost_ends_the_call_on_both_sides(tmp_path: Path, kind: Kind) -> None:
    async with cut_off(tmp_path, kind, ring_timeout_seconds=4.0) as (rig, wire):
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_expect", parameters={"status": 480})
        call = await proposed_in(rig, caller, juliet)
        juliet.initiate_message("ringing", call.sid, call.proposed.sender)
        await until(lambda: caller.received("180"), "180")
        await down(rig, wire)
        juliet.initiate_message("proceed", call.sid, call.proposed.sender)
        lost = next(seen for seen in reversed(juliet.transcript) if seen.outgoing and seen.initiation is not None)
        await juliet.expect(refused(lost.id))
        await up(rig, wire)
        assert (await juliet.expect(initiation("retract", call.sid))).condition == "cancel"
        await caller.done()


async def test_a_caller_who_gives_up_meanwhile_stops_the_ringing_when_the_stream_is_back(
    tmp_path: Path, kind: Kind
) -> None:
    async with cut_off(tmp_path, kind) as (rig, wire):
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_cancel", parameters={"milliseconds": 2500})
        call = await proposed_in(rig, caller, juliet)
        juliet.initiate_message("ringing", call.sid, call.proposed.sender)
        await until(lambda: caller.received("180"), "180")
        await down(rig, wire)
        await caller.done()
        await up(rig, wire)
        assert (await juliet.expect(initiation("retract", call.sid))).condition == "cancel"


@pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing())
async def test_a_browser_talks_to_a_phone_that_picked_up_while_the_stream_was_down(tmp_path: Path, kind: Kind) -> None:
    with on_loopback():
        server = kind(tmp_path, browsers=True)
        async with Wire((server.address, server.component_port)) as wire, Chromium(tmp_path) as browser:
            changes: Mapping[str, Table] = {"xmpp": {"host": wire.host, "port": wire.port}}
            async with Rig(tmp_path, server=lambda _: server, trunk=TRUNK, changes=changes) as rig:
                client = await browser.page("client", "client")
                await client.call("login", f"romeo@{HOST}", ACCOUNTS["romeo"], server.websocket)
                phone = await rig.phone(hertz=PHONE_HERTZ)
                calling = asyncio.create_task(client.call("call", rig.gateway.number(NUMBER), AUDIO, False))
                await phone.expect("CALL_INCOMING")
                await client.call("next", "ringing")
                await down(rig, wire)
                await phone.command("accept")
                await phone.expect("CALL_ESTABLISHED")
                await up(rig, wire)
                await calling
                await Pair(rig, client, phone).heard()
                await asyncio.gather(client.call("end"), phone.expect("CALL_CLOSED"))


async def test_a_phone_that_refuses_meanwhile_is_told_when_the_stream_is_back(tmp_path: Path, kind: Kind) -> None:
    if kind is not Prosody:
        pytest.skip("one server is enough: nothing of this is the server's")
    trunk: Table = {"media": "anchor"}
    server = kind(tmp_path)
    async with Wire((server.address, server.component_port)) as wire:
        changes: Mapping[str, Table] = {"xmpp": {"host": wire.host, "port": wire.port}}
        async with Rig(tmp_path, server=lambda _: server, trunk=trunk, changes=changes) as rig:
            phone = await rig.raw_trunk()
            juliet = await rig.client("juliet")
            sid = juliet.propose(rig.gateway.number("+15551230000"))
            invite = await phone.expect("INVITE")
            phone.respond(invite, "180 Ringing", tag="one")
            await juliet.expect(initiation("ringing", sid))
            await down(rig, wire)
            phone.respond(invite, "486 Busy Here", tag="one")
            await phone.expect("ACK")
            await up(rig, wire)
            assert (await juliet.expect(initiation("reject", sid))).condition == "busy"
            await rig.gateway.active(0)
