"""Calls that come about, in both directions, and how they end."""

import time

import pytest

from tests.flows.openings import (
    accepted,
    answered,
    called,
    initiated,
    juliet_leaves,
    offered,
    proceeded,
    ringing,
    romeo_leaves,
)
from tests.flows.steps import (
    CANDIDATE,
    ICE,
    after,
    at_once,
    calls,
    does,
    juliet,
    mercutio,
    nothing,
    romeo,
    run,
    stranger,
    tablet,
)

# ------------------------------------------------------------------------------------------------------- XMPP to SIP


@pytest.mark.conformance("XS-01", "XS-03", "XS-07", "JIN-01", "END-03")
def test_a_caller_hangs_up() -> None:
    run(*answered, *romeo_leaves)


@pytest.mark.conformance("END-01")
def test_a_phone_that_was_called_hangs_up() -> None:
    run(*answered, *juliet_leaves)


@pytest.mark.conformance("XS-02", "XS-04")
def test_one_ringing_is_told_however_many_phones_ring() -> None:
    run(
        *initiated,
        juliet.sends(100),
        nothing(),
        juliet.sends(180),
        romeo.gets("session-info ringing"),
        juliet.sends(180, tag="fork"),
        nothing(),
        juliet.sends(183, tag="third"),
        nothing(),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept"),
        *juliet_leaves,
    )


@pytest.mark.conformance("XS-05")
def test_early_media_is_no_answer() -> None:
    run(
        *initiated,
        juliet.sends(183),
        nothing(),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept"),
        *juliet_leaves,
    )


@pytest.mark.conformance("JMI-14", "JMI-15", "JMI-22", "COMP-04")
def test_a_call_by_message_ends_with_a_finish() -> None:
    run(
        *proceeded,
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept"),
        *juliet_leaves,
        romeo.gets("finish success", has=['to="romeo@montague.example/phone"', "urn:xmpp:hints"]),
    )


def test_proceed_comes_from_the_full_jid_that_the_session_will_have() -> None:
    run(
        romeo.sends("propose"),
        romeo.gets("proceed", has='from="+15551230000@gw.example/sip"'),
        romeo.sends("retract cancel"),
    )


@pytest.mark.conformance("COMP-19")
def test_a_receipt_that_is_asked_for_is_given_once() -> None:
    run(
        romeo.sends("propose", more="<request xmlns='urn:xmpp:receipts'/>"),
        romeo.gets("received"),
        romeo.gets("proceed"),
        romeo.sends("retract cancel"),
    )


@pytest.mark.conformance("JMI-30")
def test_a_user_who_does_not_see_our_presence_is_sent_it_for_the_call() -> None:
    run(*accepted, romeo.gets("presence"), *juliet_leaves, romeo.gets("finish"), romeo.gets("presence unavailable"))


@pytest.mark.conformance("ICE-11", "JIN-16")
def test_candidates_that_trickle_in_are_gathered_into_one_invite() -> None:
    run(
        romeo.sends("session-initiate", transport=ICE.format("")),
        romeo.gets("result"),
        nothing(),
        romeo.sends("transport-info", transport=ICE.format(CANDIDATE)),
        romeo.gets("result"),
        nothing(),
        after(1.5),
        juliet.gets("INVITE", has=["a=candidate:1 1 UDP 2130706431 192.0.2.9 40100 typ host", "a=ice-ufrag:uf01"]),
        juliet.sends(486),
        juliet.gets("ACK"),
        romeo.gets("session-terminate busy"),
    )


@pytest.mark.conformance("ICE-12")
def test_an_invite_does_not_wait_for_candidates_for_ever() -> None:
    run(
        romeo.sends("session-initiate", transport=ICE.format("")),
        romeo.gets("result"),
        after(1.5),
        juliet.gets("INVITE", has="m=audio 9 "),
        juliet.sends(486),
        juliet.gets("ACK"),
        romeo.gets("session-terminate busy"),
    )


