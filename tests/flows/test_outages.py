"""What goes away in mid-call: the XMPP server, a client, a datagram, and our own wits."""

from typing import Any

import pytest

from gateway.jingle.leg import JingleLeg
from gateway.sip.leg import SipLeg
from tests.flows.inmemory import World
from tests.flows.openings import answered, called, initiated, ringing, romeo_leaves, rung
from tests.flows.steps import (
    Step,
    after,
    at_once,
    calls,
    does,
    holds,
    juliet,
    loses,
    mercutio,
    nothing,
    romeo,
    run,
    server_goes,
    server_returns,
)

connected = holds(lambda world: world.app.xmpp.connected, "the stream does not stand")
disconnected = holds(lambda world: not world.app.xmpp.connected, "the stream stands")
BYE = (juliet.sends("BYE"), juliet.gets("200 BYE"))

# -------------------------------------------------------------------------------------------------- the XMPP server


@pytest.mark.conformance("COMP-03")
def test_a_call_survives_a_short_outage_of_the_server() -> None:
    run(
        *ringing,
        server_goes(),
        disconnected,
        juliet.sends(200),
        juliet.gets("ACK"),
        nothing(),
        after(2),
        server_returns(),
        nothing(),
        after(10),
        connected,
        romeo.gets("session-accept"),
        *romeo_leaves,
    )


@pytest.mark.conformance("COMP-03")
def test_a_phone_that_hangs_up_during_an_outage_is_told_about_later() -> None:
    run(
        *answered,
        server_goes(),
        *BYE,
        after(5),
        server_returns(),
        after(8),
        romeo.gets("session-terminate success"),
        after(20),
    )


def test_what_is_too_old_after_an_outage_is_not_sent_any_more() -> None:
    run(
        *answered,
        server_goes(),
        *BYE,
        after(61),
        server_returns(),
        after(61),
        connected,
        nothing(),
        xmpp="reconnect_most_seconds = 60.0",
    )


def test_a_phone_that_calls_while_the_server_is_down_hears_that_nobody_is_there() -> None:
    run(
        server_goes(),
        juliet.sends("INVITE"),
        juliet.gets(100),
        after(30),
        juliet.gets(480),
        server_returns(),
        after(40),
        romeo.gets("propose"),
        romeo.gets("retract cancel"),
    )


def test_what_the_gateway_says_in_the_turn_in_which_the_stream_breaks_is_not_lost() -> None:
    run(
        *answered,
        _hangs_up_while_the_stream_breaks(),
        juliet.gets("200 BYE"),
        server_returns(),
        after(10),
        romeo.gets("session-terminate success"),
    )


def _hangs_up_while_the_stream_breaks() -> Step:
    bye = juliet.sends("BYE")

    def do(world: World) -> None:
        send = world.app.xmpp.send

        def break_after(stanza: Any) -> None:
            send(stanza)
            world.app.xmpp.send = send  # type: ignore[method-assign]
            world.server_is_up = False
            world.stream.lose("connection reset")

        for party in next(iter(world.app.calls._by_name.values())).task.parties.values():
            if party.protocol == "jingle":
                party.transmit = break_after
        bye.do(world)

    return Step(do)


# ------------------------------------------------------------------------------------------------------------ a client


@pytest.mark.conformance("JIN-27")
def test_a_client_that_goes_offline_is_given_ten_seconds() -> None:
    run(
        *answered,
        romeo.sends("presence unavailable"),
        nothing(),
        after(10),
        romeo.gets("session-terminate gone"),
        juliet.gets("BYE", has="Q.850;cause=27"),
        juliet.sends(200),
    )


def test_a_client_that_was_only_gone_for_a_moment_keeps_its_call() -> None:
    run(
        *answered,
        romeo.sends("presence unavailable"),
        after(5),
        romeo.sends("session-info"),
        romeo.gets("result"),
        after(20),
        calls(1),
        *romeo_leaves,
    )


# ----------------------------------------------------------------------------------------------------------- datagrams


def test_a_lost_invite_is_sent_again_and_the_call_goes_on() -> None:
    run(
        *initiated,
        after(0.5),
        juliet.gets("INVITE", again=True),
        juliet.sends(486),
        juliet.gets("ACK"),
        romeo.gets("session-terminate busy"),
    )


