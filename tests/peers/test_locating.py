"""Servers of a trunk, and trunks of a group, found and followed: a name server of our own, SIPp behind it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.peers import loopback
from tests.peers.dns_server import DnsServer
from tests.peers.gateway import Table
from tests.peers.program import PATIENCE_SECONDS, until
from tests.peers.raw_sip import RawSip
from tests.peers.rig import Rig
from tests.peers.sipp import Sipp
from tests.peers.steps import Out, calling_out, status_in
from tests.peers.xmpp_server import HOST

CARRIER = "carrier.example"
RULES = ((10, "SIP+D2T", "_tcp"), (20, "SIP+D2U", "_udp"))


@dataclass
class House:
    """A rig whose trunk is known by name only, and the servers behind the name."""

    rig: Rig
    dns: DnsServer
    places: list[tuple[str, int]]
    "Addresses and ports, the first the preferred one."

    async def server(
        self, place: int, scenario: str, *, transport: str = "udp", calls: int = 1, **parameters: Any
    ) -> Sipp:
        """A SIPp at one of the places."""
        host, port = self.places[place]
        made = Sipp(
            self.rig.folder, scenario, host=host, port=port, transport=transport, calls=calls, parameters=parameters
        )
        self.rig.leaves(made.kill)
        return await made.start()

    async def raw(self, place: int) -> RawSip:
        """A socket at one of the places that says nothing by itself."""
        raw = await RawSip.open(*self.places[place])
        self.rig.leaves(raw.close)
        return raw

    async def failovers(self, cause: str) -> float:
        """How many there were."""
        return (await self.rig.gateway.metrics()).total("jinglesip_sip_failovers_total", cause=cause)


@contextlib.asynccontextmanager
async def house(
    folder: Path,
    *,
    servers: int = 2,
    sip: Table | None = None,
    ttl: int = 300,
    more: Sequence[Table] = (),
    **keys: object,
) -> AsyncIterator[House]:
    """Put it up; ``keys`` are the trunk's, ``more`` other trunks."""
    dns = await DnsServer().start()
    places = []
    for number in range(servers):
        host = loopback.address()
        places.append((host, loopback.port(host)))
        dns.add(f"s{number}.{CARRIER}", "A", host, ttl=ttl)
    records = [f"{number} 1 {port} s{number}.{CARRIER}." for number, (_, port) in enumerate(places)]
    dns.add(f"_sip._udp.{CARRIER}", "SRV", *records, ttl=ttl)
    trunk = {"name": "pbx", "host": CARRIER, "allow": [HOST], "addresses": ["192.0.2.1"], **keys}
    changes: dict[str, Table | Sequence[Table]] = {
        "sip": {"nameservers": [dns.place], "dns_timeout_seconds": 2.0, **(sip or {})},
        "trunk": [trunk, *more],
        "policy": [{"name": "many", "who": ["*"], "calls_per_second": 100.0, "calls_per_minute": 1000.0}],
    }
    if more:
        names = ["pbx", *(str(other["name"]) for other in more)]
        members = [{"trunk": name, "priority": place} for place, name in enumerate(names)]
        changes |= {
            "group": [{"name": "all", "trunks": members}],
            "dial": [{"match": r"\+?[0-9]+", "trunk": "all"}],
        }
    try:
        async with Rig(folder, changes=changes) as rig:
            yield House(rig, dns, places)
    finally:
        dns.close()


async def taken(call: Out, server: Sipp) -> None:
    """The call is answered by that server, and ends."""
    await call.session.accepted()
    assert (await call.session.terminate()).type == "result"
    await server.done()


