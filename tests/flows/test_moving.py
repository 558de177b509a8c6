"""A call goes from one device of its user to another (XEP-0353 §4.2), and the phone stays where it is."""

from typing import Any

import pytest

from tests.flows.openings import accepted, answered, called, juliet_leaves, offered
from tests.flows.steps import Client, Step, after, calls, holds, juliet, mercutio, nothing, romeo, run, tablet
from tests.flows.test_anchored import SOUND, anchored, talking
from tests.flows.test_anchored import called as anchored_call

NEW: dict[str, Any] = {"call": "new"}
OFFER = SOUND.format(ufrag="uf09", setup="actpass").replace("name='0'", "name='sound'")
MOVED = 'to="s-new"'
TO_JULIET: dict[str, Any] = {**NEW, "number": "juliet"}
TO_NUMBER: dict[str, Any] = {**NEW, "number": "+15551230000"}
BOTH = pytest.mark.parametrize(
    ("opening", "whom", "by_message"),
    [(answered, TO_NUMBER, False), (accepted, TO_JULIET, True)],
    ids=["called out", "called in"],
)


def proposes(whom: dict[str, Any], device: Client = tablet) -> tuple[Step, ...]:
    return device.sends("propose", **whom), device.gets("proceed", **NEW)


def takes_up(device: Client = tablet) -> tuple[Step, ...]:
    """The device's offer goes to the phone, and its answer comes back."""
    return (
        device.sends("session-initiate", transport=OTHER, **NEW),
        device.gets("result"),
        juliet.gets("INVITE", has="m=audio 40300"),
        juliet.sends(200),
        juliet.gets("ACK"),
        device.gets("session-accept", has='port="30000"', **NEW),
    )


OTHER = (
    "<transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'>"
    "<candidate component='1' generation='0' id='r2' ip='192.0.2.7' port='40300'/></transport>"
)


def left(by_message: bool, device: Client = romeo) -> tuple[Step, ...]:
    """The device that had the call is told that it goes on."""
    told = (device.gets("finish expired migrated", has=MOVED),) if by_message else ()
    return (device.gets("session-terminate success", has="the call goes on at another device"), *told)


ends = (
    tablet.sends("session-terminate success", **NEW),
    tablet.gets("result"),
    tablet.gets("finish success", **NEW),
    juliet.gets("BYE"),
    juliet.sends(200),
)


@pytest.mark.conformance("JMI-25")
@BOTH
def test_another_device_takes_the_call_up(opening: tuple[Step, ...], whom: dict[str, Any], by_message: bool) -> None:
    made = run(*opening, *proposes(whom), nothing(), *takes_up(), *left(by_message), calls(1), *ends)
    assert [entry["event"] for entry in made.log].count("leg_replaced") == 1
    (told,) = [entry for entry in made.log if entry["event"] == "call_ended"]
    assert told["jingle_sid"] == "s-new"


@BOTH
def test_the_phone_hangs_up_after_that(opening: tuple[Step, ...], whom: dict[str, Any], by_message: bool) -> None:
    run(
        *opening,
        *proposes(whom),
        *takes_up(),
        *left(by_message),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        tablet.gets("session-terminate success", **NEW),
        tablet.gets("finish success", **NEW),
    )


