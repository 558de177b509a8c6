"""Calls given up before their answer, at every moment there is."""

import pytest

from tests.flows.openings import called, initiated, offered, proceeded, proposed, ringing, rung, tried
from tests.flows.steps import ICE, after, at_once, calls, juliet, loses, nothing, romeo, run, tablet

gives_up = (romeo.sends("session-terminate cancel"), romeo.gets("result"))
cancelled = (
    juliet.gets("CANCEL", has="Q.850;cause=16"),
    juliet.sends(200),
    juliet.sends(487),
    juliet.gets("ACK"),
)

# -------------------------------------------------------------------------------------------------------- XMPP to SIP


@pytest.mark.conformance("XS-12")
@pytest.mark.parametrize("opening", [tried, ringing, (*proceeded, juliet.sends(100))], ids=["trying", "ringing", "jmi"])
def test_a_caller_gives_up_while_it_rings(opening):  # type: ignore[no-untyped-def]
    finish = (romeo.gets("finish cancel"),) if opening[0] is proceeded[0] else ()
    run(*opening, *gives_up, *finish, *cancelled)


@pytest.mark.conformance("XS-11")
def test_no_cancel_leaves_before_the_phone_has_said_something() -> None:
    run(*initiated, *gives_up, nothing(), juliet.sends(100), *cancelled)


@pytest.mark.conformance("XS-11")
def test_a_call_given_up_that_is_answered_at_once_is_hung_up() -> None:
    run(*initiated, *gives_up, juliet.sends(200), juliet.gets("ACK"), juliet.gets("BYE"), juliet.sends(200))


def test_a_call_given_up_that_nobody_ever_answers_is_over_by_itself() -> None:
    run(*initiated, *gives_up, *(step for _ in range(6) for step in (after(0.5),)), after(32))


@pytest.mark.conformance("XS-13")
def test_an_answer_that_crosses_the_cancel_is_hung_up() -> None:
    run(
        *ringing,
        *gives_up,
        juliet.gets("CANCEL"),
        juliet.sends(200, to="INVITE"),
        juliet.gets("ACK"),
        juliet.gets("BYE"),
        juliet.sends(200, to="CANCEL"),
        juliet.sends(200, to="BYE"),
    )


@pytest.mark.conformance("XS-13")
def test_an_answer_and_the_callers_goodbye_come_at_once() -> None:
    run(
        *ringing,
        at_once(romeo.sends("session-terminate cancel"), juliet.sends(200)),
        romeo.gets("result"),
        juliet.gets("CANCEL"),
        juliet.gets("ACK"),
        juliet.gets("BYE"),
        juliet.sends(481, to="CANCEL"),
        juliet.sends(200, to="BYE"),
    )


