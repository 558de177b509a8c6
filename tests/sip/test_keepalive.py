"""When a connection is asked whether it lives, and when it is taken for dead (RFC 5626 §4.4.1)."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.sip.keepalive import PONG_SECONDS, KeepAlive


def steps(keep: KeepAlive, now: float, seconds: float, step: float = 0.5) -> list[tuple[float, str]]:
    """What is to be done while nothing comes."""
    found: list[tuple[float, str]] = []
    for turn in range(int(seconds / step)):
        due = keep.due(now + turn * step)
        if due is not None:
            found.append((turn * step, due))
    return found


@given(st.floats(0, 1), st.floats(2, 600))
def test_a_question_comes_between_four_fifths_and_the_whole_of_the_interval(chance: float, seconds: float) -> None:
    keep = KeepAlive(seconds, 100.0, lambda: chance)
    assert keep.due(100.0 + seconds * 0.8 - 0.01) is None
    assert keep.due(100.0 + seconds + 0.01) == "ask"
    assert keep.due(100.0 + seconds + 0.02) is None


def test_who_has_answered_before_and_does_not_within_ten_seconds_is_dead() -> None:
    keep = KeepAlive(100.0, 0.0, lambda: 1.0)
    assert keep.due(100.0) == "ask"
    keep.heard(101.0, answer=True)
    assert keep.due(200.0) is None
    assert keep.due(201.0) == "ask"
    assert keep.due(201.0 + PONG_SECONDS - 0.1) is None
    assert keep.due(201.0 + PONG_SECONDS) == "dead"


def test_who_has_never_answered_is_asked_on_and_not_taken_for_dead() -> None:
    assert steps(KeepAlive(100.0, 0.0, lambda: 1.0), 0.0, 350) == [(100.0, "ask"), (200.0, "ask"), (300.0, "ask")]


def test_whatever_is_heard_is_a_sign_of_life_and_puts_the_question_off() -> None:
    keep = KeepAlive(100.0, 0.0, lambda: 1.0)
    assert keep.due(100.0) == "ask"
    keep.heard(100.5, answer=True)
    assert keep.due(200.5) == "ask"
    keep.heard(205.0)
    assert steps(keep, 205.0, 99) == []
    assert keep.due(305.0) == "ask"


def test_an_answer_to_nothing_says_nothing() -> None:
    keep = KeepAlive(100.0, 0.0, lambda: 1.0)
    keep.heard(1.0, answer=True)
    assert steps(keep, 1.0, 350) == [(100.0, "ask"), (200.0, "ask"), (300.0, "ask")]
