"""What is served to whoever watches the gateway."""

import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry, Gauge

from gateway.net.http import HttpPort


@contextlib.asynccontextmanager
async def serving(missing: list[str], unwell: Sequence[str] = ()) -> AsyncIterator[tuple[ClientSession, str]]:
    """A port, a client, and where it is."""
    registry = CollectorRegistry()
    Gauge("leaves_on_trees", "To be seen.", registry=registry).set(7)
    port = HttpPort("127.0.0.1", 0, registry=registry, missing=lambda: missing, unwell=lambda: unwell)
    assert port.port == 0
    await port.start()
    try:
        async with ClientSession() as client:
            yield client, f"http://127.0.0.1:{port.port}"
    finally:
        await port.stop()


async def test_metrics_are_served_as_prometheus_wants_them() -> None:
    async with serving([]) as (client, url), client.get(f"{url}/metrics") as reply:
        assert reply.status == 200
        assert reply.headers["Content-Type"].startswith("text/plain; version=")
        assert "leaves_on_trees 7.0" in await reply.text()


async def test_healthy_is_whoever_serves_at_all() -> None:
    async with serving(["everything"]) as (client, url), client.get(f"{url}/healthz") as reply:
        assert (reply.status, await reply.text()) == (200, "ok\n")


async def test_ready_is_who_lacks_nothing() -> None:
    missing: list[str] = []
    async with serving(missing) as (client, url):
        async with client.get(f"{url}/readyz") as reply:
            assert (reply.status, await reply.text()) == (200, "ready\n")
        missing += ["xmpp: not connected: not-authorized", "sip: not listening"]
        async with client.get(f"{url}/readyz") as reply:
            assert reply.status == 503
            assert await reply.text() == "xmpp: not connected: not-authorized\nsip: not listening\n"


async def test_what_is_unwell_is_said_and_keeps_nobody_away() -> None:
    missing: list[str] = []
    async with serving(missing, ["trunk two: down: silent"]) as (client, url):
        async with client.get(f"{url}/readyz") as reply:
            assert (reply.status, await reply.text()) == (200, "ready\ntrunk two: down: silent\n")
        missing.append("sip: not listening")
        async with client.get(f"{url}/readyz") as reply:
            assert (reply.status, await reply.text()) == (503, "sip: not listening\ntrunk two: down: silent\n")


@pytest.mark.parametrize("path", ["/", "/metrics/../secret"])
async def test_there_is_nothing_else(path: str) -> None:
    async with serving([]) as (client, url), client.get(url + path) as reply:
        assert reply.status == 404


async def test_an_address_that_is_taken_is_an_error() -> None:
    async with serving([]) as (_, url):
        second = HttpPort("127.0.0.1", int(url.rpartition(":")[2]), registry=CollectorRegistry(), missing=list)
        with pytest.raises(OSError, match="address already in use"):
            await second.start()
        await second.stop()


async def test_a_port_that_never_started_stops() -> None:
    await HttpPort("127.0.0.1", 0, registry=CollectorRegistry(), missing=list).stop()
