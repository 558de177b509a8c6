"""The transactions on a virtual clock: RFC 3261 §17, §18.2, §8.2.2.2; RFC 3581, 4320, 6026."""

import gc
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.sip import transaction as machines
from gateway.sip.effects import Deliver, Effect, Terminated, Transmit
from gateway.sip.flow import Flow
from gateway.sip.ledger import Transaction
from gateway.sip.matching import server_key
from gateway.sip.message import SipRequest, SipResponse, parse, respond
from gateway.sip.transaction import Input, State
from gateway.sip.transactions import Transactions
from gateway.sip.wire import Failed

UDP = Flow("UDP", "192.0.2.7", 5070, "a")
TCP = Flow("TCP", "192.0.2.7", 5070)
INCOMING = Flow("TCP", "192.0.2.7", 40123, "c1")
T1 = 0.5


def outgoing(
    method: str = "INVITE", branch: str = "z9hG4bKout1", transport: str = "UDP", number: int = 7
) -> SipRequest:
    """A request of ours, as the port hands it over."""
    return SipRequest(
        method,
        "sip:+15550100@192.0.2.7",
        (
            ("Via", f"SIP/2.0/{transport} 192.0.2.1:5060;branch={branch};rport"),
            ("Route", "<sip:edge.trunk.example;lr>"),
            ("Route", "<sip:core.trunk.example;lr>"),
            ("Max-Forwards", "70"),
            ("From", '"Nurse" <sip:nurse@gw.example>;tag=ours'),
            ("To", "<sip:+15550100@192.0.2.7>"),
            ("Call-ID", "call-1@gw.example"),
            ("CSeq", f"{number} {method}"),
            ("Contact", "<sip:nurse@192.0.2.1:5060>"),
        ),
        b"v=0\r\n",
    )


def answer(request: SipRequest, status: int, tag: str = "theirs", flow: Flow = UDP) -> SipResponse:
    """The peer's response to a request of ours, as it is read from the wire."""
    message = parse(respond(request, status, tag=tag).encode(), flow)
    assert isinstance(message, SipResponse)
    return message


def incoming(
    method: str = "INVITE",
    *,
    branch: str | None = "z9hG4bKin1",
    flow: Flow = UDP,
    sent_by: str = "192.0.2.7:5070",
    via: str = ";rport",
    to_tag: str = "",
    number: int = 3,
    call_id: str = "call-2@phone.example",
    more: str = "",
) -> SipRequest:
    """A request of the peer's, as it is read from the wire."""
    branch_text = "" if branch is None else f";branch={branch}"
    message = parse(
        (
            f"{method} sip:juliet@gw.example SIP/2.0\r\n"
            f"Via: SIP/2.0/{flow.transport} {sent_by}{branch_text}{via}\r\n"
            f"From: <sip:phone@192.0.2.7>;tag=from1\r\n"
            f"To: <sip:juliet@gw.example>{to_tag}\r\n"
            f"Call-ID: {call_id}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
        ).encode(),
        flow,
    )
    assert isinstance(message, SipRequest)
    return message


def sent(effects: Iterable[Effect]) -> list[Transmit]:
    return [effect for effect in effects if isinstance(effect, Transmit)]


def delivered(effects: Iterable[Effect]) -> list[SipRequest | SipResponse]:
    return [effect.message for effect in effects if isinstance(effect, Deliver)]


def failed(effects: Iterable[Effect]) -> list[Failed]:
    return [effect for effect in effects if isinstance(effect, Failed)]


def one_delivered(effects: Iterable[Effect]) -> SipRequest:
    (message,) = delivered(effects)
    assert isinstance(message, SipRequest)
    return message


def only(effects: Iterable[Effect]) -> Transmit:
    (transmit,) = sent(effects)
    return transmit


def run(transactions: Transactions, until: float) -> list[tuple[float, Effect]]:
    """Let the time pass, from deadline to deadline."""
    found: list[tuple[float, Effect]] = []
    while (deadline := transactions.deadline) is not None and deadline <= until:
        found += [(deadline, effect) for effect in transactions.expire(deadline)]
    return found


def sending_times(events: list[tuple[float, Effect]]) -> list[float]:
    return [at for at, effect in events if isinstance(effect, Transmit)]


def assert_empty(transactions: Transactions) -> None:
    assert len(transactions) == 0
    assert transactions.deadline is None
    ledger = transactions._ledger
    assert (ledger.live, ledger.merges, ledger.servers, ledger._flows, ledger._heap) == ({}, set(), 0, {}, [])


