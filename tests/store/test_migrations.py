"""Every older file becomes what this version knows, and what is none of ours is left alone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from gateway.errors import StoreError
from gateway.store.migrations import APPLICATION_ID, MIGRATIONS, migrate, statements, version

EXAMPLES: dict[str, str] = {
    "vault": "1, x'00', x'01'",
    "calls": "'1', 'sip', 'a@b', '+1', 'pbx', 1.0, NULL, 2.0, 'busy', '', 486, 'callee', '', ''",
    "accounts": "1, 'a@b', 'home', 'c@d', '', x'02', '', '', 'auto', '', '', '', 1, 60, 'user', 0.0",
    "account_choices": "'a@b', 'home'",
    "account_states": "'a@b', 'home', 'registered', 0.0, NULL, '', NULL",
    "usage": "'2026-11-26', 'a@b', 3, 61.5",
    "preferences": "'a@b', '[]', NULL, 1, 0",
    "bonds": "'a@b', '+1@c', 1, 2, 1800000000",
}
"""A row of each table, as it may have been written by the version that brought the table; later ones must keep it."""


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as found:
        yield found


def schema(connection: sqlite3.Connection) -> list[str]:
    """All tables and indices, as they were made."""
    return [text for (text,) in connection.execute("SELECT sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY name")]


def tables(connection: sqlite3.Connection) -> set[str]:
    """The tables there are, but for SQLite's own."""
    found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    return {name for (name,) in found}


def rows(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    """All that it holds."""
    return connection.execute(f"SELECT * FROM {table}").fetchall()


@pytest.mark.parametrize("older", range(len(MIGRATIONS) + 1))
def test_a_file_of_any_version_is_brought_up_to_date_with_all_that_it_holds(
    older: int, connection: sqlite3.Connection
) -> None:
    held: dict[str, list[tuple[object, ...]]] = {}
    for at in range(older):
        migrate(connection, MIGRATIONS[: at + 1])
        for table in sorted(tables(connection) - held.keys()):
            connection.execute(f"INSERT INTO {table} VALUES ({EXAMPLES[table]})")
            held[table] = rows(connection, table)
    assert version(connection) == older
    migrate(connection)
    assert version(connection) == len(MIGRATIONS)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh)
        assert schema(connection) == schema(fresh)
    for table, before in held.items():
        assert [row[: len(before[0])] for row in rows(connection, table)] == before
    migrate(connection)
    assert version(connection) == len(MIGRATIONS)


def test_a_migration_that_fails_leaves_the_file_as_it_was(connection: sqlite3.Connection) -> None:
    migrate(connection)
    before = schema(connection)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (*MIGRATIONS, "CREATE TABLE t (a);\nCREATE TABLE t (a);\n"))
    assert version(connection) == len(MIGRATIONS)
    assert schema(connection) == before
    assert not connection.in_transaction


def test_a_file_of_a_newer_version_is_not_touched(connection: sqlite3.Connection) -> None:
    migrate(connection, (*MIGRATIONS, "CREATE TABLE later (a);"))
    with pytest.raises(StoreError, match=f"its schema is {len(MIGRATIONS) + 1}, and {len(MIGRATIONS)} is known here"):
        migrate(connection)
    assert version(connection) == len(MIGRATIONS) + 1


@pytest.mark.parametrize("of", ["CREATE TABLE theirs (a)", "PRAGMA application_id = 7", "PRAGMA user_version = 1"])
def test_another_programs_database_is_not_touched(of: str, connection: sqlite3.Connection) -> None:
    connection.execute(of)
    with pytest.raises(StoreError, match="another program"):
        migrate(connection)
    assert "vault" not in str(schema(connection))


def test_a_script_is_its_statements_with_semicolons_in_texts_and_triggers() -> None:
    script = "CREATE TABLE t (a DEFAULT ';');\nCREATE TRIGGER x AFTER INSERT ON t BEGIN\nDELETE FROM t;\nEND;\n"
    assert [text.split()[1] for text in statements(script)] == ["TABLE", "TRIGGER"]
    with pytest.raises(AssertionError, match="without its semicolon"):
        list(statements("SELECT 1"))
