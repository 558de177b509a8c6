"""What is remembered of calls, and what the operator sees of them and does to them, in whole flows."""

from collections.abc import Callable

import pytest
from msgspec.json import decode

from gateway.control.protocol import Answer, HangUp, List, Recent, Request, Show, written
from gateway.history.keeping import GATHER_SECONDS
from gateway.history.record import CallRecord
from gateway.history.trail import Step as Passed
from tests.flows.inmemory import World
from tests.flows.openings import accepted, answered, juliet_leaves, proposed, ringing, romeo_leaves, rung
from tests.flows.step import Step
from tests.flows.steps import after, does, juliet, mercutio, romeo, run
from tests.flows.test_early_media import early, gives_up, heard, refused

ROMEO = "romeo@montague.example"


def said(world: World, request: Request | bytes) -> Answer:
    """What the control socket answers."""
    line = request if isinstance(request, bytes) else written(request)
    task = world.loop.create_task(world.app.desk.answer(line))
    world.loop.settle()
    return decode(task.result(), type=Answer)


def asks(request: Request | bytes, holds: Callable[[Answer], object]) -> Step:
    """An operator asks, and the answer is as it should be."""

    def do(world: World) -> None:
        answer = said(world, request)
        if not holds(answer):
            world.fail(f"answered {answer}")

    return Step(do)


def hangs_up(reason: str = "") -> Step:
    """An operator ends the only call."""

    def do(world: World) -> None:
        (call,) = said(world, List()).calls
        answer = said(world, HangUp(call.id, reason or None))  # type: ignore[arg-type]
        assert not answer.error, answer.error
        world.settle()

    return Step(do)


def shown(world: World) -> list[Passed]:
    """What passed in the only call there is."""
    (call,) = said(world, List()).calls
    steps = said(world, Show(call.id)).steps
    assert steps is not None
    return list(steps)


def remembered(world: World) -> CallRecord:
    """The call that ended last, as the table has it."""
    world.loop.advance(2 * GATHER_SECONDS)
    (record,) = said(world, Recent(1)).calls
    return record


def ends_as(**facts: object) -> Step:
    """The record of the call that ended last has these facts."""

    def do(world: World) -> None:
        record = remembered(world)
        found = {name: getattr(record, name) for name in facts}
        if found != facts:
            world.fail(f"remembered {record}")

    return Step(do)


# ----------------------------------------------------------------------------------------------------------- the record


def test_a_call_in_which_only_an_announcement_was_heard_was_not_answered() -> None:
    def told(world: World) -> None:
        assert [call.state for call in said(world, List()).calls] == ["early"]
        assert {183, "early media heard"} <= {step.word for step in shown(world)}

    early(
        *heard,
        after(4),
        does(told),
        *refused(404, "gone"),
        ends_as(answered=None, reason="gone", status=404, ended_by="callee", codec="", duration=None),
    )
    early(*heard, *gives_up, ends_as(answered=None, reason="cancel", ended_by="caller"))


def test_a_call_that_was_answered_is_remembered_with_its_times() -> None:
    def well(world: World) -> None:
        record = remembered(world)
        assert record.answered is not None
        assert record.duration is not None
        assert abs(record.duration - 60) < 0.001
        assert abs(record.answered - record.began - 3) < 0.001

    run(
        *ringing,
        after(3),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept"),
        after(60),
        *romeo_leaves,
        does(well),
        ends_as(
            origin="xmpp", user=ROMEO, number="+15551230000", trunk="pbx", reason="success", ended_by="caller",
            codec="PCMU", anchor="none", state="ended",
        ),
    )  # fmt: skip


def test_a_call_from_a_phone_is_its_callees() -> None:
    run(
        *accepted,
        *juliet_leaves,
        romeo.gets("finish success"),
        ends_as(origin="sip", user=ROMEO, trunk="pbx", reason="success", ended_by="caller"),
        does(lambda world: _is(remembered(world).number, "juliet")),
    )


def _is(found: object, wanted: object) -> None:
    assert found == wanted


def test_a_call_that_the_phone_refuses_is_remembered_with_its_status() -> None:
    run(
        *ringing,
        juliet.sends(486),
        juliet.gets("ACK"),
        romeo.gets("session-terminate busy"),
        ends_as(reason="busy", status=486, answered=None, ended_by="callee", duration=None),
    )


def test_a_call_that_was_not_let_in_is_remembered_with_why() -> None:
    run(
        mercutio.sends("session-initiate", number="nobody"),
        mercutio.gets("error item-not-found"),
        ends_as(user="mercutio@montague.example", number="nobody", trunk="", reason="gone", status=404),
        does(lambda world: _is(bool(remembered(world).text), True)),
        juliet.sends("INVITE", number="+15559999"),
        juliet.gets(100),
        juliet.gets(404),
        ends_as(origin="sip", user="", trunk="pbx", status=404),
    )


def test_of_calls_that_are_not_let_in_few_are_remembered_for_anybody_may_try_all_day() -> None:
    tries = (mercutio.sends("session-initiate", number="nobody"), mercutio.gets("error item-not-found"), after(1))
    run(*tries * 100, asks(Recent(1000), lambda answer: 20 <= len(answer.calls) <= 25))