class TestClientInvite:
    @pytest.mark.conformance("SIP-01", "XS-19")
    def test_an_invite_over_udp_leaves_seven_times_and_then_times_out(self) -> None:
        transactions = Transactions()
        first = sent(transactions.request(outgoing(), "z9hG4bKout1", UDP, 0.0))
        events = run(transactions, 100.0)
        assert len(first) == 1
        assert not first[0].retransmission
        assert sending_times(events) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
        assert all(event.retransmission for _, event in events if isinstance(event, Transmit))
        assert [(at, event) for at, event in events if isinstance(event, Failed)] == [
            (32.0, Failed("z9hG4bKout1", "INVITE", "timeout", "192.0.2.7: no response in 32 s"))
        ]
        assert events[-1] == (32.0, Terminated(("z9hG4bKout1", "INVITE"), "INVITE", True))
        assert_empty(transactions)

    @pytest.mark.conformance("SIP-02")
    def test_a_provisional_response_stops_the_repetition_and_the_timeout(self) -> None:
        transactions = Transactions()
        request = outgoing()
        transactions.request(request, "z9hG4bKout1", UDP, 0.0)
        effects = transactions.receive(answer(request, 100), 0.7)
        assert [message.status for message in delivered(effects) if isinstance(message, SipResponse)] == [100]
        assert run(transactions, 1000.0) == []
        assert len(transactions) == 1

    @pytest.mark.conformance("SIP-03")
    def test_an_invite_over_tcp_leaves_once_and_times_out_all_the_same(self) -> None:
        transactions = Transactions()
        transactions.request(outgoing(transport="TCP"), "z9hG4bKout1", TCP, 0.0)
        events = run(transactions, 100.0)
        assert sending_times(events) == []
        assert [at for at, event in events if isinstance(event, Failed)] == [32.0]
        assert_empty(transactions)

    @pytest.mark.conformance("SIP-05")
    def test_a_refusal_is_acknowledged_every_time_and_told_once(self) -> None:
        transactions = Transactions()
        request = outgoing()
        transactions.request(request, "z9hG4bKout1", UDP, 0.0)
        effects = transactions.receive(answer(request, 486), 1.0)
        assert isinstance(effects[0], Transmit)
        assert [isinstance(effect, Deliver) for effect in effects] == [False, True]
        again = transactions.receive(answer(request, 486), 5.0)
        assert [effect.method for effect in sent(again)] == ["ACK"]
        assert only(again).retransmission
        assert delivered(again) == []
        assert [at for at, _ in run(transactions, 100.0)] == [33.0]
        assert_empty(transactions)

    def test_a_refusal_over_tcp_ends_the_transaction_with_its_ack(self) -> None:
        transactions = Transactions()
        request = outgoing(transport="TCP")
        transactions.request(request, "z9hG4bKout1", TCP, 0.0)
        effects = transactions.receive(answer(request, 486, flow=TCP), 1.0)
        assert [type(effect) for effect in effects] == [Transmit, Deliver, Terminated]
        assert_empty(transactions)

    @pytest.mark.conformance("SIP-06")
    def test_the_ack_to_a_refusal_goes_the_way_of_its_invite(self) -> None:
        transactions = Transactions()
        request = outgoing()
        transactions.request(request, "z9hG4bKout1", UDP, 0.0)
        transmit = only(transactions.receive(answer(request, 486, tag="busy"), 1.0))
        ack = parse(transmit.data)
        assert isinstance(ack, SipRequest)
        assert transmit.flow == UDP
        assert (ack.method, ack.uri, ack.body) == ("ACK", request.uri, b"")
        assert ack.all("Via") == request.all("Via")
        assert ack.all("Route") == request.all("Route")
        assert ack.all("From") == request.all("From")
        assert ack.to.tag == "busy"
        assert ack.call_id == request.call_id
        assert str(ack.cseq) == "7 ACK"
        assert ack.first("Max-Forwards") == "70"
        assert ack.first("Contact") is None

    @pytest.mark.conformance("XS-08", "XS-09")
    def test_every_success_is_delivered_with_its_branch_for_thirty_two_seconds(self) -> None:
        transactions = Transactions()
        request = outgoing()
        transactions.request(request, "z9hG4bKout1", UDP, 0.0)
        for tag, at in (("a", 1.0), ("a", 1.5), ("b", 2.0)):
            (effect,) = transactions.receive(answer(request, 200, tag=tag), at)
            assert isinstance(effect, Deliver)
            assert effect.branch == "z9hG4bKout1"
            assert isinstance(effect.message, SipResponse)
            assert effect.message.to.tag == tag
        assert transactions.receive(answer(request, 180), 3.0) == []
        assert transactions.receive(answer(request, 486), 3.0) == []
        assert [at for at, _ in run(transactions, 100.0)] == [33.0]
        assert_empty(transactions)
        assert transactions.receive(answer(request, 200), 40.0) == []

    @pytest.mark.conformance("XS-12")
    def test_a_cancel_gives_the_invite_thirty_two_seconds_to_end(self) -> None:
        transactions = Transactions()
        request = outgoing()
        transactions.request(request, "z9hG4bKout1", UDP, 0.0)
        transactions.receive(answer(request, 180), 1.0)
        cancel = outgoing("CANCEL")
        transactions.request(cancel, "z9hG4bKout1", UDP, 2.0)
        transactions.receive(answer(cancel, 200), 2.1)
        events = run(transactions, 100.0)
        assert [(at, event.method) for at, event in events if isinstance(event, Failed)] == [(34.0, "INVITE")]
        assert_empty(transactions)

    def test_the_refusal_that_a_cancel_brings_is_acknowledged_and_delivered(self) -> None:
        transactions = Transactions()
        request = outgoing()
        transactions.request(request, "z9hG4bKout1", UDP, 0.0)
        transactions.receive(answer(request, 180), 1.0)
        transactions.request(outgoing("CANCEL"), "z9hG4bKout1", UDP, 2.0)
        effects = transactions.receive(answer(request, 487), 2.2)
        assert [effect.method for effect in sent(effects)] == ["ACK"]
        assert len(delivered(effects)) == 1

    @pytest.mark.conformance("XS-13")
    def test_a_success_that_crosses_the_cancel_is_delivered(self) -> None:
        transactions = Transactions()
        request = outgoing()
        transactions.request(request, "z9hG4bKout1", UDP, 0.0)
        transactions.receive(answer(request, 180), 1.0)
        transactions.request(outgoing("CANCEL"), "z9hG4bKout1", UDP, 2.0)
        assert len(delivered(transactions.receive(answer(request, 200), 2.2))) == 1

    def test_an_abandoned_invite_is_cancelled_once_there_is_a_provisional_response(self) -> None:
        transactions = Transactions()
        request = outgoing()
        key = ("z9hG4bKout1", "INVITE")
        transactions.request(request, "z9hG4bKout1", UDP, 0.0)
        assert transactions.abandon(key, 0.1) == []
        transactions.receive(answer(request, 180), 1.0)
        cancel = parse(only(transactions.abandon(key, 1.1)).data)
        assert isinstance(cancel, SipRequest)
        assert (cancel.method, cancel.all("Via"), str(cancel.cseq)) == ("CANCEL", request.all("Via"), "7 CANCEL")
        assert cancel.to.tag is None
        assert transactions.abandon(key, 1.2) == []

    def test_its_cancel_can_copy_it_while_it_lives(self) -> None:
        transactions = Transactions()
        request = outgoing()
        transactions.request(request, "z9hG4bKout1", UDP, 0.0)
        assert transactions.invite("z9hG4bKout1") == (request, UDP)
        assert transactions.invite("z9hG4bKelse") is None


