"""The records of calls, written behind the calls' backs, and the trails of the last ones."""

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Final, Protocol

import structlog

from gateway.errors import StoreError
from gateway.history import rows
from gateway.history.record import CallRecord
from gateway.history.trail import Trail
from gateway.log import redacted
from gateway.steady import steadily
from gateway.store.database import Database

QUEUE: Final = 10_000
"So many records may wait to be written: those of 20 s at the highest rate of calls."

BATCH: Final = 500
"So many are written in one transaction."

GATHER_SECONDS: Final = 0.2
"So long a record waits for others to be written with."

RETRY_SECONDS: Final = 10.0
"From a failure to the next attempt."

PRUNE_SECONDS: Final = 3600.0
DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySettings:
    """What is remembered."""

    days: int = 90
    "How long records are kept; 0: there are none."

    steps: int = 120
    "How many steps of a call its trail has; 0: no trails."

    trails: int = 200
    "Of how many calls that have ended."


class HistoryObserver(Protocol):
    """What is counted."""

    def history_written(self, records: int) -> None:
        """So many are in the table."""
        ...

    def history_dropped(self) -> None:
        """One is lost, since too many waited."""
        ...

    def history_waiting(self, records: int) -> None:
        """So many wait to be written."""
        ...


class History:
    """Who remembers the calls that were (`gateway.call.facts.Recorder`)."""

    def __init__(
        self,
        settings: HistorySettings,
        database: Database,
        *,
        observer: HistoryObserver,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._database = database
        self._observer = observer
        self._wall = wall
        self._queue: deque[CallRecord] = deque()
        self._users: set[str] = set()
        "Who has a call in the table, or in the queue for it."

        self._trails: OrderedDict[str, tuple[CallRecord, Trail]] = OrderedDict()
        self._filled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger()
        self._stalled = False
        self._prune_at = -inf

    # ------------------------------------------------------------------------------------------------- what calls tell

    def wall(self) -> float:
        """The time, in seconds since 1970."""
        return self._wall()

    def follow(self) -> Trail | None:
        """What a new call's steps are put into; None: they are not remembered."""
        return Trail(self._settings.steps) if self._settings.steps else None

    def over(self, record: CallRecord) -> None:
        """What is still said in it belongs to its trail."""

    def recorded(self, record: CallRecord, trail: Trail | None) -> None:
        """A call is over, or was refused before it began.  Nothing is awaited here, and nothing fails."""
        record = presentable(record)
        if trail is not None and self._settings.trails:
            self._trails[record.id] = record, trail
            if len(self._trails) > self._settings.trails:
                self._trails.popitem(last=False)
        if not self._settings.days:
            return
        if len(self._queue) >= QUEUE:
            self._observer.history_dropped()
            return
        self._queue.append(record)
        if record.trunk:
            self._users.add(record.user)
        self._observer.history_waiting(len(self._queue))
        self._filled.set()

    # ----------------------------------------------------------------------------------------------------- who asks

    async def latest(self, most: int) -> list[CallRecord]:
        """The calls that ended last, the last one first.  StoreError when the table cannot be read."""
        return await self._database.read(partial(rows.latest, most=most))

    async def of_user(self, user: str, most: int, skip: int = 0) -> list[CallRecord]:
        """A user's calls (bare JID), the last one first, after so many.  StoreError likewise."""
        return await self._database.read(partial(rows.of_user, user=user, most=most, skip=skip))

    async def count(self, user: str) -> int:
        """How many calls of a user there are.  StoreError likewise."""
        return await self._database.read(partial(rows.count, user=user))

    def knows(self, user: str) -> bool:
        """Whether a user (bare JID) has had a call that was let in; who was only refused learns nothing of it."""
        return user in self._users

    async def find(self, id: str) -> tuple[CallRecord, Trail | None] | None:
        """A call that ended, with its trail if that is still remembered.  StoreError likewise."""
        if (kept := self._trails.get(id)) is not None:
            return kept
        record = await self._database.read(partial(rows.find, id=id))
        return None if record is None else (record, None)

    # --------------------------------------------------------------------------------------------------------- writing

    def start(self) -> None:
        """Begin to write and to prune; the database is open."""
        running = steadily(self._turn, lambda: self._log.exception("history_failed"))
        self._task = asyncio.get_running_loop().create_task(running, name="gateway history")

    async def stop(self, seconds: float) -> None:
        """Write what waits, at most so long, and stop."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._queue and await self._write():
                    pass
        if self._queue:
            self._log.warning("history_lost", held=len(self._queue))

    async def _turn(self) -> float:
        """Prune when it is time for that, write what there is; seconds until there may be more to do."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._prune_at:
            self._prune_at = loop.time() + PRUNE_SECONDS
            await self._prune()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._prune_at):
                await self._filled.wait()
                await asyncio.sleep(GATHER_SECONDS)
        self._filled.clear()
        while self._queue and await self._write():
            pass
        if not self._queue:
            return 0.0
        self._filled.set()
        return RETRY_SECONDS

    async def _write(self) -> bool:
        """Write the oldest ones; False when that failed, and they still wait."""
        batch = [self._queue[at] for at in range(min(BATCH, len(self._queue)))]
        try:
            await self._database.run(partial(rows.insert, records=batch))
        except StoreError as error:
            if not self._stalled:
                self._log.warning("history_stalled", text=str(error), held=len(self._queue))
            self._stalled = True
            return False
        except Exception:  # ours; the next ones are to be written all the same
            self._log.exception("history_failed")
            for _ in batch:
                self._observer.history_dropped()
        else:
            self._observer.history_written(len(batch))
        for _ in batch:
            self._queue.popleft()
        self._observer.history_waiting(len(self._queue))
        if self._stalled:
            self._log.info("history_resumed", held=len(self._queue))
        self._stalled = False
        return True

    async def _prune(self) -> None:
        before = self._wall() - self._settings.days * DAY
        try:
            await self._database.run(partial(rows.prune, before=before))
            known = await self._database.read(rows.users)
        except StoreError as error:
            self._log.warning("history_not_pruned", text=str(error))
        else:
            self._users = known | {record.user for record in self._queue if record.trunk}


def presentable(record: CallRecord) -> CallRecord:
    """A record fit to be kept and told, whatever peers have put into it."""
    return replace(
        record,
        user=shown(record.user),
        number=shown(record.number),
        text=shown(record.text),
        codec=shown(record.codec),
    )


def shown(text: str) -> str:
    """What a peer said, without what is secret in it, and fit for UTF-8."""
    return redacted(text).encode(errors="backslashreplace").decode()