@pytest.mark.conformance("ICE-19")
def test_candidates_that_are_too_late_are_dropped() -> None:
    run(
        *ringing,
        romeo.sends("transport-info"),
        romeo.gets("result"),
        nothing(),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept"),
        *juliet_leaves,
    )


# ------------------------------------------------------------------------------------------------------- SIP to XMPP


@pytest.mark.conformance("SX-01", "SX-03", "JMI-01", "JMI-03", "JMI-04", "JMI-31")
def test_a_user_accepts_a_call_and_the_phone_hangs_up() -> None:
    run(*accepted, *juliet_leaves, romeo.gets("finish success"))


def test_a_user_accepts_a_call_and_hangs_up() -> None:
    run(*accepted, *romeo_leaves[:2], romeo.gets("finish success"), *romeo_leaves[2:])


@pytest.mark.conformance("JMI-03", "SX-23", "HLD-13")
def test_several_devices_ring_and_one_proceeds() -> None:
    run(
        *called,
        tablet.sends("ringing"),
        juliet.gets(180),
        romeo.sends("ringing"),
        nothing(),
        romeo.sends("proceed"),
        romeo.gets("session-initiate"),
        romeo.sends("session-accept"),
        romeo.gets("result"),
        juliet.gets(200),
        juliet.sends("ACK"),
        *juliet_leaves,
        romeo.gets("finish"),
    )


@pytest.mark.conformance("JMI-05")
def test_a_second_device_that_proceeds_gets_no_second_session() -> None:
    run(
        *offered,
        tablet.sends("proceed"),
        tablet.gets("message error item-not-found", has="another device has taken it"),
        nothing(),
        romeo.sends("session-accept"),
        romeo.gets("result"),
        juliet.gets(200),
        juliet.sends("ACK"),
        *juliet_leaves,
        romeo.gets("finish"),
    )


@pytest.mark.conformance("JMI-27")
def test_a_device_that_the_sip_side_names_is_called_directly() -> None:
    run(
        juliet.sends("INVITE", number="sip:romeo%40montague.example@192.0.2.1;gr=phone"),
        juliet.gets(100),
        romeo.gets("session-initiate"),
        romeo.sends("session-info ringing"),
        romeo.gets("result"),
        juliet.gets(180),
        romeo.sends("session-accept"),
        romeo.gets("result"),
        juliet.gets(200),
        juliet.sends("ACK"),
        *juliet_leaves,
    )


@pytest.mark.conformance("SX-15")
def test_a_repeated_invite_gets_its_last_response_again_and_no_second_call() -> None:
    run(
        juliet.sends("INVITE"),
        juliet.gets(100),
        romeo.gets("propose"),
        romeo.sends("ringing"),
        juliet.gets(180),
        juliet.sends_again(),
        juliet.gets(180, again=True),
        calls(1),
        juliet.sends("CANCEL"),
        juliet.gets("200 CANCEL"),
        juliet.gets("487 INVITE"),
        romeo.gets("retract cancel"),
    )


@pytest.mark.conformance("SX-04", "SX-05")
def test_an_answer_without_its_ack_is_repeated_and_given_up() -> None:
    run(
        *offered,
        romeo.sends("session-accept"),
        romeo.gets("result"),
        juliet.gets(200),
        after(0.5),
        juliet.gets(200, again=True),
        after(1.0),
        juliet.gets(200, again=True),
        after(2.0),
        juliet.gets(200, again=True),
        after(4.0),
        juliet.gets(200, again=True),
        after(25),
        juliet.gets("BYE"),
        juliet.sends(200),
        romeo.gets("session-terminate"),
        romeo.gets("finish"),
    )


def test_a_lost_answer_is_repeated_until_the_ack_comes() -> None:
    run(
        *offered,
        romeo.sends("session-accept"),
        romeo.gets("result"),
        juliet.gets(200),
        after(0.5),
        juliet.gets(200, again=True),
        juliet.sends("ACK"),
        after(8),
        *juliet_leaves,
        romeo.gets("finish"),
    )


