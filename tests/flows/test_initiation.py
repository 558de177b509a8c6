"""Message initiation through the whole gateway: several devices, messages that cross, come again, or come too late."""

import pytest

from tests.flows.openings import accepted, called, juliet_leaves, offered, rung
from tests.flows.steps import Client, after, at_once, calls, juliet, nothing, romeo, run, sdp_of, tablet
from tests.flows.test_anchored import JULIET, OFFER, anchored, asked, picked_up, rings

DEVICES = [Client(f"romeo@montague.example/device{number}", f"device{number}") for number in range(10)]
TOO_LATE = "message error item-not-found"


def test_a_phone_that_plays_something_before_the_answer_rings_for_who_cannot_hear_it() -> None:
    anchored(
        *asked,
        juliet.sends(183, sdp=sdp_of()),
        romeo.gets("ringing"),
        juliet.sends(180),
        nothing(),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("proceed"),
        romeo.sends("session-initiate", xml=OFFER),
        romeo.gets("result"),
        romeo.gets("session-accept"),
        *JULIET,
    )


def test_a_client_that_has_been_away_proposes_again_and_is_told_how_far_the_call_is() -> None:
    anchored(
        *rings,
        romeo.sends("propose", sid="s-one"),
        romeo.gets("ringing"),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("proceed"),
        romeo.sends("propose", sid="s-one"),
        romeo.gets("proceed"),
        calls(1),
        romeo.sends("retract cancel"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


def test_a_retract_that_crosses_the_answer_hangs_up() -> None:
    anchored(
        *rings,
        at_once(juliet.sends(200), romeo.sends("retract cancel")),
        juliet.gets("ACK"),
        romeo.gets("proceed"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


def test_a_proceed_that_nobody_gets_ends_the_call() -> None:
    anchored(
        *rings,
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.bounces("proceed", "service-unavailable"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


def test_a_ringing_that_comes_back_leaves_the_client_ten_seconds() -> None:
    anchored(
        *asked,
        juliet.sends(180),
        romeo.bounces("ringing", "service-unavailable"),
        after(9),
        romeo.sends("propose", sid="s-one"),
        romeo.gets("ringing"),
        after(30),
        juliet.sends(486),
        juliet.gets("ACK"),
        romeo.gets("reject busy"),
        after(20),
    )


def test_all_devices_ring_and_ten_that_take_the_call_at_once_are_one_session() -> None:
    first, *others = DEVICES
    run(
        *called,
        at_once(*(device.sends("ringing") for device in DEVICES)),
        juliet.gets(180),
        at_once(*(device.sends("proceed") for device in DEVICES)),
        first.gets("session-initiate"),
        *(device.gets(TOO_LATE) for device in others),
        first.sends("session-accept"),
        first.gets("result"),
        juliet.gets(200),
        juliet.sends("ACK"),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        first.gets("session-terminate success"),
        first.gets("finish success"),
        nothing(),
    )


@pytest.mark.parametrize("reason", ["busy", "decline"])
def test_of_a_reject_and_a_proceed_that_come_at_once_the_first_counts(reason: str) -> None:
    status = {"busy": 486, "decline": 603}[reason]
    run(
        *rung,
        at_once(tablet.sends(f"reject {reason}"), romeo.sends("proceed")),
        romeo.gets(TOO_LATE),
        juliet.gets(status),
    )
    run(
        *rung,
        at_once(romeo.sends("proceed"), tablet.sends(f"reject {reason}")),
        romeo.gets("session-initiate"),
        nothing(),
        juliet.sends("CANCEL"),
        juliet.gets("200 CANCEL"),
        romeo.gets("session-terminate cancel"),
        romeo.gets("finish cancel"),
        juliet.gets("487 INVITE"),
    )


def test_a_device_that_takes_a_call_which_is_over_is_told_so() -> None:
    run(
        *offered,
        juliet.sends("CANCEL"),
        juliet.gets("200 CANCEL"),
        romeo.gets("session-terminate cancel"),
        romeo.gets("finish cancel"),
        juliet.gets("487 INVITE"),
        tablet.sends("proceed"),
        tablet.gets(TOO_LATE),
    )


def test_copies_of_messages_between_others_are_nothing_to_a_call() -> None:
    copy = (
        "<{0} xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>"
        "<reject xmlns='urn:xmpp:jingle-message:0' id='s-one'/></message></forwarded></{0}>"
    )
    run(
        *rung,
        tablet.sends("reject busy", more=copy.format("received")),
        tablet.sends("reject busy", more=copy.format("sent")),
        nothing(),
        romeo.sends("reject busy", more="<private xmlns='urn:xmpp:carbons:2'/>"),
        juliet.gets(486),
    )


def test_a_session_id_is_free_again_after_its_call() -> None:
    run(
        *accepted,
        *juliet_leaves,
        romeo.gets("finish success"),
        juliet.sends("INVITE", call="two"),
        juliet.gets(100, call="two"),
        romeo.gets("propose", call="two"),
        romeo.sends("reject busy", call="two"),
        juliet.gets(486, call="two"),
    )
    anchored(
        *picked_up,
        romeo.sends("retract cancel"),
        juliet.gets("BYE"),
        juliet.sends(200),
        romeo.sends("propose", sid="s-one"),
        juliet.gets("INVITE", call="two"),
        juliet.sends(486, call="two"),
        juliet.gets("ACK", call="two"),
        romeo.gets("reject busy"),
        after(20),
    )
