"""Calls over WebSockets (RFC 7118), with Kamailio at the other end, and a client that is a browser's."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from gateway.sip.message import SipRequest, SipResponse, parse, respond
from tests.certificates import Authority
from tests.peers import loopback
from tests.peers.gateway import Table
from tests.peers.jingle_client import action, initiation
from tests.peers.kamailio import Kamailio
from tests.peers.rig import Rig
from tests.peers.sipp import Sipp
from tests.peers.steps import calling_out

DOMAIN = "sip.example.org"


@pytest.mark.parametrize("transport", ["ws", "wss"])
async def test_a_call_through_a_trunk_on_a_websocket_is_ended_by_the_other_end(transport: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    theirs = authority.issue("theirs", dns=[DOMAIN])
    host = loopback.address()
    at = (host, loopback.port(host))
    async with Kamailio(
        tmp_path, "websocket", transports=["udp", "tcp", "tls"], parameters={"next": f"sip:{at[0]}:{at[1]}"},
        certificate=theirs.file, key=theirs.key,
    ) as proxy:  # fmt: skip
        trunk: Table = {
            "host": proxy.address, "port": proxy.ports["tcp" if transport == "ws" else "tls"],
            "transport": transport, "websocket_path": "/ws", "domain": DOMAIN, "ca_file": str(authority.file),
        }  # fmt: skip
        async with Rig(tmp_path, trunk=trunk) as rig:
            server = await Sipp(tmp_path, "uas_bye", host=at[0], port=at[1], parameters={"milliseconds": 100}).start()
            call = await calling_out(rig, server)
            await call.session.accepted()
            assert (await call.session.terminated()).condition == "success"
            await server.done()
            (invite,) = server.received("INVITE")
            assert f"SIP/2.0/{transport.upper()} " in invite.text
            assert ".invalid;alias=" in invite.header("Contact")  # which Kamailio has added
            assert ";transport=ws;" in invite.header("Contact")
            assert proxy.said(f"received INVITE over {transport} ")
            assert proxy.said(f"handshake of {DOMAIN}:")


async def test_a_phone_in_a_browser_is_a_trunk_that_calls_and_is_hung_up_over_its_socket(tmp_path: Path) -> None:
    host = loopback.address()
    port = loopback.port(host)
    changes: dict[str, Table] = {
        "sip": {"listen": [f"udp:{host}:{port}", f"ws:{host}:{port}"], "websocket_origins": ["https://page.example"]}
    }
    async with Rig(tmp_path, trunk={"host": "127.0.0.1"}, changes=changes, at=(host, port)) as rig:
        juliet = await rig.client("juliet")
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"ws://{host}:{port}/", protocols=["sip"], origin="https://page.example") as phone,
        ):
            here = "IN IP4 127.0.0.1"
            body = f"v=0\r\no=- 1 1 {here}\r\ns=-\r\nc={here}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
            await phone.send_str(
                f"INVITE sip:juliet@{host} SIP/2.0\r\nVia: SIP/2.0/WS df7jal.invalid;branch=z9hG4bKphone\r\n"
                f"From: <sip:alice@page.example>;tag=phone\r\nTo: <sip:juliet@{host}>\r\nCall-ID: browser\r\n"
                "CSeq: 1 INVITE\r\nContact: <sip:alice@df7jal.invalid;transport=ws>\r\nMax-Forwards: 70\r\n"
                f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            )

            async def message() -> SipRequest | SipResponse:
                return parse(str(await phone.receive_str()).encode())

            proposed = await juliet.expect(initiation("propose"))
            juliet.initiate_message("proceed", proposed.sid, proposed.sender)
            offer = await juliet.expect(action("session-initiate", proposed.sid))
            answering = juliet.session(offer.sender, proposed.sid, voice=await rig.voice(), initiator=False)
            assert (await answering.accept(offer)).type == "result"
            while not isinstance(answer := await message(), SipResponse) or answer.status != 200:
                pass
            assert f"{host}:{port};transport=ws" in (answer.first("Contact") or "")
            await phone.send_str(
                f"ACK {answer.contacts[0].uri} SIP/2.0\r\nVia: SIP/2.0/WS df7jal.invalid;branch=z9hG4bKack\r\n"
                f"From: {answer.first('From')}\r\nTo: {answer.first('To')}\r\nCall-ID: browser\r\nCSeq: 1 ACK\r\n"
                "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            )
            ending = asyncio.create_task(answering.terminate())
            while not isinstance(bye := await message(), SipRequest):
                pass
            assert (bye.method, bye.uri, bye.via.transport) == ("BYE", "sip:alice@df7jal.invalid;transport=ws", "WS")
            await phone.send_str(respond(bye, 200).encode().decode())
            assert (await ending).type == "result"
            await rig.gateway.active(0)