def test_an_answer_a_little_before_the_callers_goodbye() -> None:
    run(
        *ringing,
        at_once(juliet.sends(200), romeo.sends("session-terminate cancel")),
        juliet.gets("ACK"),
        romeo.gets("session-accept"),
        romeo.gets("result"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


def test_a_refusal_that_crosses_the_cancel_ends_it() -> None:
    run(
        *ringing,
        *gives_up,
        juliet.gets("CANCEL"),
        juliet.sends(486, to="INVITE"),
        juliet.gets("ACK"),
        juliet.sends(481),
    )


def test_a_cancel_that_the_phone_does_not_hear_is_repeated() -> None:
    run(
        *ringing,
        *gives_up,
        juliet.gets("CANCEL"),
        after(0.5),
        juliet.gets("CANCEL", again=True),
        juliet.sends(200),
        juliet.sends(487),
        juliet.gets("ACK"),
    )


def test_a_cancelled_invite_that_is_never_answered_is_forgotten() -> None:
    run(*ringing, *gives_up, juliet.gets("CANCEL"), juliet.sends(200), after(32))


def test_a_call_given_up_while_its_candidates_gather_never_leaves() -> None:
    run(
        romeo.sends("session-initiate", transport=ICE.format("")),
        romeo.gets("result"),
        *gives_up,
        after(3),
        nothing(),
    )


@pytest.mark.conformance("JMI-17")
def test_a_propose_that_is_taken_back_calls_nobody() -> None:
    run(
        *proposed,
        romeo.sends("retract cancel"),
        calls(0),
        romeo.sends("session-initiate"),
        romeo.gets("result"),
        juliet.gets("INVITE"),
        juliet.sends(486),
        juliet.gets("ACK"),
        romeo.gets("session-terminate busy"),
    )


def test_a_proceed_that_nothing_follows_is_given_up() -> None:
    run(*proposed, after(30), romeo.gets("reject timeout"))


# -------------------------------------------------------------------------------------------------------- SIP to XMPP

hangs_up = (juliet.sends("CANCEL"), juliet.gets("200 CANCEL"), juliet.gets("487 INVITE"))


@pytest.mark.conformance("JMI-12")
@pytest.mark.parametrize("opening", [called, rung], ids=["called", "rung"])
def test_a_phone_gives_up_while_the_devices_ring(opening):  # type: ignore[no-untyped-def]
    run(*opening, *hangs_up, romeo.gets("retract cancel"))


@pytest.mark.conformance("JMI-13")
def test_a_phone_gives_up_while_the_device_decides() -> None:
    run(*offered, *hangs_up, romeo.gets("session-terminate cancel"), romeo.gets("finish cancel"))


@pytest.mark.conformance("END-35")
def test_a_call_answered_elsewhere_is_retracted_with_that_text() -> None:
    elsewhere = [("Reason", 'SIP;cause=200;text="Call completed elsewhere"')]
    run(
        *rung,
        juliet.sends("CANCEL", headers=elsewhere),
        juliet.gets("200 CANCEL"),
        juliet.gets("487 INVITE"),
        romeo.gets("retract cancel", has="Call completed elsewhere"),
    )


@pytest.mark.conformance("SIP-12")
def test_a_cancel_after_the_answer_changes_nothing() -> None:
    run(
        *offered,
        romeo.sends("session-accept"),
        romeo.gets("result"),
        juliet.gets(200),
        juliet.sends("CANCEL"),
        juliet.gets("200 CANCEL"),
        nothing(),
        juliet.sends("ACK"),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        romeo.gets("session-terminate success"),
        romeo.gets("finish"),
    )


def test_an_accept_and_a_cancel_come_at_once_and_the_accept_first() -> None:
    run(
        *offered,
        at_once(romeo.sends("session-accept"), juliet.sends("CANCEL")),
        juliet.gets("200 CANCEL"),
        romeo.gets("result"),
        juliet.gets("200 INVITE"),
        juliet.sends("ACK"),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        romeo.gets("session-terminate"),
        romeo.gets("finish"),
    )


def test_a_cancel_and_an_accept_come_at_once_and_the_cancel_first() -> None:
    run(
        *offered,
        at_once(juliet.sends("CANCEL"), romeo.sends("session-accept")),
        juliet.gets("200 CANCEL"),
        juliet.gets("487 INVITE"),
        romeo.gets("session-terminate cancel"),
        romeo.gets("finish cancel"),
        romeo.gets("error item-not-found unknown-session"),
    )


def test_a_cancel_and_a_proceed_come_at_once() -> None:
    run(
        *rung,
        at_once(juliet.sends("CANCEL"), tablet.sends("proceed")),
        juliet.gets("200 CANCEL"),
        juliet.gets("487 INVITE"),
        romeo.gets("retract cancel"),
        tablet.gets("message error item-not-found"),
    )


@pytest.mark.conformance("SIP-11")
def test_a_cancel_for_nothing_is_unknown() -> None:
    run(loses(juliet.sends("INVITE")), juliet.sends("CANCEL"), juliet.gets("481 CANCEL"))


@pytest.mark.conformance("SIP-14")
def test_a_bye_before_the_answer_ends_the_call() -> None:
    run(*rung, juliet.sends("BYE"), juliet.gets("200 BYE"), juliet.gets("487 INVITE"), romeo.gets("retract cancel"))


@pytest.mark.conformance("SX-16")
def test_an_invite_that_expires_is_given_up() -> None:
    run(
        juliet.sends("INVITE", headers=[("Expires", "20")]),
        juliet.gets(100),
        romeo.gets("propose"),
        romeo.sends("ringing"),
        juliet.gets(180),
        after(20),
        juliet.gets(487),
        romeo.gets("retract"),
    )
