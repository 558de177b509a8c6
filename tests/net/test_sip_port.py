"""The SIP port: whose messages are whose, and what becomes of those that are nobody's."""

import asyncio
from dataclasses import replace

import pytest

from gateway.errors import PeerError
from gateway.net.names import Names, Reply
from gateway.sip.flow import Hop
from gateway.sip.locating import Address, Question
from gateway.sip.message import SipRequest, parse, respond
from gateway.sip.wire import Failed
from tests.net.rig import HERE, Inbox, answer, incoming, outgoing, rig, scenario, taken_port, until
from tests.peers import loopback


@scenario
async def test_a_call_of_ours_reaches_its_owner_response_by_response() -> None:
    async with rig() as it:
        owner = Inbox()
        it.port.send(outgoing(it.phone.hop), owner)
        invite = await it.phone.gets_request("INVITE")
        via = invite.via
        assert (via.transport, via.hostport, via.branch) == ("UDP", f"{HERE}:{it.udp}", "z9hG4bKout1")
        assert "rport" in via.params
        for status in (100, 180, 200):
            it.says(answer(invite, status))
            assert (await owner.response()).status == status
        it.port.send(outgoing(it.phone.hop, "ACK", "z9hG4bKack"))
        await it.phone.gets_request("ACK")
        it.port.send(outgoing(it.phone.hop, "BYE", "z9hG4bKbye"), owner)
        it.says(answer(await it.phone.gets_request("BYE"), 200))
        assert (await owner.response()).cseq.method == "BYE"
        assert it.port.transactions == 2
        it.port.release(owner)
        assert it.counts.of["out", "INVITE"] == it.counts.of["out", "ACK"] == it.counts.of["in", "BYE", 200] == 1


@scenario
async def test_a_refusal_is_acknowledged_by_the_port() -> None:
    async with rig() as it:
        owner = Inbox()
        it.port.send(outgoing(it.phone.hop), owner)
        invite = await it.phone.gets_request("INVITE")
        it.says(answer(invite, 486))
        assert (await owner.response()).status == 486
        assert (await it.phone.gets_request("ACK")).via == invite.via


@scenario
async def test_silence_is_repeated_into_and_ends_in_a_failure() -> None:
    async with rig(t1=0.002) as it:
        owner = Inbox()
        it.port.send(outgoing(it.phone.hop), owner)
        for _ in range(2):  # on a busy machine not all seven: what is late is not made up for
            await it.phone.gets_request("INVITE")
        assert (await owner.failure()).cause == "timeout"
        assert 1 <= it.counts.of["again", "INVITE"] <= 6
        assert it.counts.of["late", "INVITE"] == 1


@scenario
async def test_a_cancel_goes_the_way_of_its_invite() -> None:
    async with rig() as it:
        owner = Inbox()
        it.port.send(outgoing(it.phone.hop), owner)
        invite = await it.phone.gets_request("INVITE")
        it.says(answer(invite, 180))
        await owner.response()
        it.port.send(outgoing(Hop("elsewhere.invalid"), "CANCEL"), owner)
        cancel = await it.phone.gets_request("CANCEL")
        assert cancel.all("Via") == invite.all("Via")
        it.says(answer(cancel, 200))
        assert (await owner.response()).cseq.method == "CANCEL"
        it.says(answer(invite, 487))
        assert (await owner.response()).status == 487
        await it.phone.gets_request("ACK")


@scenario
async def test_a_cancel_of_nothing_fails() -> None:
    async with rig() as it:
        owner = Inbox()
        it.port.send(outgoing(it.phone.hop, "CANCEL"), owner)
        assert await owner.failure() == Failed("z9hG4bKout1", "CANCEL", "transport", "nothing to cancel")


@scenario
async def test_an_invite_of_a_released_owner_is_cancelled_when_it_rings() -> None:
    async with rig() as it:
        owner = Inbox()
        it.port.send(outgoing(it.phone.hop), owner)
        invite = await it.phone.gets_request("INVITE")
        it.port.release(owner)
        it.says(answer(invite, 180))
        cancel = await it.phone.gets_request("CANCEL")
        it.says(answer(cancel, 200))
        it.says(answer(invite, 487))
        await it.phone.gets_request("ACK")
        assert owner.empty


@scenario
async def test_an_answer_that_nobody_wants_gets_ack_and_bye_once_and_every_copy_an_ack() -> None:
    async with rig() as it:
        owner = Inbox()
        it.port.send(outgoing(it.phone.hop), owner)
        invite = await it.phone.gets_request("INVITE")
        it.says(answer(invite, 180))
        await owner.response()
        it.port.release(owner)
        await it.phone.gets_request("CANCEL")
        ok = respond(invite, 200, tag="late", headers=(("Contact", f"<sip:phone@{HERE}:{it.phone.port}>"),)).encode()
        it.says(ok)
        ack = await it.phone.gets_request("ACK")
        bye = await it.phone.gets_request("BYE")
        assert (ack.to.tag, str(ack.cseq), bye.to.tag) == ("late", "7 ACK", "late")
        it.says(ok)
        assert (await it.phone.gets_request("ACK")).via == ack.via
        it.says(answer(bye, 200))
        await until(lambda: it.counts.of["in", "BYE", 200] == 1)
        assert owner.empty