def test_a_lost_refusal_is_sent_again_until_its_ack_comes() -> None:
    run(
        *rung,
        romeo.sends("reject busy"),
        juliet.gets(486, acks=False),
        after(0.5),
        juliet.gets(486, again=True),
        after(8),
    )


def test_a_lost_bye_of_the_phone_does_no_harm() -> None:
    run(
        *answered,
        loses(juliet.sends("BYE")),
        juliet.sends_again(),
        juliet.gets("200 BYE"),
        romeo.gets("session-terminate"),
    )


# ------------------------------------------------------------------------------------------------------ our own bugs


def _breaks(kind: type[Any], method: str) -> Step:
    """From now on that method of the first call's leg raises."""

    def do(world: World) -> None:
        calls: Any = world.app.calls
        task = next(iter(calls._by_name.values())).task
        for party in task.parties.values():
            if isinstance(party.leg, kind):
                party.leg = _Broken(party.leg, method)

    return does(do)


class _Broken:
    """A leg, of which one method raises, once."""

    def __init__(self, leg: Any, method: str) -> None:
        self._leg = leg
        self._method = method

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            self._method = ""
            raise ZeroDivisionError("a bug of ours")
        return getattr(self._leg, name)


def test_a_leg_that_breaks_ends_its_own_call_on_both_sides_and_no_other() -> None:
    run(
        *answered,
        mercutio.sends("session-initiate"),
        mercutio.gets("result"),
        juliet.gets("INVITE", call="two"),
        _breaks(JingleLeg, "receive"),
        romeo.sends("session-info"),
        romeo.gets("session-terminate general-error"),
        romeo.gets("error internal-server-error"),
        juliet.gets("BYE", has="SIP;cause=500"),
        calls(1),
        juliet.sends(200),
        juliet.sends(486, call="two"),
        juliet.gets("ACK", call="two"),
        mercutio.gets("session-terminate busy"),
        fails=True,
    )


def test_a_sip_leg_that_breaks_on_a_request_answers_it_and_ends_its_call() -> None:
    run(
        *answered,
        _breaks(SipLeg, "receive"),
        juliet.sends("OPTIONS"),
        romeo.gets("session-terminate general-error"),
        juliet.gets("BYE"),
        juliet.gets("500 OPTIONS"),
        juliet.sends(200),
        fails=True,
    )


def test_a_leg_that_breaks_before_the_answer_refuses_the_invite() -> None:
    run(
        *rung,
        _breaks(JingleLeg, "receive"),
        romeo.sends("proceed"),
        juliet.gets(500),
        romeo.gets("retract"),
        fails=True,
    )


def test_a_leg_that_breaks_while_it_rings_is_cancelled() -> None:
    run(
        *ringing,
        _breaks(SipLeg, "send"),
        romeo.sends("session-terminate cancel"),
        romeo.gets("result"),
        juliet.gets("CANCEL"),
        juliet.sends(200),
        juliet.sends(487),
        juliet.gets("ACK"),
        fails=True,
    )


def test_what_lies_in_the_inbox_of_a_call_that_breaks_is_answered_too() -> None:
    run(
        *answered,
        _breaks(JingleLeg, "receive"),
        at_once(romeo.sends("session-info"), romeo.sends("session-info hold"), juliet.sends("BYE")),
        romeo.gets("session-terminate general-error"),
        romeo.gets("error internal-server-error"),
        romeo.gets("error internal-server-error"),
        juliet.gets("BYE"),
        juliet.gets("500 BYE"),
        juliet.sends(200),
        fails=True,
    )


def test_a_phone_that_answers_a_call_that_broke_is_hung_up() -> None:
    run(
        *ringing,
        _breaks(JingleLeg, "send"),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-terminate"),
        juliet.gets("BYE"),
        juliet.sends(200),
        fails=True,
    )


def test_a_leg_that_breaks_when_its_time_comes_ends_its_call() -> None:
    run(
        *called,
        _breaks(JingleLeg, "expire"),
        after(30),
        romeo.gets("retract"),
        juliet.gets(500),
        fails=True,
    )
