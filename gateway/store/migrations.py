"""The tables, version by version: forward only, and each step in a transaction of its own.

The version of a file is its `PRAGMA user_version`, which is how many of `MIGRATIONS` it has been through.  What has
been released is never changed, only appended to: a file out there has been through it as it was.
"""

import sqlite3
from collections.abc import Iterator
from typing import Final

from gateway.errors import StoreError

APPLICATION_ID: Final = 0x4A535347
"What says that a file is ours (`PRAGMA application_id`): JSSG."

MIGRATIONS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE vault (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        salt BLOB NOT NULL,
        proof BLOB NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE calls (
        id TEXT PRIMARY KEY,
        origin TEXT NOT NULL,
        user TEXT NOT NULL,
        number TEXT NOT NULL,
        trunk TEXT NOT NULL,
        began REAL NOT NULL,
        answered REAL,
        ended REAL NOT NULL,
        reason TEXT NOT NULL,
        text TEXT NOT NULL,
        status INTEGER,
        ended_by TEXT NOT NULL,
        codec TEXT NOT NULL,
        anchor TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX calls_of_user ON calls (user, began);
    CREATE INDEX calls_by_end ON calls (ended);
    """,
    """
    CREATE TABLE accounts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        jid TEXT NOT NULL,
        name TEXT NOT NULL,
        address TEXT NOT NULL,
        user TEXT NOT NULL,
        password BLOB,
        realm TEXT NOT NULL,
        proxy TEXT NOT NULL,
        transport TEXT NOT NULL,
        caller_id TEXT NOT NULL,
        numbers TEXT NOT NULL,
        registrar TEXT NOT NULL,
        register INTEGER NOT NULL,
        expires_seconds INTEGER NOT NULL,
        made_by TEXT NOT NULL,
        created REAL NOT NULL,
        UNIQUE (jid, name)
    ) STRICT;
    CREATE TABLE account_choices (
        jid TEXT PRIMARY KEY,
        name TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE account_states (
        jid TEXT NOT NULL,
        name TEXT NOT NULL,
        state TEXT NOT NULL,
        since REAL NOT NULL,
        until REAL,
        failure TEXT NOT NULL,
        failed REAL,
        PRIMARY KEY (jid, name)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE usage (
        day TEXT NOT NULL,
        user TEXT NOT NULL,
        calls INTEGER NOT NULL,
        seconds REAL NOT NULL,
        PRIMARY KEY (day, user)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE preferences (
        user TEXT PRIMARY KEY,
        blocked TEXT NOT NULL,
        anonymous INTEGER,
        missed_calls INTEGER,
        do_not_disturb INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    """
    ALTER TABLE account_states ADD COLUMN next REAL;
    """,
    """
    CREATE TABLE bonds (
        user TEXT NOT NULL,
        ours TEXT NOT NULL,
        follows INTEGER NOT NULL CHECK (follows IN (0, 1)),
        wish INTEGER NOT NULL CHECK (wish BETWEEN 0 AND 3),
        heard INTEGER NOT NULL,
        PRIMARY KEY (user, ours)
    ) STRICT, WITHOUT ROWID;
    """,
)
"""Scripts of statements, each statement beginning on a line of its own."""


def version(connection: sqlite3.Connection) -> int:
    """How many migrations a file has been through."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    return int(found)


def migrate(connection: sqlite3.Connection, migrations: tuple[str, ...] = MIGRATIONS) -> None:
    """Bring it up to date; StoreError when it is another program's, or of a version that is not known here.

    The connection must leave transactions to us (``isolation_level=None``).  Of several who do it at once one does it,
    and the others wait.
    """
    while True:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if (at := version(connection)) > len(migrations):
                raise StoreError(f"written by a newer version: its schema is {at}, and {len(migrations)} is known here")
            _ours(connection, at)
            if at == len(migrations):
                return
            for statement in statements(migrations[at]):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {at + 1}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        finally:
            if connection.in_transaction:
                connection.execute("COMMIT")


def statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: executescript would end our transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    assert not statement.strip(), f"a statement without its semicolon: {statement.strip()}"


def _ours(connection: sqlite3.Connection, at: int) -> None:
    (whose,) = connection.execute("PRAGMA application_id").fetchone()
    if at or whose:
        ours = whose == APPLICATION_ID
    else:
        ours = connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None
    if not ours:
        raise StoreError("a database of another program")
