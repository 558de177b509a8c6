"""From hops to targets: what is remembered, for how long, and what becomes of those who wait."""

import asyncio
from collections import Counter
from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from gateway.errors import TransportError
from gateway.net.names import Reply, Silent
from gateway.net.resolve import (
    LEAST_SECONDS,
    MAX_ANSWERS,
    MOST_NEGATIVE_SECONDS,
    MOST_SECONDS,
    RETRY_SECONDS,
    STALE_SECONDS,
    Resolver,
    ResolverSettings,
)
from gateway.net.sent_by import Listener
from gateway.sip.flow import Flow, Hop
from gateway.sip.locating import Address, Question, Record, Srv
from tests.net.rig import scenario, until

PATIENCE = 0.05
HOP = Hop("Trunk.example", 5070)
Zone = Mapping[tuple[str, str], tuple[Record, ...]]


class Known:
    """A DNS that knows some names, on a clock of its own."""

    def __init__(self, zone: Zone | None = None, *, ttl: float = 60.0) -> None:
        self.zone: dict[tuple[str, str], tuple[Record, ...]] = dict(zone or {})
        self.ttl = ttl
        self.asked: Counter[tuple[str, str]] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.now = 0.0
        self.silent: set[str] = set()
        self.answers = asyncio.Event()
        self.answers.set()
        self.resolver = Resolver(
            lambda: self.now, settings=ResolverSettings(timeout_seconds=60.0), names=self, observer=self
        )

    async def ask(self, question: Question, seconds: float) -> Reply:
        self.asked[question.name, question.kind] += 1
        await self.answers.wait()
        if question.kind in self.silent:
            raise Silent("nobody answers")
        return Reply(self.zone.get((question.name, question.kind), ()), self.ttl)

    def name_asked(self, outcome: str) -> None:
        self.outcomes[outcome] += 1


def at(*hosts: str) -> Zone:
    """Trunk.example has these addresses."""
    return {("trunk.example", "A"): tuple(map(Address, hosts))}


@pytest.mark.parametrize(
    ("hop", "flow"),
    [
        (Hop("192.0.2.1"), Flow("UDP", "192.0.2.1", 5060)),
        (Hop("192.0.2.1", 5080, "TCP"), Flow("TCP", "192.0.2.1", 5080)),
        (Hop("2001:db8::5", None, "TLS"), Flow("TLS", "2001:db8::5", 5061)),
    ],
)
def test_an_address_is_itself(hop: Hop, flow: Flow) -> None:
    assert Resolver(lambda: 0.0).known(hop) == (flow,)


@pytest.mark.parametrize("host", ["trunk.example", "1.2.3", "face", "dead.beef", "::g"])
def test_a_name_must_be_asked_for(host: str) -> None:
    assert Resolver(lambda: 0.0).known(Hop(host)) is None


def test_no_name_is_nowhere() -> None:
    assert Resolver(lambda: 0.0).known(Hop("")) == ()


@pytest.mark.parametrize(("ttl", "kept"), [(60.0, 60.0), (0.0, LEAST_SECONDS), (10.0 * MOST_SECONDS, MOST_SECONDS)])
def test_an_answer_is_remembered_for_its_time_within_bounds(ttl: float, kept: float) -> None:
    @scenario
    async def run() -> None:
        it = Known(at("192.0.2.1", "192.0.2.2"), ttl=ttl)
        it.resolver.prefer([Listener("UDP", "192.0.2.9")])
        expected = (Flow("UDP", "192.0.2.1", 5070), Flow("UDP", "192.0.2.2", 5070))
        assert await it.resolver.resolve(HOP) == expected
        it.now = kept * 0.99
        assert it.resolver.known(HOP) == expected
        assert it.asked["trunk.example", "A"] == 1
        it.now = kept
        assert it.resolver.known(HOP) is None
        it.zone.update(at("192.0.2.3"))
        assert await it.resolver.resolve(HOP) == (Flow("UDP", "192.0.2.3", 5070),)
        assert it.asked["trunk.example", "A"] == 2
        await it.resolver.close()

    run()


def test_that_there_is_nothing_is_remembered_for_a_shorter_time() -> None:
    @scenario
    async def run() -> None:
        it = Known(ttl=MOST_SECONDS)
        for now in (0.0, 0.99 * MOST_NEGATIVE_SECONDS, MOST_NEGATIVE_SECONDS):
            it.now = now
            with pytest.raises(TransportError, match="name does not resolve"):
                await it.resolver.resolve(HOP)
        assert it.asked["trunk.example", "A"] == 2
        assert it.outcomes == {"nothing": 4}
        await it.resolver.close()

    run()


def test_many_who_wait_for_a_name_ask_once() -> None:
    @scenario
    async def run() -> None:
        it = Known(at("192.0.2.1"))
        it.answers.clear()
        waiting = [asyncio.create_task(it.resolver.resolve(HOP)) for _ in range(5)]
        await until(lambda: bool(it.asked))
        waiting[0].cancel()
        it.answers.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:] == [(Flow("UDP", "192.0.2.1", 5070),)] * 4
        assert it.asked == {("trunk.example", "A"): 1, ("trunk.example", "AAAA"): 1}
        await it.resolver.close()

    run()


