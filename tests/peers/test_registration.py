"""The gateway registers: with Kamailio, which then calls it and is called through, and with SIPp's odd registrars."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Authority
from tests.peers import digest, loopback
from tests.peers.baresip import Baresip
from tests.peers.gateway import PASSWORD
from tests.peers.jingle_client import JingleClient, Session, action, initiation
from tests.peers.kamailio import Kamailio
from tests.peers.program import PATIENCE_SECONDS, until
from tests.peers.rig import Rig
from tests.peers.sipp import Sipp
from tests.peers.xmpp_server import HOST

DOMAIN = "sip.test"
TRUNK = {"domain": DOMAIN, "user": "trunk", "password_file": "password", "register": True}
ACCOUNTS = [
    {"jid": f"{user}@{HOST}", "address": f"{number}@{DOMAIN}", "password_file": "password", "trunk": "pbx"}
    for user, number in (("romeo", "201"), ("juliet", "202"))
]
RETRY = {"retry_first_seconds": 1, "rate_per_second": 100.0}


@contextlib.asynccontextmanager
async def house(
    folder: Path,
    *,
    trunk: Mapping[str, Any] = TRUNK,
    accounts: object = (),
    password: str = PASSWORD,
    algorithm: str = "MD5",
    registered: int = 1,
) -> AsyncIterator[tuple[Rig, Kamailio]]:
    """A gateway that has registered with a Kamailio; the Kamailio lives for longer, so that it is told good-bye."""
    changes: dict[str, Any] = {"registration": RETRY, "account": list(accounts)}  # type: ignore[call-overload]
    rig = Rig(folder, trunk=trunk, changes=changes)
    parameters = {"domain": DOMAIN, "password": password, "algorithm": algorithm}
    async with Kamailio(folder, "registrar", at=rig.trunk, domains=[DOMAIN], parameters=parameters) as server, rig:
        if registered:
            await stands(rig, "registered", registered)
        yield rig, server


async def stands(rig: Rig, state: str, number: int) -> None:
    """Wait until so many registrations are so."""

    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            told = len(rig.gateway.log("registration_changed"))  # read first: what is counted then has been told of
            if (await rig.gateway.metrics()).total("jinglesip_registrations", state=state) == number:
                return
            await rig.gateway.logged("registration_changed", told + 1)


async def answered_in(rig: Rig, client: JingleClient) -> Session:
    """The call that is proposed to a client, taken."""
    proposed = await client.expect(initiation("propose"))
    client.initiate_message("ringing", proposed.sid, proposed.sender)
    client.initiate_message("proceed", proposed.sid, proposed.sender)
    offer = await client.expect(action("session-initiate", proposed.sid))
    session = client.session(offer.sender, proposed.sid, voice=await rig.voice(), initiator=False)
    assert (await session.accept(offer)).type == "result"
    return session


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_registered_trunk_calls_and_is_called_through_a_proxy_that_stays_in_the_call(
    tmp_path: Path, transport: str
) -> None:
    keys = {**TRUNK, "transport": transport, "addresses": [], "register_user": "juliet"}
    keys |= {"caller_id": "fixed", "caller_id_number": "trunk"}
    async with house(tmp_path, trunk=keys) as (rig, server):
        phone = await rig.registered_phone(f"5551@{server.address}:{server.ports['udp']}", PASSWORD, auto_answer=True)
        client = await rig.client("juliet")
        for number in range(2):
            session = client.session(f"{rig.gateway.number('5551')}/sip", voice=await rig.voice())
            assert (await session.initiate()).type == "result"
            await session.accepted()
            await phone.expect("CALL_ESTABLISHED")
            if number:
                await session.terminate()
            else:
                await phone.hang_up()
                assert (await session.terminated()).condition == "success"
            await phone.expect("CALL_CLOSED")
        # The second call answered before it was asked.
        assert server.program.text().count("challenged INVITE of trunk") == 1

        await phone.dial(f"sip:juliet@{server.address}:{server.ports['udp']}")
        session = await answered_in(rig, client)
        await phone.expect("CALL_ESTABLISHED")
        await session.terminate()
        await phone.expect("CALL_CLOSED")
    assert server.program.text().count("saved juliet") == 2  # and taken away at the end


async def test_two_accounts_at_one_registrar_are_called_and_call_as_who_they_are(tmp_path: Path) -> None:
    async with house(tmp_path, trunk={"domain": DOMAIN}, accounts=ACCOUNTS, registered=2) as (rig, server):
        place = f"{server.address}:{server.ports['udp']}"
        phone = await rig.registered_phone(f"5551@{place}", PASSWORD)
        juliet, romeo = await rig.client("juliet"), await rig.client("romeo")
        await phone.dial(f"sip:202@{place}")
        session = await answered_in(rig, juliet)
        await phone.expect("CALL_ESTABLISHED")
        await session.terminate()
        await phone.expect("CALL_CLOSED")
        assert not romeo.came(initiation("propose"))

        out = romeo.session(f"{rig.gateway.number('5551')}/sip", voice=await rig.voice())
        assert (await out.initiate()).type == "result"
        incoming = await phone.expect("CALL_INCOMING")
        assert incoming.peer.startswith(f"sip:201@{DOMAIN}")
        await phone.accept()
        await out.accepted()
        await phone.hang_up()
        assert (await out.terminated()).condition == "success"

        # A user of the gateway calls the other by the SIP address.
        across = romeo.session(f"{rig.gateway.number('202')}/sip", voice=await rig.voice())
        assert (await across.initiate()).type == "result"
        session = await answered_in(rig, juliet)
        await across.accepted()
        await session.terminate()
        assert (await across.terminated()).condition == "success"


@pytest.mark.parametrize("both_answer", [False, True])
async def test_a_proxy_that_rings_two_phones_ends_with_one_in_the_call(tmp_path: Path, both_answer: bool) -> None:
    keys = {**TRUNK, "caller_id": "fixed", "caller_id_number": "trunk"}
    async with house(tmp_path, trunk=keys) as (rig, server):
        place = f"{server.address}:{server.ports['udp']}"
        phones = [
            await rig.registered_phone(f"5551@{place}", PASSWORD, auto_answer=both_answer, name=name)
            for name in ("desk", "kitchen")
        ]
        client = await rig.client("juliet")
        session = client.session(f"{rig.gateway.number('5551')}/sip", voice=await rig.voice())
        assert (await session.initiate()).type == "result"
        if not both_answer:
            for phone in phones:
                await phone.expect("CALL_INCOMING")
            await phones[1].accept()
        await session.accepted()
        await until(lambda: _left(phones) == 1, "one of the phones is left alone")
        assert not client.came(action("session-terminate"))
        assert (await session.terminate()).type == "result"
        await until(lambda: _left(phones) == 2, "the other one too")
        assert len(client.came(action("session-accept"))) == 1


def _left(phones: list[Baresip]) -> int:
    """How many of them had a call that is over."""
    return sum(any(event.type == "CALL_CLOSED" for event in phone.events) for phone in phones)


async def test_a_registrar_may_ask_with_sha_256(tmp_path: Path) -> None:
    async with house(tmp_path, algorithm="SHA-256") as (_, server):
        assert server.said("saved trunk")


async def test_a_wrong_password_is_said_and_makes_no_storm(tmp_path: Path) -> None:
    async with house(tmp_path, password="another", registered=0) as (rig, server):
        (line,) = await rig.gateway.logged("registration_changed")
        assert (line["state"], line["text"]) == ("refused", "401: the user or the password is wrong")
        metrics = await rig.gateway.metrics()
        assert metrics.total("jinglesip_registrations", state="refused") == 1
        assert metrics.total("jinglesip_registration_failures_total", cause="credentials") >= 1
        assert server.program.text().count("received REGISTER") <= 4


@contextlib.asynccontextmanager
async def registrar(folder: Path, scenario: str, **values: Any) -> AsyncIterator[tuple[Rig, Sipp]]:
    """A gateway and a SIPp that plays its registrar, which is told good-bye when the gateway ends."""
    changes = {"registration": {**RETRY, "retry_first_seconds": 600}}
    rig = Rig(folder, trunk={**TRUNK, "register_expires_seconds": 600}, changes=changes)
    server = Sipp(folder, scenario, host=rig.trunk[0], port=rig.trunk[1], **values)
    try:
        await server.start()
        async with rig:
            await rig.gateway.logged("registration_changed")
            yield rig, server
        await server.done()
    finally:
        server.kill()


async def test_a_time_that_is_too_short_for_the_registrar_becomes_what_it_wants(tmp_path: Path) -> None:
    values = {"parameters": {"status": "423 Interval Too Brief"}, "keys": {"challenge": "Min-Expires: 1800"}}
    async with registrar(tmp_path, "uas_register", **values) as (rig, server):
        (line,) = rig.gateway.log("registration_changed")
        assert (line["state"], 0.6 * 1800 <= line["delay_seconds"] <= 0.8 * 1800) == ("registered", True)
    assert [request.header("Expires") for request in server.received("REGISTER")] == ["600", "1800", "0"]
    assert len({request.header("Call-ID") for request in server.received("REGISTER")}) == 1


async def test_a_stale_nonce_is_answered_with_the_new_one(tmp_path: Path) -> None:
    async with registrar(tmp_path, "uas_register_stale") as (rig, server):
        (line,) = rig.gateway.log("registration_changed")
        assert line["state"] == "registered"
    first, *answers = server.received("REGISTER")
    assert not first.header("Authorization")
    for request, nonce, count in zip(answers, ("f00d", "beef", "beef"), (1, 1, 2), strict=True):
        given = digest.parameters(request.header("Authorization"))
        assert digest.good(request.header("Authorization"), method="REGISTER", uri=request.uri, password=PASSWORD)
        assert (given["nonce"], int(given["nc"], 16)) == (nonce, count)


async def test_a_grant_of_seconds_makes_no_storm(tmp_path: Path) -> None:
    values = {"parameters": {"status": "401 Unauthorized", "expires": 10}}
    async with registrar(tmp_path, "uas_register", **values) as (rig, server):
        (line,) = rig.gateway.log("registration_changed")
        assert line["state"] == "registered"
        assert 14.0 < line["delay_seconds"] <= 15.0  # from the answer on, which it is told after
    assert len(server.received("REGISTER")) == 2 + 1  # and good-bye


async def test_a_refusal_is_said_in_its_own_words(tmp_path: Path) -> None:
    values = {"parameters": {"status": "403 Not Our Customer"}}
    async with registrar(tmp_path, "uas_register_refuse", **values) as (rig, _):
        (line,) = rig.gateway.log("registration_changed")
        assert (line["state"], line["text"]) == ("refused", "403 Not Our Customer")


async def test_a_registrar_that_is_not_there_is_said(tmp_path: Path) -> None:
    async with Rig(tmp_path, trunk=TRUNK) as rig:
        (line,) = await rig.gateway.logged("registration_changed")
        assert line["state"] == "failing"
        assert "unreachable" in line["text"]


async def test_a_call_takes_the_way_that_the_registrar_told(tmp_path: Path) -> None:
    host = loopback.address()
    edge = Sipp(tmp_path, "uas_answer", host=host, parameters={"milliseconds": 20})
    route = f"<sip:{edge.host}:{edge.port};lr>"
    values = {"parameters": {"status": "401 Unauthorized"}, "keys": {"extra": f"Service-Route: {route}"}}
    try:
        await edge.start()
        async with registrar(tmp_path, "uas_register", **values) as (rig, _):
            client = await rig.client()
            session = client.session(f"{rig.gateway.number('5551')}/sip", voice=await rig.voice())
            assert (await session.initiate()).type == "result"
            await session.accepted()
            await session.terminate()
            await edge.done()
    finally:
        edge.kill()
    (invite,) = edge.received("INVITE")
    assert (invite.header("Route"), invite.uri.partition(";")[0]) == (route, f"sip:5551@{DOMAIN}")


async def test_calls_come_over_the_connection_that_registered_and_one_that_breaks_is_replaced(tmp_path: Path) -> None:
    changes = {"registration": {**RETRY, "retry_first_seconds": 600}}
    rig = Rig(tmp_path, trunk={**TRUNK, "transport": "tcp"}, changes=changes)
    values: dict[str, Any] = {
        "transport": "tcp",
        "parameters": {"status": "401 Unauthorized"},
        "keys": {"extra": "Require: outbound"},
    }
    server = Sipp(tmp_path, "uas_register", host=rig.trunk[0], port=rig.trunk[1], **values)
    try:
        await server.start()
        async with rig:
            await rig.gateway.logged("registration_changed")
            first, second = server.received("REGISTER")
            assert {request.header("Contact").rpartition(";")[2] for request in (first, second)} == {"reg-id=1"}
            assert ";ob>" in first.header("Contact")
            server.kill()
            # It is asked again, as soon as may be, where nobody is any more.
            lines = await rig.gateway.logged("registration_changed", 2)
            assert [line["state"] for line in lines] == ["registered", "failing"]
    finally:
        server.kill()


async def test_a_trunk_registers_and_calls_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    theirs = authority.issue("theirs", uris=[f"sip:{DOMAIN}"])
    parameters = {"domain": DOMAIN, "password": PASSWORD, "algorithm": "MD5"}
    async with Kamailio(
        tmp_path, "registrar", transports=["udp", "tls"], domains=[DOMAIN], parameters=parameters,
        certificate=theirs.file, key=theirs.key,
    ) as server:  # fmt: skip
        place = {
            "host": server.address,
            "port": server.ports["tls"],
            "transport": "tls",
            "ca_file": str(authority.file),
        }
        async with Rig(tmp_path, trunk={**TRUNK, **place}, changes={"registration": RETRY}) as rig:
            await stands(rig, "registered", 1)
            phone = await rig.registered_phone(
                f"5551@{server.address}:{server.ports['udp']}", PASSWORD, auto_answer=True
            )
            client = await rig.client()
            session = client.session(f"{rig.gateway.number('5551')}/sip", voice=await rig.voice())
            assert (await session.initiate()).type == "result"
            await session.accepted()
            await phone.expect("CALL_ESTABLISHED")
            assert (await session.terminate()).type == "result"
            await phone.expect("CALL_CLOSED")
        assert server.said(f"received REGISTER sip:{DOMAIN} from trunk over tls")
        invited = [line for line in server.program.text().splitlines() if f"received INVITE sip:5551@{DOMAIN}" in line]
        assert len(invited) == 2  # asked, and answered
        assert all(line.endswith("over tls") for line in invited)
