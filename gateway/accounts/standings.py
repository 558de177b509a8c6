"""How accounts stand with their servers: for their users to ask, and in the database for the command line to show.

What is written there is as old as a second or two, and gone when the daemon has ended in order.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final

import structlog

from gateway.accounts.rows import Key
from gateway.errors import StoreError
from gateway.registration.report import Report
from gateway.registration.terms import Standing
from gateway.steady import steadily
from gateway.store.database import Database

WRITE_SECONDS: Final = 1.0
"How often what has changed is written: of thousands of registrations many change in a second."


_COLUMNS: Final = "jid, name, state, since, until, failure, failed, next"


class Standings:
    """Reads how accounts stand, and writes it down.  To be made inside the event loop."""

    def __init__(
        self,
        database: Database,
        *,
        report: Callable[[str], Report | None],
        trunk: Callable[[str, str], str | None],
        whose: Callable[[str], Key | None],
        wall: Callable[[], float],
    ) -> None:
        """``report`` of a trunk's name, by the loop's clock; ``trunk``: that name of a user's account, and ``whose``
        the other way round.
        """
        self._database = database
        self._report = report
        self._trunk = trunk
        self._whose = whose
        self._wall = wall
        self._loop = asyncio.get_running_loop()
        self._changed: set[Key] = set()
        self._fails = False
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger()

    def of(self, jid: str, name: str) -> Report | None:
        """How that account stands, in seconds since 1970; None: it does not register, or is not there."""
        trunk = self._trunk(jid, name)
        report = None if trunk is None else self._report(trunk)
        return None if report is None else report.shifted(self._wall() - self._loop.time())

    def words(self, jid: str, name: str) -> str:
        """The same as a sentence."""
        report = self.of(jid, name)
        return "not registered: it takes no calls" if report is None else report.words(self._wall())

    def changed(self, trunk: str) -> None:
        """The registration of that trunk stands in another way."""
        if self._task is not None and (key := self._whose(trunk)) is not None:
            self._changed.add(key)

    async def start(self) -> None:
        """Write down what changes from now on; StoreError when the database cannot be written to."""
        if self._database.path is None:
            return  # nobody else reads it
        await self._database.run(_clear)
        self._task = asyncio.create_task(steadily(self._turn, lambda: self._log.exception("account_states_failed")))

    async def stop(self) -> None:
        """Write no more, and leave nothing that would be taken for news."""
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        with suppress(StoreError):
            await self._database.run(_clear)

    async def _turn(self) -> float:
        """Write down how those stand that have changed."""
        if self._changed:
            reports = {key: self.of(*key) for key in self._changed}
            self._changed.clear()
            try:
                await self._database.run(lambda connection: write(connection, reports))
                self._fails = False
            except StoreError as error:
                self._changed.update(reports)
                if not self._fails:
                    self._log.warning("account_states_unwritten", text=str(error))
                self._fails = True
        return WRITE_SECONDS


def write(connection: sqlite3.Connection, reports: Mapping[Key, Report | None]) -> None:
    """Write down how these stand now."""
    connection.executemany("DELETE FROM account_states WHERE jid = ? AND name = ?", list(reports))
    connection.executemany(
        f"INSERT INTO account_states ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        [
            (*key, report.standing.value, report.since, report.until, report.failure, report.failed_at, report.next_at)
            for key, report in reports.items()
            if report is not None
        ],
    )


def read(connection: sqlite3.Connection) -> dict[Key, Report]:
    """How all stood a moment ago."""
    found: Iterable[tuple[str, str, str, float, float | None, str, float | None, float | None]] = connection.execute(
        f"SELECT {_COLUMNS} FROM account_states"  # noqa: S608
    )
    return {
        (jid, name): Report(
            standing=Standing(state), since=since, until=until, failure=failure, failed_at=failed, next_at=next
        )
        for jid, name, state, since, until, failure, failed, next in found
    }  # fmt: skip


def _clear(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM account_states")
