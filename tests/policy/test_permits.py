"""Nobody gets more than they may have, whatever they do, and in whichever order."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.policy.ledger import Entry
from gateway.policy.permits import Permit, Permits, TrunkLimits, Wish
from gateway.policy.rules import USUAL, Policy, PolicySettings
from gateway.rules import Patterns

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
ROMEO = "romeo@montague.example"
JULIET = "juliet@capulet.example"
NUMBER = "+15551230000"


def policy(name: str = "tight", who: Iterable[str] = ("*",), **limits: Any) -> Policy:
    """A policy."""
    return Policy(name=name, who=Patterns(who), **limits)


def permits(*policies: Policy, trunks: dict[str, TrunkLimits] | None = None, **limits: Any) -> Permits:
    """Permits under these."""
    return Permits(PolicySettings(policies=policies, **limits), trunks or {}, UTC)


def wish(user: str = ROMEO, number: str = NUMBER, **facts: Any) -> Wish:
    """Romeo would like to call."""
    return Wish(user=user, number=number, **({"trunk": "pbx"} | facts))


def refusal(all_: Permits, *, now: float = 0.0, **facts: Any) -> PeerError:
    """Why a call may not begin."""
    with pytest.raises(PeerError) as refused:
        all_.begin(wish(**facts), now, NOON + now)
    assert (refused.value.status, refused.value.condition) == (403, "policy-violation")
    return refused.value


def begin(all_: Permits, now: float = 0.0, **facts: Any) -> Permit:
    """A call begins."""
    return all_.begin(wish(**facts), now, NOON + now)


@pytest.mark.conformance("ROB-04")
def test_a_user_has_so_many_calls_at_a_time_and_others_have_theirs() -> None:
    all_ = permits(policy(calls=2))
    first, _ = begin(all_), begin(all_, number="+1555")
    assert refusal(all_, number="+1556").cause == "limit"
    begin(all_, user=JULIET)
    all_.end(first, 1.0, NOON + 1)
    begin(all_, now=1.0, number="+1556")


def test_so_many_calls_go_to_one_number_however_it_is_spelled() -> None:
    all_ = permits(policy(calls_to_number=2), calls_to_number=3)
    begin(all_)
    begin(all_, number="0015551230000")
    assert refusal(all_, number="+1-555-123-0000").cause == "same_number"
    begin(all_, user=JULIET)
    assert refusal(all_, user="paris@verona.example").text == "policy: too many calls to this number"
    begin(all_, user="paris@verona.example", number="+1555")


@pytest.mark.conformance("ROB-04")
def test_calls_begun_and_given_up_at_once_are_counted() -> None:
    all_ = permits(policy(calls_per_second=3, calls_per_minute=10))
    given = 0
    for step in range(1_000):
        given += tries(all_, step / 1_000)
    assert given == 5
    assert sum(tries(all_, 2.0 + step) for step in range(100)) == 5 + 101 * 10 // 60


def tries(all_: Permits, now: float, **facts: Any) -> bool:
    """Whether a call begins, which then ends at once; if not, it is for the rate."""
    try:
        call = begin(all_, now, **facts)
    except PeerError as error:
        if error.cause != "rate" or not error.retry_after:
            raise
        return False
    all_.end(call, now, NOON + now)
    return True


def test_everybody_together_begins_so_many() -> None:
    all_ = permits(calls_per_second=10)
    assert sum(tries(all_, 0.0, user=f"u{number}@example.org") for number in range(1_000)) == 10


def test_who_is_refused_takes_nothing_from_others() -> None:
    all_ = permits(policy(calls_per_second=1), calls_per_second=2)
    begin(all_)
    for _ in range(100):
        assert refusal(all_).cause == "rate"
    begin(all_, user=JULIET)


def test_a_day_has_so_many_calls() -> None:
    all_ = permits(policy(calls_per_day=2, calls_per_second=1000, calls_per_minute=1000))
    for _ in range(2):
        all_.end(begin(all_), 0.0, NOON)
    assert refusal(all_).text == "policy: daily limit of 2 calls reached"
    assert refusal(all_, own=True).cause == "daily_calls"
    begin(all_, now=13 * 3600)


@pytest.mark.conformance("ROB-04")
def test_a_day_has_so_many_minutes() -> None:
    all_ = permits(policy(minutes_per_day=60))
    first, second = begin(all_), begin(all_)
    all_.answered(first, 0.0, NOON)
    all_.answered(second, 0.0, NOON)
    assert all_.spent(first, 0.0, NOON) == 1800.0
    all_.stop(second, 600.0, NOON + 600)
    assert all_.spent(second, 600.0, NOON + 600) is None
    assert all_.spent(first, 600.0, NOON + 600) == 600.0 + 2400.0
    all_.end(first, 3000.0, NOON + 3000)
    assert refusal(all_, now=3000.0).text == "policy: daily limit of 60 minutes reached"
    begin(all_, now=3000.0, own=True)
    begin(all_, now=3000.0, user=JULIET)


def test_who_pays_for_themselves_has_all_the_minutes_unless_the_operator_says_so() -> None:
    for own_accounts, counted in ((False, None), (True, 60.0)):
        all_ = permits(policy(minutes_per_day=1, own_accounts=own_accounts))
        call = begin(all_, own=True)
        all_.answered(call, 0.0, NOON)
        assert all_.spent(call, 0.0, NOON) == counted


@pytest.mark.conformance("ROB-04")
def test_nothing_limits_a_call_for_help() -> None:
    tight = policy(calls=1, calls_per_second=1, calls_per_minute=1, calls_per_day=1, minutes_per_day=1)
    all_ = permits(tight, trunks={"pbx": TrunkLimits(calls=1, out_per_second=1)}, calls_per_second=1, calls_to_number=1)
    begin(all_)
    for _ in range(5):
        call = begin(all_, number="112", emergency=True)
        all_.answered(call, 0.0, NOON)
        assert all_.spent(call, 0.0, NOON) is None
        assert all_.move(call, "full", 0.0)


def test_the_first_policy_that_names_a_user_holds_and_else_the_usual_one() -> None:
    first, second = policy("one", [ROMEO], calls=1), policy("two", ["montague.example"], calls=2)
    rules = PolicySettings(policies=(first, second))
    assert rules.of(ROMEO) is first
    assert rules.of("benvolio@montague.example") is second
    assert rules.of(JULIET) is USUAL


# --------------------------------------------------------------------------------------------------------------- trunks


def test_a_trunk_takes_so_many_in_both_directions_and_a_call_that_moves_counts_where_it_goes() -> None:
    all_ = permits(trunks={"a": TrunkLimits(calls=2), "b": TrunkLimits(calls=1)})
    first, second = begin(all_, trunk="a"), all_.arrive("a", 0.0)
    assert all_.full("a", 0.0)
    assert not all_.full("b", 0.0)
    with pytest.raises(PeerError) as refused:
        all_.arrive("a", 0.0)
    assert (refused.value.status, refused.value.retry_after) == (503, 10)
    assert all_.move(first, "b", 0.0)
    assert not all_.full("a", 0.0)
    third = begin(all_, trunk="a", number="+1555")
    assert not all_.move(third, "b", 0.0)
    assert all_.move(third, "a", 0.0)
    for call in (first, second, third):
        all_.end(call, 1.0, NOON)
    assert not all_.full("a", 0.0)
    assert not all_.full("b", 0.0)


def test_a_trunk_takes_so_many_in_a_second_each_way() -> None:
    all_ = permits(trunks={"a": TrunkLimits(out_per_second=2, in_per_second=1), "b": TrunkLimits()})
    begin(all_, trunk="a")
    moved = begin(all_, trunk="b", number="+1555")
    assert all_.move(moved, "a", 0.0)
    assert all_.full("a", 0.0)
    assert not all_.full("a", 0.5)
    all_.arrive("a", 0.0)
    with pytest.raises(PeerError) as refused:
        all_.arrive("a", 0.0)
    assert (refused.value.status, refused.value.cause, refused.value.retry_after) == (503, "rate", 1)
    all_.arrive("a", 1.0)
    all_.arrive("b", 0.0)


# ----------------------------------------------------------------------------------------------------------------- laws

TIGHT = policy(
    calls=3, calls_to_number=2, calls_per_second=2.0, calls_per_minute=6.0, calls_per_day=9, minutes_per_day=5
)

OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "begin", "answer", "end", "hand on", "wait"]),
        st.sampled_from([ROMEO, JULIET]),
        st.integers(0, 5),
        st.floats(0, 40),
    ),
    max_size=120,
)


@pytest.mark.conformance("ROB-04")
@settings(max_examples=300)
@given(OPERATIONS)
def test_no_sequence_of_operations_exceeds_a_budget(operations: list[tuple[str, str, int, float]]) -> None:
    all_, now, open_ = permits(TIGHT), 0.0, dict[Permit, str]()
    begun, talked = dict[str, list[float]](), dict[str, float]()

    def pass_(seconds: float) -> None:
        """Time passes; whoever has no minutes left is cut off when they are used up."""
        nonlocal now
        until = now + seconds
        while True:
            due = [(at, call) for call in open_ if (at := all_.spent(call, now, NOON + now)) is not None]
            at, call = min(due, key=lambda found: found[0], default=(until, None))
            at = max(now, min(at, until))
            for one in open_:
                if one.meter is not None:
                    talked[one.meter.user] = talked.get(one.meter.user, 0.0) + at - now
            now = at
            if call is None or at >= until:
                return
            all_.stop(call, now, NOON + now)

    for what, user, place, seconds in operations:
        mine = [call for call, owner in open_.items() if owner == user]
        call = mine[place % len(mine)] if mine else None
        number = f"+155{place % 3}"
        try:
            match what, call:
                case "begin", _:
                    open_[begin(all_, now, user=user, number=number)] = user
                    begun.setdefault(user, []).append(now)
                case "hand on", Permit():
                    made = all_.begin(wish(user, number), now, NOON + now, instead=call)
                    all_.end(call, now, NOON + now)
                    del open_[call]
                    open_[made] = user
                    all_.answered(made, now, NOON + now)
                    begun.setdefault(user, []).append(now)
                case "answer", Permit():
                    all_.answered(call, now, NOON + now)
                case "end", Permit():
                    all_.end(call, now, NOON + now)
                    del open_[call]
                case "wait", _:
                    pass_(seconds)
                case _:
                    pass
        except PeerError:
            pass
        at_a_time = Counter(open_.values())
        assert max(at_a_time.values(), default=0) <= TIGHT.calls
        assert max(Counter((one.user, one.number) for one in open_).values(), default=0) <= TIGHT.calls_to_number
    for times in begun.values():
        assert len(times) <= TIGHT.calls_per_day
        for index, first in enumerate(times):
            for later, last in enumerate(times[index:], start=1):
                assert later <= 2.0 + 2.0 * (last - first) + 1e-6
                assert later <= 6.0 + (last - first) / 10 + 1e-6
    assert max(talked.values(), default=0) <= TIGHT.minutes_per_day * 60 + 1e-6


@given(OPERATIONS)
def test_a_restart_gives_no_budget_back(operations: list[tuple[str, str, int, float]]) -> None:
    all_, now = permits(TIGHT), 0.0
    begun, written = Counter[str](), dict[tuple[str, str], Any]()
    for what, user, _, seconds in operations:
        now += seconds
        if what == "begin":
            try:
                all_.end(begin(all_, now, user=user), now, NOON + now)
                begun[user] += 1
            except PeerError:
                pass
        elif what == "hand on":
            for entry in all_.ledger.changed(now, NOON + now):
                written[entry.day, entry.user] = entry
            all_ = permits(TIGHT)
            all_.ledger.load(written.values())
    assert max(begun.values(), default=0) <= TIGHT.calls_per_day


@given(OPERATIONS)
def test_nothing_is_left_of_calls_that_are_over(operations: list[tuple[str, str, int, float]]) -> None:
    all_, now, open_ = permits(trunks={"pbx": TrunkLimits(calls=4)}), 0.0, list[Permit]()
    for what, user, place, seconds in operations:
        now += seconds
        try:
            if what == "begin":
                open_.append(begin(all_, now, user=user, number=f"+155{place}"))
            elif what == "wait":
                open_.append(all_.arrive("pbx", now))
            elif what == "answer" and open_:
                all_.answered(open_[place % len(open_)], now, NOON + now)
            elif what == "end" and open_:
                all_.end(open_.pop(place % len(open_)), now, NOON + now)
        except PeerError:
            pass
    for call in open_:
        all_.end(call, now, NOON + now)
    inside: Any = all_
    assert not any((inside._by_trunk, inside._by_user, inside._by_number, inside._by_user_and_number))
    assert not inside.ledger._running


def test_who_has_used_most_of_a_day_is_counted() -> None:
    all_ = permits(policy(calls_per_day=5, minutes_per_day=10))

    def near(now: float) -> int:
        return all_.near(all_.ledger.changed(now, NOON + now), NOON + now)

    assert near(0.0) == 0
    for _ in range(4):
        all_.end(begin(all_), 0.0, NOON)
    assert near(0.0) == 1
    call = begin(all_, user=JULIET)
    all_.answered(call, 0.0, NOON)
    all_.end(call, 500.0, NOON + 500)
    assert near(500.0) == near(501.0) == 2
    assert near(86_400.0) == 0


def test_of_many_users_those_alone_are_looked_at_who_have_called_since() -> None:
    asked: list[str] = []

    class Who:
        def __contains__(self, jid: str) -> bool:
            asked.append(jid)
            return True

    all_ = permits(Policy(name="all", who=Who()))
    today = all_.ledger.day(NOON)
    known = [Entry(today, f"{number}@capulet.example", 499, 0.0) for number in range(100)]
    all_.ledger.load(known)
    assert all_.near(known, NOON) == 100
    asked.clear()
    assert all_.near(all_.ledger.changed(1.0, NOON + 1), NOON + 1) == 100
    assert not asked


def test_a_user_is_told_what_they_have_had_today() -> None:
    all_ = permits(policy(calls_per_day=5, minutes_per_day=10))
    call = begin(all_)
    all_.answered(call, 0.0, NOON)
    assert all_.used(ROMEO, 119.0, NOON + 119) == (1, 5, 1, 10)
    assert all_.used(JULIET, 119.0, NOON + 119) == (0, 5, 0, 10)
