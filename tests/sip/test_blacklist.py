"""Which targets come last, and for how long."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.sip.blacklist import FIRST_SECONDS, MAX_BANS, MOST_SECONDS, TRIALS, Blacklist, place
from gateway.sip.flow import Flow

A, B, C = (Flow("UDP", f"192.0.2.{number}", 5060) for number in (1, 2, 3))
TCP = Flow("TCP", "192.0.2.1", 5060)


def test_what_failed_comes_last_for_a_span_that_doubles() -> None:
    known, now = Blacklist(), 1000.0
    for times in range(10):
        known = known.failed(A, now)
        span = min(FIRST_SECONDS * 2**times, MOST_SECONDS)
        assert known.order([A, TCP, B], now + span - 0.1) == [TCP, B, A]
        assert known.on_trial([A, B], now + span - 0.1) == []
        now += span
        tried = times < TRIALS  # ... and those who answer no OPTIONS are called again in the end
        assert known.order([A, B], now) == ([B, A] if tried else [A, B])
        assert known.on_trial([A, B], now) == ([A] if tried else [])
        assert known.is_good(A, now) is not tried
    assert known.answered(A) == Blacklist()
    assert known.answered(A).order([A, B], now) == [A, B]


def test_many_who_find_out_at_once_are_one_failure() -> None:
    known = Blacklist().failed(A, 0.0)
    assert known.failed(A, 0.0).failed(A, FIRST_SECONDS - 0.1) is known
    assert known.answered(B) is known


def test_who_asks_for_time_gets_it_and_then_is_as_good_as_before() -> None:
    known = Blacklist().told(A, 0.0, 30.0)
    assert known.order([A, B], 29.0) == [B, A]
    assert known.order([A, B], 30.0) == [A, B]
    assert known.on_trial([A], 30.0) == []
    assert Blacklist().told(A, 0.0, 1e9).order([A, B], MOST_SECONDS) == [A, B]
    assert Blacklist().told(A, 0.0, -1.0).order([A, B], 0.0) == [A, B]


def test_of_the_bad_those_on_trial_come_first_and_then_the_soonest() -> None:
    known = Blacklist().failed(A, 0.0).told(B, 0.0, 60.0).told(C, 0.0, 50.0)
    assert known.order([B, C, A], 10.0) == [A, C, B]


flows = st.lists(st.sampled_from([A, B, C, TCP]), unique=True)
events = st.lists(
    st.tuples(st.sampled_from(["failed", "told", "answered"]), st.sampled_from([A, B, C, TCP]), st.floats(0, 400))
)


@given(flows, events, st.floats(0, 4000))
def test_nobody_is_lost_and_the_good_keep_their_order(
    targets: list[Flow], happened: list[tuple[str, Flow, float]], now: float
) -> None:
    known, at = Blacklist(), 0.0
    for what, target, seconds in happened:
        at += seconds
        if what == "failed":
            known = known.failed(target, at)
        else:
            known = known.told(target, at, seconds) if what == "told" else known.answered(target)
    ordered = known.order(targets, now)
    assert sorted(ordered, key=str) == sorted(targets, key=str)
    good = [target for target in targets if place(target) not in known.bans]
    assert [target for target in ordered if target in good] == good
    assert set(known.on_trial(targets, now)) <= set(targets) - set(good)


def test_the_memory_is_bounded() -> None:
    known = Blacklist()
    for number in range(MAX_BANS + 5):
        known = known.failed(Flow("UDP", "192.0.2.1", number), float(number))
    assert len(known.bans) == MAX_BANS
    assert place(Flow("UDP", "192.0.2.1", 0)) not in known.bans
