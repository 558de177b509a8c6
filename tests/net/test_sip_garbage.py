"""What strangers send to the SIP port."""

import asyncio
import random

import pytest

from gateway.errors import PeerError
from gateway.sip.flow import Flow
from gateway.sip.message import SipRequest
from gateway.throttle import Throttle
from tests.net.rig import HERE, Inbox, answer, incoming, outgoing, rig, scenario, until


@pytest.mark.conformance("ROB-06")
@scenario
async def test_ten_thousand_random_datagrams_change_nothing() -> None:
    random_bytes = random.Random(5).randbytes
    alive = asyncio.Event()

    def refuse(request: SipRequest) -> None:
        if request.branch == "z9hG4bKalive":
            alive.set()
        raise PeerError("nobody", status=404)

    async with rig(on_request=refuse) as it:
        template = incoming()
        source = it.phone.port
        flow = Flow("UDP", HERE, source, f"{HERE}:{it.udp}")
        for number in range(10_000):
            kind = number % 3
            junk = random_bytes(1 + number % 300)
            if kind == 1:
                junk = template[: 10 + number % len(template)] + junk
            elif kind == 2:
                at = number % len(template)
                junk = template[:at] + junk[:3] + template[at + 3 :]
            if number % 20 == 0:
                it.says(junk)  # some through the socket, all through the same entry
                await asyncio.sleep(0)
            it.port.arrivals.datagram(junk, flow)
        it.says(incoming("OPTIONS", "z9hG4bKalive"))
        await alive.wait()
        assert [entry for entry in it.logs if entry["log_level"] == "error"] == []
        assert len([entry for entry in it.logs if entry["event"] == "sip_malformed"]) <= 10
        assert it.counts.of["malformed", "UDP"] > 5_000


@scenario
async def test_keep_alives_are_no_messages() -> None:
    async with rig() as it:
        for ping in (b"\r\n\r\n", b"\0", b"", b"\0\0\0\0"):
            it.says(ping)
        it.says(incoming("OPTIONS"))
        await it.inbox.request()
        assert it.counts.of["malformed", "UDP"] == 0


@scenario
async def test_what_is_wrong_with_a_request_is_answered() -> None:
    async with rig() as it:
        good = incoming("OPTIONS")
        it.says(good.replace(b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia"))
        assert (await it.phone.gets_response(505)).first("Server") == "jingle-sip"
        it.says(good.replace(b"Forwards: 70", b"Forwards: x"))
        assert (await it.phone.gets_response(400)).to.tag
        it.says(b"SIP/2.0 200 OK\r\n\r\n")
        it.says(incoming("ACK").replace(b"From:", b"Form:"))
        await until(lambda: it.counts.of["malformed", "UDP"] == 4)
        assert it.phone.heard.empty()
        assert it.port.transactions == 0


@scenario
async def test_what_is_wrong_only_below_the_first_via_is_no_error_of_ours() -> None:
    async with rig() as it:
        owner = Inbox()
        it.port.send(outgoing(it.phone.hop, "OPTIONS"), owner)
        request = await it.phone.gets_request("OPTIONS")
        second = b'\r\nVia: SIP/2.0/UDP a;x=",b\r\nFrom:'
        it.says(answer(request, 200).replace(b"\r\nFrom:", second, 1))
        it.says(incoming("OPTIONS").replace(b"\r\nFrom:", second, 1))
        await until(lambda: it.counts.of["malformed", "UDP"] == 2)
        assert owner.empty
        assert it.inbox.empty
        assert not [entry for entry in it.logs if entry["log_level"] == "error"]


@scenario
async def test_a_datagram_that_is_too_long_is_answered_513() -> None:
    async with rig(max_datagram=1000) as it:
        it.says(incoming("INFO", "z9hG4bK1", body=b"x" * 1000))
        await it.phone.gets_response(513)
        it.says(incoming("INFO", "z9hG4bK2", body=b"x" * 500))
        assert len((await it.inbox.request()).body) == 500
        it.says(b"x" * 1001)
        await until(lambda: it.counts.of["malformed", "UDP"] == 2)


@scenario
async def test_the_largest_datagram_there_is_is_read() -> None:
    async with rig() as it:
        head = len(incoming("INFO", body=b"x" * 10_000)) - 10_000
        it.says(incoming("INFO", body=b"x" * (65_507 - head)))
        assert len((await it.inbox.request()).body) == 65_507 - head


@scenario
async def test_an_error_of_ours_in_reading_ends_one_message_only() -> None:
    async with rig() as it:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gateway.net.arrivals.parse", lambda data, flow: 1 / 0)
            it.says(incoming("OPTIONS"))
            await until(lambda: bool([entry for entry in it.logs if entry["event"] == "sip_message_failed"]))
        it.says(incoming("OPTIONS"))
        await it.inbox.request()


def test_the_log_of_what_strangers_do_is_limited() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0], burst=3, seconds=10.0)
    assert [throttle.admits() for _ in range(5)] == [True, True, True, False, False]
    now[0] = 10.0
    assert throttle.admits()
    assert (throttle.held(), throttle.held()) == (2, 0)
