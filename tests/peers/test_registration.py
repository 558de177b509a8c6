"""The gateway registers: with Kamailio, which then calls it and is called through, and with SIPp's odd registrars."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.peers.gateway import PASSWORD
from tests.peers.jingle_client import JingleClient, Session, action, initiation
from tests.peers.kamailio import Kamailio
from tests.peers.rig import Rig
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

    async def count() -> float:
        return (await rig.gateway.metrics()).total("jinglesip_registrations", state=state)

    seen = -1.0
    for _ in range(200):
        seen = await count()
        if seen == number:
            return
        await rig.gateway.logged("registration_changed", len(rig.gateway.log("registration_changed")) + 1, within=10)
    raise AssertionError(f"{seen} {state}")


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
