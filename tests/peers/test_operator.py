"""The operator's `calls` and the user's call history, with real programs at every end."""

import asyncio
import json
from pathlib import Path
from typing import Any

from slixmpp import ClientXMPP

from tests.peers.program import PATIENCE_SECONDS
from tests.peers.rig import Rig
from tests.peers.steps import NUMBER, answered_out, calling_out, ringing_out
from tests.peers.xmpp_server import ACCOUNTS, HOST


async def calls(rig: Rig, *words: str) -> Any:
    """What `jingle-sip calls` says to programs."""
    status, out, err = await rig.gateway.command("calls", *words, "--json")
    assert status == 0, err
    return json.loads(out)


async def written(rig: Rig, number: int) -> None:
    """Wait until so many records are in the table."""

    async def records() -> bool:
        return (await rig.gateway.metrics()).total("jinglesip_history_records_total") >= number

    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await records():
            pass


async def test_an_operator_sees_a_call_follows_it_and_ends_it_on_both_sides(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_answer", parameters={"milliseconds": 20})
        call = await answered_out(rig, server)
        (found,) = (await calls(rig, "list"))["calls"]
        assert (found["user"], found["number"], found["state"]) == (f"romeo@{HOST}", NUMBER, "talking")
        assert (found["codec"], found["trunk"], found["anchor"]) == ("PCMU", "pbx", "none")

        status, out, _ = await rig.gateway.command("calls")
        assert status == 0
        assert f"romeo@{HOST} → {NUMBER}" in out
        assert out.endswith("1 call\n")

        status, out, _ = await rig.gateway.command("calls", "show", found["id"])
        assert status == 0
        for line in (
            "── session-initiate ──",
            "── INVITE ──",
            "◀─ 180 Ringing ──",
            "── ACK ──",
            "◀─ session-accept ──",
        ):
            assert line in out, out

        status, out, _ = await rig.gateway.command("calls", "hangup", found["id"])
        assert (status, out) == (0, f"{found['id']} is told to end\n")
        ended = await call.session.terminated()
        assert (ended.condition, ended.text) == ("success", "the operator ended the call")
        await server.done()
        assert server.received("BYE")[0].header("Reason") == 'Q.850;cause=16;text="the operator ended the call"'
        await rig.gateway.active(0)

        status, out, err = await rig.gateway.command("calls", "hangup", found["id"])
        assert (status, out) == (1, "")
        assert err == f"jingle-sip: there is no call '{found['id']}' at the moment\n"
        await written(rig, 1)
        (record,) = (await calls(rig, "list", "--recent"))["calls"]
        assert (record["id"], record["ended_by"], record["reason"]) == (found["id"], "gateway", "success")
        status, out, _ = await rig.gateway.command("calls", "show", found["id"])
        assert "── BYE ──" in out
        assert "ended by gateway: success (the operator ended the call)" in out


async def test_a_call_that_rings_is_ended_by_an_operator_with_a_reason(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_ring_forever")
        call = await ringing_out(rig, server)
        (found,) = (await calls(rig))["calls"]
        assert found["state"] == "ringing"
        await calls(rig, "hangup", found["id"], "--reason", "busy")
        assert (await call.session.terminated()).condition == "busy"
        await server.done()
        assert server.received("CANCEL")


async def test_a_daemon_that_has_gone_takes_its_socket_with_it(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        assert await rig.gateway.stop() == 0
        status, out, err = await rig.gateway.command("calls")
        assert (status, out) == (1, "")
        assert "no daemon listens at" in err


async def test_a_user_fetches_their_call_history_by_an_ad_hoc_command(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        romeo = await rig.client()
        server = await rig.answers("uas_bye", parameters={"milliseconds": 50})
        call = await calling_out(rig, server, client=romeo)
        await call.session.terminated()
        await server.done()
        refuses = await rig.answers("uas_refuse", parameters={"status": "486 Busy Here"})
        call = await calling_out(rig, refuses, client=romeo, dialled="+15557777")
        await call.session.terminated()
        await refuses.done()
        await rig.gateway.active(0)
        await written(rig, 2)

        rows = await history(rig, "romeo")
        assert [row[1:3] + row[4:] for row in rows] == [
            ["you called", "+15557777", "busy"],
            ["you called", NUMBER, "answered"],
        ]
        assert await history(rig, "nurse") is None


async def history(rig: Rig, user: str) -> Any:
    """What slixmpp's own plugins make of the command; None: the user is not offered it."""
    stream = ClientXMPP(f"{user}@{HOST}/desk", ACCOUNTS[user])
    stream.enable_starttls = stream.enable_direct_tls = False
    stream.enable_plaintext = True
    stream.plugin["feature_mechanisms"].unencrypted_plain = True
    for plugin in ("xep_0030", "xep_0004", "xep_0050"):
        stream.register_plugin(plugin)
    stream.connect(rig.server.address, rig.server.client_port)
    await stream.wait_until("session_start", timeout=PATIENCE_SECONDS)
    try:
        commands: Any = stream.plugin["xep_0050"]
        items = await commands.get_commands(rig.gateway.domain)
        offered = [node for _, node, _ in items["disco_items"]["items"]]
        if "call-history" not in offered:
            return None
        answer = await commands.send_command(rig.gateway.domain, "call-history")
        assert answer["command"]["status"] == "completed"
        form = answer["command"]["form"]
        return [[item[name] for name in form["reported"]] for item in form["items"]]
    finally:
        await stream.disconnect()
