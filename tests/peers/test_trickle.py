"""Candidates one by one between a Jingle client and a SIP peer that trickles, through a real XMPP server."""

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import pytest

from tests.peers import jingle
from tests.peers.jingle_client import JingleClient, Seen, Session, action, initiation
from tests.peers.raw_sip import RawSip
from tests.peers.rig import Rig
from tests.peers.sip_trace import Traced
from tests.peers.steps import NUMBER

ICE = "urn:xmpp:jingle:transports:ice-udp:1"
CAN = ("Supported: trickle-ice", "Recv-Info: trickle-ice")
PWD = "YH75Fviy6338Vbrhrlp8Yh"
FINGERPRINT = ":".join(["B7"] * 32)

DESCRIPTION = f"""\
v=0
o=- 9 1 IN IP4 0.0.0.0
s=-
t=0 0
a=ice-options:trickle
m=audio 9 UDP/TLS/RTP/SAVPF 0
c=IN IP4 0.0.0.0
a=mid:0
a=ice-ufrag:9uB6
a=ice-pwd:{PWD}
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:%s
a=rtcp-mux
a=rtpmap:0 PCMU/8000
"""


def candidate(port: int) -> str:
    """A line of the SIP peer's."""
    return f"a=candidate:1 1 UDP 2130706431 192.0.2.20 {port} typ host\n"


def fragment(*ports: int) -> str:
    """The body of its INFO."""
    lines = "".join(map(candidate, ports))
    return f"a=ice-ufrag:9uB6\na=ice-pwd:{PWD}\nm=audio 9 RTP/AVP 0\na=mid:0\n{lines}"


def told(message: Traced) -> list[int]:
    """The ports of the candidates in an INFO, or in an SDP."""
    return [int(port) for port in re.findall(r"^a=candidate:\S+ 1 udp \d+ \S+ (\d+) ", message.body, re.M | re.I)]


def trickle(port: int, *, end: bool = False) -> Element:
    """The content of a client's transport-info."""
    content = Element(f"{{{jingle.JINGLE}}}content", {"creator": "initiator", "name": "0"})
    transport = SubElement(content, f"{{{ICE}}}transport", {"ufrag": "8hhy", "pwd": "asd88fgpdd777uzjYhagZg"})
    if end:
        SubElement(transport, f"{{{ICE}}}gathering-complete")
        return content
    SubElement(
        transport,
        f"{{{ICE}}}candidate",
        {
            "component": "1", "foundation": "2", "generation": "0", "id": f"c{port}", "ip": "198.51.100.7",
            "network": "0", "port": str(port), "priority": "1694498815", "protocol": "udp", "type": "srflx",
            "rel-addr": "10.0.0.7", "rel-port": "40000",
        },
    )  # fmt: skip
    return content


def heard(seen: Seen) -> list[int]:
    """The ports of the candidates in a stanza for the client."""
    assert seen.jingle is not None
    return [int(found.get("port", "0")) for found in seen.jingle.iter(f"{{{ICE}}}candidate")]


@dataclass(frozen=True, slots=True)
class Dialog:
    """The SIP peer's side of a dialog, as far as its INFO needs it."""

    rig: Rig
    raw: RawSip
    local: str
    remote: str
    call: str


def info(dialog: Dialog, number: int, body: str) -> None:
    """The SIP peer sends an INFO in its dialog."""
    host, port = dialog.raw.local
    text = f"""\
INFO sip:gw@{dialog.rig.gateway.uri} SIP/2.0
Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bKinfo{number};rport
Max-Forwards: 70
From: {dialog.local}
To: {dialog.remote}
Call-ID: {dialog.call}
CSeq: {number} INFO
Info-Package: trickle-ice
Content-Disposition: Info-Package
Content-Type: application/trickle-ice-sdpfrag
Content-Length: {len(body) + body.count(chr(10))}

{body}"""
    dialog.raw.send(text, dialog.rig.gateway.sip)


async def take_info(raw: RawSip) -> list[int]:
    """The next INFO of the gateway, answered."""
    asked = await raw.expect("INFO")
    assert asked[0].header("Info-Package") == "trickle-ice"
    assert asked[0].header("Content-Type") == "application/trickle-ice-sdpfrag"
    raw.respond(asked, "200 OK")
    return told(asked[0])


async def calling(rig: Rig, client: JingleClient) -> Session:
    """A client calls, with one candidate."""
    voice = await rig.voice()
    session = client.session(f"{rig.gateway.number(NUMBER)}/sip", voice=voice)
    assert (await session.initiate(jingle.ice_content(jingle.IceAudio(("10.0.0.7", 40000))))).type == "result"
    return session


