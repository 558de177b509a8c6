"""How many calls users have begun today, and how long they have talked.

Calls that run are charged as they go, so that what is written down of them is never far behind; all of a user's
together, however many they are.  Seconds are measured by the monotonic clock; the other one only says to which day they
belong.  A call over midnight has a part in each day.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

DAYS = 3
"So many days are kept at most: the clock may be put back."


@dataclass(slots=True)
class Usage:
    """What one user has had in one day."""

    calls: int = 0
    seconds: float = 0.0


@dataclass(slots=True, eq=False)
class Meter:
    """The calls that one user talks in."""

    user: str
    since: float
    "Up to when they are charged, on the monotonic clock."

    calls: int = 0


@dataclass(frozen=True, slots=True)
class _Day:
    """One day in the ledger's time zone; times in seconds since 1970."""

    name: str
    before: str
    "The name of the day before."

    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger."""

    day: str
    "ISO 8601, in the ledger's time zone."

    user: str
    calls: int
    seconds: float


class Ledger:
    """Everybody's."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._days: dict[str, dict[str, Usage]] = {}
        self._running: dict[str, Meter] = {}
        self._changed: set[tuple[str, str]] = set()
        self.charged = 0.0
        "Seconds of all calls, since the beginning."

        self._today = _Day("", "", 0.0, 0.0)
        "The one that was asked for last."

    def day(self, wall: float) -> str:
        """Today."""
        return self._day(wall).name

    def load(self, entries: Iterable[Entry]) -> None:
        """What was written down before."""
        for entry in entries:
            self._days.setdefault(entry.day, {})[entry.user] = Usage(entry.calls, entry.seconds)

    def begin(self, user: str, wall: float) -> None:
        """One more call of a user begins."""
        self._usage(self.day(wall), user).calls += 1

    def start(self, user: str, now: float, wall: float) -> Meter:
        """Somebody has answered."""
        meter = self._running.get(user)
        if meter is None:
            meter = self._running[user] = Meter(user, now)
        else:
            self._charge(meter, now, wall)
        meter.calls += 1
        return meter

    def stop(self, meter: Meter, now: float, wall: float) -> None:
        """One of those calls is over."""
        self._charge(meter, now, wall)
        meter.calls -= 1
        if not meter.calls:
            del self._running[meter.user]

    def calls(self, user: str, wall: float) -> int:
        """How many they have begun today."""
        return self._look(user, wall).calls

    def seconds(self, user: str, now: float, wall: float) -> float:
        """How long they have talked today, up to now."""
        if (meter := self._running.get(user)) is not None:
            self._charge(meter, now, wall)
        return self._look(user, wall).seconds

    def spent(self, user: str, most: float, now: float, wall: float) -> float | None:
        """When they will have talked so many seconds, if it goes on like this; None: they do not talk."""
        meter = self._running.get(user)
        return None if meter is None else now + max(0.0, most - self.seconds(user, now, wall)) / meter.calls

    def changed(self, now: float, wall: float) -> list[Entry]:
        """What has changed since this was last asked, up to now."""
        for meter in self._running.values():
            self._charge(meter, now, wall)
        found = [
            Entry(day, user, usage.calls, usage.seconds)
            for day, user in sorted(self._changed)
            if (usage := self._days.get(day, {}).get(user)) is not None
        ]
        self._changed.clear()
        return found

    def _look(self, user: str, wall: float) -> Usage:
        return self._days.get(self.day(wall), {}).get(user) or Usage()

    def _usage(self, day: str, user: str) -> Usage:
        """A line to write in."""
        self._changed.add((day, user))
        if day not in self._days:
            self._days[day] = {}
            for old in sorted(self._days)[:-DAYS]:
                if old != day:
                    del self._days[old]
        return self._days[day].setdefault(user, Usage())

    def _charge(self, meter: Meter, now: float, wall: float) -> None:
        seconds = max(0.0, now - meter.since)
        if not seconds:
            return
        meter.since = now
        self.charged += seconds * meter.calls
        today = self._day(wall)
        since_midnight = max(0.0, wall - today.begins)
        self._usage(today.name, meter.user).seconds += min(seconds, since_midnight) * meter.calls
        if seconds > since_midnight:
            self._usage(today.before, meter.user).seconds += (seconds - since_midnight) * meter.calls

    def _day(self, wall: float) -> _Day:
        if not self._today.begins <= wall < self._today.ends:
            today = datetime.fromtimestamp(wall, self._zone).date()
            before, after = today - timedelta(days=1), today + timedelta(days=1)
            begins, ends = (datetime(day.year, day.month, day.day, tzinfo=self._zone) for day in (today, after))
            self._today = _Day(today.isoformat(), before.isoformat(), begins.timestamp(), ends.timestamp())
        return self._today
