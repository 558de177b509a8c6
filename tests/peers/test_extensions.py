"""Reliable ringing (RFC 3262), session timers (RFC 4028) and keys by INFO (RFC 6086), between the gateway and SIPp."""

from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from tests.peers import jingle
from tests.peers.jingle_client import Wanted, action
from tests.peers.program import until
from tests.peers.rig import Rig
from tests.peers.steps import NUMBER, answered_in, answered_out, calling_out, proposed_in, ringing_out

DTMF = "urn:xmpp:jingle:dtmf:0"


@pytest.mark.conformance("XS-06", "EXT-03")
async def test_a_phone_that_answers_before_it_is_picked_up_need_not_say_it_again(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_reliable", parameters={"milliseconds": 300})
        call = await ringing_out(rig, server)
        assert not call.client.came(action("session-accept"))
        accepted = await call.session.accepted()
        assert accepted.jingle is not None
        assert (await call.session.terminate()).type == "result"
        messages = await server.done()
        assert [m.header("RAck") for m in messages if m.is_("PRACK")] == ["4711 1 INVITE", "4712 1 INVITE"]
        assert "100rel" in messages[0].header("Supported")
        assert not next(m for m in messages if m.is_("200") and "INVITE" in m.header("CSeq")).body


@pytest.mark.conformance("SX-11")
async def test_a_phone_that_requires_reliable_ringing_hears_it_until_it_says_so(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_reliable")
        call = await proposed_in(rig, caller, juliet)
        juliet.initiate_message("ringing", call.sid, call.proposed.sender)
        await until(lambda: caller.received("200"), "200 to PRACK")
        copies = caller.received("180", copies=True)
        assert len(copies) >= 2
        assert len({copy.header("RSeq") for copy in copies}) == 1
        juliet.initiate_message("proceed", call.sid, call.proposed.sender)
        offer = await juliet.expect(action("session-initiate", call.sid))
        session = juliet.session(offer.sender, call.sid, voice=await rig.voice(), initiator=False)
        await session.accept(offer)
        await session.terminated()
        await caller.done()
        assert len(caller.received("180", copies=True)) == len(copies)


@pytest.mark.conformance("XS-17")
async def test_a_phone_that_wants_a_longer_session_gets_it_and_refreshes_it(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_timer")
        call = await calling_out(rig, server)
        await call.session.accepted()
        changed = await call.client.expect(action("content-modify"))
        assert changed.element.find(f".//{{{jingle.JINGLE}}}content[@senders='responder']") is not None
        await until(lambda: len([m for m in server.received("200") if "UPDATE" in m.header("CSeq")]) == 2, "200")
        assert (await call.session.terminate()).type == "result"
        await server.done()
        refreshed = next(m for m in server.received("200") if "UPDATE" in m.header("CSeq"))
        assert refreshed.header("Session-Expires") == "1800;refresher=uac"
        assert not refreshed.body


@pytest.mark.conformance("EXT-06")
async def test_a_phone_that_wants_a_very_short_session_is_told_what_is_taken(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_timer")
        session = await answered_in(rig, caller, juliet)
        await session.terminated()
        await caller.done()
        answer = next(m for m in caller.received("200") if "INVITE" in m.header("CSeq"))
        assert answer.header("Session-Expires") == "1800;refresher=uac"
        assert answer.header("Require") == "timer"


@pytest.mark.conformance("HLD-18")
async def test_a_key_of_a_client_is_told_to_the_phone(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_digits")
        call = await answered_out(rig, server)
        pressed = await call.session.act("session-info", Element(f"{{{DTMF}}}dtmf", {"code": "#", "duration": "200"}))
        assert pressed.type == "result"
        await until(lambda: server.received("INFO"), "INFO")
        assert (await call.session.terminate()).type == "result"
        await server.done()
        assert "Duration=200" in server.received("INFO")[0].body


async def test_the_keys_of_a_phone_are_told_to_a_client_that_knows_of_keys(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet", features=(*jingle.FEATURES, DTMF))
        juliet.announce(to=rig.gateway.number(NUMBER))
        await juliet.expect(Wanted("disco#info", lambda seen: seen.kind == "iq" and seen.type == "get"))
        caller = await rig.calls("uac_digits")
        session = await answered_in(rig, caller, juliet)
        await session.terminated()
        await caller.done()
        keys = [key for seen in juliet.came(action("session-info")) for key in seen.element.iter(f"{{{DTMF}}}dtmf")]
        assert [key.get("code") for key in keys] == ["5", "#"]
        assert keys[0].get("duration") == "160"


@pytest.mark.conformance("EXT-18")
async def test_a_call_that_the_trunk_sends_back_is_refused_and_goes_on_where_it_went(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        trunk = await rig.raw_trunk()
        client = await rig.client()
        session = client.session(f"{rig.gateway.number(NUMBER)}/sip", voice=await rig.voice())
        await session.initiate()
        invite = await trunk.expect("INVITE")
        host, port = trunk.local
        via = f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bKproxy\r\n"
        message, gateway = invite
        head, rest = message.text.split("\r\n", 1)
        trunk.send(f"{head}\r\n{via}{rest}", gateway)
        await trunk.expect("482")
        trunk.respond(invite, "200 OK", tag="one", body=trunk.sdp())
        await trunk.expect("ACK")
        await session.accepted()
        assert (await session.terminate()).type == "result"
        trunk.respond(await trunk.expect("BYE"), "200 OK")
