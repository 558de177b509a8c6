"""The table `calls`: its statements, and records to rows and back."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from typing import Final

from gateway.history.record import CallRecord

_PASSING: Final = {"state", "name", "rang", "elsewhere"}
"What is not kept; these are the last fields."

_COLUMNS: Final = tuple(field.name for field in fields(CallRecord) if field.name not in _PASSING)
_NAMES: Final = ", ".join(_COLUMNS)
_INSERT: Final = f"INSERT OR REPLACE INTO calls ({_NAMES}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_SELECT: Final = f"SELECT {_NAMES} FROM calls"  # noqa: S608


def insert(connection: sqlite3.Connection, records: Iterable[CallRecord]) -> None:
    """Keep records of calls that are over."""
    connection.executemany(_INSERT, [astuple(record)[: len(_COLUMNS)] for record in records])


def prune(connection: sqlite3.Connection, before: float) -> int:
    """Forget the calls that ended before then, in seconds since 1970; how many they were."""
    return connection.execute("DELETE FROM calls WHERE ended < ?", (before,)).rowcount


def latest(connection: sqlite3.Connection, most: int) -> list[CallRecord]:
    """The calls that ended last, the last one first."""
    return _read(connection.execute(f"{_SELECT} ORDER BY ended DESC LIMIT ?", (most,)))


def of_user(connection: sqlite3.Connection, user: str, most: int, skip: int) -> list[CallRecord]:
    """One user's (bare JID), the last one first, after so many."""
    return _read(
        connection.execute(f"{_SELECT} WHERE user = ? ORDER BY began DESC, id LIMIT ? OFFSET ?", (user, most, skip))
    )


def count(connection: sqlite3.Connection, user: str) -> int:
    """How many calls of one user there are."""
    (number,) = connection.execute("SELECT count(*) FROM calls WHERE user = ?", (user,)).fetchone()
    return int(number)


def users(connection: sqlite3.Connection) -> set[str]:
    """Who has had a call that was let in."""
    return {user for (user,) in connection.execute("SELECT DISTINCT user FROM calls WHERE trunk != ''")}


def find(connection: sqlite3.Connection, id: str) -> CallRecord | None:
    """The one of that name."""
    found = _read(connection.execute(f"{_SELECT} WHERE id = ?", (id,)))
    return found[0] if found else None


def _read(rows: Iterable[Sequence[object]]) -> list[CallRecord]:
    return [CallRecord(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]  # type: ignore[arg-type]