@pytest.mark.conformance("ICE-12", "ICE-13", "ICE-15", "ICE-18", "JIN-16")
async def test_a_client_and_a_peer_that_it_calls_tell_each_other_candidates_as_they_come(tmp_path: Path) -> None:
    async with Rig(tmp_path, trunk={"transport": "udp"}) as rig:
        raw = await rig.raw_trunk()
        client = await rig.client()
        session = await calling(rig, client)
        invite = await raw.expect("INVITE")
        assert "trickle-ice" in invite[0].header("Supported")
        assert invite[0].header("Recv-Info") == "trickle-ice"
        assert "a=ice-options:trickle" in invite[0].body
        assert told(invite[0]) == [40000]

        raw.respond(invite, "183 Session Progress", tag="one", headers=CAN, body=DESCRIPTION % "active")
        assert await take_info(raw) == [40000]
        await session.act("transport-info", trickle(50001))
        assert await take_info(raw) == [40000, 50001]
        to, from_ = invite[0].header("To"), invite[0].header("From")
        dialog = Dialog(rig, raw, f"{to};tag=one", from_, invite[0].header("Call-ID"))
        info(dialog, 1, fragment(30001))
        await raw.expect("200", test=lambda message: message.header("CSeq").endswith("INFO"))

        raw.respond(invite, "200 OK", tag="one", headers=CAN, body=DESCRIPTION % "active")
        await raw.expect("ACK")
        accepted = await client.expect(action("session-accept", session.sid))
        assert heard(accepted) == [30001]
        info(dialog, 2, fragment(30001, 30002))
        assert heard(await client.expect(action("transport-info", session.sid))) == [30002]
        await session.act("transport-info", trickle(50002))
        assert await take_info(raw) == [40000, 50001, 50002]
        await session.act("transport-info", trickle(0, end=True))
        ended = await raw.expect("INFO")
        raw.respond(ended, "200 OK")
        assert ended[0].body.startswith("a=end-of-candidates")

        assert (await session.terminate()).type == "result"
        raw.respond(await raw.expect("BYE"), "200 OK")


@pytest.mark.conformance("ICE-20", "ICE-19")
async def test_a_trunk_that_does_not_know_what_its_operator_requires_is_asked_again(tmp_path: Path) -> None:
    async with Rig(tmp_path, trunk={"transport": "udp", "trickle": "required"}) as rig:
        raw = await rig.raw_trunk()
        client = await rig.client()
        session = await calling(rig, client)
        invite = await raw.expect("INVITE")
        assert invite[0].header("Require") == "trickle-ice"
        raw.respond(invite, "420 Bad Extension", tag="one", headers=("Unsupported: trickle-ice",))
        await raw.expect("ACK")
        await session.act("transport-info", trickle(50001))
        invite = await raw.expect("INVITE")
        assert invite[0].header("Require") == ""
        assert told(invite[0]) == [40000, 50001]
        raw.respond(invite, "200 OK", tag="two", body=(DESCRIPTION % "active") + candidate(30001))
        await raw.expect("ACK")
        await client.expect(action("session-accept", session.sid))
        await session.act("transport-info", trickle(50002))
        await session.act("session-info")
        assert raw.count("INFO") == 0
        assert (await session.terminate()).type == "result"
        raw.respond(await raw.expect("BYE"), "200 OK")


async def test_a_peer_that_calls_without_candidates_tells_them_while_the_client_rings(tmp_path: Path) -> None:
    async with Rig(tmp_path, trunk={"transport": "udp"}) as rig:
        raw = await rig.raw_trunk()
        client = await rig.client("juliet")
        host, port = raw.local
        body = DESCRIPTION % "actpass"
        invite = f"""\
INVITE sip:juliet@{rig.gateway.uri} SIP/2.0
Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bKfirst;rport
Max-Forwards: 70
From: <sip:nora@{host}>;tag=raw
To: <sip:juliet@{rig.gateway.uri}>
Call-ID: trickled@{host}
CSeq: 1 INVITE
Contact: <sip:nora@{host}:{port}>
Supported: trickle-ice
Recv-Info: trickle-ice
Content-Type: application/sdp
Content-Length: {len(body) + body.count(chr(10))}

{body}"""
        raw.send(invite, rig.gateway.sip)
        progress, _ = await raw.expect("183")
        assert progress.body == ""
        assert "trickle-ice" in progress.header("Supported")
        dialog = Dialog(rig, raw, f"<sip:nora@{host}>;tag=raw", progress.header("To"), f"trickled@{host}")
        info(dialog, 2, fragment(30001))
        await raw.expect("200")

        proposed = await client.expect(initiation("propose"))
        client.initiate_message("ringing", proposed.sid, proposed.sender)
        client.initiate_message("proceed", proposed.sid, proposed.sender)
        offer = await client.expect(action("session-initiate", proposed.sid))
        assert heard(offer) == [30001]
        info(dialog, 3, fragment(30001, 30002))
        assert heard(await client.expect(action("transport-info", proposed.sid))) == [30002]

        session = client.session(offer.sender, proposed.sid, voice=await rig.voice(), initiator=False)
        local = jingle.IceAudio(("10.0.0.7", 40000), setup="active", payloads=(jingle.PCMU,))
        assert (await session.act("session-accept", jingle.ice_content(local))).type == "result"
        answer, _ = await raw.expect("200", test=lambda message: message.header("CSeq").endswith("INVITE"))
        assert told(answer) == [40000]
        assert "a=ice-options:trickle" in answer.body
        raw.send(
            f"ACK sip:juliet@{rig.gateway.uri} SIP/2.0\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bKack;rport\n"
            f"Max-Forwards: 70\nFrom: {dialog.local}\nTo: {dialog.remote}\nCall-ID: trickled@{host}\nCSeq: 1 ACK\n"
            "Content-Length: 0\n\n",
            rig.gateway.sip,
        )
        await session.act("transport-info", trickle(50001))
        assert await take_info(raw) == [40000, 50001]
        assert (await session.terminate()).type == "result"
        raw.respond(await raw.expect("BYE"), "200 OK")
