"""How calls and minutes are charged, and how often something may be done."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.ledger import DAYS, Entry, Ledger, Meter

DAY = 86_400.0
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
ROMEO = "romeo@montague.example"


def test_a_call_is_charged_from_its_answer_to_its_end() -> None:
    ledger = Ledger(UTC)
    ledger.begin(ROMEO, NOON)
    assert (ledger.calls(ROMEO, NOON), ledger.seconds(ROMEO, 5.0, NOON)) == (1, 0.0)
    meter = ledger.start(ROMEO, 10.0, NOON)
    assert ledger.seconds(ROMEO, 40.0, NOON + 30) == 30.0
    ledger.stop(meter, 70.0, NOON + 60)
    assert ledger.seconds(ROMEO, 999.0, NOON + 999) == 60.0
    assert ledger.charged == 60.0


def test_two_calls_at_a_time_cost_twice_as_much() -> None:
    ledger = Ledger(UTC)
    first = ledger.start(ROMEO, 0.0, NOON)
    ledger.start(ROMEO, 10.0, NOON)
    assert ledger.spent(ROMEO, 100.0, 10.0, NOON) == 10.0 + 90.0 / 2
    ledger.stop(first, 20.0, NOON)
    assert ledger.seconds(ROMEO, 30.0, NOON) == 40.0
    assert ledger.spent("juliet@capulet.example", 100.0, 30.0, NOON) is None


def test_a_call_over_midnight_has_a_part_in_each_day() -> None:
    ledger = Ledger(ZoneInfo("Europe/Berlin"))
    midnight = datetime(2026, 11, 27, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    ledger.begin(ROMEO, midnight - 60)
    meter = ledger.start(ROMEO, 1_000.0, midnight - 60)
    ledger.stop(meter, 1_090.0, midnight + 30)
    assert ledger.calls(ROMEO, midnight + 30) == 0
    assert ledger.seconds(ROMEO, 1_090.0, midnight + 30) == 30.0
    assert {(entry.day, entry.seconds) for entry in ledger.changed(1_090.0, midnight + 30)} == {
        ("2026-11-26", 60.0),
        ("2026-11-27", 30.0),
    }


@pytest.mark.parametrize(("zone", "day"), [("UTC", "2026-11-26"), ("Asia/Tokyo", "2026-11-27")])
def test_the_day_is_that_of_the_time_zone(zone: str, day: str) -> None:
    assert Ledger(ZoneInfo(zone)).day(datetime(2026, 11, 26, 20, tzinfo=UTC).timestamp()) == day


def test_what_was_written_down_counts_on() -> None:
    before, after = Ledger(UTC), Ledger(UTC)
    before.begin(ROMEO, NOON)
    before.start(ROMEO, 0.0, NOON)
    after.load(before.changed(30.0, NOON + 30))
    assert (after.calls(ROMEO, NOON + 40), after.seconds(ROMEO, 7.0, NOON + 40)) == (1, 30.0)
    assert before.changed(30.0, NOON + 30) == []
    assert [entry.seconds for entry in before.changed(31.0, NOON + 31)] == [31.0]


def test_a_clock_that_is_put_back_finds_the_day_as_it_was() -> None:
    ledger = Ledger(UTC)
    for wall in (NOON, NOON + 400 * DAY, NOON):
        ledger.begin(ROMEO, wall)
    assert ledger.calls(ROMEO, NOON) == 2


def test_a_day_before_all_others_is_not_forgotten_while_it_is_today() -> None:
    ledger = Ledger(UTC)
    for day in (400, 401, 402, 403, 0):
        ledger.begin(ROMEO, NOON + day * DAY)
    assert ledger.calls(ROMEO, NOON) == 1


def test_old_days_are_forgotten() -> None:
    ledger = Ledger(UTC)
    for day in range(10):
        ledger.begin(ROMEO, NOON + day * DAY)
    assert [day for day in range(10) if ledger.calls(ROMEO, NOON + day * DAY)] == list(range(10 - DAYS, 10))


STEPS = st.lists(
    st.tuples(st.sampled_from(["start", "stop", "look", "flush", "restart"]), st.floats(0, 90_000)), max_size=40
)


@given(STEPS)
def test_every_second_is_charged_once_whatever_happens_between(steps: list[tuple[str, float]]) -> None:
    ledger, now, talked, written = Ledger(UTC), 0.0, 0.0, dict[tuple[str, str], Entry]()
    meters = list[Meter]()
    for what, seconds in steps:
        now += seconds
        talked += seconds * len(meters)
        match what:
            case "start":
                meters.append(ledger.start(ROMEO, now, NOON + now))
            case "stop" if meters:
                ledger.stop(meters.pop(), now, NOON + now)
            case "look":
                ledger.seconds(ROMEO, now, NOON + now)
            case "flush" | "restart":
                for entry in ledger.changed(now, NOON + now):
                    written[entry.day, entry.user] = entry
                if what == "restart":
                    ledger, meters = Ledger(UTC), []
                    ledger.load(written.values())
            case _:
                pass
    for entry in ledger.changed(now, NOON + now):
        written[entry.day, entry.user] = entry
    if all(seconds < 43_000 for _, seconds in steps):  # a step of a day and more may reach into two days before
        assert sum(entry.seconds for entry in written.values()) == pytest.approx(talked)
