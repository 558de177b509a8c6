"""Messages in the chat with a number: a call that was missed, and why one was not completed."""

import pytest

from tests.flows.openings import accepted, called, juliet_leaves, proposed, rung
from tests.flows.steps import Step, after, juliet, nothing, romeo, run
from tests.flows.test_anchored import MEDIA, asked

MISSED = "missed_calls = true"
FAILED = "failed_calls = true"
told = romeo.gets(
    "body", has=["Missed call from Juliet (juliet), ", 'from="juliet@gw.example/sip"', "urn:xmpp:hints", 'type="chat"']
)
gives_up = (juliet.sends("CANCEL"), juliet.gets("200 CANCEL"), juliet.gets("487 INVITE"))
retracted = romeo.gets("retract cancel")


def test_a_call_that_nobody_took_leaves_a_message() -> None:
    made = run(*rung, after(5), *gives_up, told, retracted, notices=MISSED)
    assert made.sample("jinglesip_notices_total", kind="missed") == 1


def test_a_call_that_rang_nowhere_leaves_one_too() -> None:
    run(*called, after(30), romeo.gets("retract cancel"), juliet.gets(480), told, notices=MISSED)


def test_a_user_who_is_not_there_finds_it_later() -> None:
    run(
        juliet.sends("INVITE"),
        juliet.gets(100),
        romeo.bounces("propose", "service-unavailable"),
        juliet.gets(480),
        told,
        notices=MISSED,
    )


@pytest.mark.parametrize(
    "steps",
    [
        (*called, *gives_up, retracted),
        (*rung, romeo.sends("reject busy"), juliet.gets(486)),
        (*accepted, *juliet_leaves, romeo.gets("finish")),
    ],
    ids=["given up at once", "rejected", "answered"],
)
def test_other_calls_leave_none(steps: tuple[Step, ...]) -> None:
    run(*steps, nothing(), notices=MISSED)


def test_nor_does_one_that_was_answered_elsewhere() -> None:
    reason = [("Reason", 'SIP;cause=200;text="Call completed elsewhere"')]
    run(
        *rung,
        after(5),
        juliet.sends("CANCEL", headers=reason),
        juliet.gets("200 CANCEL"),
        juliet.gets("487 INVITE"),
        romeo.gets("retract cancel", has="Call completed elsewhere"),
        notices=MISSED,
    )


def test_nothing_is_left_where_the_operator_has_not_said_so() -> None:
    run(*rung, after(5), *gives_up, retracted)


def test_a_call_that_is_not_completed_says_why() -> None:
    says = "Call not completed: not reachable (404 Not Found)"
    run(
        *asked,
        juliet.sends(404),
        juliet.gets("ACK"),
        romeo.gets("body", has=[says, 'from="+15551230000@gw.example/sip"']),
        romeo.gets("reject gone"),
        after(20),
        media=MEDIA,
        trunk='media = "anchor"',
        notices=FAILED,
    )


def test_a_call_that_may_not_be_says_why() -> None:
    run(
        romeo.sends("propose", number="nobody"),
        romeo.gets("body", has="Call not completed: not reachable ("),
        romeo.gets("reject gone"),
        notices=FAILED,
    )


@pytest.mark.parametrize("status", [486, 600, 603])
def test_what_the_client_shows_is_not_said_again(status: int) -> None:
    run(
        *asked,
        juliet.sends(status),
        juliet.gets("ACK"),
        romeo.gets("reject"),
        after(20),
        media=MEDIA,
        trunk='media = "anchor"',
        notices=FAILED,
    )


def test_who_gives_up_is_told_nothing() -> None:
    run(*proposed, romeo.sends("retract cancel"), after(20), notices=FAILED)