class TestClientOther:
    @pytest.mark.conformance("SIP-04")
    def test_a_bye_over_udp_leaves_eleven_times_and_then_times_out(self) -> None:
        transactions = Transactions()
        transactions.request(outgoing("BYE"), "z9hG4bKout1", UDP, 0.0)
        events = run(transactions, 100.0)
        assert sending_times(events) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
        assert [(at, event.cause) for at, event in events if isinstance(event, Failed)] == [(32.0, "timeout")]
        assert_empty(transactions)

    def test_after_a_provisional_response_it_leaves_every_four_seconds_until_the_same_end(self) -> None:
        transactions = Transactions()
        request = outgoing("INFO")
        transactions.request(request, "z9hG4bKout1", UDP, 0.0)
        run(transactions, 1.0)
        transactions.receive(answer(request, 100), 1.0)
        events = run(transactions, 100.0)
        assert sending_times(events) == [1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]
        assert [at for at, event in events if isinstance(event, Failed)] == [32.0]

    def test_its_final_response_is_told_once_and_late_copies_are_absorbed(self) -> None:
        transactions = Transactions()
        request = outgoing("BYE")
        transactions.request(request, "z9hG4bKout1", UDP, 0.0)
        assert len(delivered(transactions.receive(answer(request, 200), 0.2))) == 1
        assert transactions.receive(answer(request, 200), 0.4) == []
        assert [at for at, _ in run(transactions, 100.0)] == [5.2]
        assert_empty(transactions)

    def test_over_tcp_its_final_response_ends_it(self) -> None:
        transactions = Transactions()
        request = outgoing("BYE", transport="TCP")
        transactions.request(request, "z9hG4bKout1", TCP, 0.0)
        transactions.receive(answer(request, 481, flow=TCP), 0.2)
        assert_empty(transactions)

    def test_an_ack_leaves_without_a_transaction(self) -> None:
        transactions = Transactions()
        effects = transactions.request(outgoing("ACK"), "z9hG4bKout9", UDP, 0.0)
        assert only(effects).method == "ACK"
        assert_empty(transactions)

    def test_a_second_request_of_the_same_branch_and_method_does_not_leave(self) -> None:
        transactions = Transactions()
        transactions.request(outgoing("BYE"), "z9hG4bKout1", UDP, 0.0)
        assert transactions.request(outgoing("BYE"), "z9hG4bKout1", UDP, 0.1) == []


