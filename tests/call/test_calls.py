"""All calls: what belongs to which, what is refused and under which word it is counted, and how all of them end."""

from typing import Any

import pytest

from gateway.errors import PeerError
from mappings.reasons import EndReason
from tests.flows.inmemory import World, world
from tests.flows.openings import answered, juliet_leaves, offered, proposed, ringing
from tests.flows.steps import Step, after, at_once, calls, does, holds, juliet, nothing, romeo, run, tablet


def counted(cause: str, origin: str = "xmpp") -> Step:
    """One call was refused for that."""
    return holds(
        lambda world: world.sample("jinglesip_calls_refused_total", origin=origin, cause=cause) == 1, f"not one {cause}"
    )


def asked(direction: str, action: str, number: float) -> Step:
    """So many requests of that action crossed."""
    return holds(
        lambda world: world.sample("jinglesip_jingle_requests_total", direction=direction, action=action) == number,
        f"not {number:g} {action}",
    )


@pytest.mark.parametrize(
    ("number", "cause"), [("nobody", "no_route"), ("anonymous", "no_route")], ids=["no rule", "nobody"]
)
def test_a_call_to_nowhere_is_counted_as_that(number: str, cause: str) -> None:
    run(
        romeo.sends("session-initiate", number=number),
        romeo.gets("error item-not-found"),
        counted(cause),
        nothing(),
    )


def test_a_call_from_sip_to_nowhere_is_counted_as_that() -> None:
    run(
        juliet.sends("INVITE", number="+15559999"),
        juliet.gets(100),
        juliet.gets(404),
        counted("no_route", "sip"),
    )


def test_a_session_that_cannot_be_read_is_counted_as_malformed_and_its_action_as_unreadable() -> None:
    run(
        romeo.sends("frobnicate"),
        romeo.gets("error bad-request"),
        holds(lambda world: world.total("jinglesip_jingle_errors_total") == 1, "not counted"),
        asked("in", "other", 1),
    )


def test_requests_are_counted_by_direction_and_action() -> None:
    run(
        *answered,
        asked("in", "session-initiate", 1),
        asked("out", "session-accept", 1),
        asked("out", "session-info", 1),
        *juliet_leaves,
        asked("out", "session-terminate", 1),
    )


def test_of_messages_of_initiation_about_no_call_only_a_proceed_is_answered_beside_its_receipt() -> None:
    run(
        romeo.sends("retract cancel", more="<request xmlns='urn:xmpp:receipts'/>"),
        romeo.gets("received"),
        romeo.sends("ringing"),
        nothing(),
        romeo.sends("proceed"),
        romeo.gets("message error item-not-found", has='id="romeo-c3"'),
    )


@pytest.mark.conformance("JMI-21")
def test_a_propose_out_of_the_offline_store_rings_nowhere() -> None:
    run(
        romeo.sends("propose", more="<delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'/>"),
        nothing(),
        calls(0),
    )


def test_a_propose_that_comes_twice_is_one_call() -> None:
    run(*proposed, romeo.sends("propose"), romeo.gets("proceed"), calls(1), romeo.sends("retract cancel"))


def test_a_session_initiate_of_another_device_than_the_one_that_proposed_is_a_call_of_its_own() -> None:
    run(
        *proposed,
        tablet.sends("session-initiate"),
        tablet.gets("result"),
        juliet.gets("INVITE"),
        calls(2),
        juliet.sends(486),
        juliet.gets("ACK"),
        tablet.gets("session-terminate busy"),
        romeo.sends("retract cancel"),
    )


def test_a_request_and_the_end_of_its_call_come_at_once() -> None:
    run(
        *answered,
        at_once(juliet.sends("BYE"), juliet.sends("INFO")),
        juliet.gets("200 BYE"),
        juliet.gets("481 INFO"),
        romeo.gets("session-terminate success"),
    )


def test_all_calls_are_ended_with_a_word_and_none_begins_any_more() -> None:
    run(
        *ringing,
        does(lambda world: world.app.calls.end_all()),
        juliet.gets("CANCEL"),
        romeo.gets("session-terminate gone"),
        romeo.sends("propose", call="two"),
        romeo.gets("reject gone", call="two"),
        counted("draining"),
        juliet.sends(200),
        juliet.sends(487),
        juliet.gets("ACK"),
    )


def test_a_drain_waits_for_calls_and_no_longer() -> None:
    async def drains(made: World) -> float:
        await made.app.calls.drain(30)
        return made.loop.now

    with world() as made:
        for step in answered:
            step.do(made)
        task = made.loop.create_task(drains(made))
        made.loop.advance(10)
        assert not task.done()
        for step in juliet_leaves:
            step.do(made)
        assert task.result() == 1_010


def test_calls_that_do_not_end_are_cut_off_and_forgotten() -> None:
    with world() as made:
        for step in (*offered, romeo.sends("session-accept"), romeo.gets("result"), juliet.gets(200)):
            step.do(made)
        made.app.calls.end_all()
        made.loop.settle()
        assert len(made.app.calls) == 1  # a BYE may not be sent before the ACK
        task = made.loop.create_task(made.app.calls.emptied(5))
        made.loop.advance(4.9)
        assert not task.done()
        made.loop.advance(0.2)
        assert task.done()
        assert not any(made.counts().values())


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (PeerError("full", status=503, condition="resource-constraint", retry_after=10), 503),
        (PeerError("busy", status=486, condition="resource-constraint", reason=EndReason.BUSY), 486),
    ],
)
def test_a_caller_is_told_when_to_come_again_only_where_that_helps(failure: PeerError, status: int) -> None:
    def refuses(made: World) -> None:
        def raises(*_: object) -> Any:
            raise failure

        opening: Any = made.app.calls.opening
        opening.from_sip = raises

    retry = "Retry-After: 10"
    run(
        does(refuses),
        juliet.sends("INVITE"),
        juliet.gets(100),
        juliet.gets(status, has=[retry] if status == 503 else [], lacks=[] if status == 503 else [retry]),
    )


def test_a_reply_reaches_its_call_by_its_id_whatever_it_is_about() -> None:
    run(
        *answered,
        romeo.sends("session-info"),
        romeo.gets("result"),
        after(20),
        calls(1),
        *juliet_leaves,
    )
