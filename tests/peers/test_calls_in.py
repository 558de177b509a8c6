"""SIP users call XMPP users, through a real Prosody and real SIP programs."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from tests.peers import digest, jingle, loopback
from tests.peers.jingle_client import Seen, Wanted, action, carbon, error, initiation
from tests.peers.program import until
from tests.peers.rig import Rig
from tests.peers.servers import SERVERS
from tests.peers.steps import answered_in, calling_out, has_hint, offered_in, proposed_in
from tests.peers.xmpp_server import XmppServer

ALICE = r"alice\40sip.example@gw.example"


def error_message(condition: str) -> Wanted:
    """A message that came back, or was refused."""
    return Wanted(condition, lambda seen: (seen.kind, seen.type, seen.condition) == ("message", "error", condition))


@pytest.mark.conformance("JMI-01", "JMI-04", "JMI-31", "SX-01", "SX-03")
async def test_a_call_is_proposed_rings_is_taken_and_ends_when_the_phone_hangs_up(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_call", keys={"reason": "Q.850;cause=16"})
        call = await proposed_in(rig, caller, juliet)
        assert call.proposed.sender == f"{ALICE}/sip"
        assert call.proposed.to == juliet.bare
        assert call.proposed.type == "chat"
        assert has_hint(call.proposed)
        nick = call.proposed.element.find("{http://jabber.org/protocol/nick}nick")
        assert nick is not None
        assert nick.text == "Alice"
        descriptions = [found.get("media") for found in call.proposed.element.iter(f"{{{jingle.RTP}}}description")]
        assert descriptions == ["audio"]

        juliet.initiate_message("ringing", call.sid, call.proposed.sender)
        await until(lambda: caller.received("180"), "180")
        juliet.initiate_message("proceed", call.sid, call.proposed.sender)
        offer = await juliet.expect(action("session-initiate", call.sid))
        assert offer.to == juliet.jid
        assert offer.sender == call.proposed.sender
        assert offer.jingle is not None
        assert offer.jingle.get("initiator") == offer.sender
        assert jingle.payload_types(offer.jingle) == [0, 8, 101]
        assert jingle.address(offer.jingle) == (caller.host, caller.media_port)

        session = juliet.session(offer.sender, call.sid, voice=await rig.voice(), initiator=False)
        assert (await session.accept(offer)).type == "result"
        assert (await session.terminated()).condition == "success"
        messages = await caller.done()
        labels = [message.label for message in messages if not message.outgoing]
        assert labels[0].startswith("100 ")
        assert [label.split()[0] for label in labels].count("180") == 1
        answer = next(message for message in messages if message.is_("200") and message.body)
        host, port = session.voice.local
        assert f"m=audio {port} RTP/AVP 0 8 101" in answer.body
        assert f"IN IP4 {host}" in answer.body


@pytest.mark.conformance("END-03", "JMI-22")
async def test_a_client_that_hangs_up_ends_the_phones_call(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_bye_received")
        session = await answered_in(rig, caller, juliet)
        await until(lambda: any(m.is_("ACK") for m in caller.messages()), "ACK")
        assert (await session.terminate()).type == "result"
        finished = await juliet.expect(initiation("finish", session.sid))
        assert (finished.to, finished.condition) == (juliet.jid, "success")
        await caller.done()
        assert caller.received("BYE")[0].header("Reason").startswith("Q.850;cause=16")


async def test_a_call_over_tcp_is_answered_over_tcp(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_call", transport="tcp")
        session = await answered_in(rig, caller, juliet)
        await session.terminated()
        await caller.done()
        answer = next(message for message in caller.messages() if message.is_("200") and message.body)
        assert "transport=tcp" in answer.header("Contact").lower()


async def test_a_number_is_called_at_the_account_that_the_operator_names(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        romeo = await rig.client("romeo")
        caller = await rig.calls("uac_call", "+15550001000")
        session = await answered_in(rig, caller, romeo)
        await session.terminated()
        await caller.done()


@pytest.mark.conformance("JMI-03", "JMI-04", "JMI-05", "SX-23")
async def test_the_first_of_several_devices_to_proceed_has_the_call(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        pocket = await rig.client("juliet", "pocket", carbons=True)
        desk = await rig.client("juliet", "desk", carbons=True)
        caller = await rig.calls("uac_call")
        proposed = await pocket.expect(initiation("propose"))
        await desk.expect(initiation("propose"))
        for device in (pocket, desk):
            device.initiate_message("ringing", proposed.sid, proposed.sender)
        desk.initiate_message("proceed", proposed.sid, proposed.sender)
        offer = await desk.expect(action("session-initiate", proposed.sid))
        await pocket.expect(carbon("proceed"))
        pocket.initiate_message("proceed", proposed.sid, proposed.sender)

        session = desk.session(offer.sender, proposed.sid, voice=await rig.voice(), initiator=False)
        await session.accept(offer)
        await session.terminated()
        await caller.done()
        await pocket.fence(proposed.sender)
        assert not pocket.came(action("session-initiate"))
        assert not pocket.came(initiation("finish"))
        assert len(caller.received("180")) == 1


@pytest.mark.conformance("JMI-03", "JMI-04", "JMI-05")
@pytest.mark.parametrize("kind", SERVERS)
async def test_of_ten_devices_that_take_a_call_at_once_one_has_it(
    tmp_path: Path, kind: Callable[[Path], XmppServer]
) -> None:
    async with Rig(tmp_path, server=kind) as rig:
        devices = [await rig.client("juliet", f"device{number}", carbons=True) for number in range(10)]
        caller = await rig.calls("uac_call")
        proposed = [await device.expect(initiation("propose")) for device in devices]
        (sid,) = {seen.sid for seen in proposed}
        gateway = proposed[0].sender
        for device in devices:
            device.initiate_message("ringing", sid, gateway)
        await until(lambda: caller.received("180"), "180")
        for device in devices:
            device.initiate_message("proceed", sid, gateway)
        for device in devices:
            await device.fence(gateway)
        (winner,) = [device for device in devices if device.came(action("session-initiate"))]
        (offer,) = winner.came(action("session-initiate"))
        session = winner.session(offer.sender, sid, voice=await rig.voice(), initiator=False)
        assert (await session.accept(offer)).type == "result"
        for device in devices:
            if device is not winner:
                assert len(device.came(error_message("item-not-found"))) == 1
                # The server's copies for a device take no turns with what comes from elsewhere.
                await until(lambda seen=device: len(seen.came(carbon("proceed"))) == 9, "9 copies")  # type: ignore[misc]
        await session.terminated()
        await caller.done()
        assert len(caller.received("180")) == 1


async def test_of_devices_with_and_without_message_initiation_those_with_it_ring(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        old = await rig.client("juliet", "old", features=jingle.AUDIO_FEATURES)
        new = await rig.client("juliet", "new")
        for device in (old, new):
            device.announce(to=ALICE)
            await device.fence(ALICE)
        caller = await rig.calls("uac_call")
        session = await answered_in(rig, caller, new)
        await session.terminated()
        await caller.done()
        assert not old.came(action("session-initiate"))
        # The old device calls by itself, and may be called by nobody meanwhile.
        server = await rig.answers("uas_answer")
        call = await calling_out(rig, server, client=old)
        await call.session.accepted()
        await call.session.terminate()
        await server.done()


async def test_a_device_that_is_known_and_cannot_be_proposed_to_is_offered_the_session_directly(
    tmp_path: Path,
) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet", "old", features=jingle.AUDIO_FEATURES)
        juliet.announce(to=ALICE)
        await juliet.fence(ALICE)
        caller = await rig.calls("uac_call")
        offer = await juliet.expect(action("session-initiate"))
        session = juliet.session(offer.sender, offer.sid, voice=await rig.voice(), initiator=False)
        assert (await session.ring()).type == "result"
        await until(lambda: caller.received("180"), "180")
        await session.accept(offer)
        await session.terminated()
        await caller.done()
        assert not juliet.came(initiation("propose"))


@pytest.mark.conformance("JMI-27", "ADDR-03")
async def test_a_device_that_the_caller_names_is_offered_the_session_directly(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet", "desk")
        raw = await rig.raw_trunk()
        to = f"sip:juliet%40home.example@{rig.gateway.uri};gr=desk"
        raw.request("INVITE", rig.gateway.sip, call_id="gr", branch="gr-1", uri=to, body=raw.sdp())
        offer = await juliet.expect(action("session-initiate"))
        assert not juliet.came(initiation("propose"))
        await juliet.request(offer.sender, jingle.jingle("session-terminate", offer.sid, jingle.reason("busy")))
        refusal, _ = await raw.expect("486")
        tag = refusal.header("To").partition("tag=")[2]
        raw.request("ACK", rig.gateway.sip, call_id="gr", branch="gr-1", uri=to, to_tag=tag)


@pytest.mark.conformance("SX-14", "SX-15")
async def test_an_invite_that_comes_twice_is_one_call(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        raw = await rig.raw_trunk()
        for branch in ("one", "one", "other"):
            raw.request("INVITE", rig.gateway.sip, call_id="twice", branch=branch, body=raw.sdp())
        merged, _ = await raw.expect("482")
        assert merged.header("Via").endswith("other") or "branch=z9hG4bK-other" in merged.header("Via")
        proposed = await juliet.expect(initiation("propose"))
        juliet.initiate_message("reject", proposed.sid, proposed.sender)
        refusal, _ = await raw.expect("486")
        for response, branch in ((merged, "other"), (refusal, "one")):
            tag = response.header("To").partition("tag=")[2]
            raw.request("ACK", rig.gateway.sip, call_id="twice", branch=branch, to_tag=tag)
        await juliet.fence(proposed.sender)
        assert len(juliet.came(initiation("propose"))) == 1


@pytest.mark.conformance("JMI-06", "JMI-07", "JMI-08", "JMI-09")
async def test_a_rejected_proposal_is_refused_as_its_reason_says(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        for condition, status, bare in (
            ("busy", 486, False),
            ("decline", 603, False),
            ("", 486, False),
            ("busy", 486, True),
        ):
            caller = await rig.calls("uac_expect", parameters={"status": status})
            call = await proposed_in(rig, caller, juliet)
            to = call.proposed.sender.partition("/")[0] if bare else call.proposed.sender
            juliet.initiate_message("reject", call.sid, to, *([jingle.reason(condition)] if condition else []))
            await caller.done()


@pytest.mark.conformance(*(f"END-{number}" for number in range(20, 33)))
async def test_a_session_that_is_refused_is_refused_as_its_reason_says(tmp_path: Path) -> None:
    refusals = {
        "busy": 486,
        "decline": 603,
        "unsupported-applications": 488,
        "unsupported-transports": 488,
        "incompatible-parameters": 488,
        "failed-application": 488,
        "failed-transport": 480,
        "gone": 480,
        "general-error": 500,
        "media-error": 500,
        "security-error": 488,
        "unheard-of": 480,
        "": 480,
    }
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        for condition, status in refusals.items():
            caller = await rig.calls("uac_expect", parameters={"status": status})
            session, _ = await offered_in(rig, caller, juliet)
            children = [jingle.reason(condition)] if condition else []
            assert (await session.act("session-terminate", *children)).type == "result"
            await caller.done()


async def test_an_account_that_does_not_exist_is_told_to_the_caller_at_once(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        caller = await rig.calls("uac_expect", "ghost", parameters={"status": 480})
        messages = await caller.done()
        assert messages[-1].at - messages[0].at < 20.0  # and not when no device has rung for 30 s


async def test_an_account_with_nobody_signed_in_is_given_up_in_time(tmp_path: Path) -> None:
    # The server keeps the proposal in the archive, so that a device that is woken by it may still answer.
    async with Rig(tmp_path, changes={"limits": {"no_device_timeout_seconds": 1.0}}) as rig:
        caller = await rig.calls("uac_expect", "nurse", parameters={"status": 480})
        await caller.done()


@pytest.mark.conformance("JMI-11")
async def test_a_call_that_no_device_rings_for_is_taken_back(tmp_path: Path) -> None:
    async with Rig(tmp_path, changes={"limits": {"no_device_timeout_seconds": 1.0}}) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_expect", parameters={"status": 480})
        call = await proposed_in(rig, caller, juliet)
        await juliet.expect(initiation("retract", call.sid))
        await caller.done()


@pytest.mark.conformance("JMI-10")
async def test_a_call_that_rings_too_long_is_taken_back(tmp_path: Path) -> None:
    async with Rig(tmp_path, changes={"limits": {"ring_timeout_seconds": 1.0}}) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_expect", parameters={"status": 480})
        call = await proposed_in(rig, caller, juliet)
        juliet.initiate_message("ringing", call.sid, call.proposed.sender)
        retracted = await juliet.expect(initiation("retract", call.sid))
        assert retracted.to == juliet.bare
        assert retracted.condition == "cancel"
        messages = await caller.done()
        assert caller.received("180")
        refusal = next(message for message in messages if message.is_("480"))
        assert "cause=19" in refusal.header("Reason")


@pytest.mark.conformance("SX-16")
async def test_an_invite_that_expires_is_ended_and_taken_back(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_expect_header", keys={"extra": "Expires: 1"}, parameters={"status": 487})
        call = await proposed_in(rig, caller, juliet)
        juliet.initiate_message("ringing", call.sid, call.proposed.sender)
        await juliet.expect(initiation("retract", call.sid))
        await caller.done()


@pytest.mark.conformance("JIN-28", "JIN-30")
async def test_an_error_for_the_session_is_told_to_the_caller(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        for condition, status in (("service-unavailable", 480), ("item-not-found", 404)):

            def refuse(seen: Seen, condition: str = condition) -> Element | None:
                return error(seen, condition) if seen.action == "session-initiate" else None

            juliet.answer = refuse
            caller = await rig.calls("uac_expect", parameters={"status": status})
            call = await proposed_in(rig, caller, juliet)
            juliet.initiate_message("proceed", call.sid, call.proposed.sender)
            await caller.done()


@pytest.mark.conformance("SX-05")
async def test_an_answer_whose_ack_is_lost_is_sent_again(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_lost_ack", parameters={"milliseconds": 1800})
        session = await answered_in(rig, caller, juliet)
        await session.terminated()
        await caller.done()
        answers = [message for message in caller.received("200", copies=True) if message.body]
        assert len(answers) >= 3
        assert len({answer.text for answer in answers}) == 1


@pytest.mark.conformance("SX-04", "XS-19", "SIP-01")
async def test_what_is_never_acknowledged_or_never_answered_ends_after_32_seconds(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        romeo = await rig.client("romeo")
        mute = await rig.raw_trunk()
        session = romeo.session(f"{rig.gateway.number('+15551230000')}/sip", voice=await rig.voice())
        assert (await session.initiate()).type == "result"
        # From the trunk's address, but not its port, which is the silent socket's.
        caller = await rig.calls("uac_never_ack", host=rig.trunk[0])
        answering = await answered_in(rig, caller, juliet)
        unanswered, unacknowledged = await asyncio.gather(session.terminated(40), answering.terminated(40))
        assert unanswered.condition == "timeout"
        assert unacknowledged.condition
        await caller.done()
        assert mute.count("INVITE") == 7
        metrics = await rig.gateway.metrics()
        assert metrics.total("jinglesip_sip_transaction_timeouts_total", method="INVITE") >= 1


@pytest.mark.conformance("SX-10", "SX-13", "SX-17")
async def test_what_cannot_be_taken_is_refused_with_what_would_be(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        for header, hops, status in (
            ("Require: foo", 70, 420),
            ("X-Rig: too far", 0, 483),
            ("Accept: application/unknown", 70, 406),
        ):
            caller = await rig.calls(
                "uac_expect_header", keys={"extra": header}, parameters={"status": status, "max_forwards": hops}
            )
            await caller.done()
        caller = await rig.calls("uac_expect", "no.such.user", parameters={"status": 404})
        await caller.done()
        caller = await rig.calls("uac_expect_offerless", parameters={"status": 488})
        await caller.done()
        assert not juliet.came(initiation("propose"))


async def test_a_stranger_is_refused_and_counted(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        juliet = await rig.client("juliet")
        stranger = await rig.calls("uac_expect", parameters={"status": 403}, host=loopback.address())
        await stranger.done()
        assert not juliet.came(initiation("propose"))
        metrics = await rig.gateway.metrics()
        assert metrics.total("jinglesip_sip_refused_total", cause="unknown_source") == 1


async def test_a_peer_that_proves_its_password_may_call_from_anywhere(tmp_path: Path) -> None:
    keys = {"inbound_user": "branch", "inbound_password_file": "password"}
    async with Rig(tmp_path, trunk=keys, changes={"sip": {"digest_algorithms": ["SHA-256", "MD5"]}}) as rig:
        juliet = await rig.client("juliet")
        raw = await rig.raw()
        gateway = rig.gateway.sip
        for algorithm, password in itertools.product(("MD5", "SHA-256"), ("sesame", "wrong")):
            name = f"{algorithm}-{password}"
            raw.request("INVITE", gateway, call_id=name, branch=f"{name}-1", body=raw.sdp())
            asked, _ = await raw.expect("401", test=lambda seen: seen.header("CSeq") == "1 INVITE")
            tag = asked.header("To").partition("tag=")[2]
            uri = raw.request("ACK", gateway, call_id=name, branch=f"{name}-1", to_tag=tag)
            challenge = next(text for text in asked.headers("WWW-Authenticate") if f"algorithm={algorithm}," in text)
            credentials = digest.answer(challenge, method="INVITE", uri=uri, user="branch", password=password)
            raw.request(
                "INVITE",
                gateway,
                call_id=name,
                number=2,
                branch=f"{name}-2",
                headers=(f"Authorization: {credentials}",),
                body=raw.sdp(),
            )
            if password == "sesame":
                proposed = await juliet.expect(initiation("propose"))
                juliet.initiate_message("reject", proposed.sid, proposed.sender, jingle.reason("busy"))
            status = {"sesame": "486", "wrong": "401"}[password]
            final, _ = await raw.expect(status, test=lambda seen: seen.header("CSeq") == "2 INVITE")
            tag = final.header("To").partition("tag=")[2]
            raw.request("ACK", gateway, call_id=name, number=2, branch=f"{name}-2", to_tag=tag)
        assert len(juliet.came(initiation("propose"))) == 2


async def test_a_phone_with_a_password_may_call_from_anywhere(tmp_path: Path) -> None:
    keys = {"inbound_user": "branch", "inbound_password_file": "password"}
    async with Rig(tmp_path, trunk=keys) as rig:
        juliet = await rig.client("juliet")
        phone = await rig.roaming_phone("branch", "sesame")
        await phone.dial(f"sip:juliet@{rig.gateway.uri}")
        proposed = await juliet.expect(initiation("propose"))
        juliet.initiate_message("proceed", proposed.sid, proposed.sender)
        offer = await juliet.expect(action("session-initiate", proposed.sid))
        session = juliet.session(offer.sender, offer.sid, voice=await rig.voice(), initiator=False)
        assert (await session.accept(offer)).type == "result"
        await phone.expect("CALL_ESTABLISHED")
        await phone.hang_up()
        await session.terminated()

        wrong = await rig.roaming_phone("branch", "wrong", "wrong")
        await wrong.dial(f"sip:juliet@{rig.gateway.uri}")
        closed = await wrong.expect("CALL_CLOSED")
        assert closed.text.split()[0] in ("401", "403") or "Authentication" in closed.text
        assert len(juliet.came(initiation("propose"))) == 1


@pytest.mark.conformance("SIP-11", "SIP-13", "SIP-17", "SIP-18")
async def test_requests_outside_any_call_are_answered_as_the_standard_says(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        for method, to_tag, status in (
            ("OPTIONS", "", 200),
            ("BYE", ";tag=nobody", 481),
            ("INFO", ";tag=nobody", 481),
            ("CANCEL", "", 481),
            ("FROB", "", 501),
            ("REGISTER", "", 405),
        ):
            asked = await rig.calls("uac_request", parameters={"method": method, "status": status, "to_tag": to_tag})
            messages = await asked.done()
            if status in (200, 405, 501):
                assert "INVITE" in messages[-1].header("Allow")
