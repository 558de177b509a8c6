"""What grew on RFC 3261, seen from both ends: reliable ringing, early answers, UPDATE, session timers, redirections."""

import pytest

from tests.flows.openings import accepted, answered, initiated, juliet_leaves, offered, ringing, romeo_leaves
from tests.flows.steps import after, juliet, nothing, romeo, run, sdp_of

RELIABLE = ("Require", "100rel")
UPDATES = ("Allow", "INVITE, ACK, CANCEL, BYE, INFO, UPDATE")
WE_REFRESH = ("Session-Expires", "1800;refresher=uac")
THEY_REFRESH = ("Session-Expires", "1800;refresher=uas")
CAN = ("Supported", "timer")


def number(one: int) -> tuple[tuple[str, str], ...]:
    """What makes a provisional response reliable."""
    return RELIABLE, ("RSeq", str(one))


@pytest.mark.conformance("XS-06", "EXT-03")
def test_a_phone_answers_early_and_is_heard_when_it_is_picked_up() -> None:
    run(
        *initiated,
        juliet.sends(183, sdp=sdp_of(port=30004), headers=number(7)),
        juliet.gets("PRACK", has="RAck: 7 1 INVITE"),
        juliet.sends(200),
        nothing(),
        juliet.sends(180, headers=number(8)),
        juliet.gets("PRACK", has="RAck: 8 1 INVITE"),
        romeo.gets("session-info ringing"),
        juliet.sends(200),
        juliet.sends(200, to="INVITE", sdp=None),
        juliet.gets("ACK"),
        romeo.gets("session-accept", has='port="30004"'),
        *romeo_leaves,
    )


def test_a_change_before_the_answer_is_told_with_the_answer() -> None:
    run(
        *initiated,
        juliet.sends(183, sdp=sdp_of(port=30004), headers=number(7)),
        juliet.gets("PRACK"),
        juliet.sends(200),
        juliet.sends("UPDATE", body=sdp_of(port=30006, version=2)),
        juliet.gets("200 UPDATE", has="m=audio 40100"),
        juliet.sends(200, to="INVITE", sdp=None),
        juliet.gets("ACK"),
        romeo.gets("session-accept", has='port="30006"'),
        *romeo_leaves,
    )


@pytest.mark.conformance("SX-11")
def test_a_phone_that_requires_it_hears_the_ringing_until_it_says_so() -> None:
    run(
        juliet.sends("INVITE", headers=[RELIABLE]),
        juliet.gets(100),
        romeo.gets("propose"),
        romeo.sends("ringing"),
        juliet.gets(180, has=["Require: 100rel", "RSeq: "]),
        after(0.5),
        juliet.gets(180, again=True),
        after(31.5),
        *[juliet.gets(180, again=True)] * 5,
        juliet.gets(500, has="no PRACK"),
        romeo.gets("retract"),
    )


@pytest.mark.conformance("EXT-05")
def test_a_call_that_the_phone_does_not_refresh_ends_on_both_sides() -> None:
    run(
        *ringing,
        juliet.sends(200, headers=[THEY_REFRESH]),
        juliet.gets("ACK"),
        romeo.gets("session-accept"),
        after(1767),
        nothing(),
        after(2),
        juliet.gets("BYE"),
        romeo.gets("session-terminate timeout", has="not refreshed"),
        juliet.sends(200),
    )


@pytest.mark.conformance("EXT-04")
def test_a_call_that_we_refresh_goes_on_and_the_client_hears_nothing_of_it() -> None:
    run(
        *ringing,
        juliet.sends(200, headers=[WE_REFRESH, UPDATES]),
        juliet.gets("ACK"),
        romeo.gets("session-accept"),
        after(901),
        juliet.gets("UPDATE", has="Session-Expires: 1800;refresher=uac", lacks="m=audio"),
        juliet.sends(200, headers=[WE_REFRESH]),
        after(901),
        juliet.gets("UPDATE"),
        juliet.sends(200, headers=[WE_REFRESH]),
        *romeo_leaves,
    )


@pytest.mark.conformance("EXT-04")
def test_a_phone_without_update_is_offered_once_more_what_holds() -> None:
    run(
        *ringing,
        juliet.sends(200, headers=[WE_REFRESH]),
        juliet.gets("ACK"),
        romeo.gets("session-accept"),
        after(901),
        juliet.gets("INVITE", has=["m=audio 40100", "Session-Expires: 1800;refresher=uac"]),
        juliet.sends(200, headers=[WE_REFRESH]),
        juliet.gets("ACK"),
        nothing(),
        *romeo_leaves,
    )


