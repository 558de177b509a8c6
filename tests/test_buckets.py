"""Token buckets: never more than their size and rate, always again, and never more of them than are remembered."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.buckets import MOST, Buckets


def test_a_bucket_gives_what_it_holds_and_then_what_comes_back() -> None:
    buckets = Buckets[str](3, 0.5)
    for _ in range(3):
        assert buckets.wait("a", 0.0) == 0
        buckets.take("a", 0.0)
    assert buckets.wait("a", 0.0) == 2.0
    assert buckets.wait("a", 1.5) == 0.5
    assert buckets.wait("b", 0.0) == 0
    buckets.take("a", 2.0)
    assert buckets.wait("a", 2.0) == 2.0


@given(st.floats(0.1, 50), st.floats(0.01, 50), st.lists(st.floats(0, 30), max_size=200))
def test_no_bucket_gives_more_than_its_size_and_its_rate(size: float, rate: float, waits: list[float]) -> None:
    buckets, now, given_at = Buckets[str](size, rate), 0.0, list[float]()
    for seconds in waits:
        now += seconds
        if buckets.wait("a", now) == 0:
            buckets.take("a", now)
            given_at.append(now)
    for first in range(len(given_at)):
        for last in range(first, len(given_at)):
            assert last - first + 1 <= buckets.size + rate * (given_at[last] - given_at[first]) + 1e-6


@given(st.integers(1, 20), st.lists(st.floats(0, 30), max_size=100))
def test_nobody_gets_more_than_twice_their_share_in_a_minute(share: int, pauses: list[float]) -> None:
    buckets, now, admitted = Buckets[str].a_minute(share), 0.0, list[float]()
    for pause in pauses:
        now += pause
        if buckets.admits("romeo", now):
            admitted.append(now)
    for at in admitted:
        assert sum(at <= other < at + 60 for other in admitted) <= 2 * share


def test_everybody_has_their_own_share_and_it_comes_back() -> None:
    buckets = Buckets[str].a_minute(2)
    assert [buckets.admits("romeo", 0.0) for _ in range(3)] == [True, True, False]
    assert buckets.admits("mercutio", 0.0)
    assert not buckets.admits("romeo", 29.0)
    assert buckets.admits("romeo", 31.0)


def test_full_buckets_are_forgotten() -> None:
    buckets = Buckets[int](1, 1.0)
    for number in range(100_000):
        buckets.take(number, number / 100)
    assert len(buckets) < 1_000


def test_the_one_that_was_drawn_on_longest_ago_is_forgotten_where_there_are_too_many() -> None:
    buckets = Buckets[int].a_minute(1)
    for number in range(MOST):
        assert buckets.admits(number, 0.0)
    assert not buckets.admits(0, 1.0)
    for number in range(MOST, MOST + 5):
        assert buckets.admits(number, 1.0)
    assert len(buckets) == MOST
    assert buckets.admits(4, 1.0)
    assert not buckets.admits(6, 1.0)


@given(st.integers(1, 5), st.lists(st.tuples(st.integers(0, 9), st.floats(0, 3)), max_size=200))
def test_there_are_never_more_than_are_remembered(most: int, asked: list[tuple[int, float]]) -> None:
    buckets, now = Buckets[int](2, 0.1, most=most), 0.0
    for who, pause in asked:
        now += pause
        buckets.admits(who, now)
        assert len(buckets) <= most


def test_a_clock_that_goes_back_takes_nothing_away() -> None:
    buckets = Buckets[str](2, 1.0)
    buckets.take("a", 1_000.0)
    assert buckets.left("a", 0.0) == 1.0
