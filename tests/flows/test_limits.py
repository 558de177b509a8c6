"""How much there may be, how long, and how the gateway leaves."""

from signal import SIGINT, SIGTERM

import pytest

from tests.flows.openings import answered, initiated, ringing
from tests.flows.steps import after, calls, holds, juliet, mercutio, nothing, nurse, romeo, run, signals

FULL = "calls = 1"


@pytest.mark.conformance("JIN-03")
def test_more_calls_than_there_is_room_for_are_refused_in_each_protocols_words() -> None:
    run(
        *answered,
        mercutio.sends("session-initiate"),
        mercutio.gets("error resource-constraint", has='type="wait"'),
        mercutio.sends("propose", call="two"),
        mercutio.gets("reject"),
        juliet.sends("INVITE", call="two", number="+15550101"),
        juliet.gets(100, call="two"),
        juliet.gets(503, call="two", has="Retry-After: 10"),
        nothing(),
        calls(1),
        holds(lambda world: world.sample("jinglesip_calls_refused_total", origin="sip", cause="limit") == 1, "count"),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        romeo.gets("session-terminate success"),
        limits=FULL,
    )


def test_there_is_room_again_when_a_call_has_ended() -> None:
    run(
        *ringing,
        juliet.sends(486),
        juliet.gets("ACK"),
        romeo.gets("session-terminate busy"),
        mercutio.sends("session-initiate"),
        mercutio.gets("result"),
        juliet.gets("INVITE", call="two"),
        juliet.sends(404, call="two"),
        juliet.gets("ACK", call="two"),
        mercutio.gets("session-terminate gone"),
        limits=FULL,
    )


def test_a_user_with_as_many_calls_as_allowed_is_busy_in_both_directions() -> None:
    run(
        *answered,
        romeo.sends("propose", call="two", number="+15557777"),
        romeo.gets("reject busy"),
        romeo.sends("session-initiate", call="three"),
        romeo.gets("error resource-constraint"),
        juliet.sends("INVITE", call="two"),
        juliet.gets(100, call="two"),
        juliet.gets(486, call="two"),
        juliet.sends("INVITE", call="three", number="+15550101"),
        juliet.gets(100, call="three"),
        nurse.gets("propose"),
        calls(2),
        juliet.sends("CANCEL", call="three"),
        juliet.gets("200 CANCEL"),
        juliet.gets("487 INVITE", call="three"),
        nurse.gets("retract cancel"),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        romeo.gets("session-terminate success"),
        limits="calls_per_caller = 1",
    )


@pytest.mark.conformance("ROB-08")
def test_term_lets_calls_end_and_takes_no_new_ones() -> None:
    run(
        *answered,
        signals(SIGTERM),
        nothing(),
        mercutio.sends("propose"),
        mercutio.gets("reject gone"),
        mercutio.sends("session-initiate", call="two"),
        mercutio.gets("error resource-constraint"),
        juliet.sends("INVITE", call="two"),
        juliet.gets(100, call="two"),
        juliet.gets(503, call="two"),
        holds(
            lambda world: world.sample("jinglesip_calls_refused_total", origin="sip", cause="draining") == 1, "count"
        ),
        after(100),
        calls(1),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        romeo.gets("session-terminate success"),
        stops=True,
    )


@pytest.mark.conformance("ROB-08")
def test_term_ends_what_has_not_ended_in_time() -> None:
    run(
        *answered,
        signals(SIGTERM),
        after(59.9),
        nothing(),
        after(0.1),
        juliet.gets("BYE"),
        romeo.gets("session-terminate gone"),
        juliet.sends(200),
        stops=True,
        limits="drain_timeout_seconds = 60",
    )


def test_term_twice_means_now() -> None:
    run(
        *answered,
        signals(SIGTERM),
        signals(SIGTERM),
        juliet.gets("BYE"),
        romeo.gets("session-terminate gone"),
        juliet.sends(200),
        stops=True,
    )


@pytest.mark.conformance("ROB-08")
def test_int_ends_calls_in_every_state_and_tells_both_sides() -> None:
    run(
        *answered,
        mercutio.sends("session-initiate"),
        mercutio.gets("result"),
        juliet.gets("INVITE", call="two"),
        juliet.sends(180, call="two"),
        mercutio.gets("session-info ringing"),
        juliet.sends("INVITE", call="three", number="+15550101"),
        juliet.gets(100, call="three"),
        nurse.gets("propose"),
        signals(SIGINT),
        juliet.gets("BYE"),
        romeo.gets("session-terminate gone"),
        juliet.gets("CANCEL", call="two"),
        mercutio.gets("session-terminate gone"),
        nurse.gets("retract cancel"),
        juliet.gets("503 INVITE", call="three"),
        juliet.sends(200),
        juliet.sends(200, call="two"),
        juliet.sends(487, call="two"),
        juliet.gets("ACK", call="two"),
        stops=True,
    )


def test_int_does_not_wait_for_ever_for_a_phone_that_says_nothing() -> None:
    run(
        *answered,
        signals(SIGINT),
        juliet.gets("BYE"),
        romeo.gets("session-terminate gone"),
        after(5),
        stops=True,
    )


def test_a_call_that_nobody_ends_while_it_rings_ends_by_the_longest_ringing() -> None:
    run(
        *initiated,
        juliet.sends(180),
        romeo.gets("session-info ringing"),
        after(60),
        juliet.sends(180, tag="juliet-tag", headers=[("X-Again", "1")]),
        after(60),
        juliet.gets("CANCEL"),
        romeo.gets("session-terminate timeout"),
        juliet.sends(200),
        juliet.sends(487),
        juliet.gets("ACK"),
    )