@pytest.mark.conformance("XS-08")
def test_an_answer_that_comes_again_gets_its_ack_again() -> None:
    run(
        *answered,
        juliet.sends_again(),
        juliet.gets("ACK", again=True),
        nothing(),
        *juliet_leaves,
    )


@pytest.mark.conformance("XS-09", "XS-10")
def test_the_second_phone_that_answers_is_hung_up_on() -> None:
    run(
        *ringing,
        juliet.sends(180, tag="fork"),
        juliet.sends(200),
        juliet.gets("ACK", has="tag=juliet-tag"),
        romeo.gets("session-accept"),
        juliet.sends(200, tag="fork", to="INVITE"),
        juliet.gets("ACK", has="tag=fork"),
        juliet.gets("BYE", has="tag=fork"),
        juliet.sends(200),
        nothing(),
        *juliet_leaves,
    )


# ---------------------------------------------------------------------------------------- both ends at the same moment


@pytest.mark.conformance("END-34")
def test_both_hang_up_at_once() -> None:
    run(
        *answered,
        at_once(romeo.sends("session-terminate success"), juliet.sends("BYE")),
        romeo.gets("result"),
        juliet.gets("BYE"),
        juliet.gets("200 BYE"),
        juliet.sends(200),
    )


@pytest.mark.conformance("END-34")
def test_both_hang_up_at_once_the_phone_a_little_earlier() -> None:
    run(
        *answered,
        at_once(juliet.sends("BYE"), romeo.sends("session-terminate success")),
        juliet.gets("200 BYE"),
        romeo.gets("session-terminate success", reply=None),
        romeo.gets("error item-not-found unknown-session"),
        romeo.sends("error item-not-found unknown-session"),
    )


@pytest.mark.conformance("END-33")
def test_a_bye_that_the_phone_does_not_know_ends_the_call_all_the_same() -> None:
    run(*answered, *romeo_leaves[:3], juliet.sends(481))


@pytest.mark.conformance("END-33")
def test_a_bye_that_nobody_answers_is_repeated_and_given_up() -> None:
    run(*answered, *romeo_leaves[:3], after(0.5), juliet.gets("BYE", again=True), after(32))


@pytest.mark.conformance("END-36")
def test_the_longest_call_ends_on_both_sides() -> None:
    run(
        *answered,
        after(59.9),
        calls(1),
        after(0.1),
        juliet.gets("BYE", has="Q.850;cause=102"),
        romeo.gets("session-terminate expired"),
        juliet.sends(200),
        limits="max_call_seconds = 60",
    )


@pytest.mark.conformance("END-38", "JIN-12")
def test_what_comes_for_a_call_that_is_over_is_unknown() -> None:
    run(
        *answered,
        *juliet_leaves,
        after(1),
        romeo.sends("session-info", xml=""),
        romeo.gets("error item-not-found unknown-session"),
        juliet.sends("BYE"),
        juliet.gets("481 BYE"),
    )


# ------------------------------------------------------------------------------------------------------ other people


@pytest.mark.conformance("JIN-08")
def test_another_user_who_knows_the_sid_learns_nothing() -> None:
    run(
        *answered,
        stranger.sends("session-terminate success", sid="s-one"),
        stranger.gets("error item-not-found unknown-session"),
        tablet.sends("session-terminate success"),
        tablet.gets("error item-not-found unknown-session"),
        nothing(),
        calls(1),
        *juliet_leaves,
    )


