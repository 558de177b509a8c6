"""Who is on no trunk: answered, and not more than that."""

import pytest

from gateway.sip.auth import answer
from tests.net.desk import STRANGER, TRUNK, Desk, Peer, desk
from tests.net.rig import scenario, until

DIGEST = 'inbound_user = "carrier"\ninbound_password_env = "INBOUND"'


async def greet(it: Desk, host: str) -> Peer:
    """The peer, after the gateway has heard of it."""
    return await it.peer(host)


@pytest.mark.conformance("ROB-05", "SIP-31")
@scenario
async def test_a_flood_of_invites_by_strangers_keeps_nothing_and_is_answered_once_each() -> None:
    async with desk() as it:
        stranger = await greet(it, STRANGER)
        for number in range(500):
            await it.says(STRANGER, it.invite(f"s{number}", STRANGER))
            assert 403 in await stranger.statuses(403)
            assert it.app.sip.transactions == 0
        assert it.count("jinglesip_sip_refused_total", cause="unknown_source") == 500
        assert it.count("jinglesip_sip_retransmissions_total") == 0
        assert len([entry for entry in it.logs if entry["event"] == "sip_refused"]) < 10


@scenario
async def test_what_strangers_ask_besides_is_answered_and_forgotten() -> None:
    async with desk() as it:
        stranger = await greet(it, STRANGER)
        for method, status in (("OPTIONS", 200), ("REGISTER", 405), ("MESSAGE", 405), ("BYE", 481), ("GUESS", 501)):
            request = it.invite(f"m{method}", STRANGER).replace(b"INVITE", method.encode())
            await it.says(STRANGER, request)
            await stranger.statuses(status)
            await it.says(STRANGER, request.replace(b"@gw.example>\r\n", b"@gw.example>;tag=guessed\r\n", 1))
            await stranger.statuses(481)
            assert it.app.sip.transactions == 0, method


@scenario
async def test_no_answer_goes_to_an_address_that_a_via_names() -> None:
    async with desk() as it:
        victim, stranger = await greet(it, "127.0.0.9"), await greet(it, STRANGER)
        await it.says(STRANGER, it.invite("aimed", STRANGER, via=f";maddr=127.0.0.9;rport={victim.port}"))
        await stranger.statuses(403)
        assert victim.heard.empty()


@scenario
async def test_a_challenge_is_not_repeated_and_its_nonce_is_good_for_one_address_and_once() -> None:
    async with desk(trunk=DIGEST) as it:
        stranger, other = await greet(it, STRANGER), await greet(it, "127.0.0.9")
        await it.says(STRANGER, it.invite("asked", STRANGER))
        challenged = await stranger.response(401)
        assert it.app.sip.transactions == 0
        proof = answer(
            challenged.all("WWW-Authenticate"),
            method="INVITE",
            uri="sip:+15550100@gw.example",
            user="carrier",
            password="sesame",
            cnonce="c1",
        )
        stolen = f"Authorization: {proof}\r\n"
        await it.says("127.0.0.9", it.invite("stolen", "127.0.0.9", headers=stolen))
        assert "stale=true" in ((await other.response(401)).first("WWW-Authenticate") or "")
        await it.says(STRANGER, it.invite("proven", STRANGER, headers=stolen))
        await until(lambda: len(it.app.calls) == 1)
        await it.says(STRANGER, it.invite("replayed", STRANGER, headers=stolen))
        await stranger.response(401)
        assert len(it.app.calls) == 1


@pytest.mark.conformance("ROB-10")
@scenario
async def test_what_strangers_say_of_a_call_that_is_not_theirs_changes_nothing() -> None:
    async with desk() as it:
        trunk, stranger = await greet(it, TRUNK), await greet(it, STRANGER)
        invite = it.invite("owned", TRUNK)
        await it.says(TRUNK, invite)
        await until(lambda: len(it.app.calls) == 1)
        copied = invite.replace(TRUNK.encode() + b":%d" % trunk.port, STRANGER.encode() + b":%d" % stranger.port)
        for method in (b"CANCEL", b"BYE", b"ACK", b"INFO", b"INVITE"):
            await it.says(STRANGER, copied.replace(b"INVITE", method))
            await it.says(
                STRANGER, copied.replace(b"INVITE", method).replace(b"@gw.example>\r\n", b"@gw>;tag=guess\r\n")
            )
        await it.says(STRANGER, b"SIP/2.0 200 OK\r\n" + invite.partition(b"\r\n")[2])
        await it.says(STRANGER, it.invite("last", STRANGER).replace(b"INVITE", b"OPTIONS"))
        await stranger.statuses(200)
        assert len(it.app.calls) == 1
        assert not [stanza for stanza in it.stream.said if stanza.speaks("urn:xmpp:jingle:1")]


@scenario
async def test_what_is_refused_is_told_in_few_and_short_lines_without_passwords() -> None:
    async with desk() as it:
        trunk = await greet(it, TRUNK)
        for number in range(200):
            invite = it.invite(f"r{number}", TRUNK, user="nobody" + "x" * 5_000)
            await it.says(TRUNK, invite.replace(b"<sip:phone@", b"<sip:phone:topsecret@", 1))
            await trunk.statuses(404)
        lines = [entry for entry in it.logs if entry["event"] == "call_refused"]
        assert 0 < len(lines) < 50
        assert max(len(str(entry)) for entry in lines) < 1_000
        assert "topsecret" not in str(lines)


@scenario
async def test_the_caller_of_a_call_is_told_without_a_password() -> None:
    async with desk() as it:
        await greet(it, TRUNK)
        await it.says(TRUNK, it.invite("pw", TRUNK).replace(b"<sip:phone@", b"<sip:phone:topsecret@", 1))
        await until(lambda: len(it.app.calls) == 1)
        it.app.calls.end_all()
        await it.app.calls.emptied(10.0)
        assert "topsecret" not in str([entry for entry in it.logs if "wire" not in entry])
