"""The database's file: who may read it, who else may be at it, and everything that can be wrong with it."""

import asyncio
import fcntl
import os
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from gateway.errors import StoreError
from gateway.store.database import Database, Work, failure, is_owned, lock_of

TABLE = "CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY)"


class Counts:
    """What was counted."""

    def __init__(self) -> None:
        self.worked: list[float] = []
        self.failed: list[str] = []

    def store_worked(self, seconds: float) -> None:
        self.worked.append(seconds)

    def store_failed(self, cause: str) -> None:
        self.failed.append(cause)


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
async def database(path: Path, counts: Counts) -> AsyncIterator[Database]:
    found = Database(path, observer=counts)
    await found.open()
    await found.run(lambda connection: connection.execute(TABLE) and None)
    yield found
    await found.close()


def put(number: int) -> Work[None]:
    """Write a number."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (?)", (number,))

    return work


def numbers(connection: sqlite3.Connection) -> list[int]:
    return [number for (number,) in connection.execute("SELECT a FROM t ORDER BY a")]


def modes(folder: Path) -> set[int]:
    return {file.stat().st_mode & 0o777 for file in folder.iterdir()}


@pytest.mark.parametrize("in_memory", [False, True])
async def test_work_is_done_as_a_whole_or_not_at_all(in_memory: bool, path: Path, counts: Counts) -> None:
    database = Database(None if in_memory else path, observer=counts)
    await database.open()
    await database.run(lambda connection: connection.execute(TABLE) and None)
    await database.run(put(1))

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (2)")
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        await database.run(half)
    with pytest.raises(StoreError, match="contradicts"):
        await database.run(put(1))
    assert await database.read(numbers) == [1]
    assert (counts.failed, len(counts.worked)) == (["constraint"], 3)
    await database.close()
    with pytest.raises(StoreError, match="closed"):
        await database.read(numbers)
    assert not await database.changed_by_others()


async def test_all_work_of_a_file_is_done_in_one_thread_that_is_not_ours(database: Database) -> None:
    threads = {await database.read(lambda _: threading.get_ident()) for _ in range(5)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_what_is_kept_is_there_after_a_restart_and_nobody_elses_to_read(database: Database, path: Path) -> None:
    await database.run(put(7))
    assert modes(path.parent) == {0o600}
    await database.close()
    os.chmod(path, 0o644)
    again = Database(path)
    await again.open()
    assert await again.read(numbers) == [7]
    assert modes(path.parent) == {0o600}
    await again.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
async def test_what_root_makes_is_whose_the_folder_is(path: Path) -> None:
    os.chown(path.parent, 12345, 12346)
    database = Database(path)
    await database.open()
    await database.run(lambda connection: connection.execute(TABLE) and None)
    assert {(file.stat().st_uid, file.stat().st_gid) for file in Path.iterdir(path.parent)} == {(12345, 12346)}
    assert len(modes(path.parent)) == 1
    await database.close()


async def test_two_daemons_do_not_run_on_one_file_but_the_command_line_may(database: Database, path: Path) -> None:
    assert is_owned(path)
    with pytest.raises(StoreError, match="another jingle-sip runs on it"):
        await Database(path).open()
    beside = Database(path, owned=False)
    await beside.open()
    assert not await database.changed_by_others()
    await beside.run(put(1))
    assert await database.changed_by_others()
    assert not await database.changed_by_others()
    await database.run(put(2))
    assert not await database.changed_by_others()
    assert await beside.read(numbers) == [1, 2]
    await beside.close()
    await database.close()
    assert not is_owned(path)
    assert not is_owned(path.with_name("never"))


async def test_who_looks_whether_a_daemon_runs_keeps_none_from_starting(path: Path) -> None:
    file = os.open(lock_of(path), os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(file, fcntl.LOCK_SH)
    asyncio.get_running_loop().call_later(0.05, os.close, file)
    database = Database(path)
    await database.open()
    assert is_owned(path)
    await database.close()


async def test_work_waits_for_another_that_writes_but_not_for_ever(
    database: Database, path: Path, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.run(lambda connection: connection.execute("PRAGMA busy_timeout = 50") and None)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await database.read(numbers) == []
        with pytest.raises(StoreError, match="another program has been writing"):
            await database.run(put(1))
        other.execute("COMMIT")
    await database.run(put(1))
    assert counts.failed == ["busy"]


async def test_a_disk_without_room_costs_that_work_alone(database: Database, counts: Counts) -> None:
    # SQLite's own bound on the pages of a file fails as a disk does that has no room.
    await database.run(lambda connection: connection.execute("CREATE TABLE big (a BLOB)") and None)
    await database.run(lambda connection: connection.execute("PRAGMA max_page_count = 1") and None)
    with pytest.raises(StoreError, match="no room is left"):
        await database.run(lambda c: c.execute("INSERT INTO big VALUES (zeroblob(1000000))") and None)
    assert counts.failed == ["full"]
    assert await database.read(numbers) == []
    await database.run(lambda connection: connection.execute("PRAGMA max_page_count = 100000") and None)
    await database.run(put(1))


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_is_removed_while_in_use_is_said_and_not_written_to(
    replaced: bool, database: Database, path: Path, counts: Counts
) -> None:
    os.unlink(path)
    if replaced:
        Path.write_bytes(path, b"")
    for work in (database.run(put(1)), database.read(numbers), database.changed_by_others()):
        with pytest.raises(StoreError, match="removed or replaced"):
            await work
    assert counts.failed == ["gone"] * 3


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"this is a letter, and no database at all, " * 40, "no SQLite database"),
        (b"SQLite format 3\0" + b"\xff" * 4080, "no SQLite database|damaged|cannot be opened"),
    ],
)
async def test_a_file_that_is_no_database_is_said(content: bytes, complaint: str, path: Path) -> None:
    Path.write_bytes(path, content)
    with pytest.raises(StoreError, match=complaint) as raised:
        await Database(path).open()
    assert str(path) in str(raised.value)
    assert not is_owned(path)


async def test_a_folder_that_is_not_there_or_not_ours_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        await Database(tmp_path / "none" / "store.sqlite").open()
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match=r"cannot be opened|Is a directory"):
        await Database(tmp_path / "folder").open()


async def test_a_file_of_a_newer_version_is_said_by_its_name(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1000")
    with pytest.raises(StoreError, match=f"^{path}: written by a newer version"):
        await Database(path).open()


async def test_work_whose_caller_has_gone_is_done_all_the_same(database: Database) -> None:
    began, go = threading.Event(), threading.Event()

    def work(connection: sqlite3.Connection) -> None:
        began.set()
        go.wait(10)
        connection.execute("INSERT INTO t VALUES (1)")

    task = asyncio.create_task(database.run(work))
    await asyncio.to_thread(began.wait, 10)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    go.set()
    assert await database.read(numbers) == [1]


def test_an_error_that_has_no_code_is_said_as_it_is() -> None:
    assert failure(sqlite3.ProgrammingError("oops")) == ("other", "ProgrammingError: oops")


def test_the_lock_stands_beside_its_file(path: Path) -> None:
    assert os.fspath(lock_of(path)) == f"{path}.lock"
