"""Whether a peer is up: one answer that was lost changes nothing."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.sip.health import FALL, RISE, Health


def test_it_takes_some_failures_to_fall_and_some_answers_to_rise() -> None:
    health = Health()
    for _ in range(FALL - 1):
        health = health.after(False)
        assert health.up
    assert health.after(True) == Health()
    health = health.after(False)
    assert health == Health(up=False)
    for _ in range(RISE - 1):
        health = health.after(True)
        assert not health.up
    assert health.after(False) == Health(up=False)
    assert health.after(True) == Health()


@given(st.lists(st.booleans()))
def test_it_changes_only_when_enough_in_a_row_say_so(answers: list[bool]) -> None:
    health = Health()
    for place, well in enumerate(answers):
        before, health = health, health.after(well)
        if health.up is not before.up:
            needed = FALL if before.up else RISE
            assert answers[place + 1 - needed : place + 1] == [health.up] * needed
