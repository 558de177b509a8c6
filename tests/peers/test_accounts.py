"""Accounts that come, change and go while the gateway runs: by the command line, with Kamailio as registrar."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.peers.gateway import PASSWORD
from tests.peers.jingle_client import initiation
from tests.peers.kamailio import Kamailio
from tests.peers.program import PATIENCE_SECONDS
from tests.peers.rig import Rig
from tests.peers.test_registration import DOMAIN, RETRY, answered_in, stands
from tests.peers.xmpp_server import HOST

ROMEO, JULIET = f"romeo@{HOST}", f"juliet@{HOST}"


class Accounts:
    """The command line beside a gateway."""

    def __init__(self, rig: Rig, server: Kamailio) -> None:
        self._gateway = rig.gateway
        self.place = f"{server.address}:{server.ports['udp']}"

    async def run(self, *words: str, typed: str = "", status: int = 0) -> Any:
        """What it says to programs, and that it ends with this status."""
        ended, out, errors = await self._gateway.command("accounts", *words, "--json", typed=typed)
        assert ended == status, errors
        return json.loads(out) if out else errors

    async def add(self, jid: str, name: str, address: str, password: str = PASSWORD) -> None:
        """Add one whose server is Kamailio, whatever its domain."""
        await self.run("add", jid, name, address, "--proxy", self.place, typed=f"{password}\n")

    async def states(self, jid: str) -> dict[str, str]:
        """How that user's accounts stand, as soon as each has been tried."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                found = {row["name"]: row["state"] for row in await self.run("states", jid)}
                if not any("tried yet" in state or "taken up" in state for state in found.values()):
                    return found


@contextlib.asynccontextmanager
async def house(folder: Path, password: str = PASSWORD) -> AsyncIterator[tuple[Rig, Kamailio, Accounts]]:
    """A gateway that keeps accounts, and a registrar that takes 201, 202 and whoever else knows the password."""
    changes: dict[str, Any] = {"registration": RETRY, "store": {"key_file": "password"}}
    rig = Rig(folder, trunk={"domain": DOMAIN}, changes=changes)
    parameters = {"domain": DOMAIN, "password": password, "algorithm": "MD5"}
    async with Kamailio(folder, "registrar", at=rig.trunk, domains=[DOMAIN], parameters=parameters) as server, rig:
        yield rig, server, Accounts(rig, server)


async def test_an_account_that_is_added_is_called_and_calls_and_one_that_is_removed_is_not_there(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as (rig, server, accounts):
        phone = await rig.registered_phone(f"5551@{accounts.place}", PASSWORD)
        client = await rig.client("romeo")
        await accounts.add(ROMEO, "home", f"201@{DOMAIN}")
        await stands(rig, "registered", 1)
        assert (await accounts.states(ROMEO))["home"].startswith("registered for ")

        await phone.dial(f"sip:201@{accounts.place}")
        session = await answered_in(rig, client)
        await phone.expect("CALL_ESTABLISHED")
        # What becomes of the account in the middle of a call is nothing to the call.
        await accounts.run("change", ROMEO, "home", "--address", f"202@{DOMAIN}", "--caller-id", "202")
        await rig.gateway.logged("account_changed")
        await stands(rig, "registered", 1)
        assert not any(event.type == "CALL_CLOSED" for event in phone.events)
        await session.terminate()
        await phone.expect("CALL_CLOSED")

        out = client.session(f"{rig.gateway.number('5551')}/sip", voice=await rig.voice())
        assert (await out.initiate()).type == "result"
        incoming = await phone.expect("CALL_INCOMING")
        assert incoming.peer.startswith(f"sip:202@{DOMAIN}")
        await phone.accept()
        await out.accepted()
        await accounts.run("remove", ROMEO, "home")
        await rig.gateway.logged("account_removed")
        await phone.hang_up()
        assert (await out.terminated()).condition == "success"

        await phone.dial(f"sip:202@{accounts.place}")
        await phone.expect("CALL_CLOSED")  # nobody is registered there any more
        assert len(client.came(initiation("propose"))) == 1
        assert (await rig.gateway.metrics()).total("jinglesip_registrations") == 0
        assert await accounts.run("list") == []
    assert server.program.text().count("saved 201") == server.program.text().count("saved 202") == 2


async def test_of_two_accounts_both_are_called_and_the_chosen_one_dials(tmp_path: Path) -> None:
    async with house(tmp_path) as (rig, _, accounts):
        phone = await rig.registered_phone(f"5551@{accounts.place}", PASSWORD)
        client = await rig.client("romeo")
        for name, user in (("home", "201"), ("work", "202")):
            await accounts.add(ROMEO, name, f"{user}@{DOMAIN}")
        await stands(rig, "registered", 2)
        await accounts.run("choose", ROMEO, "work")
        await rig.gateway.logged("account_changed", 2)
        for user in ("201", "202"):
            await phone.dial(f"sip:{user}@{accounts.place}")
            session = await answered_in(rig, client)
            await phone.expect("CALL_ESTABLISHED")
            await session.terminate()
            await phone.expect("CALL_CLOSED")
        out = client.session(f"{rig.gateway.number('5551')}/sip", voice=await rig.voice())
        assert (await out.initiate()).type == "result"
        assert (await phone.expect("CALL_INCOMING")).peer.startswith(f"sip:202@{DOMAIN}")
        await phone.hang_up()
        assert (await out.terminated()).condition == "busy"


async def test_a_wrong_password_is_told_and_one_that_is_put_right_registers(tmp_path: Path) -> None:
    password = "pässwörd 🔑"
    async with house(tmp_path, password) as (rig, _, accounts):
        await accounts.add(JULIET, "home", f"201@{DOMAIN}", password.upper())
        await stands(rig, "refused", 1)
        assert (await accounts.states(JULIET))["home"].startswith("refused: 401: the user or the password is wrong;")
        await accounts.run("change", JULIET, "home", "--password", typed=password)
        await stands(rig, "registered", 1)
        assert "rd 🔑" not in rig.gateway.program.text()
        text = await accounts.run("add", JULIET, "work", "nonsense", "--no-password", status=2)
        assert text == "jingle-sip: address: expected user@domain — got 'nonsense'\n"
