"""One target after another: by 503, refusal, silence (RFC 3263 §4.3), and what is remembered of those that failed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.net.names import Names, Reply
from gateway.sip.blacklist import FIRST_SECONDS
from gateway.sip.flow import Flow, Hop
from gateway.sip.locating import Question, Srv
from gateway.sip.message import SipRequest, respond
from gateway.sip.wire import Failed
from tests.net.rig import HERE, Inbox, Phone, Rig, answer, outgoing, rig, scenario, stream_request, tcp_server, until
from tests.peers import loopback

HOP = Hop("trunk.example")
PATIENCE_SECONDS = 4.0
"How long a target may be silent; only `Rig.waits_for_nobody` lets it pass."


@asynccontextmanager
async def targets(
    count: int = 2, *, closed: Sequence[int] = (), **options: object
) -> AsyncIterator[tuple[Rig, list[Phone]]]:
    """A port, and so many peers of falling priority behind the name trunk.example; nobody listens at the closed."""
    loop = asyncio.get_running_loop()
    ports = [loopback.port(HERE) for _ in range(count)]  # which no one else takes, whoever closes them
    phones = [(await loop.create_datagram_endpoint(Phone, local_addr=(HERE, port)))[1] for port in ports]
    for place in closed:
        phones[place].close()

    async def ask(_: Names, question: Question, seconds: float) -> Reply:
        there = question == Question("_sip._udp.trunk.example", "SRV")
        servers = [Srv(place, 1, port, HERE) for place, port in enumerate(ports)]
        return Reply(tuple(servers) if there else (), 600.0)

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Names, "ask", ask)
            async with rig(**{"failover_seconds": PATIENCE_SECONDS, **options}) as it:  # type: ignore[arg-type]
                yield it, phones
    finally:
        for phone in phones:
            phone.close()


def told_apart(first: SipRequest, second: SipRequest) -> None:
    """The same request in two transactions (RFC 3261 §8.1.2)."""
    assert first.branch != second.branch
    for name in ("Call-ID", "CSeq", "From", "To"):
        assert first.first(name) == second.first(name)


@pytest.mark.conformance("XS-18")
@scenario
async def test_a_503_is_followed_by_the_next_target_and_the_owner_hears_only_of_that() -> None:
    async with targets() as (it, (one, two)):
        owner = Inbox()
        it.port.send(outgoing(HOP), owner)
        first = await one.gets_request("INVITE")
        one.send(answer(first, 100), it.udp)
        one.send(answer(first, 503), it.udp)
        await one.gets_request("ACK")
        second = await two.gets_request("INVITE")
        told_apart(first, second)
        assert (await owner.response()).status == 100
        two.send(answer(second, 180), it.udp)
        two.send(answer(second, 200), it.udp)
        for status in (180, 200):
            response = await owner.response()
            assert (response.status, response.branch) == (status, "z9hG4bKout1")
        assert it.counts.of["failed over", "status"] == 1
        # A 503 says nothing of the next call.
        it.port.send(outgoing(HOP, "OPTIONS", "z9hG4bKout2"), owner)
        await one.gets_request("OPTIONS")


@scenario
async def test_when_all_say_503_the_last_one_is_the_answer() -> None:
    async with targets() as (it, phones):
        owner = Inbox()
        it.port.send(outgoing(HOP), owner)
        for phone in phones:
            phone.send(answer(await phone.gets_request("INVITE"), 503), it.udp)
            await phone.gets_request("ACK")
        response = await owner.response()
        assert (response.status, response.branch) == (503, "z9hG4bKout1")


@scenario
async def test_who_asks_to_be_left_alone_comes_last_for_that_long() -> None:
    async with targets() as (it, (one, two)):
        owner = Inbox()
        it.port.send(outgoing(HOP, "OPTIONS", "z9hG4bK1"), owner)
        busy = respond(await one.gets_request("OPTIONS"), 503, tag="t", headers=(("Retry-After", "60 (busy)"),))
        one.send(busy.encode(), it.udp)
        two.send(answer(await two.gets_request("OPTIONS"), 200), it.udp)
        await owner.response()
        it.port.send(outgoing(HOP, "OPTIONS", "z9hG4bK2"), owner)
        two.send(answer(await two.gets_request("OPTIONS"), 200), it.udp)
        await owner.response()
        it.later(60.0)
        it.port.send(outgoing(HOP, "OPTIONS", "z9hG4bK3"), owner)
        one.send(answer(await one.gets_request("OPTIONS"), 200), it.udp)
        await owner.response()


@scenario
async def test_a_503_after_somebody_rang_is_the_callers_to_hear() -> None:
    async with targets() as (it, (one, two)):
        owner = Inbox()
        it.port.send(outgoing(HOP), owner)
        invite = await one.gets_request("INVITE")
        one.send(answer(invite, 180), it.udp)
        one.send(answer(invite, 503), it.udp)
        assert [(await owner.response()).status for _ in range(2)] == [180, 503]
        assert two.heard.empty()


@scenario
async def test_where_nobody_is_the_next_is_tried_at_once_and_first_from_then_on() -> None:
    async with targets(closed=[0]) as (it, (_, two)):
        owner = Inbox()
        it.port.send(outgoing(HOP), owner)
        two.send(answer(await two.gets_request("INVITE"), 486), it.udp)
        response = await owner.response()
        assert (response.status, response.branch) == (486, "z9hG4bKout1")
        assert it.counts.of["failed over", "transport"] == 1
        await two.gets_request("ACK")
        it.port.send(outgoing(HOP, branch="z9hG4bKout2"), owner)
        two.send(answer(await two.gets_request("INVITE"), 486), it.udp)
        assert (await owner.response()).branch == "z9hG4bKout2"
        assert it.counts.of["failed over", "transport"] == 1
        assert [line["event"] for line in it.logs if line["event"] == "sip_target_failed"] == ["sip_target_failed"]


@scenario
async def test_where_nobody_takes_connections_the_next_is_tried() -> None:
    async with targets(closed=[0]) as (it, (_, two)), tcp_server() as server:
        owner = Inbox()
        one = it.port.resolver.known
        places = (Flow("TCP", HERE, 1), Flow("TCP", HERE, server.port))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(it.port.resolver, "known", lambda hop, seed="": places if hop is HOP else one(hop, seed))
            it.port.send(outgoing(HOP), owner)
            reader, writer = await server.accepted.get()
            invite = await stream_request(reader)
            writer.write(answer(invite, 486))
            assert (await owner.response()).branch == "z9hG4bKout1"
        assert it.counts.of["failed over", "transport"] == 1
        assert two.heard.empty()


@scenario
async def test_silence_is_not_waited_out_while_there_is_another() -> None:
    async with targets() as (it, (one, two)):
        owner = Inbox()
        it.port.send(outgoing(HOP), owner)
        first = await one.gets_request("INVITE")
        it.waits_for_nobody()
        second = await two.gets_request("INVITE")
        told_apart(first, second)
        two.send(answer(second, 180), it.udp)
        assert (await owner.response()).status == 180
        assert it.counts.of["failed over", "timeout"] == 1
        # Who wakes up late is told that it is over.
        one.send(answer(first, 180), it.udp)
        cancel = await late(one, "CANCEL")
        assert cancel.branch == first.branch
        one.send(answer(cancel, 200), it.udp)
        one.send(answer(first, 487), it.udp)
        await late(one, "ACK")
        assert owner.empty
        two.send(answer(second, 486), it.udp)
        assert (await owner.response()).status == 486


async def late(phone: Phone, method: str) -> SipRequest:
    """The next request that is no repeated INVITE."""
    while not isinstance(request := await phone.gets(), SipRequest) or request.method == "INVITE":
        pass
    assert request.method == method
    return request


@scenario
async def test_a_late_answer_of_a_target_that_was_left_is_acknowledged_and_hung_up() -> None:
    async with targets() as (it, (one, two)):
        owner = Inbox()
        it.port.send(outgoing(HOP), owner)
        first = await one.gets_request("INVITE")
        it.waits_for_nobody()
        two.send(answer(await two.gets_request("INVITE"), 200), it.udp)
        assert (await owner.response()).status == 200
        ok = respond(first, 200, tag="late", headers=(("Contact", f"<sip:late@{HERE}:{one.port}>"),))
        one.send(ok.encode(), it.udp)
        await late(one, "ACK")
        bye = await one.gets_request("BYE")
        assert bye.to.tag == "late"
        one.send(answer(bye, 200), it.udp)


@scenario
async def test_of_many_dead_targets_the_last_is_not_tried_after_minutes() -> None:
    async with targets(10, failover_total_seconds=3.5 * PATIENCE_SECONDS) as (it, phones):
        owner = Inbox()
        it.port.send(outgoing(HOP), owner)
        for phone in phones[:4]:
            await phone.gets_request("INVITE")
            it.waits_for_nobody()
        failed = await owner.failure()
        assert (failed.branch, failed.method, failed.cause) == ("z9hG4bKout1", "INVITE", "timeout")
        assert all(phone.heard.empty() for phone in phones[4:])


@scenario
async def test_who_has_another_way_does_not_wait_out_the_last_target_either() -> None:
    async with rig(failover_seconds=PATIENCE_SECONDS) as it:
        owner = Inbox()
        it.port.send(replace(outgoing(it.phone.hop), spare=True), owner)
        it.waits_for_nobody()
        where = f"{HERE}:{it.phone.port}"
        text = f"{where}: no response in {PATIENCE_SECONDS:g} s"
        assert await owner.failure() == Failed("z9hG4bKout1", "INVITE", "timeout", text)


@scenario
async def test_who_has_another_way_passes_over_what_failed_until_it_answers_options() -> None:
    async with rig(failover_seconds=PATIENCE_SECONDS) as it:
        owner = Inbox()
        call = replace(outgoing(it.phone.hop), spare=True)
        it.port.send(call, owner)
        it.waits_for_nobody()
        assert (await owner.failure()).cause == "timeout"
        it.port.send(replace(call, branch="z9hG4bK2"), owner)
        text = f"{HERE}: failed not long ago"
        assert await owner.failure() == Failed("z9hG4bK2", "INVITE", "transport", text)
        it.later(FIRST_SECONDS)
        it.port.send(replace(call, branch="z9hG4bK3"), owner)
        assert (await owner.failure()).text == text
        it.phone.send(answer(await late(it.phone, "OPTIONS"), 200), it.udp)
        await until(lambda: any(line["event"] == "sip_target_back" for line in it.logs))
        patient(it)
        it.port.send(replace(call, branch="z9hG4bK4"), owner)
        while (request := await invited(it.phone)).branch != "z9hG4bK4":
            pass
        it.phone.send(answer(request, 486), it.udp)
        assert (await owner.response()).status == 486
        # Without another way it is called all the same.
        it.port.send(outgoing(it.phone.hop, branch="z9hG4bK5"), owner)
        it.phone.send(answer(await invited(it.phone), 486), it.udp)
        assert (await owner.response()).status == 486


@scenario
async def test_inside_a_dialog_silence_is_waited_out_and_a_503_is_not() -> None:
    async with targets() as (it, (one, two)):
        owner = Inbox()
        it.port.send(outgoing(HOP, "BYE"), owner)
        bye = await one.gets_request("BYE")
        assert [departure.patience for departure in it.port._departures._out.values()] == [None]
        one.send(answer(bye, 503), it.udp)
        second = await two.gets_request("BYE")
        told_apart(bye, second)
        two.send(answer(second, 200), it.udp)
        assert (await owner.response()).status == 200


@scenario
async def test_a_cancel_goes_where_its_invite_went_and_waits_until_it_may() -> None:
    async with targets() as (it, (one, two)):
        owner = Inbox()
        it.port.send(outgoing(HOP), owner)
        first = await one.gets_request("INVITE")
        one.send(answer(first, 100), it.udp)
        assert (await owner.response()).status == 100
        one.send(answer(first, 503), it.udp)
        second = await two.gets_request("INVITE")
        it.port.send(outgoing(HOP, "CANCEL"), owner)
        two.send(answer(second, 100), it.udp)
        cancel = await late(two, "CANCEL")
        assert cancel.branch == second.branch
        assert cancel.first("Via") == second.first("Via")
        two.send(answer(cancel, 200), it.udp)
        two.send(answer(second, 487), it.udp)
        assert [(await owner.response()).status for _ in range(2)] == [100, 487]


@scenario
async def test_a_cancelled_invite_goes_to_nobody_else() -> None:
    async with targets(3) as (it, (one, two, three)):
        owner = Inbox()
        it.port.send(outgoing(HOP), owner)
        first = await one.gets_request("INVITE")
        one.send(answer(first, 100), it.udp)
        one.send(answer(first, 503), it.udp)
        second = await two.gets_request("INVITE")
        it.port.send(outgoing(HOP, "CANCEL"), owner)
        two.send(answer(second, 503), it.udp)
        assert [(await owner.response()).status for _ in range(2)] == [100, 503]
        assert three.heard.empty()


@scenario
async def test_an_owner_that_leaves_calls_nobody_else() -> None:
    async with targets() as (it, (one, two)):
        owner = Inbox()
        it.port.send(outgoing(HOP), owner)
        first = await one.gets_request("INVITE")
        it.port.release(owner)
        one.send(answer(first, 503), it.udp)
        await late(one, "ACK")
        assert two.heard.empty()
        assert owner.empty


@scenario
async def test_a_target_that_failed_is_asked_by_options_before_it_gets_calls_again() -> None:
    async with targets() as (it, (one, two)):
        owner = Inbox()
        number = iter(range(10, 100))

        def call() -> None:
            it.port.send(outgoing(HOP, branch=f"z9hG4bK{next(number)}"), owner)

        async def taken_by(phone: Phone) -> None:
            phone.send(answer(await invited(phone), 486), it.udp)
            assert (await owner.response()).status == 486
            await late(phone, "ACK")

        call()
        await invited(one)
        it.waits_for_nobody()
        await taken_by(two)
        patient(it)
        it.later(FIRST_SECONDS)
        call()
        await taken_by(two)
        options = await late(one, "OPTIONS")
        assert options.to.uri.hostport == f"{HERE}:{one.port}"
        one.send(answer(options, 404), it.udp)
        await until(lambda: any(line["event"] == "sip_target_back" for line in it.logs))
        call()
        await taken_by(one)


def patient(it: Rig) -> None:
    """From now on silence is waited out, so that who is to answer may take its time on a busy machine."""
    it.port._departures._failover_seconds = 60.0


async def invited(phone: Phone) -> SipRequest:
    """The next INVITE."""
    while not isinstance(request := await phone.gets(), SipRequest) or request.method != "INVITE":
        pass
    return request


@scenario
async def test_nobody_is_asked_twice_at_a_time_and_silence_lasts_longer_then() -> None:
    async with targets() as (it, (one, two)):
        owner = Inbox()
        for number in range(3):
            it.port.send(outgoing(HOP, branch=f"z9hG4bK{number}"), owner)
            if not number:
                await invited(one)
                it.waits_for_nobody()
            two.send(answer(await invited(two), 486), it.udp)
            assert (await owner.response()).status == 486
            patient(it)
            it.later(FIRST_SECONDS)
        heard = [(await one.gets()).cseq.method for _ in range(one.heard.qsize())]
        assert heard.count("OPTIONS") >= 1
        assert len(it.port._departures._trials) == 1
        it.later(100.0)
        assert not it.port._departures._trials
        failures = [line["delay_seconds"] for line in it.logs if line["event"] == "sip_target_failed"]
        assert failures == [FIRST_SECONDS, 2 * FIRST_SECONDS]