@pytest.mark.conformance("JMI-26")
def test_a_second_call_of_a_user_to_somebody_else_is_independent() -> None:
    run(
        *answered,
        romeo.sends("propose", call="two", number="+15551239999"),
        romeo.gets("proceed", call="two"),
        romeo.sends("session-initiate", call="two"),
        romeo.gets("result"),
        juliet.gets("INVITE", call="two", has="sip:+15551239999@"),
        juliet.sends(200, call="two"),
        juliet.gets("ACK", call="two"),
        romeo.gets("session-accept", call="two"),
        calls(2),
        *juliet_leaves,
        calls(1),
        juliet.sends("BYE", call="two"),
        juliet.gets("200 BYE"),
        romeo.gets("session-terminate success", call="two"),
        romeo.gets("finish", call="two"),
    )


@pytest.mark.conformance("ROB-11")
def test_two_users_may_use_the_same_sid() -> None:
    run(
        *answered,
        mercutio.sends("session-initiate", sid="s-one"),
        mercutio.gets("result"),
        juliet.gets("INVITE", call="two"),
        juliet.sends(200, call="two"),
        juliet.gets("ACK", call="two"),
        mercutio.gets("session-accept"),
        calls(2),
        mercutio.sends("session-terminate success"),
        mercutio.gets("result"),
        juliet.gets("BYE", call="two"),
        juliet.sends(200, call="two"),
        calls(1),
        *juliet_leaves,
    )


@pytest.mark.conformance("ROB-11")
def test_two_devices_of_a_user_may_use_the_same_sid_and_one_device_to_two_numbers() -> None:
    run(
        *answered,
        tablet.sends("session-initiate", call="two", sid="s-one"),
        tablet.gets("result"),
        juliet.gets("INVITE", call="two"),
        romeo.sends("session-initiate", call="three", sid="s-one", number="+15551239999"),
        romeo.gets("result"),
        juliet.gets("INVITE", call="three"),
        calls(3),
        juliet.sends(486, call="two"),
        juliet.gets("ACK", call="two"),
        tablet.gets("session-terminate busy", call="two"),
        juliet.sends(486, call="three"),
        juliet.gets("ACK", call="three"),
        romeo.gets("session-terminate busy", call="three"),
        *juliet_leaves,
    )


# --------------------------------------------------------------------------------------------------- what is told of it


@pytest.mark.conformance("ROB-12")
def test_a_call_leaves_one_line_with_all_that_is_known_of_it() -> None:
    world = run(*answered, after(60), *juliet_leaves)
    (line,) = [entry for entry in world.log if entry["event"] == "call_ended"]
    assert {key: line[key] for key in ("origin", "caller", "callee", "trunk", "jingle_sid", "sip_status")} == {
        "origin": "xmpp",
        "caller": "romeo@montague.example/phone",
        "callee": "+15551230000",
        "trunk": "pbx",
        "jingle_sid": "s-one",
        "sip_status": 200,
    }
    assert {key: line[key] for key in ("reason", "ended_by", "answered", "duration_seconds", "codec")} == {
        "reason": "success",
        "ended_by": "callee",
        "answered": True,
        "duration_seconds": 60.0,
        "codec": "PCMU",
    }
    assert line["sip_call_id"]
    assert world.sample("jinglesip_calls_ended_total", origin="xmpp", reason="success", ended_by="callee") == 1


def test_a_call_that_never_was_answered_leaves_its_line_too() -> None:
    world = run(*called, juliet.sends("CANCEL"), juliet.gets("200 CANCEL"), juliet.gets(487), romeo.gets("retract"))
    (line,) = [entry for entry in world.log if entry["event"] == "call_ended"]
    assert (line["reason"], line["ended_by"], line["answered"], line["sip_status"]) == ("cancel", "caller", False, 487)
    assert line["duration_seconds"] is None


@pytest.mark.conformance("ROB-09")
def test_a_clock_on_the_wall_that_jumps_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    year = 365 * 24 * 3600
    now = time.time()
    run(
        *answered,
        does(lambda world: monkeypatch.setattr(time, "time", lambda: now + year)),
        after(30),
        calls(1),
        does(lambda world: monkeypatch.setattr(time, "time", lambda: now - year)),
        after(30),
        calls(1),
        *juliet_leaves,
    )
