"""From hops to addresses."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from gateway.errors import TransportError
from gateway.net import resolve
from gateway.net.resolve import MAX_NAMES, Resolver
from gateway.sip.flow import Flow, Hop
from tests.net.rig import scenario, until

Ask = Callable[[str], Awaitable[tuple[str, ...]]]


class Names:
    """A resolver that knows some names, on a clock of its own."""

    def __init__(self, **known: tuple[str, ...]) -> None:
        self.asked: list[str] = []
        self.now = 0.0
        self.known = known
        self.answers = asyncio.Event()
        self.answers.set()
        self.resolver = Resolver(lambda: self.now)

    async def ask(self, name: str) -> tuple[str, ...]:
        self.asked.append(name)
        await self.answers.wait()
        return self.known.get(name.partition(".")[0], ())


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Names]:
    def make(**known: tuple[str, ...]) -> Names:
        made = Names(**known)
        monkeypatch.setattr(resolve, "_ask", made.ask)
        return made

    return make


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


def test_addresses_are_remembered_for_a_minute(names: Callable[..., Names]) -> None:
    @scenario
    async def run() -> None:
        it = names(trunk=("192.0.2.1", "192.0.2.2"))
        hop = Hop("Trunk.example", 5070)
        expected = (Flow("UDP", "192.0.2.1", 5070), Flow("UDP", "192.0.2.2", 5070))
        assert await it.resolver.resolve(hop) == expected
        it.now = 60.0
        assert it.resolver.known(hop) == expected
        it.now = 60.1
        assert it.resolver.known(hop) is None
        assert await it.resolver.resolve(hop) == expected
        assert it.asked == ["trunk.example"] * 2

    run()


def test_a_name_that_nobody_knows_is_asked_for_again_after_five_seconds(names: Callable[..., Names]) -> None:
    @scenario
    async def run() -> None:
        it = names()
        for now in (0.0, 5.0, 5.1):
            it.now = now
            with pytest.raises(TransportError, match="name does not resolve"):
                await it.resolver.resolve(Hop("nobody.example"))
        assert len(it.asked) == 2

    run()


def test_many_who_wait_for_a_name_ask_once(names: Callable[..., Names]) -> None:
    @scenario
    async def run() -> None:
        it = names(trunk=("192.0.2.1",))
        it.answers.clear()
        waiting = [asyncio.create_task(it.resolver.resolve(Hop("trunk.example"))) for _ in range(5)]
        await until(lambda: bool(it.asked))
        waiting[0].cancel()
        it.answers.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:] == [(Flow("UDP", "192.0.2.1", 5060),)] * 4
        assert it.asked == ["trunk.example"]

    run()


def test_the_memory_is_bounded(names: Callable[..., Names]) -> None:
    @scenario
    async def run() -> None:
        it = names(a=("192.0.2.1",))
        for number in range(MAX_NAMES + 10):
            await it.resolver.resolve(Hop(f"a.{number}.example"))
        assert len(it.resolver._known) == MAX_NAMES
        assert it.resolver.known(Hop("a.0.example")) is None
        await it.resolver.close()
        assert it.resolver._known == {}

    run()


def test_the_systems_resolver_is_asked_and_its_failures_are_no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    @scenario
    async def run() -> None:
        loop = asyncio.get_running_loop()

        async def answers(host: str, port: object, **_: object) -> list[tuple[object, ...]]:
            if host == "bad.example":
                raise socket.gaierror(-2, "unknown")
            if host == "slow.example":
                raise TimeoutError
            return [(0, 0, 0, "", ("192.0.2.1", 0)), (0, 0, 0, "", ("192.0.2.1", 0)), (0, 0, 0, "", ("::2", 0, 0, 0))]

        monkeypatch.setattr(loop, "getaddrinfo", answers)
        assert await resolve._ask("good.example") == ("192.0.2.1", "::2")
        assert await resolve._ask("bad.example") == ()
        assert await resolve._ask("slow.example") == ()

    run()
