"""The database: a thread that nobody else has, and work that is done in it.

What is handed to `run` gets the connection and is one transaction: it is kept as a whole, or not at all.  SQLite's own
errors become `StoreError`, whose text is a line for the operator; a failure costs that piece of work and nothing else.
"""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol, TypeVar

from gateway.errors import StoreError
from gateway.store.migrations import migrate

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

BUSY_SECONDS: Final = 5.0
"How long work waits for another process that writes."

OWNED_SECONDS: Final = 1.0
"How long a lock may be held by who only looks whether it is."

PRIVATE: Final = 0o600
"The mode of the file, and of those that SQLite puts beside it."

Failure = str
"Why work failed, in the words of the metric: full, busy, unwritable, corrupt, gone, constraint, other."

FAILURES: Final = ("full", "busy", "unwritable", "corrupt", "gone", "constraint", "other")

# fmt: off
_FAILURES: Final[dict[int, tuple[Failure, str]]] = {
    sqlite3.SQLITE_FULL:       ("full", "no room is left on the disk"),
    sqlite3.SQLITE_BUSY:       ("busy", f"another program has been writing to it for {BUSY_SECONDS:g} seconds"),
    sqlite3.SQLITE_LOCKED:     ("busy", "it is locked"),
    sqlite3.SQLITE_READONLY:   ("unwritable", "it cannot be written to"),
    sqlite3.SQLITE_PERM:       ("unwritable", "it cannot be written to"),
    sqlite3.SQLITE_CANTOPEN:   ("unwritable", "it cannot be opened, or no file be made beside it"),
    sqlite3.SQLITE_NOTADB:     ("corrupt", "it is no SQLite database"),
    sqlite3.SQLITE_CORRUPT:    ("corrupt", "it is damaged"),
    sqlite3.SQLITE_IOERR:      ("other", "the disk fails"),
    sqlite3.SQLITE_CONSTRAINT: ("constraint", "what was to be written contradicts what is there"),
}
# fmt: on


class StoreObserver(Protocol):
    """What is counted."""

    def store_worked(self, seconds: float) -> None:
        """A piece of work was done, in so long, the wait for others included."""
        ...

    def store_failed(self, cause: Failure) -> None:
        """A piece of work failed."""
        ...


class Database:
    """One SQLite file, or none but memory.  `open` it before anything is run."""

    def __init__(self, path: Path | None, *, observer: StoreObserver | None = None, owned: bool = True) -> None:
        """``path``: None for memory alone.  ``owned``: nobody else may own it meanwhile, as two daemons would."""
        self.path = path
        self._observer = observer
        self._owned = owned
        self._connection: sqlite3.Connection | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._lock: int | None = None
        self._inode: tuple[int, int] | None = None
        self._seen = 0
        "What `PRAGMA data_version` said last."

    @property
    def name(self) -> str:
        """What it is called in complaints."""
        return str(self.path or "the database in memory")

    async def open(self) -> None:
        """Open it, made or brought up to date where needed; StoreError when that is not possible."""
        if self.path is not None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            await self._there(self._open)
        except BaseException:
            await self.close()
            raise

    async def run(self, work: Work[T]) -> T:
        """What the work returns, done in one transaction; StoreError, and nothing is changed, when it cannot be done.

        What the work itself raises comes out as it is.  It must not keep the connection.
        """
        return await self._timed(work, "BEGIN IMMEDIATE")

    async def read(self, work: Work[T]) -> T:
        """The same for work that only reads: it waits for nobody who writes."""
        return await self._timed(work, "BEGIN")

    async def changed_by_others(self) -> bool:
        """Whether another process has written since this was last asked; StoreError when the file is not there."""
        return await self._there(self._changed)

    async def close(self) -> None:
        """Close it, after the work that is under way."""
        with contextlib.suppress(StoreError):
            await self._there(self._close)
        if self._thread is not None:
            self._thread.shutdown(wait=False)
            self._thread = None

    # ------------------------------------------------------------------------------------------------------- the thread

    async def _there(self, work: Callable[[], T]) -> T:
        try:
            if self._thread is None:
                return work()  # memory: there is nothing to wait for
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            cause, text = failure(error)
            self._count(cause)
            raise StoreError(f"{self.name}: {text}") from error
        except OSError as error:
            self._count("unwritable")
            raise StoreError(f"{self.name}: {error.strerror}") from error

    async def _timed(self, work: Work[T], begin: str) -> T:
        began = time.perf_counter()
        done = await self._there(lambda: self._transact(work, begin))
        if self._observer is not None:
            self._observer.store_worked(time.perf_counter() - began)
        return done

    def _transact(self, work: Work[T], begin: str) -> T:
        connection = self._connection
        if connection is None:
            raise StoreError(f"{self.name}: it is closed")
        self._look()
        connection.execute(begin)
        try:
            done = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return done

    def _open(self) -> None:
        if self.path is not None:
            self._own(self.path)
            if not self.path.exists():
                # Made here, so that it is never anybody else's to read; SQLite gives its companions the same mode.
                os.close(_made(self.path))
            elif self.path.stat().st_mode & 0o777 != PRIVATE:
                self.path.chmod(PRIVATE)
        self._connection = connection = sqlite3.connect(
            self.path or ":memory:", timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=True
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        if self.path is not None:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        try:
            migrate(connection)
        except StoreError as error:
            raise StoreError(f"{self.name}: {error}") from None
        if self.path is not None:
            found = self.path.stat()
            self._inode = (found.st_dev, found.st_ino)
        self._seen = self._version()

    def _own(self, path: Path) -> None:
        """Be the only one who owns it, until the process ends; the lock is a file of its own, for SQLite locks its."""
        if not self._owned:
            return
        self._lock = _made(lock_of(path))
        for patience in (*[OWNED_SECONDS / 10] * 10, 0.0):
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(patience)  # `is_owned`, which others ask, holds it for a moment
        raise StoreError(f"{path}: another jingle-sip runs on it")

    def _look(self) -> None:
        """Whether the file is still the one that was opened: what is written to one that was removed is lost."""
        if self.path is None:
            return
        try:
            found = self.path.stat()
        except FileNotFoundError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != self._inode:
            self._count("gone")
            raise StoreError(f"{self.path}: removed or replaced while it was in use; nothing is kept until a restart")

    def _changed(self) -> bool:
        if self._connection is None:
            return False
        self._look()
        before, self._seen = self._seen, self._version()
        return self._seen != before

    def _version(self) -> int:
        assert self._connection is not None
        (found,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(found)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _count(self, cause: Failure) -> None:
        if self._observer is not None:
            self._observer.store_failed(cause)


def failure(error: sqlite3.Error) -> tuple[Failure, str]:
    """What an error of SQLite's means: the word of the metric, and a line for the operator."""
    code = getattr(error, "sqlite_errorcode", None)
    found = _FAILURES.get(code & 0xFF) if isinstance(code, int) else None
    return found or ("other", f"{type(error).__name__}: {error}")


def _made(path: Path) -> int:
    """The file, open, and made where it is not there: for us, or, where root does it, for whose the folder is."""
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE)
    if os.geteuid() == 0 and (folder := path.parent.stat()).st_uid != os.fstat(file).st_uid:
        os.fchown(file, folder.st_uid, folder.st_gid)
    return file


def lock_of(path: Path) -> Path:
    """The file that a daemon holds locked while it runs on a database."""
    return path.with_name(f"{path.name}.lock")


def is_owned(path: Path) -> bool:
    """Whether a daemon runs on that database."""
    try:
        lock = os.open(lock_of(path), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