def test_nothing_is_remembered_where_the_operator_wants_none() -> None:
    run(*answered, *romeo_leaves, after(1), asks(Recent(5), lambda answer: not answer.calls), history="days = 0")


# ------------------------------------------------------------------------------------------------------------ the trail


def test_a_trail_says_what_passed_on_both_sides() -> None:
    def well(world: World) -> None:
        assert [(step.protocol, step.inward, step.word, step.remark) for step in shown(world)] == [
            ("jingle", True, "session-initiate", "audio"),
            ("jingle", False, "result", ""),
            ("sip", False, "INVITE", "audio"),
            ("sip", True, 100, "INVITE"),
            ("sip", True, 180, "INVITE"),
            ("jingle", False, "session-info", "ringing"),
            ("jingle", True, "result", ""),
            ("sip", True, 200, "INVITE: audio"),
            ("sip", False, "ACK", ""),
            ("jingle", False, "session-accept", "audio"),
            ("jingle", True, "result", ""),
        ]

    run(*answered, does(well), *romeo_leaves)


def test_a_trail_is_shown_after_the_call_too() -> None:
    def well(world: World) -> None:
        record = remembered(world)
        steps = said(world, Show(record.id)).steps
        assert steps is not None
        assert [(step.word, step.remark) for step in steps][-4:] == [
            ("session-terminate", "success"),
            ("result", ""),
            ("BYE", 'Q.850;cause=16;text="Normal call clearing"'),
            (200, "BYE"),
        ]

    run(*answered, *romeo_leaves, does(well))


def test_a_trail_has_message_initiation_and_what_the_gateway_decides() -> None:
    def well(world: World) -> None:
        steps = said(world, Show(remembered(world).id)).steps
        assert steps is not None
        assert [(step.word, step.remark) for step in steps] == [
            ("propose", "audio"),
            ("presence", ""),
            ("proceed", ""),
            ("reject", "timeout: no session came after proceed"),
            ("presence", "unavailable"),
        ]

    run(*proposed, after(31), romeo.gets("reject timeout"), does(well))


def test_a_trail_that_is_full_says_what_it_left_out() -> None:
    def well(world: World) -> None:
        steps = shown(world)
        assert [step.word for step in steps[:3]] == ["session-initiate", "result", "left out"]
        assert [step.word for step in steps[3:]] == ["session-accept", "result"]

    run(*answered, does(well), *romeo_leaves, history="steps = 4")


def test_no_trail_is_kept_where_the_operator_wants_none() -> None:
    def well(world: World) -> None:
        (call,) = said(world, List()).calls
        assert said(world, Show(call.id)).steps is None

    run(*answered, does(well), *romeo_leaves, history="steps = 0")


# --------------------------------------------------------------------------------------------------------- the operator


def test_the_calls_that_there_are_are_listed_with_their_state() -> None:
    def state(word: str) -> Step:
        return asks(List(), lambda answer: [call.state for call in answer.calls] == [word])

    run(
        asks(List(), lambda answer: answer.calls == () and not answer.error),
        *ringing[:3],
        state("calling"),
        *ringing[3:],
        state("ringing"),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept"),
        state("talking"),
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        juliet.gets("BYE"),
        state("ending"),
        juliet.sends(200),
        asks(List(), lambda answer: answer.calls == ()),
    )


def test_an_operator_ends_a_call_and_both_sides_are_told() -> None:
    run(
        *answered,
        hangs_up(),
        romeo.gets("session-terminate success", has="the operator ended the call"),
        juliet.gets("BYE", has="Q.850;cause=16"),
        juliet.sends(200),
        ends_as(reason="success", ended_by="gateway", text="the operator ended the call"),
    )


def test_a_call_that_rings_is_declined_by_an_operator() -> None:
    run(
        *ringing,
        hangs_up(),
        romeo.gets("session-terminate decline"),
        juliet.gets("CANCEL"),
        juliet.sends(200, to="CANCEL"),
        juliet.sends(487),
        juliet.gets("ACK"),
        ends_as(reason="decline", ended_by="gateway", answered=None),
    )
    run(*rung, hangs_up(), romeo.gets("retract cancel"), juliet.gets(603), ends_as(reason="decline", origin="sip"))


def test_an_operator_says_why() -> None:
    run(
        *answered,
        hangs_up("expired"),
        romeo.gets("session-terminate expired"),
        juliet.gets("BYE", has="Q.850;cause=102"),
        juliet.sends(200),
    )


def test_a_call_that_there_is_not_is_said_so() -> None:
    run(
        asks(Show("nothing"), lambda answer: "no call 'nothing'" in answer.error),
        asks(HangUp("nothing"), lambda answer: "no call 'nothing'" in answer.error),
        *answered,
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        juliet.gets("BYE"),
        Step(_ended_already),
        juliet.sends(200),
    )


def _ended_already(world: World) -> None:
    (call,) = said(world, List()).calls
    assert "at the moment" in said(world, HangUp(call.id)).error


@pytest.mark.parametrize(
    "line", [b"{}", b'{"ask":"frobnicate"}', b'{"ask":"show"}', b'{"ask":"recent","most":0}', b"\xff\xfe", b"[", b""]
)
def test_what_is_no_request_is_answered(line: bytes) -> None:
    run(asks(line, lambda answer: answer.error.startswith("request: ")))
