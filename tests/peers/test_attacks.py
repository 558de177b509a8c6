"""Hostile peers on every side of a running gateway, each beside a call that must not notice."""

import asyncio
import contextlib
import time
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import pytest

from tests.peers import jingle, loopback
from tests.peers.gateway import Table
from tests.peers.jingle import CLIENT, ICE_UDP, JINGLE, STANZAS
from tests.peers.jingle_client import initiation
from tests.peers.program import PATIENCE_SECONDS, until
from tests.peers.raw_sip import RawSip
from tests.peers.rig import Rig
from tests.peers.steps import NUMBER, Out, answered_out

MEGABYTE = 1024 * 1024


async def _undisturbed(call: Out) -> None:
    """The call of before is still one, and ends well."""
    assert (await call.session.act("session-info")).type == "result"
    assert (await call.session.terminate()).type == "result"
    await call.server.done()


def _invite(rig: Rig, raw: RawSip, name: str, via: str = "") -> str:
    host, port = raw.local
    body = raw.sdp()
    return (
        f"INVITE sip:romeo@{rig.gateway.uri} SIP/2.0\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{name}{via}\n"
        f"From: <sip:a@{host}>;tag={name}\nTo: <sip:romeo@{rig.gateway.uri}>\nCall-ID: {name}\nCSeq: 1 INVITE\n"
        f"Contact: <sip:a@{host}:{port}>\nMax-Forwards: 70\nContent-Type: application/sdp\n"
        f"Content-Length: {len(body) + body.count(chr(10))}\n\n{body}"
    )


@pytest.mark.conformance("SIP-31", "ROB-05")
async def test_ten_thousand_invites_of_a_stranger_leave_nothing_behind(tmp_path: Path) -> None:
    changes: dict[str, Table] = {"log": {"level": "info"}, "limits": {"strangers_per_second": 1_000_000}}
    async with Rig(tmp_path, changes=changes) as rig:
        call = await answered_out(rig, await rig.answers("uas_answer"))
        stranger, victim = await rig.raw(), await rig.raw()
        before = await rig.gateway.metrics()
        for number in range(10_000):
            stranger.send(_invite(rig, stranger, f"s{number}", f";maddr={victim.local[0]}"), rig.gateway.sip)
            if number % 50 == 0:
                await asyncio.sleep(0.005)  # or the kernel drops most of them
        for turn in range(100):  # a datagram may be lost where so many come
            stranger.send(_invite(rig, stranger, f"o{turn}").replace("INVITE", "OPTIONS"), rig.gateway.sip)
            await asyncio.sleep(0.1)
            if stranger.count("200"):
                break
        metrics = await rig.gateway.metrics()
        answered = stranger.count("403")
        assert answered > 1_000
        assert metrics.total("jinglesip_sip_refused_total", cause="unknown_source") >= answered
        for name, most in (
            ("jinglesip_sip_retransmissions_total", 0),
            ("process_resident_memory_bytes", 10 * MEGABYTE),
        ):
            assert metrics.total(name) - before.total(name) <= most, name
        assert not victim.received
        assert len(rig.gateway.log("sip_refused")) < 20
        assert metrics.total("jinglesip_calls_active") == 1
        await _undisturbed(call)


async def flooded(rig: Rig) -> float:
    """How many datagrams of strangers were dropped unread."""
    return (await rig.gateway.metrics()).total("jinglesip_sip_refused_total", cause="flood")


@pytest.mark.conformance("SIP-31")
async def test_a_scanner_is_not_heard_and_costs_little(tmp_path: Path) -> None:
    seconds, a_second = 2, 10_000
    async with Rig(tmp_path, changes={"log": {"level": "info"}}) as rig:
        call = await answered_out(rig, await rig.answers("uas_answer"))
        scanner = await rig.raw()
        texts = [_invite(rig, scanner, f"s{number}").replace("INVITE", "REGISTER") for number in range(100)]
        program = rig.gateway.program
        before, began = program.cpu_seconds(), time.monotonic()
        for number in range(seconds * a_second):
            scanner.send(texts[number % 100], rig.gateway.sip)
            if number % 100 == 0:
                await asyncio.sleep(max(0.0, began + number / a_second - time.monotonic()))
        took = time.monotonic() - began
        heard = 200 + 50 * (took + 5)
        # What the gateway has no time for, the kernel drops before it.
        while await flooded(rig) + program.datagrams_lost(rig.gateway.sip) < seconds * a_second - heard:
            assert time.monotonic() - began < took + PATIENCE_SECONDS
        assert len(scanner.received) < heard
        assert (program.cpu_seconds() - before) / took < 0.6  # of one core; a quiet machine needs 0.17
        assert 1 <= len(rig.gateway.log("sip_flood")) <= 1 + (time.monotonic() - began) / 60
        await _undisturbed(call)