def test_the_same_device_takes_a_call_up_that_it_had_lost() -> None:
    run(
        *accepted,
        romeo.sends("presence unavailable", number="juliet"),
        *proposes(TO_JULIET, romeo),
        *takes_up(romeo),
        *left(by_message=True),
        after(20),
        calls(1),
        romeo.sends("session-terminate success", **NEW),
        romeo.gets("result"),
        romeo.gets("finish success", **NEW),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


def test_a_device_that_goes_offline_before_the_other_one_has_come_leaves_its_place() -> None:
    run(
        *accepted,
        romeo.sends("presence unavailable", number="juliet"),
        *proposes(TO_JULIET),
        after(10),
        romeo.gets("session-terminate gone"),
        romeo.gets("finish gone"),
        calls(1),
        *takes_up(),
        *ends,
    )


def test_a_call_moves_there_and_back() -> None:
    back: dict[str, Any] = {"call": "back", "number": "juliet"}
    run(
        *accepted,
        *proposes(TO_JULIET),
        *takes_up(),
        *left(by_message=True),
        romeo.sends("propose", **back),
        romeo.gets("proceed", call="back"),
        romeo.sends("session-initiate", call="back"),
        romeo.gets("result"),
        juliet.gets("INVITE", has="m=audio 40100"),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept", call="back"),
        tablet.gets("session-terminate success", **NEW),
        tablet.gets("finish expired migrated", has='to="s-back"', **NEW),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        romeo.gets("session-terminate success", call="back"),
        romeo.gets("finish success", call="back"),
    )


# ------------------------------------------------------------------------------------------------- it comes to nothing


@pytest.mark.parametrize(
    ("what", "then"),
    [
        ((tablet.sends("retract cancel", **NEW),), ()),
        ((after(31),), (tablet.gets("reject timeout", **NEW),)),
        ((tablet.sends("finish cancel", **NEW),), ()),
        ((tablet.sends("retract", **NEW),), ()),
    ],
    ids=["taken back", "never comes", "finished", "taken back without a reason"],
)
def test_a_device_that_thinks_better_of_it_leaves_the_call_where_it_is(
    what: tuple[Step, ...], then: tuple[Step, ...]
) -> None:
    run(
        *accepted, *proposes(TO_JULIET), *what, *then, nothing(), calls(1), *juliet_leaves, romeo.gets("finish success")
    )


def test_a_phone_that_refuses_the_new_device_goes_on_with_the_old_one() -> None:
    run(
        *accepted,
        *proposes(TO_JULIET),
        tablet.sends("session-initiate", **NEW),
        tablet.gets("result"),
        juliet.gets("INVITE"),
        juliet.sends(488),
        juliet.gets("ACK"),
        tablet.gets("session-terminate", **NEW),
        tablet.gets("finish", **NEW),
        calls(1),
        *juliet_leaves,
        romeo.gets("finish success"),
    )


def test_a_call_that_ends_meanwhile_ends_for_both_devices() -> None:
    run(
        *accepted,
        *proposes(TO_JULIET),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        romeo.gets("session-terminate success"),
        romeo.gets("finish success"),
        tablet.gets("reject success", **NEW),
        tablet.sends("session-initiate", **NEW),
        tablet.gets("error item-not-found unknown-session"),
        after(20),
    )


def test_one_device_comes_at_a_time() -> None:
    run(
        *accepted,
        *proposes(TO_JULIET),
        romeo.sends("propose", call="third", number="juliet"),
        romeo.gets("reject busy", call="third", has="handed on already"),
        tablet.sends("retract cancel", **NEW),
        *juliet_leaves,
        romeo.gets("finish success"),
    )


def test_a_device_without_a_medium_that_is_carried_here_cannot_take_a_call_up() -> None:
    run(
        *accepted,
        tablet.sends("propose", media=["video"], **TO_JULIET),
        tablet.gets("reject unsupported-applications", **NEW),
        calls(1),
        *juliet_leaves,
        romeo.gets("finish success"),
    )


# -------------------------------------------------------------------------------------------- who may, and what is none


def test_nobody_elses_propose_takes_a_call_up() -> None:
    run(
        *accepted,
        mercutio.sends("propose", **TO_JULIET),
        mercutio.gets("reject gone", **NEW),
        nothing(),
        *juliet_leaves,
        romeo.gets("finish success"),
    )


@pytest.mark.conformance("JMI-26")
def test_a_propose_to_somebody_else_and_a_session_without_one_are_calls_of_their_own() -> None:
    run(
        *accepted,
        tablet.sends("propose", call="new", number="+15557777"),
        tablet.gets("proceed", **NEW),
        calls(2),
        tablet.sends("retract cancel", **NEW),
        tablet.sends("session-initiate", call="direct", number="+15557777"),
        tablet.gets("result"),
        juliet.gets("INVITE", call="direct"),
        calls(2),
        juliet.sends(486, call="direct"),
        juliet.gets("ACK", call="direct"),
        tablet.gets("session-terminate busy"),
        *juliet_leaves,
        romeo.gets("finish success"),
    )


@pytest.mark.parametrize("opening", [called, offered], ids=["ringing", "not accepted"])
def test_a_call_that_is_not_answered_yet_does_not_move(opening: tuple[Step, ...]) -> None:
    run(
        *opening,
        tablet.sends("propose", call="new", number="+15557777"),
        tablet.gets("proceed", **NEW),
        calls(2),
        tablet.sends("retract cancel", **NEW),
        *(
            (juliet.sends("CANCEL"), juliet.gets("200 CANCEL"), juliet.gets("487 INVITE"), romeo.gets("retract cancel"))
            if opening is called
            else (
                juliet.sends("CANCEL"),
                juliet.gets("200 CANCEL"),
                romeo.gets("session-terminate cancel"),
                romeo.gets("finish cancel"),
                juliet.gets("487 INVITE"),
            )
        ),
    )


# ----------------------------------------------------------------------------------------- the old device says it first

GOES = "<reason xmlns='urn:xmpp:jingle:1'><expired/></reason><migrated to='s-new'/>"


def test_a_device_that_has_finished_for_another_one_waits_for_it() -> None:
    run(
        *accepted,
        romeo.sends("finish", xml=GOES),
        after(5),
        calls(1),
        *proposes(TO_JULIET),
        *takes_up(),
        *left(by_message=True),
        *ends,
    )


def test_a_device_may_even_end_its_session_before_the_other_one_comes() -> None:
    run(
        *accepted,
        romeo.sends("finish", xml=GOES),
        romeo.sends("session-terminate expired"),
        romeo.gets("result"),
        romeo.sends("session-info"),
        romeo.gets("error item-not-found unknown-session"),
        calls(1),
        *proposes(TO_JULIET),
        *takes_up(),
        romeo.gets("finish expired migrated", has=MOVED),
        *ends,
    )


@pytest.mark.parametrize("terminates", [False, True])
def test_a_device_that_finished_for_one_that_never_comes_ends_the_call(terminates: bool) -> None:
    said = (romeo.sends("session-terminate expired"), romeo.gets("result")) if terminates else ()
    told = () if terminates else (romeo.gets("session-terminate expired"),)
    run(
        *accepted,
        romeo.sends("finish", xml=GOES),
        *said,
        after(15),
        *told,
        romeo.gets("finish expired"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


def test_a_phone_hangs_up_while_nobody_is_there() -> None:
    run(
        *accepted,
        romeo.sends("finish", xml=GOES),
        romeo.sends("session-terminate expired"),
        romeo.gets("result"),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        romeo.gets("finish success"),
    )


# ---------------------------------------------------------------------------------------------------------- anchored


@pytest.mark.conformance("JMI-25")
@pytest.mark.parametrize(
    ("opening", "whom"), [(talking, TO_NUMBER), (anchored_call, TO_JULIET)], ids=["called out", "called in"]
)
def test_behind_the_anchor_the_phone_hears_nothing_of_it(opening: tuple[Step, ...], whom: dict[str, Any]) -> None:
    anchored(
        *opening,
        *proposes(whom),
        tablet.sends("session-initiate", xml=OFFER, **NEW),
        tablet.gets("result"),
        tablet.gets("session-accept", has=['name="sound"', 'setup="active"'], **NEW),
        *left(by_message=True),
        holds(lambda world: world.counts()["anchors"] == 1, "not one anchor"),
        *ends,
    )


# ----------------------------------------------------------------------------------------------------------- presence


def test_nobody_hears_that_the_number_is_gone_while_the_call_moves() -> None:
    def present(*types: str) -> Step:
        return holds(lambda world: [one.get("type", "") for one in world.presences] == list(types), f"not {types}")

    run(
        *accepted,
        romeo.gets("presence subscribe"),
        romeo.gets("presence"),
        *proposes(TO_JULIET),
        tablet.gets("presence"),
        *takes_up(),
        *left(by_message=True),
        present(),
        *ends,
        present("unavailable"),
        romeo.gets("presence unavailable"),
    )


def test_a_second_call_that_ends_takes_no_presence_from_the_first() -> None:
    run(
        *accepted,
        romeo.gets("presence subscribe"),
        romeo.gets("presence"),
        juliet.sends("INVITE", call="two"),
        juliet.gets(100, call="two"),
        romeo.gets("propose", call="two"),
        romeo.sends("reject busy", call="two"),
        juliet.gets(486, call="two"),
        romeo.gets("presence"),
        holds(lambda world: not world.presences, "a presence"),
        *juliet_leaves,
        romeo.gets("finish success"),
        romeo.gets("presence unavailable"),
    )