@pytest.mark.conformance("XS-17")
def test_a_longer_session_is_asked_for_where_somebody_wants_that() -> None:
    run(
        *initiated,
        juliet.sends(422, headers=[("Min-SE", "3600")]),
        juliet.gets("ACK"),
        juliet.gets("INVITE", has=["Session-Expires: 3600", "Min-SE: 3600"]),
        juliet.sends(486),
        juliet.gets("ACK"),
        romeo.gets("session-terminate busy"),
    )


@pytest.mark.conformance("EXT-06")
def test_too_short_a_session_is_nobodys_call() -> None:
    run(
        juliet.sends("INVITE", headers=[("Session-Expires", "30"), CAN]),
        juliet.gets(100),
        juliet.gets(422, has="Min-SE: 90"),
    )


@pytest.mark.conformance("MOD-19")
def test_a_phone_holds_by_update_and_the_client_is_told() -> None:
    run(
        *accepted,
        juliet.sends("UPDATE", body=sdp_of(version=2, direction="sendonly")),
        romeo.gets("content-modify", has='senders="initiator"'),
        juliet.gets("200 UPDATE", has="a=recvonly"),
        *juliet_leaves,
        romeo.gets("finish success"),
    )


def test_a_phone_that_updates_before_the_answer_has_to_come_again_with_an_offer() -> None:
    run(
        *offered,
        juliet.sends("UPDATE", body=sdp_of(version=2)),
        juliet.gets("500 UPDATE", has="Retry-After: "),
        juliet.sends("UPDATE"),
        juliet.gets("200 UPDATE"),
        romeo.sends("session-accept"),
        romeo.gets("result"),
        juliet.gets(200),
        juliet.sends("ACK"),
        *juliet_leaves,
        romeo.gets("finish success"),
    )


@pytest.mark.conformance("XS-14")
def test_a_redirection_is_followed_where_the_trunk_says_so() -> None:
    run(
        *initiated,
        juliet.sends(302, headers=[("Contact", "<sip:other@192.0.2.20>")]),
        juliet.gets("ACK"),
        juliet.gets("INVITE", has="INVITE sip:other@192.0.2.20 SIP/2.0"),
        juliet.sends(486),
        juliet.gets("ACK"),
        romeo.gets("session-terminate busy"),
        trunk="follow_redirects = true",
    )


CARRIER = """follow_redirects = true
[[trunk]]
name = "carrier"
host = "192.0.2.77"
transport = "udp"
allow = []
"""
FORBIDDEN = """follow_redirects = true
[[dial]]
match = '[+]1900[0-9]+'
refuse = true
"""


@pytest.mark.parametrize(
    ("trunk", "to"),
    [
        (CARRIER, "sip:+15557654321@192.0.2.77"),
        (CARRIER, "sip:+15557654321@192.0.2.77:5070;transport=tcp"),
        (CARRIER, "sip:+15557654321@elsewhere.example;maddr=192.0.2.77"),
        (FORBIDDEN, "sip:+19005551234@192.0.2.20"),
        (FORBIDDEN, "sip:+1-900-555-1234@192.0.2.20;user=phone"),
        (FORBIDDEN, "tel:+1-900-555-1234"),
    ],
)
def test_no_redirection_leads_through_another_trunk_or_to_what_nobody_may_call(trunk: str, to: str) -> None:
    run(
        *initiated,
        juliet.sends(302, headers=[("Contact", f"<{to}>")]),
        juliet.gets("ACK"),
        romeo.gets("session-terminate general-error", has="302"),
        trunk=trunk,
    )


@pytest.mark.conformance("EXT-17")
def test_both_names_of_a_call_stand_in_its_messages_and_in_its_line() -> None:
    theirs = "47755a9de7794ba387653f2099600ef2"
    world = run(
        *ringing,
        juliet.sends(200, headers=[("Session-ID", f"{theirs};remote={'0' * 32}")]),
        juliet.gets("ACK", has=f";remote={theirs}"),
        romeo.gets("session-accept"),
        *romeo_leaves,
    )
    (line,) = [line for line in world.log if line["event"] == "call_ended"]
    assert line["sip_session_id"].endswith(f";remote={theirs}")


def test_a_call_without_any_of_it_is_as_ever() -> None:
    run(*answered, *romeo_leaves)