@scenario
async def test_a_name_that_does_not_resolve_comes_back_as_a_failure() -> None:
    async def nowhere(_: Names, question: Question, seconds: float) -> Reply:
        return Reply((), 60.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Names, "ask", nowhere)
        async with rig() as it:
            owner = Inbox()
            for branch in ("z9hG4bK1", "z9hG4bK2"):  # the second is answered from memory
                it.port.send(outgoing(Hop("trunk.invalid"), branch=branch), owner)
                failure = await owner.failure()
                assert failure == Failed(branch, "INVITE", "transport", "trunk.invalid: name does not resolve")


@scenario
async def test_a_name_that_resolves_is_called_and_remembered() -> None:
    asked = []

    async def somewhere(_: Names, question: Question, seconds: float) -> Reply:
        asked.append(question)
        return Reply((Address(HERE),), 60.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Names, "ask", somewhere)
        async with rig() as it:
            hop = Hop("trunk.example", it.phone.port)
            it.port.send(outgoing(hop, "OPTIONS", "z9hG4bK1"))
            assert it.port.transactions == 1
            await it.phone.gets_request("OPTIONS")
            it.port.send(outgoing(hop, "OPTIONS", "z9hG4bK2"))
            await it.phone.gets_request("OPTIONS")
            assert asked == [Question("trunk.example", "A")]


@scenario
async def test_nobody_at_the_udp_port_is_told_at_once() -> None:
    async with rig() as it:
        port = loopback.port(HERE)
        owner = Inbox()
        it.port.send(outgoing(Hop(HERE, port)), owner)
        failure = await owner.failure()
        assert (failure.cause, failure.text) == ("transport", f"{HERE}:{port}: unreachable (ECONNREFUSED)")
        # The error of the one must not cost the other its datagram.
        it.port.send(outgoing(Hop(HERE, port), branch="z9hG4bK2"), owner)
        it.port.send(outgoing(it.phone.hop, "OPTIONS", "z9hG4bK3"))
        await it.phone.gets_request("OPTIONS")
        await owner.failure()


@scenario
async def test_a_refused_connection_comes_back_as_a_failure() -> None:
    async with rig() as it:
        owner = Inbox()
        with taken_port() as port:
            it.port.send(outgoing(Hop(HERE, port, "TCP")), owner)
            assert it.port.transactions == 1
            assert (await owner.failure()).text == f"{HERE}:{port}: connection failed (ECONNREFUSED)"
        assert it.port.connections == 0


@scenario
async def test_an_unknown_transport_comes_back_as_a_failure() -> None:
    async with rig() as it:
        owner = Inbox()
        it.port.send(outgoing(Hop(HERE, 5061, "TLS")), owner)
        assert (await owner.failure()).cause == "transport"


@scenario
async def test_a_value_that_cannot_be_written_comes_back_as_a_failure() -> None:
    async with rig() as it:
        owner = Inbox()
        wrong = outgoing(it.phone.hop)
        request = replace(wrong.request, headers=(*wrong.request.headers, ("Subject", "a\r\nX-Evil: b")))
        it.port.send(replace(wrong, request=request), owner)
        assert (await owner.failure()).text == "cannot be written"
        assert it.port.transactions == 0


@scenario
async def test_a_stopped_port_takes_nothing_and_tells_what_waits() -> None:
    owner = Inbox()

    async def never(_: Names, question: Question, seconds: float) -> Reply:
        await asyncio.Event().wait()
        return Reply((), 60.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Names, "ask", never)
        async with rig() as it:
            it.port.send(outgoing(Hop("slow.example")), owner)
            await it.port.stop()
            assert (await owner.failure()).text == "stopped"
            it.port.send(outgoing(it.phone.hop), owner)
            assert (await owner.failure()).text == "not listening"
            it.port.send(respond(SipRequest("OPTIONS", "sip:x", parse(incoming("OPTIONS")).headers), 200))
            it.clock.ahead = 0.0


# Requests of peers.


@pytest.mark.conformance("SX-01")
@scenario
async def test_a_call_of_a_peer_is_adopted_cancelled_and_refused() -> None:
    async with rig() as it:
        owner = Inbox()
        it.says(incoming())
        await it.phone.gets_response(100)
        request = await it.inbox.request()
        it.port.adopt(request, owner, tag="mine")
        it.port.send(respond(request, 180, tag="mine"))
        assert (await it.phone.gets_response(180)).via.params.get("rport") == str(it.phone.port)
        it.says(incoming("CANCEL"))
        assert (await it.phone.gets_response(200)).to.tag == "mine"
        assert (await owner.request()).method == "CANCEL"
        it.port.send(respond(request, 487, tag="mine"))
        await it.phone.gets_response(487)
        it.says(incoming("ACK", to_tag=";tag=mine"))
        await until(lambda: it.counts.of["in", "ACK"] == 1)
        it.port.release(owner)
        assert it.inbox.empty
        assert owner.empty


