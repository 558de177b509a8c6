"""Calls that cross: the gateway calls a user who is calling the same person at that moment."""

from typing import Any

import pytest

from tests.flows.openings import called, offered
from tests.flows.steps import calls, juliet, nothing, romeo, run

LOW, HIGH = "0", "z"
"The gateway's ids begin with digits of their own; one is below all of them, one above."

ANYBODY = """
[[dial]]
match = '.*'
trunk = "pbx"
"""

to_juliet: dict[str, Any] = {"call": "two", "number": "juliet"}
directly = (
    juliet.sends("INVITE", number="sip:romeo%40montague.example@192.0.2.1;gr=phone"),
    juliet.gets(100),
    romeo.gets("session-initiate", reply=None),
)


@pytest.mark.conformance("JMI-23")
def test_of_two_proposals_ours_gives_way_to_the_lower_id() -> None:
    run(
        *called,
        romeo.sends("propose", sid=LOW, **to_juliet),
        romeo.gets("retract expired tie-break"),
        juliet.gets(486),
        romeo.gets("proceed", call="two"),
        calls(1),
        romeo.sends("retract cancel", call="two"),
        dial=ANYBODY,
    )


def test_a_call_that_gives_way_makes_room_for_the_one_that_stands() -> None:
    run(
        *called,
        romeo.sends("propose", sid=LOW, **to_juliet),
        romeo.gets("retract expired tie-break"),
        juliet.gets(486),
        romeo.gets("proceed", call="two"),
        romeo.sends("retract cancel", call="two"),
        dial=ANYBODY,
        limits="calls = 1\ncalls_per_caller = 1",
    )


def test_a_call_does_not_give_way_to_one_that_cannot_be() -> None:
    run(
        *called,
        romeo.sends("propose", sid=LOW, **to_juliet),
        romeo.gets("reject gone"),
        calls(1),
        romeo.sends("reject busy"),
        juliet.gets(486),
        nothing(),
    )


@pytest.mark.conformance("JMI-24")
def test_of_two_proposals_the_higher_id_is_rejected() -> None:
    run(
        *called,
        romeo.sends("propose", sid=HIGH, **to_juliet),
        romeo.gets("reject expired tie-break"),
        calls(1),
        nothing(),
        juliet.sends("CANCEL"),
        juliet.gets("200 CANCEL"),
        juliet.gets("487 INVITE"),
        romeo.gets("retract cancel"),
        dial=ANYBODY,
    )


@pytest.mark.conformance("JIN-19")
def test_of_two_sessions_ours_gives_way_to_the_lower_sid() -> None:
    run(
        *directly,
        romeo.sends("session-initiate", sid=LOW, **to_juliet),
        romeo.gets("session-terminate expired"),
        juliet.gets(486),
        romeo.gets("result"),
        juliet.gets("INVITE", call="two"),
        romeo.sends("error conflict tie-break"),
        juliet.sends(486, call="two"),
        juliet.gets("ACK", call="two"),
        romeo.gets("session-terminate busy"),
        dial=ANYBODY,
    )


@pytest.mark.conformance("JIN-20")
def test_of_two_sessions_the_higher_sid_is_refused() -> None:
    run(
        *directly,
        romeo.sends("session-initiate", sid=HIGH, **to_juliet),
        romeo.gets("error conflict tie-break"),
        calls(1),
        romeo.sends("result"),
        romeo.sends("session-terminate decline"),
        romeo.gets("result"),
        juliet.gets(603),
        dial=ANYBODY,
    )


def test_a_call_that_is_answered_already_crosses_nothing() -> None:
    run(
        *offered,
        romeo.sends("session-accept"),
        romeo.gets("result"),
        juliet.gets(200),
        juliet.sends("ACK"),
        romeo.sends("session-initiate", sid=LOW, **to_juliet),
        romeo.gets("result"),
        juliet.gets("INVITE", call="two"),
        calls(2),
        juliet.sends(486, call="two"),
        juliet.gets("ACK", call="two"),
        romeo.gets("session-terminate busy"),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        romeo.gets("session-terminate success"),
        romeo.gets("finish"),
        dial=ANYBODY,
    )
