"""A user looks after an own SIP account with slixmpp's plug-ins, through each XMPP server, at a Kamailio."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.peers import digest, loopback
from tests.peers.commander import Commander
from tests.peers.kamailio import Kamailio
from tests.peers.program import PATIENCE_SECONDS, until
from tests.peers.rig import Rig
from tests.peers.servers import SERVERS
from tests.peers.sipp import Sipp
from tests.peers.xmpp_server import ACCOUNTS, COMPONENT, HOST, XmppServer

DOMAIN = "sip.test"
PASSWORD = "pässword ✓"
ROMEO = f"romeo@{HOST}"
RETRY = {"retry_first_seconds": 1, "rate_per_second": 100.0}


@contextlib.asynccontextmanager
async def house(
    folder: Path, server: Callable[[Path], XmppServer], *, anchor: bool = True
) -> AsyncIterator[tuple[Rig, Kamailio, Commander]]:
    """A gateway where romeo may have accounts, a registrar that knows his password, and his client."""
    changes: dict[str, Any] = {
        "registration": RETRY,
        "accounts": {"users": [ROMEO], "servers": ["127.0.0.0/8"], "echo_number": "echo"},
        "store": {"key_file": "password"},
    }
    if anchor:
        changes["media"] = {"anchor": "embedded", "addresses": [loopback.address()]}
    rig = Rig(folder, changes=changes, server=server, trunk={"media": "anchor"} if anchor else None)
    parameters = {"domain": DOMAIN, "password": PASSWORD, "algorithm": "MD5"}
    async with Kamailio(folder, "registrar", domains=[DOMAIN], parameters=parameters) as registrar, rig:
        place = (rig.server.address, rig.server.client_port)
        async with Commander(f"{ROMEO}/pda", ACCOUNTS["romeo"], place, COMPONENT) as romeo:
            yield rig, registrar, romeo


def account(registrar: Kamailio, **values: Any) -> dict[str, Any]:
    """What romeo fills in."""
    place = f"{registrar.address}:{registrar.ports['udp']}"
    return {
        "name": "home",
        "address": f"201@{DOMAIN}",
        "password": PASSWORD,
        "proxy": place,
        "transport": "udp",
        "register": True,
        **values,
    }


async def stands(romeo: Commander, words: str) -> None:
    """Wait until the account is said to stand so."""

    async def state() -> str:
        rows = (await romeo.begin("accounts")).rows
        return rows[0]["state"] if rows else "none"

    async with asyncio.timeout(PATIENCE_SECONDS):
        while words not in (seen := await state()):
            print(f"{words!r} is not what is said: {seen!r}")
            await romeo.pause()


@contextlib.asynccontextmanager
async def echo(rig: Rig, registrar: Kamailio, **options: Any) -> AsyncIterator[Sipp]:
    """A SIPp that answers, and echoes, as `echo` at the registrar."""
    server = Sipp(rig.folder, "uas_answer", **options)
    await server.start()
    rig.leaves(server.kill)
    raw = await rig.raw()
    place = (registrar.address, registrar.ports["udp"])
    contact = f"<sip:echo@{server.host}:{server.port}>"
    credentials = ""
    for number in (1, 2):
        host, port = raw.local
        raw.send(
            f"REGISTER sip:{DOMAIN} SIP/2.0\n"
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bKecho{number};rport\n"
            f"Max-Forwards: 70\nFrom: <sip:echo@{DOMAIN}>;tag=e\nTo: <sip:echo@{DOMAIN}>\n"
            f"Call-ID: echo\nCSeq: {number} REGISTER\nContact: {contact}\nExpires: 600\n{credentials}"
            "Content-Length: 0\n\n",
            place,
        )
        answer, _ = await raw.expect("401" if number == 1 else "200")
        if number == 1:
            challenge = answer.header("WWW-Authenticate")
            given = digest.answer(challenge, method="REGISTER", uri=f"sip:{DOMAIN}", user="echo", password=PASSWORD)
            credentials = f"Authorization: {given}\n"
    yield server


@pytest.mark.parametrize("server", SERVERS)
async def test_a_user_has_an_account_from_adding_it_to_removing_it(
    server: Callable[[Path], XmppServer], tmp_path: Path
) -> None:
    async with house(tmp_path, server) as (rig, registrar, romeo), echo(rig, registrar) as phone:
        assert {"http://jabber.org/protocol/commands", "jabber:iq:register"} <= await romeo.features()
        assert {"account-add", "accounts", "account-test", "test-call"} <= set(await romeo.commands())

        wrong = await romeo.begin("account-add")
        wrong = await romeo.go_on("account-add", wrong, **account(registrar, address="no address"))
        assert wrong.failed
        assert wrong.said.startswith("SIP address: ")
        added = await romeo.go_on("account-add", wrong, **account(registrar))
        assert (added.status, added.failed) == ("completed", False), added.said
        await stands(romeo, "registered for")
        assert registrar.said("saved 201")

        tried = await romeo.run("account-test")
        assert not tried.failed, tried.said
        assert "accepts the password" in tried.said

        called = await romeo.run("test-call")
        assert not called.failed, called.said
        assert "the echo of a tone came back" in called.said
        await phone.done()

        changed = await romeo.run("account-change", password="wrong")
        assert not changed.failed, changed.said
        await stands(romeo, "refused: ")
        tried = await romeo.run("account-test")
        assert tried.failed
        assert "does not accept the user name or the password" in tried.said

        removed = await romeo.run("account-remove")
        assert not removed.failed, removed.said
        assert (await romeo.begin("accounts")).said == "You have no SIP account here."
        assert PASSWORD not in rig.gateway.program.text()


@pytest.mark.conformance("COMP-13")
@pytest.mark.parametrize("server", SERVERS)
async def test_a_user_registers_in_band_and_takes_it_back(server: Callable[[Path], XmppServer], tmp_path: Path) -> None:
    async with house(tmp_path, server, anchor=False) as (_, registrar, romeo):
        told = await romeo.registration()
        assert not told["registered"]
        await romeo.register(**account(registrar))
        await stands(romeo, "registered for")
        # The client says yes, and wants the gateway's own.
        for type in ("subscribe", "subscribed", "available"):
            await romeo.hears(type)
        told = await romeo.registration()
        assert told["registered"]
        assert told["username"] == f"201@{DOMAIN}"
        await romeo.unregister()
        for type in ("unsubscribe", "unsubscribed", "unavailable"):
            await romeo.hears(type)
        await until(lambda: registrar.program.text().count("saved 201") == 2, "the registrar is told")
        assert not (await romeo.registration())["registered"]


async def test_who_may_not_sees_nothing_and_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path, SERVERS[0].values[0], anchor=False) as (rig, _, _romeo):  # type: ignore[arg-type]
        place = (rig.server.address, rig.server.client_port)
        async with Commander(f"juliet@{HOST}/balcony", ACCOUNTS["juliet"], place, COMPONENT) as juliet:
            assert not {node for node in await juliet.commands() if node.startswith(("account", "test"))}
            with pytest.raises(Exception, match="forbidden"):
                await juliet.begin("account-add")
