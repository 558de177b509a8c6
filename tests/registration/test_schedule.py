"""Whose turn it is."""

from gateway.registration.schedule import Schedule


def test_the_first_registrations_of_many_are_spread() -> None:
    schedule = Schedule(50)
    for number in range(1000):
        schedule.put(str(number), 0.0)
    turns = []
    while (now := schedule.next_at) is not None:
        now = max(now, 0.0)
        turns.append((now, schedule.take(now)))
    assert [key for _, key in turns] == [str(number) for number in range(1000)]
    assert 19.8 <= turns[-1][0] <= 20.0


def test_nobody_has_a_turn_before_the_time() -> None:
    schedule = Schedule(1)
    schedule.put("one", 10.0)
    assert schedule.next_at == 10.0
    assert schedule.take(9.9) is None
    assert schedule.take(10.0) == "one"
    assert schedule.take(99.0) is None
    assert schedule.next_at is None


def test_a_later_word_counts_and_old_ones_take_no_room() -> None:
    schedule = Schedule(1000)
    for number in range(10_000):
        schedule.put("one", 20_000.0 - number)
    assert len(schedule) == 1
    assert len(schedule._heap) < 200
    assert schedule.next_at == 10_001.0
    schedule.put("two", 1.0)
    schedule.drop("two")
    schedule.drop("nobody")
    assert schedule.take(5.0) is None


def test_after_a_pause_of_ours_little_is_made_up_for() -> None:
    schedule = Schedule(100)
    for number in range(100):
        schedule.put(str(number), 0.0)
    now = 50.0
    turns = 0
    while schedule.take(now) is not None:
        turns += 1
    assert 1 <= turns <= 7
