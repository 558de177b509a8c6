"""Calls are handed on, by and to real programs: who is told what, and who hears whom afterwards."""

from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from tests.peers import jingle, linphone, loopback
from tests.peers.jingle_client import Seen, Wanted, action, initiation
from tests.peers.linphone import Linphone
from tests.peers.program import until
from tests.peers.rig import Rig
from tests.peers.sip_trace import Traced
from tests.peers.sipp import Sipp
from tests.peers.steps import NUMBER, answered_in, answered_out, status_in

TRANSFER = "urn:xmpp:jingle:transfer:0"
PACKETS = 25


def order(to: str, **attributes: str) -> Element:
    return Element(f"{{{TRANSFER}}}transfer", {"to": to, **attributes})


def transferred(seen: Seen) -> bool:
    """Whether a session-terminate says that the call goes on elsewhere."""
    return any(element.tag == f"{{{TRANSFER}}}transferred" for element in seen.element.iter())


def fragments(messages: list[Traced]) -> list[str]:
    """The status lines of the NOTIFYs that came."""
    return [message.body.strip() for message in messages if not message.outgoing and message.is_("NOTIFY")]


@pytest.mark.conformance("EXT-07", "EXT-09")
async def test_a_phone_hands_a_client_on_to_another_phone_which_it_then_hears(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        phone = await rig.phone(auto_answer=True)
        juliet = await rig.client("juliet")
        keys = {"refer_to": f"sip:{phone.user}@{rig.trunk[0]}"}
        caller = await rig.calls("uac_refer", host=rig.trunk[0], keys=keys, echo=False)
        session = await answered_in(rig, caller, juliet)
        moved = await juliet.expect(action("transport-info", session.sid))
        await phone.expect("CALL_ESTABLISHED")
        session.speak_to(moved)
        heard = await session.voice.hears(PACKETS)
        assert heard.share_of_tone(phone.hertz) > 0.9
        told = fragments(await caller.done())
        assert told[0] == "SIP/2.0 100 Trying"
        assert told[-1] == "SIP/2.0 200 OK"
        bye = next(message for message in caller.messages() if message.is_("BYE"))
        assert bye.header("Reason") == 'SIP;cause=200;text="Transferred"'
        assert (await session.terminate()).type == "result"
        await phone.expect("CALL_CLOSED")


@pytest.mark.conformance("EXT-07")
@pytest.mark.parametrize(("number", "verdict"), [("+15559999", "404 Not Found"), (NUMBER, "486 Rejected")])
async def test_a_phone_is_told_why_nobody_takes_whom_it_hands_on(tmp_path: Path, number: str, verdict: str) -> None:
    async with Rig(tmp_path) as rig:
        phone = await rig.phone()
        juliet = await rig.client("juliet")
        caller = await rig.calls(
            "uac_refer_fails", host=rig.trunk[0], keys={"refer_to": f"sip:{number}@{rig.trunk[0]}"}
        )
        session = await answered_in(rig, caller, juliet)
        rings = number == phone.user
        if rings:
            await phone.expect("CALL_INCOMING")
            await phone.hang_up()
        assert (await session.terminated()).condition == "success"
        told = ["SIP/2.0 100 Trying", *(["SIP/2.0 180 Ringing"] if rings else []), f"SIP/2.0 {verdict}"]
        assert fragments(await caller.done()) == told


@pytest.mark.conformance("EXT-09", "EXT-13")
@pytest.mark.parametrize(("to", "status"), [("sip:carol@elsewhere.example", 603), ("nonsense", 400)])
async def test_a_phone_cannot_hand_on_to_anybody(tmp_path: Path, to: str, status: int) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_refer_refused", keys={"refer_to": to}, parameters={"status": status})
        session = await answered_in(rig, caller, juliet)
        assert (await session.terminated()).condition == "success"
        await caller.done()


@pytest.mark.conformance("EXT-09")
async def test_a_real_phone_hands_its_caller_on(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        phone = await rig.phone(auto_answer=True)
        client = await rig.client()
        sid = client.propose(rig.gateway.number(phone.user))
        proceeded = await client.expect(initiation("proceed", sid))
        session = client.session(proceeded.sender, sid, voice=await rig.voice())
        assert (await session.initiate()).type == "result"
        await session.accepted()
        await phone.expect("CALL_ESTABLISHED")
        await phone.transfer(f"sip:{phone.user}@{rig.trunk[0]}:{rig.trunk[1]}")
        await phone.expect("CALL_ESTABLISHED")
        await phone.expect("CALL_CLOSED")
        session.speak_to(await client.expect(action("transport-info", sid)))
        assert (await session.voice.hears(PACKETS)).share_of_tone(phone.hertz) > 0.9
        assert (await session.terminate()).type == "result"
        await phone.expect("CALL_CLOSED")


@pytest.mark.conformance("EXT-08")
async def test_a_client_that_knows_transfers_calls_by_itself(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        phone = await rig.phone(auto_answer=True)
        juliet = await rig.client("juliet", features=(*jingle.FEATURES, TRANSFER))
        juliet.announce(to=rig.gateway.number(phone.user))
        await juliet.expect(Wanted("disco#info", lambda seen: seen.kind == "iq" and seen.type == "get"))
        caller = await rig.calls("uac_refer", host=rig.trunk[0], keys={"refer_to": f"sip:{phone.user}@{rig.trunk[0]}"})
        session = await answered_in(rig, caller, juliet)
        wanted = await juliet.expect(action("session-info", session.sid, "transfer"))
        assert wanted.jingle is not None
        assert wanted.jingle[0].get("to") == f"{rig.gateway.number(phone.user)}/sip"
        second = juliet.session(wanted.jingle[0].get("to", ""), voice=await rig.voice())
        assert (await second.initiate()).type == "result"
        await second.accepted()
        reason = jingle.reason("success")
        reason.append(Element(f"{{{TRANSFER}}}transferred"))
        assert (await session.act("session-terminate", reason)).type == "result"
        assert fragments(await caller.done()) == ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]
        assert (await second.terminate()).type == "result"
        await phone.expect("CALL_CLOSED")


@pytest.mark.conformance("EXT-10")
async def test_a_client_hands_a_phone_on(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_referred")
        call = await answered_out(rig, server)
        assert (await call.session.act("session-info", order(rig.gateway.number("+15557777")))).type == "result"
        ended = await call.session.terminated()
        assert (ended.condition, transferred(ended)) == ("success", True)
        messages = await server.done()
        refer = next(message for message in messages if message.is_("REFER"))
        assert (refer.header("Refer-To") or "").startswith("<sip:+15557777@")
        assert (refer.header("Referred-By") or "").startswith("<sip:romeo")


@pytest.mark.conformance("EXT-10")
async def test_a_client_is_told_that_nobody_took_whom_it_handed_on(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_referred", keys={"fragment": "486 Busy Here"})
        call = await answered_out(rig, server)
        assert (await call.session.act("session-info", order(rig.gateway.number("+15557777")))).type == "result"
        told = await call.client.expect(action("session-info", call.session.sid, "status"))
        assert status_in(told) == "486"
        assert (await call.session.terminate()).type == "result"
        await server.done()
        refused = await call.session.act("session-info", order(rig.gateway.number("+15557777")))
        assert refused.condition == "item-not-found"


@pytest.mark.conformance("EXT-10")
async def test_a_client_hands_nobody_on_to_whom_it_could_not_call(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_answer")
        call = await answered_out(rig, server)
        refused = await call.session.act("session-info", order(rig.gateway.number("nobody")))
        assert (refused.type, refused.condition) == ("error", "item-not-found")
        assert (await call.session.terminate()).type == "result"
        assert not [message for message in await server.done() if message.is_("REFER")]


@pytest.mark.conformance("EXT-11", "EXT-12")
async def test_a_phone_takes_the_place_of_another_one(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_bye_received", echo=False)
        session = await answered_in(rig, caller, juliet)
        await until(lambda: caller.received("200"), "the first call is answered")
        second = await rig.calls("uac_extra_bye_received", host=rig.trunk[0], keys={"extra": replaces(caller)})
        moved = await juliet.expect(action("transport-info", session.sid))
        assert moved.jingle is not None
        assert jingle.address(moved.jingle) == (second.host, second.media_port)
        bye = next(message for message in await caller.done() if message.is_("BYE"))
        assert bye.header("Reason") == 'SIP;cause=200;text="Transferred"'
        await until(lambda: second.received("200"), "the second call is answered")
        session.speak_to(moved)
        assert (await session.voice.hears(PACKETS)).share_of_tone(440) > 0.9  # its own: SIPp sends it back
        assert (await session.terminate()).type == "result"
        await second.done()
        late = await rig.calls(
            "uac_expect_header", host=rig.trunk[0], keys={"extra": replaces(caller)}, parameters={"status": 481}
        )
        await late.done()


def replaces(call: Sipp) -> str:
    """The header that names a SIPp's call, as its other end knows it."""
    answer = call.received("200")[0]
    ours, theirs = ((answer.header(name) or "").partition("tag=")[2] for name in ("To", "From"))
    return f"Replaces: {answer.header('Call-ID')};to-tag={ours};from-tag={theirs}"


@pytest.mark.conformance("EXT-07", "EXT-09", "EXT-11")
@pytest.mark.parametrize("which", ["1 --to-call 2", "2 --to-call 1"], ids=["by REFER to us", "by INVITE to us"])
async def test_linphone_brings_its_two_calls_together(tmp_path: Path, which: str) -> None:
    attendant, carol = Linphone(tmp_path, "attendant"), Linphone(tmp_path, "carol", auto_answer=True)
    host = loopback.address()
    # Who is called gets the name without the port from it, so that has to be the usual one.
    changes = {"sip": {"listen": [f"udp:{host}:5060"]}}
    rig = Rig(tmp_path, trunk={"host": linphone.HOST, "port": carol.port}, changes=changes)
    rig.gateway.sip = (host, 5060)
    async with rig:
        juliet = await rig.client("juliet")
        async with attendant, carol:
            attendant.tell(f"call sip:juliet@{host}")
            proposed = await juliet.expect(initiation("propose"))
            juliet.initiate_message("proceed", proposed.sid, proposed.sender)
            offer = await juliet.expect(action("session-initiate", proposed.sid))
            session = juliet.session(offer.sender, proposed.sid, voice=await rig.voice(), initiator=False)
            assert (await session.accept(offer)).type == "result"
            await attendant.says("Media streams established")
            attendant.tell("pause")
            await juliet.expect(action("content-modify", session.sid))
            await attendant.says("is now paused")
            attendant.tell(f"call sip:+15557777@{linphone.HOST}:{carol.port}")
            await carol.says("Media streams established")
            await attendant.says("Media streams established", 2)
            attendant.tell(f"transfer {which}")
            await juliet.expect(action("transport-info", session.sid))
            await juliet.expect(action("content-modify", session.sid))
            await attendant.says("ended", 2)
            await carol.says("Media streams established", 2)
            assert (await session.terminate()).type == "result"
            await carol.says("ended", 2)
