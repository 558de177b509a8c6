"""Records go into the table and come back as they were."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.history import rows
from gateway.history.record import CallRecord
from gateway.store.migrations import migrate
from mappings.reasons import EndReason

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
TIMES = st.floats(0, 1e10)
RECORDS = st.builds(
    CallRecord,
    id=st.text("0123456789abcdef", min_size=16, max_size=16),
    origin=st.sampled_from(["xmpp", "sip"]),
    user=TEXTS,
    number=TEXTS,
    trunk=TEXTS,
    began=TIMES,
    answered=st.none() | TIMES,
    ended=TIMES,
    reason=st.sampled_from([reason.value for reason in EndReason]),
    text=TEXTS,
    status=st.none() | st.integers(100, 699),
    ended_by=st.sampled_from(["caller", "callee", "gateway"]),
    codec=TEXTS,
    anchor=TEXTS,
)
CALL = CallRecord(id="a", origin="xmpp", user="romeo@montague.example", number="+15550100", began=100.0, ended=160.0)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(table()) as made:
        yield made


def table() -> sqlite3.Connection:
    """The table, in memory."""
    made = sqlite3.connect(":memory:", isolation_level=None)
    migrate(made)
    return made


@given(st.lists(RECORDS, unique_by=lambda record: record.id, max_size=5))
def test_a_record_comes_back_as_it_went(records: list[CallRecord]) -> None:
    with closing(table()) as connection:
        rows.insert(connection, records)
        for record in records:
            assert rows.find(connection, record.id) == record
        found = rows.latest(connection, 10)
        assert sorted(found, key=lambda record: record.id) == sorted(records, key=lambda record: record.id)
        ended = [record.ended for record in found]
        assert ended == sorted(ended, key=lambda at: -(at or 0))


def test_a_record_that_is_written_twice_is_one(connection: sqlite3.Connection) -> None:
    rows.insert(connection, [CALL])
    rows.insert(connection, [CALL])
    assert rows.latest(connection, 10) == [CALL]


def test_a_user_is_told_their_own_calls_only_page_by_page(connection: sqlite3.Connection) -> None:
    mine = [replace(CALL, id=f"{at}", began=float(at)) for at in range(5)]
    rows.insert(connection, [*mine, replace(CALL, id="x", user="tybalt@capulet.example")])
    assert rows.of_user(connection, CALL.user, 3, 0) == [mine[4], mine[3], mine[2]]
    assert rows.of_user(connection, CALL.user, 3, 3) == [mine[1], mine[0]]
    assert rows.of_user(connection, "nobody@example.org", 3, 0) == []


def test_what_ended_before_is_forgotten(connection: sqlite3.Connection) -> None:
    rows.insert(connection, [CALL, replace(CALL, id="b", ended=99.0)])
    assert rows.prune(connection, 100.0) == 1
    assert rows.latest(connection, 10) == [CALL]
    assert rows.find(connection, "b") is None
