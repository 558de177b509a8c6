"""Records are written behind the calls' backs: what is too much is counted, what failed is tried again."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway import steady
from gateway.history import keeping, rows
from gateway.history.keeping import DAY, History, HistorySettings
from gateway.history.record import CallRecord
from gateway.history.trail import Step, Trail
from gateway.store.database import Database
from tests.net.rig import until

NOW = 1_000_000_000.0
CALL = CallRecord(
    id="a", origin="xmpp", user="romeo@montague.example", number="+15550100", began=NOW - 60, ended=NOW - 1
)


class Counts:
    """What was counted."""

    def __init__(self) -> None:
        self.written = self.dropped = self.waiting = 0

    def history_written(self, records: int) -> None:
        self.written += records

    def history_dropped(self) -> None:
        self.dropped += 1

    def history_waiting(self, records: int) -> None:
        self.waiting = records


class Kept:
    """A history, its database, and what it counts; left at the end as the daemon leaves it."""

    def __init__(self, path: Path | None = None, **settings: int) -> None:
        self.database = Database(path)
        self.counts = Counts()
        self.history = History(HistorySettings(**settings), self.database, observer=self.counts, wall=lambda: NOW)

    async def __aenter__(self) -> "Kept":
        await self.database.open()
        self.history.start()
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.history.stop(5.0)
        await self.database.close()

    async def until(self, written: int) -> None:
        """So many are in the table."""
        async with asyncio.timeout(20):
            await until(lambda: self.counts.written >= written)


async def test_what_a_call_tells_is_in_the_table_soon_and_nobody_waits_for_it(tmp_path: Path) -> None:
    async with Kept(tmp_path / "calls.sqlite") as kept:
        kept.history.recorded(CALL, None)
        assert kept.counts.waiting == 1
        await kept.until(1)
        assert await kept.history.latest(10) == [CALL]
        assert await kept.history.of_user(CALL.user, 10) == [CALL]
        assert await kept.history.find("a") == (CALL, None)
        assert await kept.history.find("b") is None
        assert kept.counts.waiting == 0


async def test_what_waits_at_the_end_is_written_then(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    async with Kept(path) as kept:
        for at in range(1200):
            kept.history.recorded(replace(CALL, id=f"{at}"), None)
    async with Kept(path) as kept:
        assert len(await kept.history.latest(2000)) == 1200


async def test_more_than_the_queue_takes_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "QUEUE", 3)
    async with Kept() as kept:
        for at in range(5):
            kept.history.recorded(replace(CALL, id=f"{at}"), None)
        assert (kept.counts.waiting, kept.counts.dropped) == (3, 2)
        await kept.until(3)
        assert {record.id for record in await kept.history.latest(10)} == {"0", "1", "2"}


async def test_what_the_database_refuses_waits_and_is_written_when_it_takes_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "RETRY_SECONDS", 0.05)
    with capture_logs() as log:
        async with Kept(tmp_path / "calls.sqlite") as kept:
            kept.history.recorded(replace(CALL, id="first"), None)
            await kept.until(1)
            await kept.database.run(lambda connection: connection.execute("ALTER TABLE calls RENAME TO elsewhere"))
            kept.history.recorded(CALL, None)
            async with asyncio.timeout(20):
                await until(lambda: any(entry["event"] == "history_stalled" for entry in log))
            await kept.database.run(lambda connection: connection.execute("ALTER TABLE elsewhere RENAME TO calls"))
            await kept.until(2)
            assert await kept.history.find("a") == (CALL, None)
    events = [entry["event"] for entry in log if entry["event"].startswith("history")]
    assert events == ["history_stalled", "history_resumed"]


async def test_records_older_than_the_operator_wants_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    async with Kept(path, days=30) as kept:
        kept.history.recorded(replace(CALL, id="old", ended=NOW - 20 * DAY), None)
        kept.history.recorded(CALL, None)
        await kept.until(2)
    async with Kept(path, days=10) as kept, asyncio.timeout(20):
        while await kept.history.latest(10) != [CALL]:  # noqa: ASYNC110 - nobody tells the test
            await asyncio.sleep(0.01)
    async with Kept(path, days=0) as kept:
        kept.history.recorded(replace(CALL, id="new"), None)
        assert kept.counts.waiting == 0
        async with asyncio.timeout(20):
            while await kept.history.latest(10):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_the_trails_of_the_last_calls_are_remembered() -> None:
    async with Kept(trails=2) as kept:
        trails = {}
        for name in "abc":
            trails[name] = Trail(10)
            trails[name].add(Step(1.0, "sip", True, name))
            kept.history.recorded(replace(CALL, id=name), trails[name])
        await kept.until(3)
        assert await kept.history.find("a") == (CALL, None)
        assert await kept.history.find("c") == (replace(CALL, id="c"), trails["c"])


async def test_no_trail_is_made_where_none_is_wanted() -> None:
    assert Kept(steps=0).history.follow() is None
    async with Kept(trails=0, days=0) as kept:
        trail = kept.history.follow()
        assert trail is not None
        kept.history.recorded(CALL, trail)
        assert await kept.history.find("a") is None


async def test_what_a_peer_said_is_kept_without_secrets_and_can_be_written() -> None:
    async with Kept() as kept:
        kept.history.recorded(
            replace(CALL, number="\udcff", text="failed: inline:c2VjcmV0 \udc80", codec="\udcfe"), None
        )
        await kept.until(1)
        (record,) = await kept.history.latest(1)
        assert "c2VjcmV0" not in record.text
        assert (record.number, record.codec) == ("\\udcff", "\\udcfe")


async def test_a_record_that_cannot_be_written_is_dropped_and_the_next_ones_are_kept() -> None:
    with capture_logs() as log:
        async with Kept() as kept:
            kept.history.recorded(replace(CALL, ended_by="\udcff"), None)  # no peer has a word in this
            async with asyncio.timeout(20):
                await until(lambda: kept.counts.dropped == 1)
            kept.history.recorded(replace(CALL, id="b"), None)
            await kept.until(1)
    assert [entry["event"] for entry in log if entry["log_level"] == "error"] == ["history_failed"]


async def test_an_error_of_ours_in_pruning_ends_no_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: Any, before: float) -> None:
        raise ValueError(before)

    monkeypatch.setattr(steady, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(rows, "prune", broken)
    with capture_logs() as logs:
        async with Kept() as kept:
            kept.history.recorded(CALL, None)
            await kept.until(written=1)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["history_failed"]
