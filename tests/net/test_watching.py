"""What is watched of the trunks: whether they answer, and where their names lead."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway import steady
from gateway.net import watching
from gateway.net.names import Names, Reply
from gateway.net.watching import Watch
from gateway.rules import Patterns, Trunk
from gateway.sip.flow import Hop
from gateway.sip.locating import Address, Question
from gateway.sip.message import SipRequest
from tests.net.rig import HERE, Phone, Rig, answer, rig, scenario, until

OFTEN = 0.05


@dataclass
class Told:
    """Who is told of the trunks, and counts."""

    unresolved: dict[str, Hop] = field(default_factory=dict)
    ways: dict[str, Hop] = field(default_factory=dict)
    marks: list[tuple[str, bool]] = field(default_factory=list)
    learnt: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    probes: list[tuple[str, bool, float | None]] = field(default_factory=list)

    def learn(self, trunk: str, addresses: Iterable[str]) -> None:
        self.learnt.append((trunk, frozenset(addresses)))

    def mark(self, trunk: str, *, up: bool) -> None:
        self.marks.append((trunk, up))

    def way(self, trunk: str) -> Hop:
        return self.ways[trunk]

    def trunk_probed(self, trunk: str, up: bool, seconds: float | None) -> None:
        self.probes.append((trunk, up, seconds))


@asynccontextmanager
async def watched(told: Told, probe_seconds: float = OFTEN) -> AsyncIterator[tuple[Rig, Watch]]:
    """A port, and a trunk at its phone that is watched."""
    async with rig() as it:
        told.ways["pbx"] = it.phone.hop
        trunk = Trunk(
            name="pbx",
            host=HERE,
            domain="pbx.example",
            from_domain="gw.example",
            caller_id_numbers={},
            allow=Patterns([]),
            probe_seconds=probe_seconds,
        )
        watch = Watch([trunk], routing=told, sip=it.port, agent="test", observer=told)
        watch.start()
        try:
            yield it, watch
        finally:
            await watch.stop()


async def options(phone: Phone) -> SipRequest:
    """The next OPTIONS."""
    request = await phone.gets_request("OPTIONS")
    while not phone.heard.empty():  # what is sent again
        request = await phone.gets_request("OPTIONS")
    return request


@scenario
async def test_a_trunk_is_asked_again_and_again_and_every_answer_but_a_few_is_well() -> None:
    told = Told()
    async with watched(told) as (it, watch):
        for status in (200, 404, 401, 500):
            request = await options(it.phone)
            it.phone.send(answer(request, status), it.udp)
            await until(lambda: bool(told.probes))
            trunk, up, seconds = told.probes.pop()
            assert (trunk, up) == ("pbx", True)
            assert seconds is not None
            assert seconds >= 0
        assert request.uri == "sip:pbx.example"
        assert str(request.from_.uri) == "sip:gw.example"
        assert told.marks == []
        assert watch.down == []
        await watch.stop()


@scenario
async def test_a_trunk_that_is_ill_is_down_at_the_second_answer_and_up_at_the_second() -> None:
    told = Told()
    async with watched(told) as (it, watch):
        for status in (503, 200, 503, 408):
            assert told.marks == []
            it.phone.send(answer(await options(it.phone), status), it.udp)
        await until(lambda: bool(told.marks))
        assert watch.down == ["trunk pbx: down: OPTIONS answered 408 Request Timeout"]
        for _ in range(2):
            assert told.marks == [("pbx", False)]
            it.phone.send(answer(await options(it.phone), 200), it.udp)
        await until(lambda: len(told.marks) == 2)
        assert told.marks == [("pbx", False), ("pbx", True)]
        assert watch.down == []
        events = [(line["event"], line["trunk"]) for line in it.logs if "trunk" in line]
        assert events == [("trunk_down", "pbx"), ("trunk_up", "pbx")]
        await watch.stop()


@scenario
async def test_a_silent_trunk_is_down() -> None:
    told = Told()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching, "ANSWER_SECONDS", OFTEN)
        async with watched(told) as (_, watch):
            await until(lambda: bool(told.marks))
            assert told.marks == [("pbx", False)]
            assert watch.down == [f"trunk pbx: down: no answer to OPTIONS within {OFTEN:g} seconds"]
            assert [seconds for _, _, seconds in told.probes] == [None] * len(told.probes)
            await watch.stop()


@scenario
async def test_where_nobody_is_the_trunk_is_down() -> None:
    told = Told()
    async with watched(told) as (it, watch):
        it.phone.close()
        await until(lambda: bool(told.marks))
        assert "unreachable" in watch.down[0]
        await watch.stop()


@scenario
async def test_an_error_of_ours_ends_no_watching() -> None:
    class Broken(Told):
        def trunk_probed(self, trunk: str, up: bool, seconds: float | None) -> None:
            super().trunk_probed(trunk, up, seconds)
            if len(self.probes) == 1:
                raise ValueError

    told = Broken()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steady, "AGAIN_SECONDS", 0.0)
        async with watched(told) as (it, watch):
            for number in (1, 2):
                it.phone.send(answer(await options(it.phone), 200), it.udp)
                await until(lambda: len(told.probes) >= number)  # noqa: B023
            assert [line["event"] for line in it.logs if line["log_level"] == "error"] == ["trunk_unwatched"]
            await watch.stop()


@scenario
async def test_a_trunk_without_probes_is_left_alone() -> None:
    async with watched(Told(), probe_seconds=0.0) as (_, watch):
        assert watch._tasks == []


@scenario
async def test_where_a_name_leads_is_learnt_again_when_its_time_is_over() -> None:
    replies = [(), ("192.0.2.1",), ("192.0.2.1",), ("192.0.2.2", "192.0.2.3")]
    asked: list[Question] = []

    async def ask(_: Names, question: Question, seconds: float) -> Reply:
        asked.append(question)
        return Reply(tuple(map(Address, replies[min(len(asked), len(replies)) - 1])), 1.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Names, "ask", ask)
        patch.setattr(watching, "UNRESOLVED_SECONDS", 1.0)
        told = Told({"pbx": Hop("pbx.example", 5060)})
        async with watched(told, probe_seconds=0.0) as (it, _):
            await until(lambda: len(told.learnt) == 2)
            assert told.learnt == [
                ("pbx", frozenset({"192.0.2.1"})),
                ("pbx", frozenset({"192.0.2.2", "192.0.2.3"})),
            ]
            assert {question.name for question in asked} == {"pbx.example"}
            assert [line["event"] for line in it.logs if "trunk" in line] == [
                "trunk_unresolved", "trunk_resolved", "trunk_resolved"
            ]  # fmt: skip