def test_a_type_that_is_never_answered_for_hides_nothing_and_costs_its_time_once() -> None:
    @scenario
    async def run() -> None:
        it = Known(at("192.0.2.1"))
        it.silent = {"NAPTR", "SRV"}
        hop = Hop("trunk.example")
        assert await it.resolver.resolve(hop) == (Flow("UDP", "192.0.2.1", 5060),)
        assert it.resolver.known(hop) == (Flow("UDP", "192.0.2.1", 5060),)
        await it.resolver.close()

    run()


def test_nobody_waits_longer_for_a_silent_server_than_was_said() -> None:
    @scenario
    async def run() -> None:
        it = Known(at("192.0.2.1"))
        it.answers.clear()
        loop = asyncio.get_running_loop()
        resolver = Resolver(settings=ResolverSettings(timeout_seconds=PATIENCE), names=it)
        started = loop.time()
        with pytest.raises(TransportError, match=r"trunk\.example: name does not resolve"):
            await resolver.resolve(Hop("trunk.example"))
        assert PATIENCE <= loop.time() - started < 100 * PATIENCE
        await resolver.close()

    run()


def test_while_the_server_is_silent_the_old_answer_is_used_and_only_the_first_waits() -> None:
    @scenario
    async def run() -> None:
        it = Known(at("192.0.2.1"))
        old, new = (Flow("UDP", "192.0.2.1", 5070),), (Flow("UDP", "192.0.2.2", 5070),)
        assert await it.resolver.resolve(HOP) == old
        it.silent = {"A"}
        it.zone.update(at("192.0.2.2"))
        it.now = 61.0
        with capture_logs() as logs:
            assert it.resolver.known(HOP) is None
            assert await it.resolver.resolve(HOP) == old
        assert [(line["event"], line["peer"], line["kind"], line["reason"]) for line in logs] == [
            ("dns_silent", "trunk.example", "A", "stale")
        ]
        assert it.resolver.known(HOP) == old
        assert it.outcomes["stale"] == 1
        it.now += RETRY_SECONDS
        it.silent = set()
        assert it.resolver.known(HOP) == old  # at once, and asks behind it
        await until(lambda: it.resolver.known(HOP) == new)
        it.silent = {"A"}
        it.now += 60.0 + STALE_SECONDS
        with pytest.raises(TransportError):
            await it.resolver.resolve(HOP)
        await it.resolver.close()

    run()


def test_a_failure_of_the_library_ends_nobodys_wait() -> None:
    @scenario
    async def run() -> None:
        it = Known()

        async def ask(question: Question, seconds: float) -> Reply:
            raise ValueError("a bug")

        it.ask = ask  # type: ignore[method-assign]
        with capture_logs() as logs, pytest.raises(TransportError):
            await it.resolver.resolve(HOP)
        assert {line["event"] for line in logs} == {"dns_failed", "dns_silent"}
        await it.resolver.close()

    run()


def test_the_memory_is_bounded() -> None:
    @scenario
    async def run() -> None:
        it = Known()
        for number in range(MAX_ANSWERS):
            with pytest.raises(TransportError):
                await it.resolver.resolve(Hop(f"a{number}.example", 5060))
        assert len(it.resolver._answers) == MAX_ANSWERS
        assert it.resolver.known(Hop("a0.example", 5060)) is None
        await it.resolver.close()
        assert (it.resolver._answers, it.resolver._asked) == ({}, {})

    run()


def test_one_call_meets_one_server_and_many_calls_all_of_them() -> None:
    @scenario
    async def run() -> None:
        servers = tuple(Srv(1, weight, 5060, f"192.0.2.{number}") for number, weight in enumerate((10, 30)))
        it = Known({("_sip._tcp.trunk.example", "SRV"): servers})
        hop = Hop("trunk.example", None, "TCP")
        await it.resolver.resolve(hop)
        firsts: Counter[str] = Counter()
        for number in range(400):
            found = it.resolver.known(hop, f"call-{number}")
            assert found is not None
            assert found == it.resolver.known(hop, f"call-{number}")
            firsts[found[0].host] += 1
        assert 60 <= firsts["192.0.2.0"] <= 140
        await it.resolver.close()

    run()


def test_what_is_looked_for_is_what_can_be_reached_from_the_listeners() -> None:
    @scenario
    async def run() -> None:
        it = Known({("trunk.example", "A"): (Address("192.0.2.1"),), ("trunk.example", "AAAA"): (Address("::2"),)})
        it.resolver.prefer([Listener("UDP", "::1"), Listener("UDP", "192.0.2.9")])
        assert [flow.host for flow in await it.resolver.resolve(HOP)] == ["::2", "192.0.2.1"]
        it.resolver.prefer([Listener("TCP", "192.0.2.9")])
        assert await it.resolver.resolve(Hop("trunk.example")) == (Flow("TCP", "192.0.2.1", 5060),)
        await it.resolver.close()

    run()


def test_who_watches_a_name_is_told_all_its_addresses_and_when_to_look_again() -> None:
    @scenario
    async def run() -> None:
        servers = (Srv(1, 1, 5060, "192.0.2.1"), Srv(2, 1, 5060, "trunk.example"))
        it = Known({("_sip._udp.trunk.example", "SRV"): servers, **at("192.0.2.2")}, ttl=30.0)
        both = frozenset({"192.0.2.1", "192.0.2.2"})
        assert await it.resolver.watch(Hop("trunk.example")) == (both, 30.0)
        it.now = 20.0
        assert await it.resolver.watch(Hop("trunk.example")) == (both, 10.0)
        with pytest.raises(TransportError, match="name does not resolve"):
            await it.resolver.watch(Hop("other.example"))
        await it.resolver.close()

    run()