class TestResponses:
    @pytest.mark.conformance("SIP-30")
    def test_a_response_of_an_unknown_branch_is_dropped(self) -> None:
        transactions = Transactions()
        transactions.request(outgoing(), "z9hG4bKout1", UDP, 0.0)
        stray = answer(outgoing(branch="z9hG4bKelse"), 200)
        assert transactions.receive(stray, 0.1) == []
        assert transactions.receive(answer(outgoing("BYE"), 200), 0.1) == []

    def test_a_response_with_two_vias_was_meant_for_somebody_else(self) -> None:
        transactions = Transactions()
        request = outgoing()
        transactions.request(request, "z9hG4bKout1", UDP, 0.0)
        response = answer(request, 200)
        assert transactions.receive(response.with_header("Via", "SIP/2.0/UDP 198.51.100.1"), 0.1) == []


class TestBrokenFlows:
    def test_a_request_that_nothing_answered_fails_with_its_connection(self) -> None:
        transactions = Transactions()
        transactions.request(outgoing(transport="TCP"), "z9hG4bKout1", TCP, 0.0)
        transactions.request(outgoing("BYE", "z9hG4bKout2"), "z9hG4bKout2", UDP, 0.0)
        effects = transactions.fail(TCP, 1.0, "connection lost")
        assert failed(effects) == [Failed("z9hG4bKout1", "INVITE", "transport", "connection lost")]
        assert len(transactions) == 1
        assert failed(transactions.fail(UDP, 1.0, "unreachable")) == [
            Failed("z9hG4bKout2", "BYE", "transport", "unreachable")
        ]
        assert_empty(transactions)

    def test_one_that_rings_waits_for_the_peer_to_connect_again(self) -> None:
        transactions = Transactions()
        request = outgoing(transport="TCP")
        transactions.request(request, "z9hG4bKout1", TCP, 0.0)
        transactions.receive(answer(request, 180, flow=TCP), 1.0)
        assert transactions.fail(TCP, 2.0, "connection lost") == []
        assert len(delivered(transactions.receive(answer(request, 200, flow=INCOMING), 3.0))) == 1

    def test_a_response_goes_over_a_new_connection_to_where_the_client_listens(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming(flow=INCOMING), 0.0))
        assert transactions.fail(INCOMING, 1.0, "connection lost") == []
        assert not transactions.uses(INCOMING)
        transmit = only(transactions.respond(respond(request, 200, tag="t"), 2.0))
        assert transmit.flow == Flow("TCP", "192.0.2.7", 5070)

    def test_a_response_over_a_connection_of_ours_needs_no_other_way(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming("INFO", flow=TCP), 0.0))
        assert transactions.fail(TCP, 1.0, "connection lost") == []
        assert only(transactions.respond(respond(request, 200, tag="t"), 2.0)).flow == TCP

    def test_where_the_client_named_no_port_it_is_the_default_one(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming("OPTIONS", flow=INCOMING, sent_by="192.0.2.7"), 0.0))
        transactions.fail(INCOMING, 1.0, "connection lost")
        assert only(transactions.respond(respond(request, 200, tag="t"), 2.0)).flow == Flow("TCP", "192.0.2.7", 5060)


