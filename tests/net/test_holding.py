"""Connections that are held, and their loss told."""

import asyncio

from gateway.sip.flow import Flow, Hop
from tests.net.rig import HERE, Inbox, Rig, Server, answer, outgoing, rig, scenario, stream_request, tcp_server, until


async def registered(it: Rig, peer: Server) -> tuple[Flow, asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection of ours, over which something was asked and answered."""
    owner = Inbox()
    it.port.send(outgoing(Hop(HERE, peer.port, "TCP"), "REGISTER", "z9hG4bKreg"), owner)
    reader, writer = await peer.accepted.get()
    writer.write(answer(await stream_request(reader), 200))
    flow = (await owner.response()).flow
    assert flow is not None
    return flow, reader, writer


@scenario
async def test_a_connection_that_the_peer_closes_is_told_once_to_who_holds_it_still() -> None:
    async with rig() as it, tcp_server() as peer:
        flow, _, writer = await registered(it, peer)
        told: list[str] = []
        for who in ("one", "two"):
            it.port.holding.hold(flow, who, lambda who=who: told.append(who))  # type: ignore[misc]
        it.port.holding.let_go("one")
        it.port.holding.let_go("one")
        writer.close()
        await until(lambda: told != [])
        assert (told, len(it.port.holding)) == (["two"], 0)
        it.port.holding.hold(flow, "two", lambda: told.append("again"))
        await until(lambda: len(told) > 1)
        assert (told, len(it.port.holding)) == (["two", "again"], 0)


@scenario
async def test_who_holds_another_connection_lets_the_first_go_and_a_stop_lets_go_of_all() -> None:
    async with rig() as it, tcp_server() as peer, tcp_server() as second:
        first, _, _ = await registered(it, peer)
        other, _, _ = await registered(it, second)
        told: list[str] = []
        it.port.holding.hold(first, "one", lambda: told.append("first"))
        it.port.holding.hold(other, "one", lambda: told.append("other"))
        assert list(it.port.holding._held) == [other]
        it.port.holding.hold(first, "two", lambda: told.append("two"))
        it.port.holding.let_go("two")
        assert list(it.port.holding._held) == [other]
    assert (told, len(it.port.holding)) == ([], 0)