@pytest.mark.conformance("SIP-31")
async def test_a_trunk_that_calls_beyond_the_limit_is_told_when_to_come_again(tmp_path: Path) -> None:
    calls = 500
    changes: dict[str, Table] = {"log": {"level": "info"}, "limits": {"calls": 1}}
    async with Rig(tmp_path, changes=changes) as rig:
        call = await answered_out(rig, await rig.answers("uas_answer"))
        trunk = await rig.raw(rig.trunk[0])
        for number in range(calls):
            trunk.send(_invite(rig, trunk, f"t{number}"), rig.gateway.sip)
            if number % 50 == 0:
                await asyncio.sleep(0.005)  # or the kernel drops most of them
        await until(lambda: trunk.count("503") > calls / 2, "most are refused")
        assert all(message.header("Retry-After") for message in trunk.received if message.is_("503"))
        metrics = await rig.gateway.metrics()
        assert metrics.total("jinglesip_calls_refused_total", origin="sip", cause="limit") > calls / 2
        assert metrics.total("jinglesip_sip_refused_total", cause="flood") == 0
        await _undisturbed(call)


async def test_a_crowd_of_connections_does_not_lock_the_trunk_out(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        call = await answered_out(rig, await rig.answers("uas_answer"))
        crowd = []
        host = loopback.address()
        for _ in range(1_000):
            crowd.append(await asyncio.open_connection(*rig.gateway.sip, local_addr=(host, 0)))
        reader, writer = await asyncio.open_connection(*rig.gateway.sip, local_addr=(rig.trunk[0], 0))
        asked = f"OPTIONS sip:{rig.gateway.uri} SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bKtrunk\r\n"
        asked += "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: t\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        writer.write(asked.encode())
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert (await reader.readline()).startswith(b"SIP/2.0 200 ")
        for _, one in (*crowd, (reader, writer)):
            one.close()
        for _, one in crowd:
            with contextlib.suppress(ConnectionError):
                await one.wait_closed()
        await _undisturbed(call)


async def test_candidates_without_end_hold_nobody_up(tmp_path: Path) -> None:
    async with Rig(tmp_path, changes={"log": {"level": "info"}}) as rig:
        call = await answered_out(rig, await rig.answers("uas_answer"))
        client = await rig.client("mercutio")
        to = f"{rig.gateway.number('+15559990000')}/sip"
        audio = jingle.IceAudio(("127.0.0.1", 4000))
        content = jingle.ice_content(audio)
        transport = content.find(f"{{{ICE_UDP}}}transport")
        assert transport is not None
        for child in [one for one in transport if one.tag.endswith("candidate")]:
            transport.remove(child)
        assert (await client.request(to, jingle.jingle("session-initiate", "many", content))).type == "result"
        begun = time.monotonic()
        for batch in range(60):
            info = Element(f"{{{JINGLE}}}content", {"creator": "initiator", "name": audio.name})
            more = SubElement(info, f"{{{ICE_UDP}}}transport", {"ufrag": audio.ufrag, "pwd": audio.pwd})
            for number in range(128):
                SubElement(
                    more,
                    f"{{{ICE_UDP}}}candidate",
                    {"component": "1", "foundation": "1", "generation": "0", "id": f"c{batch}-{number}", "network": "0"}
                    | {
                        "ip": f"10.0.{batch}.{number}",
                        "port": "4000",
                        "priority": "1",
                        "protocol": "udp",
                        "type": "host",
                    },
                )
            stanza = Element(f"{{{CLIENT}}}iq", {"type": "set", "id": f"t{batch}", "to": to})
            stanza.append(jingle.jingle("transport-info", "many", info))
            client.send(stanza)
        assert (await call.session.act("session-info")).type == "result"
        await client.request(to, jingle.jingle("session-terminate", "many", jingle.reason("cancel")))
        assert time.monotonic() - begun < 10
        await _undisturbed(call)


async def test_a_stanza_of_any_depth_breaks_no_stream(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        call = await answered_out(rig, await rig.answers("uas_answer"))
        client = await rig.client("mercutio")
        number = rig.gateway.number(NUMBER)
        assert client._stream is not None
        client._stream.send_raw(f"<message to='{number}' id='deep'>{'<a>' * 5_000}{'</a>' * 5_000}</message>")
        nested = f"<content creator='initiator' name='a'><transport xmlns='urn:x'>{'<a>' * 5_000}{'</a>' * 5_000}"
        client._stream.send_raw(
            f"<iq type='set' to='{number}' id='d'><jingle xmlns='{JINGLE}' action='transport-replace' sid='x'>"
            f"{nested}</transport></content></jingle></iq>"
        )
        await client.fence(number)
        metrics = await rig.gateway.metrics()
        assert metrics.total("jinglesip_xmpp_connected") == 1
        assert metrics.total("jinglesip_xmpp_reconnects_total") == 0
        await _undisturbed(call)


async def test_answers_to_questions_that_others_were_asked_change_nothing(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        call = await answered_out(rig, await rig.answers("uas_answer"))
        (opened,) = rig.gateway.log("call_opened")
        thief, twin = await rig.client("mercutio"), await rig.client("romeo", "other")
        for stranger in (thief, twin):
            for number in range(1, 20):
                for kind, type in (("iq", "result"), ("iq", "error"), ("message", "error")):
                    stanza = Element(
                        f"{{{CLIENT}}}{kind}",
                        {"type": type, "id": f"{opened['call']}-{number}", "to": call.session.peer},
                    )
                    if type == "error":
                        SubElement(SubElement(stanza, f"{{{CLIENT}}}error"), f"{{{STANZAS}}}item-not-found")
                    stranger.send(stanza)
            await stranger.fence(rig.gateway.number(NUMBER))
        await rig.gateway.active(1)
        await _undisturbed(call)


async def test_an_error_is_where_every_client_looks_for_it(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        answer = await client.ask(rig.gateway.number(NUMBER), Element("{urn:example:unknown}query"), type="get")
        assert answer.element.find(f"{{{CLIENT}}}error/{{{STANZAS}}}service-unavailable") is not None


@pytest.mark.conformance("ROB-03")
async def test_a_forbidden_number_is_not_called_however_it_is_spelled(tmp_path: Path) -> None:
    rules: list[Table] = [{"match": r"\+?1900[0-9]*", "refuse": True}, {"match": "(?s).*", "trunk": "pbx"}]
    async with Rig(tmp_path, changes={"dial": rules}) as rig:
        client = await rig.client()
        trunk = await rig.raw_trunk()
        content = jingle.content(jingle.Audio((await rig.voice()).local))
        for index, name in enumerate(
            (
                "+19001",
                "+1-900-1",
                "1.900.1",
                "19001;phone-context=%2b1",
                "+19001;ext=1",
                "%31900",
                "19001\\40pbx.example",
                "١٩٠٠١",
            )
        ):
            request = jingle.jingle("session-initiate", f"fraud{index}", content)
            assert (await client.request(rig.gateway.number(name), request)).type == "error", name
        await rig.gateway.active(0)
        assert not trunk.received


async def test_many_proposals_of_who_may_not_call_are_told_in_few_lines(tmp_path: Path) -> None:
    async with Rig(tmp_path, trunk={"allow": ["nowhere.example"]}) as rig:
        client = await rig.client()
        number = rig.gateway.number(NUMBER)
        for _ in range(200):
            client.propose(number, "audio")
        await until(lambda: len(client.came(initiation("reject"))) == 200, "all are rejected")
        assert len(rig.gateway.log("call_refused")) < 50
        await rig.gateway.active(0)
