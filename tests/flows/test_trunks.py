"""Trunks that stand in for each other: who is called next, when, and how many calls one takes."""

import pytest

from tests.flows.openings import answered, initiated, juliet_leaves, romeo_leaves
from tests.flows.step import Step
from tests.flows.steps import Phone, after, calls, holds, juliet, mercutio, nothing, romeo, run

spare = Phone("spare", "192.0.2.30")

GROUP = """
[[trunk]]
name = "spare"
host = "192.0.2.30"
transport = "udp"
caller_id = "fixed"
caller_id_number = "+15550199"
allow = ["montague.example"]
[[group]]
name = "out"
trunks = [{ trunk = "pbx", priority = 1 }, { trunk = "spare", priority = 2 }]
statuses = [500, 503]
[[dial]]
match = '.*'
trunk = "out"
"""


def goes(*steps: Step, limit: str = "") -> None:
    """Let it happen, with all calls going to the group."""
    run(*steps, trunk=limit + GROUP)


def through(trunk: str, *events: str) -> Step:
    """The log says that the call took this trunk in the end."""

    def is_so(world: object) -> bool:
        log = world.log  # type: ignore[attr-defined]
        (ended,) = [entry for entry in log if entry["event"] == "call_ended"]
        told = [entry["event"] for entry in log if entry["event"] == "call_rerouted"]
        return ended["trunk"] == trunk and told == list(events)

    return holds(is_so, f"not through {trunk}")


taken_over = (
    spare.gets("INVITE", has=["INVITE sip:+15551230000@192.0.2.30", "<sip:+15550199@", "m=audio 40100"]),
    spare.sends(180),
    romeo.gets("session-info ringing"),
    spare.sends(200),
    spare.gets("ACK"),
    romeo.gets("session-accept"),
    spare.sends("BYE"),
    spare.gets("200 BYE"),
    romeo.gets("session-terminate success"),
    through("spare", "call_rerouted"),
)


@pytest.mark.parametrize("status", [500, 503])
def test_a_trunk_that_is_unwell_is_followed_by_the_next(status: int) -> None:
    goes(*initiated, juliet.sends(status), juliet.gets("ACK"), *taken_over)


def test_a_silent_trunk_is_followed_by_the_next_within_seconds() -> None:
    goes(*initiated, after(3.9), nothing(), after(0.2), *taken_over)


def test_the_next_call_does_not_wait_for_a_trunk_that_was_silent() -> None:
    goes(
        *initiated,
        after(4),
        spare.gets("INVITE"),
        mercutio.sends("session-initiate", call="two"),
        mercutio.gets("result", call="two"),
        spare.gets("INVITE", call="two"),
        spare.sends(486, call="two"),
        spare.gets("ACK", call="two"),
        mercutio.gets("session-terminate busy", call="two"),
        spare.sends(486),
        spare.gets("ACK"),
        romeo.gets("session-terminate busy"),
    )


def test_a_trunk_that_wakes_up_too_late_is_cancelled() -> None:
    goes(
        *initiated,
        after(4),
        spare.gets("INVITE"),
        juliet.sends(180),
        juliet.gets("CANCEL"),
        juliet.sends(200, to="CANCEL"),
        juliet.sends(487, to="INVITE"),
        juliet.gets("ACK"),
        spare.sends(486),
        spare.gets("ACK"),
        romeo.gets("session-terminate busy"),
        through("spare", "call_rerouted"),
    )


def test_a_call_that_was_answered_stays_where_it_is() -> None:
    goes(*answered, after(60), *romeo_leaves, through("pbx"))


def test_a_phone_that_is_busy_is_busy_whichever_way() -> None:
    goes(
        *initiated,
        juliet.sends(486),
        juliet.gets("ACK"),
        romeo.gets("session-terminate busy"),
        nothing(),
        through("pbx"),
    )


def test_a_full_trunk_is_passed_over_and_takes_no_calls_from_outside_either() -> None:
    goes(
        *answered,
        mercutio.sends("session-initiate", call="two"),
        mercutio.gets("result", call="two"),
        spare.gets("INVITE", call="two"),
        spare.sends(486, call="two"),
        spare.gets("ACK", call="two"),
        mercutio.gets("session-terminate busy", call="two"),
        juliet.sends("INVITE", call="three", number="+15550101"),
        juliet.gets(100, call="three"),
        juliet.gets(503, call="three", has="Retry-After: 10"),
        calls(1),
        *juliet_leaves,
        limit="calls = 1\n",
    )