class TestServerInvite:
    @pytest.mark.conformance("SX-01")
    def test_an_invite_is_answered_100_at_once(self) -> None:
        transactions = Transactions()
        effects = transactions.receive(incoming(more="Timestamp: 54\r\n"), 0.0)
        assert [type(effect) for effect in effects] == [Transmit, Deliver]
        trying = parse(only(effects).data)
        assert isinstance(trying, SipResponse)
        assert (trying.status, trying.to.tag, trying.first("Timestamp")) == (100, None, "54")
        assert only(effects).status == 100

    @pytest.mark.conformance("SX-15")
    def test_an_invite_that_comes_again_gets_the_last_response_again(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming(), 0.0))
        effects = transactions.receive(incoming(), 0.5)
        assert [(effect.status, effect.retransmission) for effect in sent(effects)] == [(100, True)]
        assert delivered(effects) == []
        ringing = only(transactions.respond(respond(request, 180, tag="t"), 0.6))
        effects = transactions.receive(incoming(), 1.5)
        assert sent(effects) == [replace(ringing, retransmission=True)]
        assert delivered(effects) == []

    @pytest.mark.conformance("SIP-08")
    def test_a_refusal_is_repeated_until_its_ack_or_for_thirty_two_seconds(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming(), 0.0))
        transactions.respond(respond(request, 486, tag="t"), 0.0)
        events = run(transactions, 100.0)
        assert sending_times(events) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
        assert events[-1] == (32.0, Terminated(server_key(request), "INVITE", True))
        assert_empty(transactions)

    def test_its_ack_ends_the_repetition_and_goes_no_further(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming(), 0.0))
        transactions.respond(respond(request, 486, tag="t"), 0.0)
        run(transactions, 1.0)
        ack = incoming("ACK", to_tag=";tag=t")
        assert transactions.receive(ack, 1.1) == []
        assert transactions.receive(ack, 1.2) == []
        assert transactions.receive(incoming(), 1.3) == []
        assert [at for at, _ in run(transactions, 100.0)] == [6.1]
        assert_empty(transactions)

    def test_over_tcp_a_refusal_leaves_once_and_its_ack_ends_all(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming(flow=INCOMING), 0.0))
        assert only(transactions.respond(respond(request, 486, tag="t"), 0.0)).flow == INCOMING
        assert run(transactions, 30.0) == []
        (effect,) = transactions.receive(incoming("ACK", flow=INCOMING, to_tag=";tag=t"), 30.0)
        assert isinstance(effect, Terminated)
        assert_empty(transactions)

    @pytest.mark.conformance("SIP-09")
    def test_an_invite_that_comes_again_after_its_success_is_absorbed(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming(), 0.0))
        success = respond(request, 200, tag="t")
        assert not only(transactions.respond(success, 1.0)).retransmission
        assert transactions.receive(incoming(), 1.2) == []
        assert only(transactions.respond(success, 1.5)).retransmission
        assert transactions.respond(respond(request, 486, tag="t"), 1.6) == []
        assert [at for at, _ in run(transactions, 100.0)] == [33.0]
        assert_empty(transactions)

    def test_an_ack_that_keeps_the_branch_of_a_success_is_delivered(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming(), 0.0))
        transactions.respond(respond(request, 200, tag="t"), 1.0)
        ack = incoming("ACK", to_tag=";tag=t")
        assert delivered(transactions.receive(ack, 1.1)) == [ack]

    @pytest.mark.conformance("SIP-10")
    def test_an_ack_of_no_transaction_is_handed_on_and_leaves_nothing(self) -> None:
        transactions = Transactions()
        ack = incoming("ACK", branch="z9hG4bKnew", to_tag=";tag=t")
        assert delivered(transactions.receive(ack, 0.0)) == [ack]
        assert_empty(transactions)

    @pytest.mark.conformance("SX-14")
    def test_the_same_invite_by_another_path_is_refused_with_482(self) -> None:
        transactions = Transactions()
        transactions.receive(incoming(), 0.0)
        effects = transactions.receive(incoming(branch="z9hG4bKin2"), 0.1)
        assert only(effects).status == 482
        assert delivered(effects) == []
        merged = parse(only(effects).data)
        ack = incoming("ACK", branch="z9hG4bKin2", to_tag=f";tag={merged.to.tag}")
        assert transactions.receive(ack, 0.2) == []
        assert only(transactions.receive(incoming(branch="z9hG4bKin2"), 0.6)).data == only(effects).data
        assert len(transactions) == 1

    def test_a_request_of_another_number_or_inside_a_dialog_is_not_merged(self) -> None:
        transactions = Transactions()
        transactions.receive(incoming(), 0.0)
        assert len(delivered(transactions.receive(incoming(branch="z9hG4bKin2", number=4), 0.1))) == 1
        inside = incoming(branch="z9hG4bKin3", to_tag=";tag=t")
        assert len(delivered(transactions.receive(inside, 0.1))) == 1

    def test_a_request_whose_user_went_away_is_answered_500(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming(), 0.0))
        key = server_key(request)
        assert only(transactions.abandon(key, 1.0)).status == 500
        assert transactions.abandon(key, 1.1) == []
        assert transactions.abandon(("none", "", "INVITE"), 1.2) == []

    def test_an_ack_is_never_answered(self) -> None:
        assert Transactions().refuse(incoming("ACK"), 400) == []

    def test_a_via_that_cannot_be_read_is_answered_to_where_the_request_came_from(self) -> None:
        request = replace(incoming(), headers=(("Via", "SIP/2.0/UDP 192.0.2.15;;,;,,"),), flow=UDP)
        refused = only(Transactions().refuse(request, 400))
        assert refused.flow == UDP
        assert refused.data.startswith(b"SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP 192.0.2.15;;,;,,\r\n")
        assert Transactions().refuse(replace(request, headers=()), 400) == []