@scenario
async def test_what_comes_twice_is_counted_once() -> None:
    async with rig() as it:
        owner = Inbox()
        for _ in range(2):
            it.says(incoming("INFO"))
        it.port.send(outgoing(it.phone.hop), owner)
        request = await it.phone.gets_request("INVITE")
        for _ in range(2):
            it.says(answer(request, 486))
            await it.phone.gets_request("ACK")
        assert it.counts.of["in", "INFO"] == 1
        assert it.counts.of["in", "INVITE", 486] == 1
        assert it.counts.of["again", "ACK"] == 1
        wire = [entry for entry in it.logs if "wire" in entry]
        assert [entry["event"] for entry in wire[-2:]] == ["sip_message_received", "sip_message_sent"]


@scenario
async def test_a_success_is_acknowledged_to_whoever_gets_requests() -> None:
    async with rig() as it:
        owner = Inbox()
        it.says(incoming())
        request = await it.inbox.request()
        it.port.adopt(request, owner)
        it.port.send(respond(request, 200, tag="mine"))
        it.says(incoming("ACK", "z9hG4bKack", to_tag=";tag=mine"))
        assert (await it.inbox.request()).method == "ACK"
        it.says(incoming("ACK", to_tag=";tag=mine"))  # with the INVITE's branch, as some do
        assert (await owner.request()).method == "ACK"


@scenario
async def test_a_request_of_a_released_owner_is_answered_500() -> None:
    async with rig() as it:
        owner = Inbox()
        it.says(incoming())
        it.port.adopt(await it.inbox.request(), owner)
        it.port.release(owner)
        await it.phone.gets_response(100)
        await it.phone.gets_response(500)
        it.says(incoming("ACK", to_tag=";tag=x"))
        await until(lambda: it.counts.of["in", "ACK"] == 1)


@scenario
async def test_a_cancel_before_anybody_adopted_the_invite_ends_it() -> None:
    async with rig() as it:
        it.says(incoming())
        await it.inbox.request()
        await it.phone.gets_response(100)
        it.says(incoming("CANCEL"))
        await it.phone.gets_response(200)
        await it.phone.gets_response(487)


@scenario
async def test_what_the_gateway_cannot_do_with_a_request_is_its_final_response() -> None:
    def refuse(request: SipRequest) -> None:
        if request.method == "OPTIONS":
            raise PeerError("no such user", status=404)
        raise RuntimeError("a bug")

    async with rig(on_request=refuse) as it:
        it.says(incoming("OPTIONS", "z9hG4bK1"))
        await it.phone.gets_response(404)
        it.says(incoming("INFO", "z9hG4bK2"))
        await it.phone.gets_response(500)
        assert [entry["event"] for entry in it.logs if entry["log_level"] == "error"] == ["sip_request_failed"]


@scenario
async def test_a_response_that_cannot_be_written_becomes_500() -> None:
    async with rig() as it:
        it.says(incoming("OPTIONS"))
        request = await it.inbox.request()
        response = respond(request, 200, tag="mine")
        it.port.send(replace(response, headers=(*response.headers, ("Warning", "a\nb"))))
        assert (await it.phone.gets_response(500)).to.tag == "mine"


@pytest.mark.conformance("SIP-31")
@scenario
async def test_more_requests_than_there_is_room_for_are_refused_and_counted() -> None:
    async with rig(max_transactions=10) as it:
        for number in range(30):
            it.says(incoming("INFO", f"z9hG4bK{number}", call_id=f"call-{number}"))
            await until(lambda seen=number: it.counts.of["in", "INFO"] == seen + 1)  # type: ignore[misc]
        assert it.port.transactions == 10
        assert it.counts.of["refused", "transactions"] == 20
        assert (await it.phone.gets_response(503)).first("Retry-After") == "10"


@scenario
async def test_whoever_wants_short_names_gets_them_in_whatever_is_sent() -> None:
    async with rig(is_compact=lambda flow: flow.host == HERE) as it:
        it.says(incoming("OPTIONS"))
        it.port.send(respond(await it.inbox.request(), 200))
        assert b"\r\nv:" in (await it.phone.heard.get())[0]
        owner = Inbox()
        it.port.send(outgoing(it.phone.hop), owner)
        invite, _ = await it.phone.heard.get()
        assert b"\r\nv:" in invite
        it.says(answer(parse(invite), 486))
        assert (await owner.response()).status == 486
        ack, _ = await it.phone.heard.get()
        assert ack.startswith(b"ACK ")
        assert b"\r\nv:" in ack
