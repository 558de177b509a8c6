"""The daemon put together: what it says of itself, how it starts and stops, and whom it looks up."""

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from aiohttp import ClientSession

from gateway.app import LAST_WORDS_SECONDS, App
from gateway.errors import TransportError
from gateway.parts import sip_port_settings, xmpp_port_settings
from gateway.sip.flow import Hop
from tests.configured import configured
from tests.flows.openings import answered, juliet_leaves, ringing
from tests.flows.steps import after, does, holds, juliet, romeo, run, server_goes, server_returns, signals
from tests.net.component_server import component_server
from tests.peers.program import PATIENCE_SECONDS


def missing(*words: str) -> Any:
    """What keeps a call from being made, at this moment."""

    def is_so(world: Any) -> bool:
        found: list[str] = world.app._missing()
        return len(found) == len(words) and all(word in line for word, line in zip(words, found, strict=True))

    return holds(is_so, f"not {words}")


def test_it_is_ready_while_a_call_could_be_made() -> None:
    run(
        missing(),
        server_goes(),
        missing("xmpp: not connected: connection reset"),
        server_returns(),
        after(10),
        missing(),
    )


async def test_accounts_of_users_own_making_lead_neither_to_us_nor_to_trunks(tmp_path: Path) -> None:
    keys = 'addresses = ["host", "8.8.4.0/24"]\n[accounts]\nservers = ["public", "10.0.0.0/8", "8.8.4.4"]'
    app = App(configured(tmp_path, trunk="8.8.8.8", more=keys))
    try:
        assert app._reaches("9.9.9.9")
        assert app._reaches("10.1.2.3")
        assert not app._reaches("8.8.8.8")  # where the trunk is
        for wrapped in ("::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"):
            assert not app._reaches(wrapped)
        assert not app._reaches("8.8.4.5")  # from where it may call
        assert app._reaches("8.8.4.4")  # the operator has said so
        assert not app._reaches("127.0.0.1")
        assert not app._reaches("nonsense")
    finally:
        await app.sip.stop()
        await app.http.stop()


def test_it_is_not_ready_while_it_leaves() -> None:
    run(*answered, signals(signal.SIGTERM), missing("stopping: 1 calls left"), *juliet_leaves, stops=True)


def test_calls_are_told_of_before_the_sockets_close() -> None:
    run(
        *ringing,
        signals(signal.SIGINT),
        juliet.gets("CANCEL"),
        romeo.gets("session-terminate gone"),
        holds(lambda world: world.app.sip.listening != (), "closed too soon"),
        juliet.sends(200),
        juliet.sends(487),
        juliet.gets("ACK"),
        stops=True,
    )


def test_a_call_that_does_not_end_is_cut_off() -> None:
    world = run(
        *ringing,
        signals(signal.SIGINT),
        juliet.gets("CANCEL"),
        romeo.gets("session-terminate gone"),
        after(LAST_WORDS_SECONDS),
        stops=True,
    )
    (line,) = [entry for entry in world.log if entry["event"] == "calls_cut_off"]
    assert line["calls"] == 1


def test_term_without_calls_stops_at_once() -> None:
    run(signals(signal.SIGTERM), stops=True)


def test_the_addresses_of_a_trunk_that_is_known_by_name_are_looked_up_and_kept(tmp_path: Path) -> None:
    async def watch(_: object, hop: object) -> tuple[frozenset[str], float]:
        looked.append(hop)
        if len(looked) == 1:
            raise TransportError("pbx.example: name does not resolve")
        return frozenset({"192.0.2.20"}), 45.0

    looked: list[object] = []
    with mock.patch("gateway.net.resolve.Resolver.watch", watch):
        run(
            juliet.sends("INVITE"),
            juliet.gets(100),
            juliet.gets(403),
            after(60),
            juliet.sends("INVITE", call="two"),
            juliet.gets(100, call="two"),
            romeo.gets("propose"),
            romeo.sends("reject busy"),
            juliet.gets(486, call="two"),
            host="pbx.example",
        )
    # At first, after ten seconds, and when the answer's time was over.
    assert looked[:3] == [Hop("pbx.example", None, "UDP")] * 3


async def test_it_serves_on_real_sockets_and_leaves_them(tmp_path: Path, logging_undone: None) -> None:
    async with component_server() as server:
        app = App(configured(tmp_path, xmpp_port=server.port))
        running = asyncio.create_task(app.run())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not app.xmpp.connected:  # noqa: ASYNC110 - nobody tells the test
                await asyncio.sleep(0.005)
        async with ClientSession() as client:
            async with client.get(f"http://127.0.0.1:{app.http.port}/readyz") as reply:
                assert (reply.status, await reply.text()) == (200, "ready\n")
            async with client.get(f"http://127.0.0.1:{app.http.port}/metrics") as reply:
                text = await reply.text()
        assert "jinglesip_xmpp_connected 1.0" in text
        assert "process_open_fds" in text
        signal.raise_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await running
        assert app.sip.listening == ()
        assert not app.xmpp.connected


async def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path, logging_undone: None) -> None:
    async with component_server() as server:
        first = App(configured(tmp_path, xmpp_port=server.port))
        running = asyncio.create_task(first.run())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not first.xmpp.connected:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        second = App(configured(tmp_path, xmpp_port=server.port, http_port=first.http.port))
        with pytest.raises(OSError, match="in use"):
            await second.run()
        assert second.sip.listening == ()
        assert server.connections == 1
        first._told("SIGINT", True)
        await running
    with contextlib.suppress(asyncio.CancelledError):
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left


def test_the_ports_are_given_what_the_file_says(tmp_path: Path) -> None:
    settings = configured(tmp_path, xmpp_port=5347, sip_port=5070)
    xmpp, sip = xmpp_port_settings(settings), sip_port_settings(settings)
    assert (xmpp.domain, xmpp.port, xmpp.secret, xmpp.backoff_first_seconds) == ("gw.example", 5347, "test", 0.05)
    assert [(at.transport, at.host, at.port) for at in sip.listeners] == [("UDP", "127.0.0.1", 5070)]


def test_presence_is_announced_to_those_who_do_not_see_it() -> None:
    def announced(world: Any) -> bool:
        shown = [
            world.app.appearance.announce(user, "+1@gw.example/sip", "pbx")
            for user in ("romeo@montague.example", "nurse@capulet.example")
        ]
        return [len(told) for told in shown] == [0, 2]

    def forget(world: Any) -> None:
        world.stanzas.clear()

    run(romeo.sends("presence", to="+1@gw.example"), does(forget), holds(announced, "announced to the wrong one"))
