"""Every kind of client at once through each XMPP server: called and calling, held and resumed, shown video and refused.

The phone is SIPp, whose scenario holds, comes back, refuses the video that it is offered, offers some itself, ends it,
and holds again.  What a client's own code would choke on fails its test.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.flows import dialects
from tests.flows.dialects import Speech
from tests.peers.alone import on_loopback
from tests.peers.dialects.user import LONG_SECONDS, PASSWORD, DialectClient, account
from tests.peers.gateway import Table
from tests.peers.jingle_client import action
from tests.peers.rig import Rig
from tests.peers.servers import SERVERS
from tests.peers.sipp import Sipp

TRUNK = {"media": "anchor", "media_source": "any"}

SETTLED = {"milliseconds": 3000}
"How long the phone waits before it changes anything: the gateway tells it the client's codecs first."

ACCOUNTS = {account(speech): PASSWORD for speech in dialects.ALL}


@pytest.fixture(autouse=True)
def _nothing_but_loopback() -> Iterator[None]:
    with on_loopback():
        yield


@asynccontextmanager
async def rigged(folder: Path, server: Callable[..., Any]) -> AsyncIterator[Rig]:
    """A gateway that anchors every call and takes video, and gives up soon on who never replies."""
    changes: dict[str, Table] = {"media": {"video": True}, "limits": {"iq_timeout_seconds": 3}}
    async with Rig(folder, server=lambda at: server(at, accounts=ACCOUNTS), trunk=TRUNK, changes=changes) as rig:
        yield rig


@asynccontextmanager
async def signed_in(rig: Rig) -> AsyncIterator[list[DialectClient]]:
    """A client of each kind."""
    at = (rig.server.address, rig.server.client_port)
    async with AsyncExitStack() as stack:
        clients = [DialectClient(speech, at, rig.server.address) for speech in dialects.ALL]
        for client in clients:  # one after another: each is given its own time for it
            stack.push_async_callback(client.close)
            await client.connect()
        yield clients
        for client in clients:
            client.check()


async def changed(client: DialectClient) -> None:
    """The call goes through its changes, until the phone holds for the second time."""
    await client.held()
    await client.held(resumed=True)
    await client.changes()
    speech = client.speech
    if speech.video:
        await client.expect(action("content-add", client.sid), LONG_SECONDS)
        await client.expect(action("content-remove" if speech.loses else "content-modify", client.sid), LONG_SECONDS)
    await client.held()


async def together(*several: Any) -> None:
    """All of these side by side; what fails says of which client."""
    async with asyncio.TaskGroup() as group:
        for one in several:
            group.create_task(one)


@pytest.mark.conformance("HLD-06", "HLD-11", "MOD-02", "MOD-04", "MOD-07")
@pytest.mark.parametrize("server", SERVERS)
async def test_each_kind_of_client_calls_a_phone(server: Callable[..., Any], tmp_path: Path) -> None:
    async with rigged(tmp_path, server) as rig, signed_in(rig) as clients:
        phone = await rig.answers("uas_changes", calls=len(clients), parameters=SETTLED)

        async def calls(client: DialectClient, number: str) -> None:
            await client.call(rig.gateway.number(number))
            await changed(client)
            await client.hang_up()

        await together(*(calls(client, f"+1555123{1000 + index}") for index, client in enumerate(clients)))
        await phone.done()


@pytest.mark.conformance("HLD-06", "HLD-11", "MOD-02", "MOD-04", "MOD-07")
@pytest.mark.parametrize("server", SERVERS)
async def test_each_kind_of_client_is_called_by_a_phone(server: Callable[..., Any], tmp_path: Path) -> None:
    async with rigged(tmp_path, server) as rig, signed_in(rig) as clients:

        async def is_called(client: DialectClient) -> Sipp:
            if not client.speech.by_message:
                await client.seen_by(rig.gateway.number("+15551230000"))
            phone = await rig.calls("uac_changes", account(client.speech), host=rig.trunk[0], parameters=SETTLED)
            await client.take()
            await changed(client)
            ended = await client.expect(action("session-terminate", client.sid))
            assert ended.condition == "success"
            await phone.done()
            return phone

        await together(*(is_called(client) for client in clients))


def test_the_kinds_are_told_apart() -> None:
    assert len(ACCOUNTS) == len(dialects.ALL)
    kinds: list[Speech] = [dialects.CONVERSATIONS, dialects.MONAL, dialects.DINO]
    assert {account(speech) for speech in kinds} == {"conversationscheogram", "monal", "dino"}