class TestCancel:
    @pytest.mark.conformance("SIP-11")
    def test_a_cancel_of_nothing_is_refused_with_481(self) -> None:
        transactions = Transactions()
        assert only(transactions.receive(incoming("CANCEL"), 0.0)).status == 481
        assert_empty(transactions)

    def test_a_cancel_gets_200_with_the_tag_of_the_invite_and_is_delivered(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming(), 0.0))
        transactions.respond(respond(request, 180, tag="mine"), 0.5)
        effects = transactions.receive(incoming("CANCEL"), 1.0)
        assert [type(effect) for effect in effects] == [Transmit, Deliver]
        ok = parse(only(effects).data)
        assert isinstance(ok, SipResponse)
        assert (ok.status, ok.to.tag, ok.cseq.method) == (200, "mine", "CANCEL")
        assert one_delivered(effects).method == "CANCEL"
        again = transactions.receive(incoming("CANCEL"), 1.5)
        assert only(again).data == only(effects).data
        assert delivered(again) == []

    def test_a_tag_named_by_its_user_is_used_before_the_first_response(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming(), 0.0))
        assert transactions.adopt(request, "mine") == server_key(request)
        assert parse(only(transactions.receive(incoming("CANCEL"), 1.0)).data).to.tag == "mine"

    def test_without_any_tag_known_the_200_has_one_of_its_own(self) -> None:
        transactions = Transactions()
        transactions.receive(incoming(), 0.0)
        assert parse(only(transactions.receive(incoming("CANCEL"), 1.0)).data).to.tag
        assert transactions.adopt(incoming("INFO", branch="z9hG4bKnew"), "x") is None

    @pytest.mark.conformance("SIP-12")
    def test_a_cancel_after_the_answer_gets_200_and_changes_nothing(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming(), 0.0))
        transactions.respond(respond(request, 200, tag="mine"), 0.5)
        effects = transactions.receive(incoming("CANCEL"), 1.0)
        assert only(effects).status == 200
        assert delivered(effects) == []


class TestServerOther:
    @pytest.mark.conformance("SIP-13")
    def test_a_bye_waits_for_its_user_and_gets_its_response_again(self) -> None:
        transactions = Transactions()
        effects = transactions.receive(incoming("BYE", to_tag=";tag=t"), 0.0)
        request = one_delivered(effects)
        assert sent(effects) == []
        assert transactions.receive(incoming("BYE", to_tag=";tag=t"), 0.5) == []
        refusal = only(transactions.respond(respond(request, 481, tag="t"), 0.6))
        assert only(transactions.receive(incoming("BYE", to_tag=";tag=t"), 1.5)).data == refusal.data
        assert [at for at, _ in run(transactions, 100.0)] == [32.6]
        assert_empty(transactions)

    def test_over_tcp_the_response_ends_it(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming("BYE", flow=INCOMING, to_tag=";tag=t"), 0.0))
        transactions.respond(respond(request, 200, tag="t"), 0.1)
        assert_empty(transactions)

    def test_it_is_never_answered_408_and_ends_silently(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming("INFO"), 0.0))
        assert transactions.respond(respond(request, 183, tag="t"), 0.1) == []
        assert transactions.respond(respond(request, 408, tag="t"), 31.9) == []
        assert [event for _, event in run(transactions, 100.0)] == [Terminated(server_key(request), "INFO")]
        assert_empty(transactions)

    def test_a_response_of_no_transaction_is_dropped(self) -> None:
        transactions = Transactions()
        assert transactions.respond(respond(incoming("OPTIONS"), 200, tag="t"), 0.0) == []


class TestDismissing:
    """What may be nobody's is answered once, and nothing is kept of it (§8.2.7, §26.3.2.4)."""

    @pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
    def test_a_dismissed_request_leaves_nothing_and_is_answered_anew(self, method: str) -> None:
        transactions = Transactions()
        for _ in range(2):
            request = one_delivered(transactions.receive(incoming(method), 0.0))
            answered, terminated = transactions.dismiss(respond(request, 403, tag="t"))
            assert isinstance(answered, Transmit)
            assert (answered.status, answered.retransmission) == (403, False)
            assert terminated == Terminated(server_key(request), method)
            assert_empty(transactions)
        assert run(transactions, 100.0) == []

    def test_what_has_been_answered_or_is_gone_is_not_dismissed(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming(), 0.0))
        transactions.respond(respond(request, 486, tag="t"), 0.0)
        assert transactions.dismiss(respond(request, 403, tag="t")) == []
        assert Transactions().dismiss(respond(request, 403, tag="t")) == []


