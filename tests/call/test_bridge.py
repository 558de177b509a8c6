"""The bridge alone: what each signal makes of the other side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call.bridge import TRANSITIONS, Bridge, OutOfOrder, Send, State
from gateway.signals import (
    Answer,
    Candidates,
    Complete,
    Digit,
    Early,
    End,
    NoDigits,
    Offer,
    Picture,
    Progress,
    Refuse,
    Side,
    Signal,
)
from mappings.description import Description
from mappings.reasons import EndReason

EMPTY = Description(media=())
SIGNALS: tuple[Signal, ...] = (
    Offer(EMPTY),
    Complete(EMPTY),
    Progress(),
    Early(EMPTY),
    Answer(EMPTY),
    Refuse(EndReason.FAILED_APPLICATION),
    Candidates({}),
    Digit("5", 100),
    NoDigits(),
    Picture(),
    End(EndReason.SUCCESS),
)
signals = st.sampled_from(SIGNALS)
HANGUP = End(EndReason.SUCCESS)


def established() -> Bridge:
    bridge = Bridge()
    bridge.receive(Side.CALLER, Offer(EMPTY))
    bridge.receive(Side.CALLEE, Answer(EMPTY))
    return bridge


def test_a_call_is_offered_rung_answered_and_hung_up() -> None:
    bridge = Bridge()
    assert bridge.receive(Side.CALLER, Offer(EMPTY)) == (Send(Side.CALLEE, Offer(EMPTY)),)
    assert bridge.receive(Side.CALLEE, Progress()) == (Send(Side.CALLER, Progress()),)
    assert bridge.receive(Side.CALLEE, Answer(EMPTY)) == (Send(Side.CALLER, Answer(EMPTY)),)
    assert bridge.receive(Side.CALLEE, HANGUP) == (Send(Side.CALLER, HANGUP),)
    assert bridge.state is State.ENDED


def test_crossing_offers_are_refused_as_glare_and_the_first_stands() -> None:
    bridge = established()
    bridge.receive(Side.CALLER, Offer(EMPTY))
    ((side, signal),) = bridge.receive(Side.CALLEE, Offer(EMPTY))
    assert side is Side.CALLEE
    assert isinstance(signal, Refuse)
    assert signal.glare
    assert bridge.receive(Side.CALLEE, Answer(EMPTY)) == (Send(Side.CALLER, Answer(EMPTY)),)
    assert bridge.state is State.ESTABLISHED


@pytest.mark.parametrize("side", Side)
def test_digits_pass_while_there_are_two_sides_and_change_nothing(side: Side) -> None:
    for state in (State.OFFERED, State.ESTABLISHED, State.CALLER_REOFFERED, State.CALLEE_REOFFERED):
        bridge = Bridge()
        bridge.state = state
        for signal in (Digit("#", 250), NoDigits(), Picture()):
            assert bridge.receive(side, signal) == (Send(side.other, signal),)
            assert bridge.state is state
    for state in (State.IDLE, State.ENDED):
        bridge.state = state
        with pytest.raises(OutOfOrder):
            bridge.receive(side, Digit("#", 250))


def test_a_refused_change_leaves_the_call_as_it_was() -> None:
    bridge = established()
    bridge.receive(Side.CALLEE, Offer(EMPTY))
    bridge.receive(Side.CALLER, Refuse(EndReason.FAILED_APPLICATION))
    assert bridge.state is State.ESTABLISHED


def test_who_hears_something_before_the_answer_is_in_no_call_yet() -> None:
    bridge = Bridge()
    bridge.receive(Side.CALLER, Offer(EMPTY))
    assert not bridge.heard
    assert bridge.receive(Side.CALLEE, Early(EMPTY)) == (Send(Side.CALLER, Early(EMPTY)),)
    assert (bridge.heard, bridge.talking) == (True, False)
    assert bridge.receive(Side.CALLEE, Early(EMPTY)) == (Send(Side.CALLER, Early(EMPTY)),)
    assert bridge.receive(Side.CALLER, Offer(EMPTY)) == (Send(Side.CALLEE, Offer(EMPTY)),)
    with pytest.raises(OutOfOrder):
        bridge.receive(Side.CALLER, Answer(EMPTY))
    bridge.receive(Side.CALLEE, Answer(EMPTY))
    assert (bridge.heard, bridge.talking) == (True, True)
    with pytest.raises(OutOfOrder):
        bridge.receive(Side.CALLEE, Early(EMPTY))


def test_a_caller_that_leaves_before_offering_disturbs_nobody() -> None:
    bridge = Bridge()
    assert bridge.receive(Side.CALLER, HANGUP) == ()
    assert bridge.state is State.ENDED


def test_a_signal_out_of_place_changes_nothing_and_says_who_and_when() -> None:
    bridge = established()
    with pytest.raises(OutOfOrder, match="callee sent Progress while established"):
        bridge.receive(Side.CALLEE, Progress())
    assert bridge.state is State.ESTABLISHED


def test_the_middle_ends_both_sides_once() -> None:
    bridge = established()
    assert bridge.end(HANGUP) == (Send(Side.CALLEE, HANGUP), Send(Side.CALLER, HANGUP))
    assert bridge.end(HANGUP) == ()


def test_the_middle_ends_only_the_caller_while_nobody_was_called() -> None:
    assert Bridge().end(HANGUP) == (Send(Side.CALLER, HANGUP),)


@given(st.lists(st.tuples(st.sampled_from(Side), signals)))
def test_whatever_the_script_each_side_gets_one_end_and_nothing_after_it(script: list[tuple[Side, Signal]]) -> None:
    bridge = Bridge()
    ended: dict[Side, int] = {Side.CALLER: 0, Side.CALLEE: 0}
    for side, signal in script:
        before = bridge.state
        try:
            sent = bridge.receive(side, signal)
        except OutOfOrder:
            assert bridge.state is before
            continue
        assert before is not State.ENDED
        for to, what in sent:
            assert not ended[to]
            ended[to] += isinstance(what, End)
    assert max(ended.values()) <= 1


@pytest.mark.parametrize("state", State)
def test_every_state_has_its_row_and_every_live_one_can_end(state: State) -> None:
    assert state in TRANSITIONS
    if state is not State.ENDED:
        assert State.ENDED in TRANSITIONS[state].values()
