"""What users have had of their day outlives a restart."""

import asyncio
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway import steady
from gateway import usage as module
from gateway.policy.ledger import Entry
from gateway.store.database import Database
from gateway.usage import Usage
from tests.net.rig import until

ROMEO = "romeo@montague.example"


class Ledger:
    """An accountant that says what it is told to."""

    def __init__(self, *entries: Entry, day: str = "2026-11-26") -> None:
        self.said = [*entries]
        self.day = day
        self.known: list[Entry] = []

    def entries(self) -> list[Entry]:
        said, self.said = self.said, []
        return said

    def remember(self, entries: Iterable[Entry]) -> None:
        self.known += entries

    def today(self) -> str:
        return self.day


async def after_a_restart(path: Path, day: str = "2026-11-26") -> list[Entry]:
    """What a gateway knows that starts on this file."""
    database, ledger = Database(path), Ledger(day=day)
    await database.open()
    usage = Usage(ledger, database)
    await usage.start()
    await usage.stop()
    await database.close()
    return ledger.known


@pytest.mark.conformance("ROB-04")
async def test_what_was_used_is_known_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    database, ledger = Database(path), Ledger(Entry("2026-11-26", ROMEO, 1, 5.0))
    await database.open()
    usage = Usage(ledger, database)
    await usage.start()
    await usage.flush()
    ledger.said = [Entry("2026-11-26", ROMEO, 2, 65.5), Entry("2026-11-25", ROMEO, 9, 1.0)]
    await usage.stop()
    await database.close()
    assert sorted(await after_a_restart(path), key=lambda entry: entry.day) == [
        Entry("2026-11-25", ROMEO, 9, 1.0),
        Entry("2026-11-26", ROMEO, 2, 65.5),
    ]
    assert await after_a_restart(path, "2026-11-28") == []


async def test_old_days_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    database = Database(path)
    await database.open()
    ledger = Ledger(*(Entry(f"2026-11-{day:02}", ROMEO, 1, 1.0) for day in range(10, 27)))
    usage = Usage(ledger, database)
    await usage.flush()
    days = await database.read(lambda connection: connection.execute("SELECT day FROM usage ORDER BY day").fetchall())
    assert [day for (day,) in days] == [f"2026-11-{day}" for day in range(19, 27)]
    await database.close()


async def test_what_cannot_be_written_waits_and_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    database, ledger = Database(path), Ledger(Entry("2026-11-26", ROMEO, 1, 5.0))
    await database.open()
    usage = Usage(ledger, database)

    def breaks(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE usage RENAME TO away")

    def heals(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE away RENAME TO usage")

    await database.run(breaks)
    with capture_logs() as log:
        await usage.flush()
        await usage.flush()
    assert [entry["event"] for entry in log] == ["usage_not_written"]
    await database.run(heals)
    await usage.flush()
    await database.close()
    assert await after_a_restart(path) == [Entry("2026-11-26", ROMEO, 1, 5.0)]


async def test_an_error_of_ours_ends_no_writing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Broken(Ledger):
        def entries(self) -> list[Entry]:
            if not self.asked:
                self.asked = True
                raise ValueError
            return super().entries()

        asked = False

    monkeypatch.setattr(steady, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.0)
    database, ledger = Database(tmp_path / "store.sqlite"), Broken(Entry("2026-11-26", ROMEO, 1, 5.0))
    await database.open()
    kept = Usage(ledger, database)
    with capture_logs() as logs:
        await kept.start()
        async with asyncio.timeout(20):
            await until(lambda: not ledger.said)
        await kept.stop()
    await database.close()
    assert [line["event"] for line in logs] == ["usage_failed"]
    assert await after_a_restart(tmp_path / "store.sqlite") == [Entry("2026-11-26", ROMEO, 1, 5.0)]