class TestWayBack:
    def reply(self, request: SipRequest) -> tuple[Flow, SipResponse]:
        transmit = only(Transactions().receive(request, 0.0))
        response = parse(transmit.data)
        assert isinstance(response, SipResponse)
        return transmit.flow, response

    @pytest.mark.conformance("SIP-19")
    def test_rport_is_filled_and_the_response_goes_to_the_source(self) -> None:
        source = Flow("UDP", "203.0.113.9", 61000, "a")
        flow, response = self.reply(incoming(flow=source, sent_by="10.0.0.4:5060"))
        assert flow == source
        assert response.via.params.get("received") == "203.0.113.9"
        assert response.via.params.get("rport") == "61000"

    @pytest.mark.conformance("SIP-20")
    def test_a_sent_by_that_is_a_name_gets_received(self) -> None:
        flow, response = self.reply(incoming(sent_by="phone.example:5080", via=""))
        assert response.via.params.get("received") == "192.0.2.7"
        assert flow == Flow("UDP", "192.0.2.7", 5080, "a")

    def test_a_sent_by_that_is_the_source_needs_nothing(self) -> None:
        flow, response = self.reply(incoming(via=""))
        assert "received" not in response.via.params
        assert flow == UDP

    def test_without_a_port_it_is_5060(self) -> None:
        flow, _ = self.reply(incoming(sent_by="192.0.2.7", via=""))
        assert flow.port == 5060

    def test_maddr_aims_our_answers_at_nobody_else(self) -> None:
        for maddr in ("203.0.113.99", "224.0.1.75", "group.example"):
            assert self.reply(incoming(via=f";maddr={maddr};rport"))[0] == UDP
            assert self.reply(incoming(via=f";maddr={maddr}"))[0].host == UDP.host

    def test_over_a_connection_it_goes_back_over_it(self) -> None:
        assert self.reply(incoming(flow=INCOMING, sent_by="phone.example"))[0] == INCOMING

    def test_the_other_vias_stay_as_they_came(self) -> None:
        _, response = self.reply(incoming(more="Via: SIP/2.0/TCP proxy.example;branch=z9hG4bKx\r\n"))
        assert len(response.values("Via")) == 2
        assert response.values("Via")[1] == "SIP/2.0/TCP proxy.example;branch=z9hG4bKx"

    def test_the_delivered_request_has_the_via_that_responses_copy(self) -> None:
        request = one_delivered(Transactions().receive(incoming("INFO", sent_by="phone.example:5080"), 0.0))
        assert request.via.params.get("received") == "192.0.2.7"


class TestOldPeers:
    """RFC 2543 knew no unique branch (§17.2.3)."""

    def test_an_invite_without_branch_is_found_again_by_what_it_says(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming(branch=None), 0.0))
        assert only(transactions.receive(incoming(branch=None), 0.5)).retransmission
        assert only(transactions.respond(respond(request, 486, tag="t"), 1.0)).status == 486
        assert transactions.receive(incoming("ACK", branch=None, to_tag=";tag=t"), 1.1) == []
        assert len(delivered(transactions.receive(incoming(branch=None, number=4), 2.0))) == 1

    def test_a_branch_without_the_cookie_is_not_trusted(self) -> None:
        transactions = Transactions()
        transactions.receive(incoming(branch="1"), 0.0)
        assert len(delivered(transactions.receive(incoming(branch="1", call_id="other"), 0.1))) == 1

    def test_its_cancel_is_found(self) -> None:
        transactions = Transactions()
        transactions.receive(incoming(branch=None), 0.0)
        assert only(transactions.receive(incoming("CANCEL", branch=None), 0.5)).status == 200


class TestLimit:
    @pytest.mark.conformance("SIP-31")
    def test_a_flood_is_refused_without_memory_and_calls_go_on(self) -> None:
        transactions = Transactions(limit=100)
        ours = outgoing()
        transactions.request(ours, "z9hG4bKout1", UDP, 0.0)
        statuses = [
            only(transactions.receive(incoming(branch=f"z9hG4bK{n}", call_id=f"flood-{n}"), 0.0)).status
            for n in range(10_000)
        ]
        assert statuses.count(100) == 100
        assert statuses.count(503) == 9_900
        assert len(transactions) == 101
        refusal = parse(only(transactions.receive(incoming(branch="z9hG4bKmore", call_id="more"), 0.0)).data)
        assert refusal.first("Retry-After") == "10"
        assert len(delivered(transactions.receive(answer(ours, 200), 0.1))) == 1
        bye = incoming("BYE", branch="z9hG4bKbye", to_tag=";tag=t")
        assert len(delivered(transactions.receive(bye, 0.1))) == 1
        assert only(transactions.receive(incoming("CANCEL", branch="z9hG4bK5", call_id="flood-5"), 0.1)).status == 200

    def test_what_comes_inside_dialogs_has_a_limit_too(self) -> None:
        transactions = Transactions(limit=100)
        for n in range(200):
            transactions.receive(incoming("INFO", branch=f"z9hG4bK{n}", to_tag=";tag=t"), 0.0)
        assert len(transactions) == 125


