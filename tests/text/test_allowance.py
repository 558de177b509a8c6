"""How often somebody may: never more than their share, and always again."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.text.allowance import MOST, Allowances


@given(st.integers(1, 20), st.lists(st.floats(0, 30), max_size=100))
def test_nobody_gets_more_than_twice_their_share_in_a_minute(share: int, pauses: list[float]) -> None:
    allowances, now, admitted = Allowances(share), 0.0, []
    for pause in pauses:
        now += pause
        if allowances.admits("romeo", now):
            admitted.append(now)
    for at in admitted:
        assert sum(at <= other < at + 60 for other in admitted) <= 2 * share


def test_everybody_has_their_own_share_and_it_comes_back() -> None:
    allowances = Allowances(2)
    assert [allowances.admits("romeo", 0.0) for _ in range(3)] == [True, True, False]
    assert allowances.admits("mercutio", 0.0)
    assert not allowances.admits("romeo", 29.0)
    assert allowances.admits("romeo", 31.0)


def test_who_was_silent_longest_is_forgotten() -> None:
    allowances = Allowances(1)
    for number in range(MOST + 5):
        assert allowances.admits(str(number), 0.0)
    assert len(allowances) == MOST
