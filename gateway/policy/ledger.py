"""How many calls users have begun today, and how long they have talked.

A call that runs is charged as it goes, so that what is written down of it is never far behind.  Seconds are measured by
the monotonic clock; the other one only says to which day they belong.  A call over midnight has a part in each day.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

DAYS = 3
"So many days are kept at most: the clock may be put back."


@dataclass(slots=True)
class Usage:
    """What one user has had in one day."""

    calls: int = 0
    seconds: float = 0.0


@dataclass(slots=True, eq=False)
class Meter:
    """A call that is talked in."""

    user: str
    since: float
    "Up to when it is charged, on the monotonic clock."


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
        self._running: dict[str, list[Meter]] = defaultdict(list)
        self._changed: set[tuple[str, str]] = set()
        self.charged = 0.0
        "Seconds of all calls, since the beginning."

    def day(self, wall: float) -> str:
        """Today."""
        return datetime.fromtimestamp(wall, self._zone).date().isoformat()

    def load(self, entries: Iterable[Entry]) -> None:
        """What was written down before."""
        for entry in entries:
            self._days.setdefault(entry.day, {})[entry.user] = Usage(entry.calls, entry.seconds)

    def begin(self, user: str, wall: float) -> None:
        """One more call of a user begins."""
        self._usage(self.day(wall), user).calls += 1

    def start(self, user: str, now: float) -> Meter:
        """Somebody has answered."""
        meter = Meter(user, now)
        self._running[user].append(meter)
        return meter

    def stop(self, meter: Meter, now: float, wall: float) -> None:
        """That call is over."""
        self._charge(meter, now, wall)
        running = self._running[meter.user]
        running.remove(meter)
        if not running:
            del self._running[meter.user]

    def calls(self, user: str, wall: float) -> int:
        """How many they have begun today."""
        return self._look(user, wall).calls

    def seconds(self, user: str, now: float, wall: float) -> float:
        """How long they have talked today, up to now."""
        for meter in self._running.get(user, ()):
            self._charge(meter, now, wall)
        return self._look(user, wall).seconds

    def spent(self, user: str, most: float, now: float, wall: float) -> float | None:
        """When they will have talked so many seconds, if it goes on like this; None: they do not talk."""
        running = len(self._running.get(user, ()))
        return now + max(0.0, most - self.seconds(user, now, wall)) / running if running else None

    def changed(self, now: float, wall: float) -> list[Entry]:
        """What has changed since this was last asked, up to now."""
        for meters in self._running.values():
            for meter in meters:
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
        self.charged += seconds
        today = datetime.fromtimestamp(wall, self._zone).date()
        since_midnight = max(0.0, wall - self._midnight(today))
        self._usage(today.isoformat(), meter.user).seconds += min(seconds, since_midnight)
        if seconds > since_midnight:
            yesterday = today - timedelta(days=1)
            self._usage(yesterday.isoformat(), meter.user).seconds += seconds - since_midnight

    def _midnight(self, day: date) -> float:
        return datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()
