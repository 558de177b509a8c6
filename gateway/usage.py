"""What users have had of their day, kept in the database, so that a restart is no way round it.

Written behind the calls' backs every few seconds; so much, and no more, a crash gives back.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final, Protocol

import structlog

from gateway.errors import StoreError
from gateway.policy.ledger import Entry
from gateway.steady import steadily
from gateway.store.database import Database

FLUSH_SECONDS: Final = 2.0
"How often what has changed is written."

KEPT_DAYS: Final = 7
"So many days before this one are kept, for whoever looks into the file."


class Accountant(Protocol):
    """Who keeps the ledger."""

    def entries(self) -> list[Entry]:
        """What has changed since this was last asked, up to now."""
        ...

    def remember(self, entries: Iterable[Entry]) -> None:
        """What the ledger said before a restart."""
        ...

    def today(self) -> str:
        """The day of the ledger, ISO 8601."""
        ...


class Usage:
    """Carries the ledger to the database, and back at the start."""

    def __init__(self, accountant: Accountant, database: Database) -> None:
        self._accountant = accountant
        self._database = database
        self._waiting: dict[tuple[str, str], Entry] = {}
        "What is not written yet, by day and user."

        self._pruned = ""
        "The day on which old days were last removed."

        self._fails = False
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger()

    async def start(self) -> None:
        """Fill the ledger, and write from now on; StoreError when the database cannot be read."""
        oldest = _before(self._accountant.today(), 1)
        self._accountant.remember(await self._database.read(lambda connection: _since(connection, oldest)))
        running = steadily(self._turn, lambda: self._log.exception("usage_failed"))
        self._task = asyncio.create_task(running, name="gateway usage")

    async def stop(self) -> None:
        """Write the last, and no more."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        await self.flush()

    async def _turn(self) -> float:
        await self.flush()
        return FLUSH_SECONDS

    async def flush(self) -> None:
        """Write what has changed; what cannot be written waits for the next time."""
        today = self._accountant.today()
        self._waiting |= {(entry.day, entry.user): entry for entry in self._accountant.entries()}
        oldest = _before(today, KEPT_DAYS) if today != self._pruned else None
        if not self._waiting and oldest is None:
            return
        entries = tuple(self._waiting.values())
        try:
            await self._database.run(lambda connection: _write(connection, entries, oldest))
        except StoreError as error:
            if not self._fails:
                self._log.warning("usage_not_written", text=str(error))
            self._fails = True
            return
        self._fails = False
        self._pruned = today
        for entry in entries:
            if self._waiting.get((entry.day, entry.user)) is entry:
                del self._waiting[entry.day, entry.user]


def _before(day: str, days: int) -> str:
    return (date.fromisoformat(day) - timedelta(days=days)).isoformat()


def _since(connection: sqlite3.Connection, day: str) -> list[Entry]:
    found = connection.execute("SELECT day, user, calls, seconds FROM usage WHERE day >= ?", (day,))
    return [Entry(*row) for row in found]


def _write(connection: sqlite3.Connection, entries: Iterable[Entry], oldest: str | None) -> None:
    connection.executemany(
        "INSERT INTO usage (day, user, calls, seconds) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (day, user) DO UPDATE SET calls = excluded.calls, seconds = excluded.seconds",
        [(entry.day, entry.user, entry.calls, entry.seconds) for entry in entries],
    )
    if oldest is not None:
        connection.execute("DELETE FROM usage WHERE day < ?", (oldest,))
