"""Accounts as rows of the database: the statements, and nothing of what the rows mean.

Each change of a row gives it a new id, so that whoever remembers ids sees which rows to read again.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, cast

from gateway.accounts.account import MadeBy, Written

Key = tuple[str, str]
"A bare JID, and the name of one of its accounts."

_COLUMNS: Final = (
    "id, jid, name, address, user, password, realm, proxy, transport, caller_id, numbers, registrar, register,"
    " expires_seconds, made_by, created"
)
_AT_ONCE: Final = 500
"Ids of one question; SQLite takes some ten thousand."


@dataclass(frozen=True, slots=True)
class Row:
    """One account as it is kept."""

    id: int
    jid: str
    written: Written
    "Without its password."

    sealed: bytes | None
    "The password, as the vault has sealed it."

    made_by: MadeBy
    created: float
    "When it was first added, in seconds since 1970."

    @property
    def whose(self) -> tuple[str, ...]:
        """What its password is sealed for."""
        return whose(self.jid, self.written.name)


def whose(jid: str, name: str) -> tuple[str, ...]:
    """What the password of an account is sealed for."""
    return ("account", jid, name)


def ids(connection: sqlite3.Connection) -> dict[int, Key]:
    """Every account there is."""
    return {id: (jid, name) for id, jid, name in connection.execute("SELECT id, jid, name FROM accounts")}


def choices(connection: sqlite3.Connection) -> dict[str, str]:
    """The accounts that users have chosen to call through, by bare JID."""
    return dict(connection.execute("SELECT jid, name FROM account_choices"))


def choice(connection: sqlite3.Connection, jid: str) -> str | None:
    """The one that a user has chosen."""
    found = connection.execute("SELECT name FROM account_choices WHERE jid = ?", (jid,)).fetchone()
    return None if found is None else str(found[0])


def some(connection: sqlite3.Connection, wanted: Iterable[int]) -> Iterator[Row]:
    """The rows of these ids, as far as they are there."""
    left = sorted(wanted)
    for at in range(0, len(left), _AT_ONCE):
        part = left[at : at + _AT_ONCE]
        marks = ",".join("?" * len(part))
        yield from map(_row, connection.execute(f"SELECT {_COLUMNS} FROM accounts WHERE id IN ({marks})", part))  # noqa: S608


def everyone(connection: sqlite3.Connection) -> Iterator[Row]:
    """All of them, in the order in which they were added."""
    return map(_row, connection.execute(f"SELECT {_COLUMNS} FROM accounts ORDER BY jid, created, id"))  # noqa: S608


def of(connection: sqlite3.Connection, jid: str) -> list[Row]:
    """A user's, in the order in which they were added."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM accounts WHERE jid = ? ORDER BY created, id", (jid,))  # noqa: S608
    return list(map(_row, found))


def put(  # noqa: PLR0917
    connection: sqlite3.Connection, jid: str, written: Written, sealed: bytes | None, made_by: MadeBy, created: float
) -> None:
    """Add one, or put it in the place of the one of that name."""
    values = (
        jid, written.name, written.address, written.user, sealed, written.realm, written.proxy, written.transport,
        written.caller_id, " ".join(written.numbers), written.registrar, written.register, written.expires_seconds,
        made_by, created,
    )  # fmt: skip
    columns, marks = _COLUMNS.removeprefix("id, "), ",".join("?" * len(values))
    connection.execute(f"REPLACE INTO accounts ({columns}) VALUES ({marks})", values)  # noqa: S608


def remove(connection: sqlite3.Connection, jid: str, name: str) -> bool:
    """Remove one, and that it was chosen; whether it was there."""
    connection.execute("DELETE FROM account_choices WHERE jid = ? AND name = ?", (jid, name))
    return connection.execute("DELETE FROM accounts WHERE jid = ? AND name = ?", (jid, name)).rowcount > 0


def choose(connection: sqlite3.Connection, jid: str, name: str) -> None:
    """Let that one dial."""
    connection.execute("REPLACE INTO account_choices (jid, name) VALUES (?, ?)", (jid, name))


def reseal(connection: sqlite3.Connection, id: int, sealed: bytes) -> None:
    """Put the same password there, sealed in another way."""
    connection.execute("UPDATE accounts SET password = ? WHERE id = ?", (sealed, id))


def _row(values: tuple[object, ...]) -> Row:
    (
        id, jid, name, address, user, sealed, realm, proxy, transport, caller_id, numbers, registrar, register,
        expires_seconds, made_by, created,
    ) = values  # fmt: skip
    written = Written(
        name=str(name),
        address=str(address),
        user=str(user),
        realm=str(realm),
        proxy=str(proxy),
        transport=str(transport),
        caller_id=str(caller_id),
        numbers=tuple(str(numbers).split()),
        registrar=str(registrar),
        register=bool(register),
        expires_seconds=cast(int, expires_seconds),
    )
    return Row(
        cast(int, id), str(jid), written, cast("bytes | None", sealed), cast(MadeBy, made_by), cast(float, created)
    )
