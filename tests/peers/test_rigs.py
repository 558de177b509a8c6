"""The rigs themselves, without the gateway: what they count and hear is so."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.peers import g711, loopback
from tests.peers.baresip import Baresip
from tests.peers.jingle_client import JingleClient, action, carbon, initiation
from tests.peers.kamailio import Kamailio
from tests.peers.program import until
from tests.peers.rig import xmpp_server
from tests.peers.rtp import RtpEndpoint
from tests.peers.servers import SERVERS
from tests.peers.sipp import Sipp, scenarios, traced
from tests.peers.xmpp_server import ACCOUNTS, HOST, XmppServer


@pytest.mark.parametrize("kind", SERVERS)
async def test_two_clients_call_each_other_through_a_server_and_hear_each_others_tone(
    kind: Callable[[Path], XmppServer], tmp_path: Path
) -> None:
    async with xmpp_server(kind(tmp_path)) as server:
        address = (server.address, server.client_port)
        romeo = JingleClient(f"romeo@{HOST}/phone", ACCOUNTS["romeo"], address)
        juliet = JingleClient(f"juliet@{HOST}/phone", ACCOUNTS["juliet"], address)
        tablet = JingleClient(f"juliet@{HOST}/tablet", ACCOUNTS["juliet"], address, carbons=True)
        low = await RtpEndpoint.open(loopback.address(), hertz=440)
        high = await RtpEndpoint.open(loopback.address(), hertz=1000)
        async with romeo, juliet, tablet:
            sid = romeo.propose(juliet.bare)
            proposed = await juliet.expect(initiation("propose", sid))
            await tablet.expect(initiation("propose", sid))
            juliet.initiate_message("proceed", sid, proposed.sender)
            proceeded = await romeo.expect(initiation("proceed", sid))
            await tablet.expect(carbon("proceed"))

            session = romeo.session(proceeded.sender, sid, voice=low)
            assert (await session.initiate()).type == "result"
            offer = await juliet.expect(action("session-initiate", sid))
            answering = juliet.session(offer.sender, sid, voice=high, initiator=False)
            await answering.ring()
            await romeo.expect(action("session-info", sid, "ringing"))
            await answering.accept(offer)
            await session.accepted()

            heard = await low.hears(25)
            assert set(heard.sources) == {high.local}
            assert heard.share_of_tone(1000) > 0.95
            assert (await high.hears(5)).share_of_tone(440) > 0.95

            await session.terminate()
            assert (await answering.terminated()).condition == "success"
        low.close()
        high.close()


async def test_a_phone_counts_the_packets_of_a_call_and_hears_its_own_echo(tmp_path: Path) -> None:
    phone = Baresip(tmp_path, auto_answer=True, hertz=600)
    await phone.start()
    try:
        caller = await Sipp(tmp_path, "uac_bye_received", target=(phone.host, phone.port), user=phone.user).start()
        await phone.expect("CALL_ESTABLISHED")
        await until(lambda: phone.recorded > 20_000, "the phone has heard more than a second")
        await phone.hang_up()
        await caller.done()
        await phone.expect("CALL_CLOSED")
        sent, received = await phone.packets()
        assert sent > 60
        assert received > 60
        assert g711.share_of_tone(phone.heard(), 600) > 0.9
        assert [message.label for message in phone.messages()][-3:] == ["ACK", "BYE", "200 OK"]
    finally:
        await phone.stop()


async def test_a_scenario_over_tcp_plays_to_its_end(tmp_path: Path) -> None:
    server = await Sipp(tmp_path, "uas_answer", transport="tcp").start()
    caller = await Sipp(tmp_path, "uac_call", target=(server.host, server.port), transport="tcp").start()
    await caller.done()
    assert next(message.label for message in await server.done()) == "INVITE"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_kamailio_answers_options(transport: str, tmp_path: Path) -> None:
    async with Kamailio(tmp_path, "answering", parameters={"status": 486}) as peer:
        target, parameters = (peer.address, peer.ports[transport]), {"status": 200}
        asks = Sipp(tmp_path, "uac_request", target=target, transport=transport, parameters=parameters)
        await (await asks.start()).done()
        assert peer.said(f"received OPTIONS over {transport} ")


async def test_kamailio_shows_its_certificate_and_asks_for_ours(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, client = authority.issue("server", dns=["sip.example.org"]), authority.issue("client", dns=["gw.example"])
    async with Kamailio(
        tmp_path, "answering", transports=["udp", "tls"], parameters={"status": 486},
        certificate=server.file, key=server.key, authority=authority.file,
    ) as peer:  # fmt: skip
        context = ssl.create_default_context(cafile=str(authority.file))
        context.load_cert_chain(client.file, client.key)
        name = "sip.example.org"
        reader, writer = await asyncio.open_connection(
            peer.address, peer.ports["tls"], ssl=context, server_hostname=name
        )
        writer.write(
            f"OPTIONS {peer.uri('tls')} SIP/2.0\r\nVia: SIP/2.0/TLS {peer.address}:9;branch=z9hG4bK1\r\n"
            f"From: <sip:us@{name}>;tag=1\r\nTo: <sip:{name}>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
            "Max-Forwards: 9\r\nContent-Length: 0\r\n\r\n".encode()
        )
        assert (await reader.readline()).startswith(b"SIP/2.0 200")
        writer.close()
        await writer.wait_closed()
        assert peer.said("received OPTIONS over tls ")


async def test_a_call_through_kamailio_stays_with_it_to_the_end(tmp_path: Path) -> None:
    server = await Sipp(tmp_path, "uas_answer").start()
    next_hop = {"next": f"sip:{server.host}:{server.port}"}
    async with Kamailio(tmp_path, "proxy", parameters=next_hop) as proxy:
        target = (proxy.address, proxy.ports["tcp"])
        caller = await Sipp(tmp_path, "uac_call", target=target, transport="tcp").start()
        await caller.done()
        assert next(message.label for message in await server.done()) == "INVITE"
        assert proxy.said("received BYE over tcp")


def test_every_scenario_is_well_formed() -> None:
    assert "uac_call" in scenarios()


def test_silence_is_told_from_a_tone_and_tones_from_each_other() -> None:
    tone = g711.decode(g711.tone(440, g711.PCMA), g711.PCMA)
    silence = g711.decode(g711.SILENCE[g711.PCMA] * 800, g711.PCMA)
    assert g711.loudness(tone) > 5000
    assert g711.loudness(silence) < 10
    assert g711.share_of_tone(tone, 440) > 0.99
    assert g711.share_of_tone(tone, 1000) < 0.01


def test_a_trace_is_read_while_sipp_still_writes_it() -> None:
    message = b"OPTIONS sip:a@b SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n"
    line = b"-" * 47
    trace = (
        line + b" 2026-11-23 02:53:10.190057\nUDP message received [%d] bytes :\n\n" % len(message) + message + b"\n"
    ) + (line + b" 2026-11-23 02:53:10.290057\nUDP message sent (%d bytes):\n\n" % len(message) + message + b"\n")
    seen = [[(it.label, it.outgoing) for it in traced(trace[:end])] for end in range(len(trace) + 1)]
    assert seen[0] == []
    assert seen[-1] == [("OPTIONS", False), ("OPTIONS", True)]
    assert sorted(seen, key=len) == seen
    assert all(it.text == message.decode().rstrip("\n") for it in traced(trace))