class TestMemory:
    def test_nothing_is_kept_of_what_has_ended(self) -> None:
        transactions = Transactions()
        request = outgoing()
        transactions.request(request, "z9hG4bKout1", UDP, 0.0)
        transactions.receive(answer(request, 486), 0.1)
        run(transactions, 100.0)
        gc.collect()
        assert not [found for found in gc.get_objects() if isinstance(found, Transaction)]
        assert_empty(transactions)

    def test_the_heap_does_not_grow_with_what_has_ended(self) -> None:
        transactions = Transactions()
        transactions.request(outgoing(branch="z9hG4bKlong"), "z9hG4bKlong", UDP, 0.0)
        for n in range(2_000):
            request = outgoing("BYE", f"z9hG4bK{n}", "TCP")
            transactions.request(request, f"z9hG4bK{n}", TCP, 0.0)
            transactions.receive(answer(request, 200, flow=TCP), 0.0)
        assert len(transactions) == 1
        assert len(transactions._ledger._heap) <= 2 + 64

    def test_an_answered_request_is_not_kept(self) -> None:
        transactions = Transactions()
        request = one_delivered(transactions.receive(incoming(), 0.0))
        live = transactions._ledger.live[server_key(request)]
        transactions.respond(respond(request, 200, tag="t"), 0.1)
        assert (live.request, live.data) == (None, b"")

    def test_late_expiry_repeats_once_and_does_not_catch_up(self) -> None:
        transactions = Transactions()
        transactions.request(outgoing("BYE"), "z9hG4bKout1", UDP, 0.0)
        assert len(sent(transactions.expire(20.0))) == 1
        assert transactions.deadline == 21.0


class TestTables:
    def test_every_row_leads_to_a_state_that_has_a_length_or_is_the_end(self) -> None:
        for machine in (
            machines.CLIENT_INVITE,
            machines.CLIENT_OTHER,
            machines.SERVER_INVITE,
            machines.SERVER_OTHER,
        ):
            assert machine.start in machine.waits
            for (state, _), (following, _) in machine.rows.items():
                assert state in machine.waits
                assert following in machine.waits or following is State.TERMINATED
            for state, wait in machine.waits.items():
                assert wait.end is None or (state, Input.END) in machine.rows
                assert wait.repeats is None or (state, Input.REPEAT) in machine.rows


IN_METHODS = st.sampled_from(["INVITE", "ACK", "CANCEL", "BYE", "INFO"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("in"), IN_METHODS, st.integers(0, 2), st.sampled_from([UDP, INCOMING])),
        st.tuples(st.just("out"), IN_METHODS, st.integers(0, 2), st.sampled_from([UDP, TCP])),
        st.tuples(st.just("answer"), IN_METHODS, st.integers(0, 2), st.sampled_from([100, 180, 200, 302, 486, 603])),
        st.tuples(st.just("respond"), IN_METHODS, st.integers(0, 2), st.sampled_from([100, 180, 200, 408, 486])),
        st.tuples(st.just("fail"), st.just(""), st.just(0), st.sampled_from([UDP, TCP, INCOMING])),
        st.tuples(st.just("wait"), st.just(""), st.integers(0, 40), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_whatever_happens_all_ends_when_the_users_are_gone(steps: list[tuple[str, str, int, object]]) -> None:
    transactions = Transactions(limit=5)
    now = 0.0
    told: dict[tuple[str, str], int] = {}
    for what, method, number, more in steps:
        effects: list[Effect] = []
        branch = f"z9hG4bK{number}"
        if what == "in" and isinstance(more, Flow):
            effects = transactions.receive(incoming(method, branch=branch, flow=more, number=number), now)
        elif what == "out" and isinstance(more, Flow):
            effects = transactions.request(outgoing(method, branch, more.transport), branch, more, now)
        elif what == "answer" and isinstance(more, int):
            effects = transactions.receive(answer(outgoing(method, branch), more), now)
        elif what == "respond" and isinstance(more, int):
            response = respond(incoming(method, branch=branch, number=number), more, tag="t")
            effects = transactions.respond(response, now)
        elif what == "fail" and isinstance(more, Flow):
            effects = transactions.fail(more, now, "lost")
        elif what == "wait":
            effects = [effect for _, effect in run(transactions, now + number)]
            now += number
        for effect in effects:
            if isinstance(effect, Terminated):
                assert effect.key not in transactions._ledger.live
            if isinstance(effect, Failed):
                told[effect.branch, effect.method] = told.get((effect.branch, effect.method), 0) + 1
    # Now every user goes away.
    for key in tuple(transactions._ledger.live):
        transactions.abandon(key, now)
    events = run(transactions, now + 33.0 + 32.0 + 5.0)
    assert all(earlier <= later for (earlier, _), (later, _) in pairwise(events))
    for key, live in tuple(transactions._ledger.live.items()):
        # An INVITE that was answered provisionally only after its user had gone: the port asks again then.
        assert (key[1], live.state) == ("INVITE", State.PROCEEDING)
        transactions.abandon(key, now + 70.0)
    run(transactions, now + 200.0)
    assert_empty(transactions)


@given(st.binary(max_size=200), st.sampled_from([200, 486]))
def test_what_cannot_be_read_of_a_partial_request_is_refused_or_dropped(junk: bytes, status: int) -> None:
    request = SipRequest("OPTIONS", "sip:x@y", (("Via", junk.decode("latin-1")), ("CSeq", "x")), b"", UDP)
    assert len(Transactions().refuse(request, status)) <= 1
    with pytest.raises(PeerError):
        Transactions().receive(SipRequest("OPTIONS", "sip:x@y", (), b"", UDP), 0.0)
