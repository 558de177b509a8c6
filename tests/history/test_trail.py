"""What is kept of what passed in a call: never more than is allowed, and what is not kept is said."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.history.trail import Step, Trail


@given(st.integers(2, 40), st.integers(0, 200))
def test_a_trail_keeps_the_first_and_the_last_steps_and_says_how_many_it_does_not(most: int, number: int) -> None:
    trail = Trail(most)
    steps = [Step(float(at), "sip", True, f"step {at}") for at in range(number)]
    for step in steps:
        trail.add(step)
    found = list(trail)
    kept = [step for step in found if step.protocol]
    assert len(trail) == len(kept) <= most
    half = most // 2
    assert kept == (steps if number <= 2 * half else steps[:half] + steps[-half:])
    missing = [step.remark for step in found if not step.protocol]
    assert missing == ([f"{number - len(kept)} steps"] if number > len(kept) else [])
    assert [step.at for step in found] == sorted(step.at for step in found)
