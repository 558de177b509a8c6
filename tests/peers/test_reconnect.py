"""The XMPP server disappears, and comes back."""

from pathlib import Path

import pytest

from tests.peers.jingle_client import JingleClient, action
from tests.peers.program import until
from tests.peers.rig import Rig
from tests.peers.steps import answered_out, calling_out


@pytest.mark.conformance("COMP-03")
async def test_a_call_survives_the_servers_restart_and_can_be_hung_up_after_it(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_answer")
        call = await answered_out(rig, server)
        await until(lambda: server.received("ACK"), "ACK")

        rig.server.kill()
        missing = await rig.gateway.ready_is(503)
        assert "xmpp" in missing.lower()
        metrics = await rig.gateway.metrics()
        assert metrics.total("jinglesip_xmpp_connected") == 0
        assert metrics.total("jinglesip_calls_active", origin="xmpp") == 1
        assert await rig.gateway.logged("xmpp_disconnected")

        await rig.server.start()
        await rig.gateway.ready_is(200)
        metrics = await rig.gateway.metrics()
        assert len(await rig.gateway.logged("xmpp_connected", 2)) == 2
        assert metrics.total("jinglesip_xmpp_connected") == 1
        assert metrics.total("jinglesip_xmpp_reconnects_total") >= 1
        assert not server.finished
        await _back(call.client)
        call.session.peer = f"{rig.gateway.number('+15551230000')}/sip"
        assert (await call.session.terminate()).type == "result"
        await server.done()
        assert server.received("BYE")


async def test_a_phone_that_hangs_up_while_the_server_is_away_is_answered_and_the_client_told_later(
    tmp_path: Path,
) -> None:
    async with Rig(tmp_path) as rig:
        phone = await rig.raw_trunk()
        client = await rig.client()
        session = client.session(f"{rig.gateway.number('+15551230000')}/sip", voice=await rig.voice())
        assert (await session.initiate()).type == "result"
        invite = await phone.expect("INVITE")
        phone.respond(invite, "200 OK", tag="one", body=phone.sdp())
        ack = await phone.expect("ACK")
        await session.accepted()
        rig.server.kill()
        await rig.gateway.ready_is(503)
        phone.hang_up(invite, ack)
        await phone.expect("200", lambda message: message.header("CSeq").endswith("BYE"))
        await rig.server.start()
        await rig.gateway.ready_is(200)
        await _back(client)
        # What waited for the stream is sent when it stands again; it may have bounced off a client not yet back.
        await rig.gateway.active(0)


async def test_the_gateway_waits_for_a_server_that_is_not_there_yet(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.server.kill()
        await rig.gateway.ready_is(503)
        assert (await rig.gateway.get("/healthz"))[0] == 200
        await rig.server.start()
        await rig.gateway.ready_is(200)
        server = await rig.answers("uas_answer")
        call = await calling_out(rig, server)
        await call.session.accepted()
        await call.session.terminate()
        await server.done()


async def test_an_invite_that_comes_while_the_server_is_away_is_refused_in_time(tmp_path: Path) -> None:
    async with Rig(tmp_path, changes={"limits": {"no_device_timeout_seconds": 2.0}}) as rig:
        rig.server.kill()
        await rig.gateway.ready_is(503)
        caller = await rig.calls("uac_expect", parameters={"status": 503})
        await until(lambda: caller.finished, "a final response")
        final = [m for m in caller.messages() if not m.outgoing and not m.label.startswith("1")]
        assert final[0].label.split()[0] in ("503", "480")
        await rig.gateway.active(0)


@pytest.mark.conformance("COMP-02")
async def test_a_wrong_secret_is_said_and_tried_again(tmp_path: Path) -> None:
    async with Rig(tmp_path, ready=False, changes={"xmpp": {"secret_file": "password"}}) as rig:
        rig.complains = True
        missing = await rig.gateway.ready_is(503)
        assert "xmpp" in missing.lower()
        await until(lambda: rig.server.program.text().count("component") >= 3, "more than one attempt")
        assert rig.gateway.program.running


async def _back(client: JingleClient) -> None:
    """The client signs in again, under the same full JID."""
    client.abort()
    await client.connect()
    assert not client.came(action("session-terminate"))
