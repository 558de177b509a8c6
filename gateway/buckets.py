"""How often something may be done: so much at once, and as much again in each second or minute."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

MOST = 10_000
"Of so many it is remembered what they took, unless there is reason to remember more."

_CRUMB = 1e-9
"What adding up fractions of a token may have lost."


class Buckets(Generic[Key]):
    """A token bucket for each of any number of keys; times are on one clock, in seconds.

    What is full is as good as one that was never seen, and forgotten: so there are hardly more than were drawn on
    within the time that it takes to fill one.  Where these are too many, the one that was drawn on longest ago is
    forgotten, and begins anew.
    """

    __slots__ = ("_left", "_most", "rate", "size")

    def __init__(self, size: float, rate: float, *, most: int = MOST) -> None:
        """``size`` tokens at most; ``rate`` come back in a second, more than none; ``most`` are remembered."""
        self.size = max(1.0, size)
        "A bucket that held less than one would give none."
        self.rate = rate
        self._most = most
        self._left: OrderedDict[Key, tuple[float, float]] = OrderedDict()
        "What was left, and when that was so; the one that was drawn on longest ago is the first."

    @classmethod
    def a_minute(cls, tokens: float, *, most: int = MOST) -> "Buckets[Key]":
        """So much at once, and as much again in each minute."""
        return cls(tokens, tokens / 60, most=most)

    def __len__(self) -> int:
        return len(self._left)

    def left(self, key: Key, now: float) -> float:
        """The tokens that there are."""
        left, since = self._left.get(key, (self.size, now))
        return min(self.size, left + max(0.0, now - since) * self.rate)

    def wait(self, key: Key, now: float) -> float:
        """Seconds until there is one; 0: there is."""
        return max(0.0, (1.0 - self.left(key, now)) / self.rate)

    def take(self, key: Key, now: float) -> None:
        """Take one, which must be there."""
        left = self.left(key, now)
        assert left >= 1.0 - _CRUMB, "none is left"
        self._left[key] = left - 1.0, now
        self._left.move_to_end(key)
        self._forget(now)

    def admits(self, key: Key, now: float) -> bool:
        """Whether there is one, which then is taken."""
        admitted = self.left(key, now) >= 1.0 - _CRUMB
        if admitted:
            self.take(key, now)
        return admitted

    def _forget(self, now: float) -> None:
        """Two for each that comes at most, so that nobody waits while thousands are looked at."""
        for _ in range(2):
            oldest = next(iter(self._left))
            if len(self._left) <= self._most and self.left(oldest, now) < self.size:
                return
            del self._left[oldest]
            if not self._left:
                return
