"""What no good peer sends, on every port that the gateway has; after it, a call works and nothing is left over."""

import asyncio
import contextlib
import os
import random
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import pytest

from tests.peers import jingle
from tests.peers.jingle import CLIENT, JINGLE
from tests.peers.jingle_client import JingleClient, Seen, action, initiation
from tests.peers.program import PATIENCE_SECONDS, until
from tests.peers.rig import Rig
from tests.peers.steps import NUMBER, answered_out, calling_out

TORMENTS = Path(__file__).parents[1] / "torture" / "sip"
UNKNOWN_SESSION = "{urn:xmpp:jingle:errors:1}unknown-session"


async def _still_works(rig: Rig, client: JingleClient | None = None) -> None:
    """A whole call, after whatever happened."""
    server = await rig.answers("uas_answer")
    call = await calling_out(rig, server, client=client)
    await call.session.accepted()
    assert (await call.session.terminate()).type == "result"
    await server.done()
    await rig.gateway.active(0)


async def test_noise_on_the_sip_port_is_counted_and_does_no_harm(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        noise = random.Random(5)
        raw = await rig.raw(rig.trunk[0])
        for size in (0, 1, 3, 100, 1400, 9000, 65000):
            raw.send(noise.randbytes(size), rig.gateway.sip)
        for text in (
            b"\r\n\r\n",
            b"INVITE\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0\r\n\r\n",
            b"SIP/2.0 200 OK\r\n\r\n",
            b"SIP/2.0 99999 OK\r\nVia: x\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0\r\n" + b"Via: SIP/2.0/UDP h;branch=z9hG4bK\r\n" * 400 + b"\r\n",
            b"INVITE sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0\r\nContent-Length: 99999999999\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"INVITE sip:\xff\xfe@b SIP/2.0\r\nFrom: \x00\r\n\r\n",
        ):
            raw.send(text, rig.gateway.sip)
        metrics = await until_metric(rig, "jinglesip_sip_malformed_total", 5)
        assert metrics >= 5
        await _still_works(rig)


async def test_a_connection_that_sends_noise_is_closed_and_others_stay(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        before = rig.gateway.program.tcp_connections()
        for data in (os.urandom(70_000), b"A" * 200_000, b"INVITE sip:a@b SIP/2.0\r\nVia: x\r\n\r\n" * 50):
            reader, writer = await asyncio.open_connection(*rig.gateway.sip)
            with contextlib.suppress(ConnectionError):
                writer.write(data)
                await writer.drain()
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while await reader.read(65536):
                        pass
            writer.close()
        half = [await asyncio.open_connection(*rig.gateway.sip) for _ in range(20)]
        for _, writer in half:
            writer.write(b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bKx\r\n")
            writer.close()
        await until(
            lambda: _sip_connections(rig) <= len(before),
            "the connections are gone",
        )
        await _still_works(rig)


@pytest.mark.conformance("SIP-28")
async def test_messages_made_to_torment_a_parser_leave_nothing_behind(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        raw = await rig.raw(rig.trunk[0])
        for message in sorted(TORMENTS.glob("*.dat")):
            raw.send(message.read_bytes(), rig.gateway.sip)
            _, writer = await asyncio.open_connection(*rig.gateway.sip)
            writer.write(message.read_bytes())
            writer.close()
        await rig.gateway.active(0)
        await _still_works(rig)


async def test_mutilated_messages_of_a_real_call_are_answered_or_dropped(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        raw = await rig.raw(rig.trunk[0])
        host, port = raw.local
        body = raw.sdp()
        invite = (
            f"INVITE sip:nobody@{rig.gateway.uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-m1\r\n"
            f"From: <sip:a@b>;tag=1\r\nTo: <sip:nobody@{rig.gateway.uri}>\r\nCall-ID: mutilated\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:a@{host}:{port}>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        chance = random.Random(11)
        for turn in range(400):
            data = bytearray(invite.replace(b"mutilated", b"m%d" % turn).replace(b"z9hG4bK-m1", b"z9hG4bK-%d" % turn))
            for _ in range(chance.randint(1, 8)):
                place = chance.randrange(len(data))
                match chance.randrange(3):
                    case 0:
                        data[place] = chance.randrange(256)
                    case 1:
                        del data[place : place + chance.randint(1, 20)]
                    case _:
                        data[place:place] = bytes([chance.randrange(256)]) * chance.randint(1, 5)
            raw.send(bytes(data), rig.gateway.sip)
            if turn % 20 == 0:
                await asyncio.sleep(0)  # lets the socket's buffer drain: a burst is not what is tried here
        await rig.gateway.active(0)
        await _still_works(rig)


@pytest.mark.conformance("JIN-04", "JIN-06", "JIN-07")
async def test_jingle_that_is_wrong_is_answered_with_the_error_for_it(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        to = f"{rig.gateway.number(NUMBER)}/sip"
        voice = await rig.voice()
        good = jingle.content(jingle.Audio(voice.local))

        async def refused(element: Element) -> Seen:
            answer = await client.request(to, element)
            assert answer.type == "error", answer.label
            return answer

        no_sid = jingle.jingle("session-initiate", "", good)
        assert (await refused(no_sid)).condition == "bad-request"
        no_action = Element(f"{{{JINGLE}}}jingle", {"sid": "s1"})
        assert (await refused(no_action)).condition == "bad-request"
        assert (await refused(jingle.jingle("frobnicate", "s2"))).condition == "bad-request"
        assert (await refused(jingle.jingle("session-initiate", "s3"))).condition == "bad-request"
        bare = Element(f"{{{JINGLE}}}content", {"creator": "initiator", "name": "a"})
        assert (await refused(jingle.jingle("session-initiate", "s4", bare))).condition == "bad-request"
        unknown = await refused(jingle.jingle("session-info", "no-such-session"))
        assert unknown.condition == "item-not-found"
        assert any(found.tag == UNKNOWN_SESSION for found in unknown.element.iter())
        other_namespace = Element("{urn:xmpp:jingle:0}jingle", {"action": "session-initiate", "sid": "s5"})
        assert (await refused(other_namespace)).condition == "service-unavailable"
        await rig.gateway.active(0)
        await _still_works(rig, client)


@pytest.mark.conformance("XS-20", "XS-21")
async def test_a_session_for_something_else_is_terminated_as_unsupported(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        for description, transport, condition in (
            ("{urn:xmpp:jingle:apps:file-transfer:5}description", jingle.RAW_UDP, "unsupported-applications"),
            (f"{{{jingle.RTP}}}description", "urn:xmpp:jingle:transports:s5b:1", "unsupported-transports"),
        ):
            content = Element(f"{{{JINGLE}}}content", {"creator": "initiator", "name": "x"})
            found = SubElement(content, description, {"media": "audio"})
            if jingle.RTP in description:
                SubElement(found, f"{{{jingle.RTP}}}payload-type", {"id": "0", "name": "PCMU", "clockrate": "8000"})
            SubElement(content, f"{{{transport}}}transport")
            session = client.session(f"{rig.gateway.number(NUMBER)}/sip", voice=await rig.voice())
            assert (await session.initiate(content)).type == "result"
            assert (await session.terminated()).condition == condition


@pytest.mark.conformance("JIN-08", "JIN-09", "JIN-13", "JIN-14", "END-38")
async def test_a_session_belongs_to_the_device_that_began_it(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_answer")
        call = await answered_out(rig, server)
        again = await call.session.initiate()
        assert (again.type, again.condition) == ("error", "unexpected-request")
        assert any(found.tag == "{urn:xmpp:jingle:errors:1}out-of-order" for found in again.element.iter())

        assert (await call.session.act("session-info")).type == "result"
        unknown = await call.session.act("session-info", Element("{urn:example:weather}rain"))
        assert unknown.condition == "feature-not-implemented"
        assert any(found.tag == "{urn:xmpp:jingle:errors:1}unsupported-info" for found in unknown.element.iter())

        thief = await rig.client("mercutio")
        twin = await rig.client("romeo", "other")
        for stranger in (thief, twin):
            for name, children in (
                ("session-terminate", [jingle.reason("success")]),
                ("session-info", []),
                ("transport-info", [jingle.content(call.session.local)]),
            ):
                answer = await stranger.request(call.session.peer, jingle.jingle(name, call.session.sid, *children))
                assert answer.type == "error"
                assert answer.condition == "item-not-found"
                assert any(found.tag == UNKNOWN_SESSION for found in answer.element.iter())
        assert not server.received("BYE")
        assert (await call.session.terminate()).type == "result"
        late = await call.session.act("session-info")
        assert late.condition == "item-not-found"
        await server.done()


async def test_messages_that_make_no_sense_are_ignored_or_refused(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        number = rig.gateway.number(NUMBER)
        client.initiate_message("proceed", "never-proposed", number)
        client.initiate_message("retract", "never-proposed", number)
        client.initiate_message("reject", "never-proposed", f"{number}/sip")
        client.initiate_message("finish", "never-proposed", f"{number}/sip")
        client.initiate_message("accept", "never-proposed", number)
        client.initiate_message("dance", "never-proposed", number)
        client.say(number, Element(f"{{{jingle.INITIATION}}}propose"))
        client.say(number, jingle.initiation("propose", "no-media"))
        client.say(number, jingle.initiation("propose", "crowd", *jingle.kinds("audio")), type="groupchat")
        client.say(number, jingle.initiation("propose", "x" * 5000, *jingle.kinds("audio")))
        for payload in ("{urn:example:unknown}query", "{jabber:iq:roster}query"):
            assert (await client.ask(number, Element(payload), type="get")).condition == "service-unavailable"
        await client.fence(number)
        await rig.gateway.active(0)
        assert not [seen for seen in client.came(initiation("proceed")) if seen.sid in ("crowd", "no-media")]
        await _still_works(rig, client)


async def test_an_oversize_stanza_is_refused_and_the_stream_stands(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        voice = await rig.voice()
        many = tuple((number % 128, "x" * 100, 8000) for number in range(1200))
        audio = jingle.Audio(voice.local, payloads=many)
        answer = await client.request(
            f"{rig.gateway.number(NUMBER)}/sip", jingle.jingle("session-initiate", "huge", jingle.content(audio))
        )
        if answer.type == "result":
            await client.expect(action("session-terminate", "huge"))
        assert (await rig.gateway.metrics()).total("jinglesip_xmpp_connected") == 1
        assert (await rig.gateway.metrics()).total("jinglesip_xmpp_reconnects_total") == 0
        await _still_works(rig, client)


async def test_deep_and_wide_xml_does_no_harm(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        element = jingle.jingle("session-initiate", "deep")
        inner = element
        for _ in range(800):
            inner = SubElement(inner, f"{{{JINGLE}}}content")
        wide = jingle.jingle("session-initiate", "wide")
        for number in range(2000):
            SubElement(wide, f"{{{JINGLE}}}content", {"name": str(number), "creator": "initiator"})
        for hostile in (element, wide):
            answer = await client.request(f"{rig.gateway.number(NUMBER)}/sip", hostile)
            assert answer.type == "error"
        await _still_works(rig, client)


@pytest.mark.conformance("XS-24")
async def test_a_session_id_of_any_characters_and_length_makes_a_call(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        for sid in ("&<>\"'", "x" * 500, "a b c", "ünï→✓", "../../etc", "sid@host;tag=1"):
            server = await rig.answers("uas_answer", parameters={"milliseconds": 20})
            session = client.session(f"{rig.gateway.number(NUMBER)}/sip", sid, voice=await rig.voice())
            assert (await session.initiate()).type == "result", sid
            await session.accepted()
            assert (await session.terminate()).type == "result", sid
            await server.done()
            call_id = server.received("INVITE")[0].header("Call-ID")
            assert sid not in call_id
            assert call_id.isascii()


async def test_no_secret_of_a_call_is_written_to_the_log(tmp_path: Path) -> None:
    keys = {"user": "gw", "password_file": "password"}
    async with Rig(tmp_path, trunk=keys) as rig:
        server = await rig.answers("uas_challenge", parameters={"status": "401 Unauthorized", "milliseconds": 20})
        call = await answered_out(rig, server)
        await call.session.terminate()
        await server.done()
        credentials = server.received("INVITE")[1].header("Authorization")

        server = await rig.answers("uas_refuse", parameters={"status": "486 Busy Here"})
        session = call.client.session(call.session.peer, voice=await rig.voice())
        offered = jingle.IceAudio(session.voice.local, pwd="verysecreticepassword0")
        assert (await session.initiate(jingle.ice_content(offered))).type == "result"
        await session.terminated()
        await server.done()
        assert offered.pwd in server.received("INVITE")[0].body

        log = rig.gateway.program.text()
        assert offered.pwd not in log
        assert credentials.split('response="')[1].split('"')[0] not in log
        for secret in ("sesame", rig.server.secret):
            assert secret not in log


async def test_a_stanza_that_looks_like_another_stream_is_only_text(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        message = Element(f"{{{CLIENT}}}message", {"to": rig.gateway.number(NUMBER), "type": "chat", "id": "m1"})
        SubElement(message, f"{{{CLIENT}}}body").text = "</stream:stream><!-- ]]> &amp; \u2028"
        client.send(message)
        await client.fence(rig.gateway.number(NUMBER))
        await _still_works(rig, client)


async def until_metric(rig: Rig, name: str, least: float) -> float:
    """Wait until a metric has at least that value; its value."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (value := (await rig.gateway.metrics()).total(name)) < least:
            pass
    return value


def _sip_connections(rig: Rig) -> int:
    """How many TCP sockets the gateway has, those of its HTTP port left out."""
    return sum(local != rig.gateway.http for local, _ in rig.gateway.program.tcp_connections())