@pytest.mark.conformance("SIP-27")
async def test_naptr_chooses_tcp_and_srv_the_port(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        it.dns.add(
            CARRIER,
            "NAPTR",
            f'10 10 "s" "SIP+D2T" "" _sip._tcp.{CARRIER}.',
            f'20 10 "s" "SIP+D2U" "" _sip._udp.{CARRIER}.',
        )
        it.dns.add(f"_sip._tcp.{CARRIER}", "SRV", f"1 1 {it.places[1][1]} s1.{CARRIER}.")
        server = await it.server(1, "uas_answer", transport="tcp", milliseconds=20)
        await taken(await calling_out(it.rig, server), server)
        assert server.received("INVITE")[0].header("Via").startswith("SIP/2.0/TCP ")


@pytest.mark.conformance("XS-18")
async def test_a_server_that_says_503_is_followed_by_the_next(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        first = await it.server(0, "uas_refuse", status="503 Service Unavailable")
        second = await it.server(1, "uas_answer", milliseconds=20)
        await taken(await calling_out(it.rig, second), second)
        await first.done()
        before, after = first.received("INVITE")[0], second.received("INVITE")[0]
        assert before.header("Via") != after.header("Via")
        for name in ("Call-ID", "CSeq", "From", "To"):
            assert before.header(name) == after.header(name)
        assert await it.failovers("status") == 1
        (line,) = it.rig.gateway.log("sip_failed_over")
        assert line["cause"] == "status"


async def test_servers_of_one_priority_share_the_calls_by_weight(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        records = [f"1 {weight} {it.places[place][1]} s{place}.{CARRIER}." for place, weight in enumerate((1, 3))]
        it.dns.add(f"_sip._udp.{CARRIER}", "SRV", *records)
        servers = [await it.server(place, "uas_refuse", calls=1000, status="486 Busy Here") for place in (0, 1)]
        client = await it.rig.client()
        for _ in range(40):
            out = await calling_out(it.rig, servers[0], client=client)
            assert (await out.session.terminated()).condition == "busy"
        shares = await until(
            lambda: found if sum(found := [len(server.received("INVITE")) for server in servers]) == 40 else None,
            "the two have 40 calls",
        )
        light = shares[0]
        assert 1 <= light <= 25  # 10 are due; anything else is the chance of one run in a hundred thousand
        for server in servers:
            server.kill()


async def test_a_silent_server_costs_a_call_a_second_and_is_told_that_it_is_too_late(tmp_path: Path) -> None:
    async with house(tmp_path, sip={"failover_seconds": 1.0}) as it:
        silent = await it.raw(0)
        server = await it.server(1, "uas_answer", milliseconds=20)
        call = await calling_out(it.rig, server)
        invite = await silent.expect("INVITE")
        await call.session.accepted()
        silent.respond(invite, "180 Ringing", tag="late")
        cancel = await silent.expect("CANCEL")
        assert cancel[0].header("Via") == invite[0].header("Via")
        silent.respond(cancel, "200 OK", tag="late")
        silent.respond(invite, "487 Request Terminated", tag="late")
        await silent.expect("ACK")
        assert (await call.session.terminate()).type == "result"
        await server.done()
        (ended,) = await it.rig.gateway.logged("call_ended")
        assert 0.9 < ended["setup_seconds"] < 8
        assert await it.failovers("timeout") == 1


async def test_a_server_that_is_gone_comes_last_until_it_answers_options(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        server = await it.server(1, "uas_ring_refuse", calls=1000, milliseconds=500, status="486 Busy Here")
        client = await it.rig.client()

        async def call() -> None:
            out = await calling_out(it.rig, server, client=client)
            assert status_in(await out.session.terminated()) == "486"

        await call()
        assert [line["peer"] for line in it.rig.gateway.log("sip_target_failed")] == ["{}:{}".format(*it.places[0])]
        back = await it.raw(0)
        failed = it.rig.gateway.log("sip_failed_over")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not back.count("OPTIONS"):  # its time is five seconds; until then no call meets it
                await call()
        options = await back.expect("OPTIONS")
        assert back.count("INVITE") == 0
        assert it.rig.gateway.log("sip_failed_over") == failed
        back.respond(options, "200 OK", tag="back")
        await it.rig.gateway.logged("sip_target_back")
        out = await calling_out(it.rig, server, client=client)
        invite = await back.expect("INVITE")
        back.respond(invite, "404 Not Found", tag="back")
        await back.expect("ACK")
        assert status_in(await out.session.terminated()) == "404"
        server.kill()


async def test_while_the_name_server_is_silent_the_old_answer_is_used(tmp_path: Path) -> None:
    async with house(tmp_path, servers=1, ttl=1, sip={"dns_timeout_seconds": 0.5}) as it:
        server = await it.server(0, "uas_ring_refuse", calls=1000, milliseconds=300, status="486 Busy Here")
        client = await it.rig.client()

        async def call() -> None:
            out = await calling_out(it.rig, server, client=client)
            assert status_in(await out.session.terminated()) == "486"

        await call()
        it.dns.silent = True
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not it.rig.gateway.log("dns_silent"):
                await call()
        assert (await it.rig.gateway.metrics()).total("jinglesip_dns_lookups_total", outcome="stale") >= 1
        assert {line["reason"] for line in await it.rig.gateway.logged("dns_silent")} == {"stale"}
        await call()
        it.dns.silent = False
        await call()
        server.kill()


async def test_a_name_server_that_is_silent_from_the_start_ends_a_call_in_time(tmp_path: Path) -> None:
    async with house(tmp_path, sip={"dns_timeout_seconds": 0.5}) as it:
        it.dns.silent = True
        client = await it.rig.client()
        session = client.session(f"{it.rig.gateway.number('+15551230000')}/sip", voice=await it.rig.voice())
        assert (await session.initiate()).type == "result"
        ended = await session.terminated()
        assert ended.condition == "connectivity-error"
        assert "name does not resolve" in ended.text


async def test_calls_are_taken_from_where_the_name_leads_now(tmp_path: Path) -> None:
    async with house(tmp_path, ttl=1, addresses=["host"]) as it:
        (old, _), (both, port) = it.places
        await it.rig.gateway.logged("trunk_resolved")
        known = await it.rig.calls("uac_expect", "ghost", host=both, parameters={"status": 480})
        await known.done()
        new = loopback.address()
        it.dns.add(f"_sip._udp.{CARRIER}", "SRV", f"1 1 {port} s2.{CARRIER}.", ttl=1)
        it.dns.add(f"s2.{CARRIER}", "A", new, ttl=1)
        lines = await it.rig.gateway.logged("trunk_resolved", 2)
        assert [line["text"] for line in lines] == [", ".join(sorted([old, both])), new]
        for host, status in ((new, 480), (both, 403)):
            caller = await it.rig.calls("uac_expect", "ghost", host=host, parameters={"status": status})
            await caller.done()
        it.dns.add(f"_sip._udp.{CARRIER}", "SRV", f"1 1 {port} s2.{CARRIER}.", ttl=3600)
        it.dns.add(f"s2.{CARRIER}", "A", new, ttl=3600)


async def test_a_trunk_that_fails_is_followed_by_the_next_of_its_group(tmp_path: Path) -> None:
    host = loopback.address()
    spare = {
        "name": "spare",
        "host": host,
        "port": loopback.port(host),
        "allow": [HOST],
        "caller_id": "fixed",
        "caller_id_number": "+15550199",
    }
    async with house(tmp_path, more=[spare]) as it:
        refusing = [await it.server(place, "uas_refuse", status="503 Full") for place in (0, 1)]
        it.places.append((host, int(str(spare["port"]))))
        server = await it.server(2, "uas_answer", milliseconds=20)
        await taken(await calling_out(it.rig, server), server)
        for each in refusing:
            await each.done()
        invite = server.received("INVITE")[0]
        assert invite.uri.startswith(f"sip:+15551230000@{host}")
        assert "sip:+15550199@" in invite.header("From")
        assert invite.header("CSeq") == "2 INVITE"
        (ended,) = await it.rig.gateway.logged("call_ended")
        assert ended["trunk"] == "spare"
        assert [line["trunk"] for line in it.rig.gateway.log("call_rerouted")] == ["spare"]


async def test_a_trunk_that_is_down_is_passed_over_and_keeps_nobody_from_calling(tmp_path: Path) -> None:
    host = loopback.address()
    spare = {"name": "spare", "host": host, "port": loopback.port(host), "allow": [HOST]}
    async with house(tmp_path, servers=1, more=[spare], probe_seconds=0.2) as it:
        (down,) = await it.rig.gateway.logged("trunk_down")
        assert down["trunk"] == "pbx"
        assert "\ntrunk pbx: down: " in await it.rig.gateway.ready_is(200)
        assert (await it.rig.gateway.metrics()).by("jinglesip_trunk_up", "trunk") == {}
        it.places.append((host, int(str(spare["port"]))))
        server = await it.server(1, "uas_answer", milliseconds=20)
        await taken(await calling_out(it.rig, server), server)
        assert not it.rig.gateway.log("sip_failed_over")
        assert not it.rig.gateway.log("call_rerouted")
        back = await it.raw(0)
        while not it.rig.gateway.log("trunk_up"):
            back.respond(await back.expect("OPTIONS"), "200 OK", tag="back")
        assert await until(lambda: it.rig.gateway.log("trunk_up"), "the trunk is up")
        metrics = await it.rig.gateway.metrics()
        assert metrics.by("jinglesip_trunk_up", "trunk") == {"pbx": 1}
        assert metrics.total("jinglesip_trunk_probe_seconds_count", trunk="pbx") >= 2
