"""One question to the DNS: against a name server of our own, and the hosts file."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.net.names import HOSTS_SECONDS, UNKNOWN_SECONDS, Names, Reply, Silent
from gateway.sip.locating import Address, Kind, Naptr, Question, Srv
from tests.net.rig import scenario
from tests.peers.dns_server import NEGATIVE_SECONDS, DnsServer

PATIENCE = 0.3


@asynccontextmanager
async def asking(hosts: Path) -> AsyncIterator[tuple[DnsServer, Names]]:
    """A server, and who asks it."""
    server = await DnsServer().start()
    try:
        yield server, Names([(server.address, server.port)], hosts=hosts)
    finally:
        server.close()


def asks(hosts: Path, test: Callable[[DnsServer, Names], Awaitable[None]]) -> None:
    """Run a test with both."""

    @scenario
    async def run() -> None:
        async with asking(hosts) as (server, names):
            await test(server, names)

    run()


def question(name: str, kind: Kind = "A") -> Question:
    """What to ask."""
    return Question(name, kind)


def test_each_type_is_read(tmp_path: Path) -> None:
    async def test(server: DnsServer, names: Names) -> None:
        server.add("a.example", "A", "192.0.2.1", "192.0.2.2", ttl=7)
        server.add("a.example", "AAAA", "2001:db8::1", ttl=8)
        server.add("_sip._udp.a.example", "SRV", "1 2 5070 A.example.", "3 4 0 .", ttl=9)
        server.add("a.example", "NAPTR", '50 60 "s" "SIP+D2T" "" _sip._tcp.a.example.', ttl=10)
        a, aaaa = await names.ask(question("a.example"), 5.0), await names.ask(question("a.example", "AAAA"), 5.0)
        assert (set(a.records), a.seconds) == ({Address("192.0.2.1"), Address("192.0.2.2")}, 7.0)
        assert aaaa == Reply((Address("2001:db8::1"),), 8.0)
        srv = await names.ask(question("_sip._udp.a.example", "SRV"), 5.0)
        assert (set(srv.records), srv.seconds) == ({Srv(1, 2, 5070, "a.example"), Srv(3, 4, 0, "")}, 9.0)
        naptr = await names.ask(question("a.example", "NAPTR"), 5.0)
        assert naptr == Reply((Naptr(50, 60, "s", "SIP+D2T", "_sip._tcp.a.example"),), 10.0)

    asks(tmp_path / "none", test)


def test_that_there_is_nothing_lasts_as_long_as_the_zone_says(tmp_path: Path) -> None:
    async def test(server: DnsServer, names: Names) -> None:
        server.add("a.example", "A", "192.0.2.1")
        for asked in (question("a.example", "AAAA"), question("b.example")):
            assert await names.ask(asked, 5.0) == Reply((), float(NEGATIVE_SECONDS))

    asks(tmp_path / "none", test)


@pytest.mark.parametrize("name", ["x" * 64 + ".example", "a..example", ".".join(["long"] * 60)])
def test_what_is_no_name_is_not_asked_for(name: str, tmp_path: Path) -> None:
    async def test(server: DnsServer, names: Names) -> None:
        assert await names.ask(question(name), 5.0) == Reply((), UNKNOWN_SECONDS)
        assert not server.asked

    asks(tmp_path / "none", test)


def test_no_answer_in_time_and_a_server_that_fails_are_silence(tmp_path: Path) -> None:
    async def test(server: DnsServer, names: Names) -> None:
        server.silent = True
        with pytest.raises(Silent):
            await names.ask(question("a.example"), PATIENCE)
        server.silent, server.broken = False, True
        with pytest.raises(Silent):
            await names.ask(question("a.example"), PATIENCE)
        server.close()
        with pytest.raises(Silent):
            await names.ask(question("a.example"), PATIENCE)

    asks(tmp_path / "none", test)


def test_the_hosts_file_comes_first(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("# a comment\n192.0.2.7 pbx PBX.Example # more\n::7 pbx\n\nnonsense pbx.example\n")

    async def test(server: DnsServer, names: Names) -> None:
        assert await names.ask(question("pbx.example"), 5.0) == Reply((Address("192.0.2.7"),), HOSTS_SECONDS)
        assert await names.ask(question("pbx", "AAAA"), 5.0) == Reply((Address("::7"),), HOSTS_SECONDS)
        assert await names.ask(question("pbx.example", "AAAA"), 5.0) == Reply((), HOSTS_SECONDS)
        assert not server.asked
        await names.ask(question("pbx.example", "SRV"), 5.0)
        assert server.asked == {("pbx.example", "SRV"): 1}

    asks(hosts, test)


def test_the_systems_own_name_servers_are_asked_unless_others_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    @scenario
    async def run() -> None:
        server = await DnsServer().start()
        server.add("a.example", "A", "192.0.2.1")
        try:
            names = Names(hosts=Path("/nonexistent"))
            made = names._made()
            assert made.nameservers
            made.nameservers, made.port = [server.address], server.port
            assert (await names.ask(question("a.example"), 5.0)).records == (Address("192.0.2.1"),)
        finally:
            server.close()

    run()
