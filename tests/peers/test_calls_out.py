"""XMPP users call SIP users, through a real Prosody and real SIP programs."""

from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from tests.peers import digest, jingle
from tests.peers.jingle_client import action, initiation, presence
from tests.peers.program import until
from tests.peers.rig import Rig
from tests.peers.steps import NUMBER, answered_out, calling_out, has_hint, ringing_out, status_in

CREDENTIALS = {"user": "gw", "password_file": "password"}


@pytest.mark.conformance("XS-03", "XS-07", "END-01", "JIN-01", "COMP-04")
async def test_a_call_rings_is_answered_and_ends_when_the_phone_hangs_up(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_bye", parameters={"milliseconds": 300})
        call = await answered_out(rig, server)
        ended = await call.session.terminated()

        assert ended.condition == "success"
        messages = await server.done()
        assert [message.label for message in messages] == [
            "INVITE", "180 Ringing", "200 OK", "ACK", "BYE", "200 OK",
        ]  # fmt: skip
        invite = messages[0]
        assert invite.uri.startswith(f"sip:{NUMBER}@{rig.trunk[0]}")
        assert "user=phone" in invite.uri
        host, port = call.session.voice.local
        assert f"m=audio {port} RTP/AVP 0 8 101" in invite.body
        assert f"IN IP4 {host}" in invite.body
        assert "a=fmtp:101 0-15" in invite.body
        assert len(call.client.came(action("session-info", info="ringing"))) == 1
        assert len(call.client.came(action("session-accept"))) == 1


@pytest.mark.conformance("END-03", "END-04")
async def test_a_client_that_hangs_up_says_why_and_the_phone_is_told(tmp_path: Path) -> None:
    reasons = {
        "success": 'Q.850;cause=16;text="Normal call clearing"',
        "timeout": 'SIP;cause=408;text="Media timeout"',
        "busy": "Q.850;cause=17",
        "decline": "Q.850;cause=21",
        "gone": "Q.850;cause=27",
        "connectivity-error": "Q.850;cause=41",
        "general-error": "SIP;cause=500",
    }
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        for condition, header in reasons.items():
            server = await rig.answers("uas_answer", parameters={"milliseconds": 20})
            call = await calling_out(rig, server, client=client)
            await call.session.accepted()
            assert (await call.session.terminate(condition)).type == "result"
            await server.done()
            bye = server.received("BYE")[0]
            assert bye.header("Reason") == header, condition
            assert server.received("ACK")


@pytest.mark.conformance("END-02")
async def test_the_reason_of_the_phones_bye_reaches_the_client(tmp_path: Path) -> None:
    reasons = {
        "Q.850;cause=17": "busy",
        "Q.850;cause=102": "timeout",
        "Q.850;cause=27": "gone",
        "Q.850;cause=38": "connectivity-error",
        "SIP;cause=488": "incompatible-parameters",
        "SIP;cause=500": "general-error",
        'Q.850;cause=16;text="Normal"': "success",
    }
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        for header, condition in reasons.items():
            server = await rig.answers("uas_bye", keys={"reason": header}, parameters={"milliseconds": 20})
            call = await calling_out(rig, server, client=client)
            assert (await call.session.terminated()).condition == condition, header
            await server.done()


@pytest.mark.conformance(*(f"END-{number:02}" for number in range(5, 20)))
async def test_every_refusal_reaches_the_client_as_its_reason_with_code_and_phrase(tmp_path: Path) -> None:
    refusals = [
        ("uas_refuse", "486 Busy Here", "", "busy"),
        ("uas_refuse", "600 Busy Everywhere", "", "busy"),
        ("uas_refuse", "603 Decline", "", "decline"),
        ("uas_refuse", "404 Not Found", "", "gone"),
        ("uas_refuse", "408 Request Timeout", "", "timeout"),
        ("uas_ring_refuse", "480 Temporarily Unavailable", "", "timeout"),
        ("uas_refuse", "480 Temporarily Unavailable", "", "gone"),
        ("uas_refuse", "488 Not Acceptable Here", "", "incompatible-parameters"),
        ("uas_refuse", "488 Not Acceptable Here", 'Warning: 304 pbx "no"', "unsupported-applications"),
        ("uas_refuse", "415 Unsupported Media Type", "", "unsupported-applications"),
        ("uas_refuse", "500 Server Internal Error", "", "general-error"),
        ("uas_refuse", "503 Service Unavailable", "", "connectivity-error"),
        ("uas_ring_refuse", "487 Request Terminated", "", "cancel"),
        ("uas_refuse", "699 Never", "", "decline"),
        ("uas_refuse", "499 Never", "", "general-error"),
        ("uas_refuse", "403 Forbidden", "", "decline"),
        ("uas_refuse", "484 Address Incomplete", "", "gone"),
    ]
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        for scenario, status, header, condition in refusals:
            server = await rig.answers(
                scenario,
                keys={"extra": header} if header else None,
                parameters={"status": status, "milliseconds": 20},
            )
            call = await calling_out(rig, server, client=client)
            ended = await call.session.terminated()
            assert ended.condition == condition, status
            assert ended.text.startswith(status), status
            assert status_in(ended) == status[:3], status
            await server.done()


@pytest.mark.conformance("JMI-14", "JMI-15", "JMI-22")
async def test_a_proposed_call_proceeds_from_one_full_jid_to_the_device_that_proposed_and_is_finished(
    tmp_path: Path,
) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_answer")
        client = await rig.client(resource="pocket")
        bystander = await rig.client(resource="desk")
        number = rig.gateway.number(NUMBER)
        sid = client.propose(number)
        proceeded = await client.expect(initiation("proceed", sid))
        assert proceeded.sender == f"{number}/sip"
        assert proceeded.to == client.jid
        assert proceeded.type == "chat"
        assert has_hint(proceeded)

        session = client.session(proceeded.sender, sid, voice=await rig.voice())
        assert (await session.initiate()).type == "result"
        ringing = await client.expect(action("session-info", sid, "ringing"))
        accepted = await session.accepted()
        assert {ringing.sender, accepted.sender} == {proceeded.sender}

        assert (await session.terminate()).type == "result"
        finished = await client.expect(initiation("finish", sid))
        assert finished.sender == proceeded.sender
        assert finished.to == client.jid
        assert finished.condition == "success"
        await server.done()
        assert not [seen for seen in bystander.came(initiation("proceed")) if seen.to == bystander.jid]


@pytest.mark.conformance("COMP-19")
async def test_a_proposal_that_asks_for_a_receipt_gets_one(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        number = rig.gateway.number(NUMBER)
        proposal = jingle.initiation("propose", "s1", *jingle.kinds("audio"))
        client.say(number, proposal, Element("{urn:xmpp:receipts}request"), id="jm-propose-s1")
        await client.expect(initiation("proceed", "s1"))
        client.initiate_message("retract", "s1", number)
        await client.fence(number)
        receipts = [seen.element.find("{urn:xmpp:receipts}received") for seen in client.transcript if not seen.outgoing]
        assert [found.get("id") for found in receipts if found is not None] == ["jm-propose-s1"]


async def test_the_gateway_finishes_a_proposed_call_that_the_phone_ends(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_bye", keys={"reason": "Q.850;cause=16"})
        client = await rig.client()
        sid = client.propose(rig.gateway.number(NUMBER))
        proceeded = await client.expect(initiation("proceed", sid))
        session = client.session(proceeded.sender, sid, voice=await rig.voice())
        await session.initiate()
        await session.accepted()
        await session.terminated()
        assert (await client.expect(initiation("finish", sid))).condition == "success"
        await server.done()


async def test_a_session_initiate_to_the_bare_jid_of_a_number_is_a_call_too(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_answer")
        client = await rig.client()
        number = rig.gateway.number(NUMBER)
        session = client.session(number, voice=await rig.voice())
        assert (await session.initiate()).type == "result"
        accepted = await session.accepted()
        assert accepted.sender.partition("/")[0] == number
        session.peer = accepted.sender
        assert (await session.terminate()).type == "result"
        await server.done()


@pytest.mark.conformance("ADDR-15", "ADDR-16")
async def test_an_escaped_address_and_a_name_of_the_operators_are_called_as_configured(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        for dialled, called in (
            (r"alice\40sip.example.org", "sip:alice@sip.example.org"),
            ("frontdesk", f"sip:7042@{rig.trunk[0]}"),
            ("7042", f"sip:7042@{rig.trunk[0]}"),
        ):
            server = await rig.answers("uas_refuse", parameters={"status": "486 Busy Here"})
            call = await calling_out(rig, server, client=client, dialled=dialled)
            await call.session.terminated()
            await server.done()
            assert server.received("INVITE")[0].uri.startswith(called), dialled


@pytest.mark.conformance("XS-15", "XS-16")
async def test_the_trunk_asks_for_a_password_and_gets_a_good_answer(tmp_path: Path) -> None:
    md5 = 'Digest realm="sip.example", nonce="f00d", algorithm=MD5, qop="auth"'
    sha = 'Digest realm="sip.example", nonce="5ea1", algorithm=SHA-256, qop="auth"'
    challenges = [
        ("401 Unauthorized", f"WWW-Authenticate: {md5}", "Authorization"),
        ("407 Proxy Authentication Required", f"Proxy-Authenticate: {md5}", "Proxy-Authorization"),
        ("401 Unauthorized", f"WWW-Authenticate: {sha}", "Authorization"),
        ("407 Proxy Authentication Required", f"Proxy-Authenticate: {sha}", "Proxy-Authorization"),
        ("401 Unauthorized", 'WWW-Authenticate: Digest realm="sip.example", nonce="0ld"', "Authorization"),
    ]
    async with Rig(tmp_path, trunk=CREDENTIALS) as rig:
        client = await rig.client()
        for status, challenge, name in challenges:
            server = await rig.answers(
                "uas_challenge", keys={"challenge": challenge}, parameters={"status": status, "milliseconds": 20}
            )
            call = await calling_out(rig, server, client=client)
            await call.session.accepted()
            await call.session.terminate()
            await server.done()
            invites = server.received("INVITE")
            first, second = invites[0], invites[-1]
            credentials = second.header(name)
            assert digest.good(credentials, method="INVITE", uri=second.uri, password="sesame"), credentials
            assert digest.parameters(credentials)["username"] == "gw"
            assert int(second.header("CSeq").split()[0]) == int(first.header("CSeq").split()[0]) + 1
            assert second.header("Call-ID") == first.header("Call-ID")
            assert second.header("From") == first.header("From")


async def test_a_stale_nonce_is_no_refusal(tmp_path: Path) -> None:
    async with Rig(tmp_path, trunk=CREDENTIALS) as rig:
        server = await rig.answers("uas_challenge_stale", parameters={"status": "401 Unauthorized", "milliseconds": 20})
        call = await answered_out(rig, server)
        await call.session.terminate()
        await server.done()
        last = server.received("INVITE")[-1]
        assert digest.parameters(last.header("Authorization"))["nonce"] == "beef"
        assert digest.good(last.header("Authorization"), method="INVITE", uri=last.uri, password="sesame")


@pytest.mark.conformance("XS-16")
async def test_a_password_that_the_trunk_does_not_take_ends_the_call(tmp_path: Path) -> None:
    async with Rig(tmp_path, trunk=CREDENTIALS) as rig:
        second = 'Proxy-Authenticate: Digest realm="sip.example", nonce="beef", algorithm=MD5, qop="auth", stale=false'
        server = await rig.answers(
            "uas_challenge_again",
            keys={"challenge": second.replace("beef", "f00d"), "second": second},
            parameters={"status": "407 Proxy Authentication Required"},
        )
        call = await calling_out(rig, server)
        assert (await call.session.terminated()).condition == "security-error"
        await server.done()


async def test_a_trunk_over_tcp_is_called_over_tcp(tmp_path: Path) -> None:
    async with Rig(tmp_path, trunk={"transport": "tcp"}) as rig:
        server = await rig.answers("uas_answer", transport="tcp")
        call = await answered_out(rig, server)
        await call.session.terminate()
        await server.done()
        assert "/TCP " in server.received("INVITE")[0].header("Via")
        assert "transport=tcp" in server.received("INVITE")[0].header("Contact").lower()


@pytest.mark.conformance("SIP-23")
async def test_an_invite_too_large_for_a_datagram_goes_over_tcp_where_that_is_taken(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        # The second time, nobody listens for TCP: the datagram is sent all the same.
        for transport in ("tcp", "udp"):
            server = await rig.answers("uas_answer", transport=transport)
            voice = await rig.voice()
            session = client.session(f"{rig.gateway.number(NUMBER)}/sip", voice=voice)
            many = tuple((number, f"codec-with-a-long-name-{number}", 8000) for number in range(96, 127))
            audio = jingle.Audio(voice.local, payloads=(jingle.PCMU, jingle.PCMA, *many))
            assert (await session.initiate(jingle.content(audio))).type == "result"
            await session.accepted()
            await session.terminate()
            await server.done()
            assert f"/{transport.upper()} " in server.received("INVITE")[0].header("Via")


@pytest.mark.conformance("XS-05", "XS-04")
async def test_early_media_is_not_an_answer(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_early_media", parameters={"milliseconds": 400})
        call = await ringing_out(rig, server)
        accepted = await call.session.accepted()
        answered = next(m for m in server.messages() if m.outgoing and m.is_("200"))
        early = next(m for m in server.messages() if m.outgoing and m.is_("183"))
        assert answered.at - early.at > 0.3
        assert len(call.client.came(action("session-info", info="ringing"))) == 1
        assert accepted.jingle is not None
        await call.session.terminate()
        await server.done()


@pytest.mark.conformance("XS-09", "XS-10")
async def test_when_two_devices_answer_the_first_has_the_call_and_the_second_gets_a_bye(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_fork")
        call = await answered_out(rig, server)
        stray = await until(lambda: server.received("BYE"), "BYE for the second answer")
        assert stray[0].header("To").endswith("-second")
        await call.session.terminate()
        await server.done()
        assert len(call.client.came(action("session-accept"))) == 1
        assert server.received("BYE")[-1].header("To").endswith("-first")


@pytest.mark.conformance("XS-08")
async def test_an_answer_that_is_repeated_is_acknowledged_again_and_not_told_again(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        trunk = await rig.raw_trunk()
        client = await rig.client()
        session = client.session(f"{rig.gateway.number(NUMBER)}/sip", voice=await rig.voice())
        await session.initiate()
        invite = await trunk.expect("INVITE")
        for number in range(3):
            trunk.respond(invite, "200 OK", tag="one", body=trunk.sdp())
            await trunk.expect("ACK", again=number > 0)
        await session.accepted()
        await client.fence(session.peer)
        assert len(client.came(action("session-accept"))) == 1
        assert (await session.terminate()).type == "result"
        trunk.respond(await trunk.expect("BYE"), "200 OK")


async def test_a_lost_invite_is_sent_again(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_slow", parameters={"milliseconds": 700})
        call = await answered_out(rig, server)
        await call.session.terminate()
        await server.done()
        branches = {invite.header("Via") for invite in server.received("INVITE")}
        assert len(server.received("INVITE", copies=True)) >= 2
        assert len(branches) == 1
        metrics = await rig.gateway.metrics()
        assert metrics.total("jinglesip_sip_retransmissions_total", method="INVITE") >= 1


@pytest.mark.conformance("XS-23")
async def test_an_answer_whose_sdp_cannot_be_read_is_acknowledged_and_hung_up(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        for body in ("this is no SDP", "v=0"):
            server = await rig.answers("uas_bad_sdp", parameters={"body": body})
            call = await calling_out(rig, server, client=client)
            ended = await call.session.terminated()
            assert ended.condition in ("general-error", "incompatible-parameters")
            messages = await server.done()
            assert [m.label for m in messages if not m.outgoing][:3] == ["INVITE", "ACK", "BYE"]


async def test_a_redirect_ends_the_call_and_names_the_address(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_redirect", keys={"contact": "<sip:bob@elsewhere.example>"})
        call = await calling_out(rig, server)
        ended = await call.session.terminated()
        assert ended.condition == "general-error"
        assert "302" in ended.text
        assert "bob@elsewhere.example" in ended.text
        await server.done()


async def test_ice_and_dtls_pass_to_a_sip_peer_that_understands_them_and_back(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        trunk = await rig.raw_trunk()
        client = await rig.client()
        voice = await rig.voice()
        session = client.session(f"{rig.gateway.number(NUMBER)}/sip", voice=voice)
        offered = jingle.IceAudio(voice.local)
        assert (await session.initiate(jingle.ice_content(offered))).type == "result"
        invite = await trunk.expect("INVITE")
        body = invite[0].body
        assert f"a=ice-ufrag:{offered.ufrag}" in body
        assert f"a=ice-pwd:{offered.pwd}" in body
        assert f"a=fingerprint:sha-256 {offered.fingerprint}" in body
        assert "a=setup:actpass" in body
        assert "a=rtcp-mux" in body
        host, port = voice.local
        assert f"a=candidate:1 1 udp 2130706431 {host} {port} typ host" in body.replace(" UDP ", " udp ")
        assert "UDP/TLS/RTP/SAVPF" in body

        back = ":".join(f"{byte:02X}" for byte in range(255, 223, -1))
        trunk.respond(
            invite,
            "200 OK",
            tag="ice",
            body=(
                f"v=0\no=raw 1 1 IN IP4 {trunk.local[0]}\ns=-\nc=IN IP4 {trunk.local[0]}\nt=0 0\n"
                "m=audio 40000 UDP/TLS/RTP/SAVPF 0 101\na=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\n"
                "a=ice-ufrag:9uB6\na=ice-pwd:YH75Fviy6338Vbrhrlp8Yh12\na=setup:active\n"
                f"a=fingerprint:sha-256 {back}\na=rtcp-mux\n"
                f"a=candidate:7 1 UDP 2130706431 {trunk.local[0]} 40000 typ host\n"
            ),
        )
        accepted = await client.expect(action("session-accept", session.sid))
        assert accepted.jingle is not None
        transport = next(accepted.jingle.iter(f"{{{jingle.ICE_UDP}}}transport"))
        fingerprint = next(transport.iter(f"{{{jingle.DTLS}}}fingerprint"))
        assert (transport.get("ufrag"), transport.get("pwd")) == ("9uB6", "YH75Fviy6338Vbrhrlp8Yh12")
        assert (fingerprint.text, fingerprint.get("setup")) == (back, "active")
        assert jingle.address(accepted.jingle) == (trunk.local[0], 40000)
        assert jingle.payload_types(accepted.jingle) == [0, 101]
        await trunk.expect("ACK")
        await session.terminate()
        trunk.respond(await trunk.expect("BYE"), "200 OK")


@pytest.mark.conformance("JIN-02")
async def test_nobody_calls_out_until_the_operator_says_who(tmp_path: Path) -> None:
    async with Rig(tmp_path, trunk={"allow": []}) as rig:
        client = await rig.client()
        session = client.session(f"{rig.gateway.number(NUMBER)}/sip", voice=await rig.voice())
        refused = await session.initiate()
        assert (refused.type, refused.condition) == ("error", "service-unavailable")
        client.propose(rig.gateway.number(NUMBER))
        rejected = await client.expect(initiation("reject"))
        assert rejected.to == client.jid
        metrics = await rig.gateway.metrics()
        assert metrics.total("jinglesip_calls_refused_total") >= 1
        assert metrics.total("jinglesip_calls_opened_total") == 0


@pytest.mark.conformance("JMI-20")
async def test_what_no_rule_takes_cannot_be_called(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        sid = client.propose(rig.gateway.number("no.such.name"))
        rejected = await client.expect(initiation("reject", sid))
        assert rejected.condition in ("gone", "general-error")
        session = client.session(f"{rig.gateway.number('no.such.name')}/sip", voice=await rig.voice())
        assert (await session.initiate()).type == "error"


async def test_a_number_accepts_a_subscription_and_shows_that_it_can_be_called(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client = await rig.client()
        number = rig.gateway.number(NUMBER)
        client.announce("subscribe", number)
        await client.expect(presence("subscribed", number))
        available = await client.expect(presence("", f"{number}/"))
        caps = available.element.find(f"{{{jingle.CAPS}}}c")
        assert caps is not None
        for to in (number, available.sender):
            info = await client.ask(to, jingle.disco_info(), type="get")
            features = {found.get("var") for found in info.element.iter(f"{{{jingle.DISCO_INFO}}}feature")}
            assert {jingle.JINGLE, jingle.RTP, jingle.INITIATION, "urn:xmpp:jingle:apps:rtp:audio"} <= features
        node = f"{caps.get('node')}#{caps.get('ver')}"
        assert (await client.ask(available.sender, jingle.disco_info(node), type="get")).type == "result"


async def test_calls_at_the_same_time_do_not_mix(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        server = await rig.answers("uas_answer", calls=5, parameters={"milliseconds": 100})
        client = await rig.client()
        jids = [f"{rig.gateway.number(f'+1555000{n}')}/sip" for n in range(5)]
        sessions = [client.session(jid, voice=await rig.voice()) for jid in jids]
        for session in sessions:
            assert (await session.initiate()).type == "result"
        for session in sessions:
            accepted = await session.accepted()
            assert accepted.sender == session.peer
        await rig.gateway.active(5)
        for session in sessions:
            await session.terminate()
        await server.done()
        ports = [invite.body.split("m=audio ")[1].split()[0] for invite in server.received("INVITE")]
        assert set(ports) == {str(session.voice.local[1]) for session in sessions}
