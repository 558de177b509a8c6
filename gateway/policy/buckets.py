"""How often something may be done: so much at once, and as much again in each second or minute."""

from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

_FEW = 256
"So many are kept without looking which are full again."


class Buckets(Generic[Key]):
    """A token bucket for each of any number of keys; what is full is as good as one that was never seen, and forgotten.

    So there are never more than were drawn on within the time that it takes to fill one.
    """

    __slots__ = ("_left", "_prune_at", "rate", "size")

    def __init__(self, size: float, rate: float) -> None:
        """``size`` tokens at most; ``rate`` come back in a second, more than none."""
        self.size = max(1.0, size)
        "A bucket that held less than one would give none."
        self.rate = rate
        self._left: dict[Key, tuple[float, float]] = {}
        "What was left, and when that was so."
        self._prune_at = _FEW

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
        assert left >= 1.0 - 1e-9, "none is left"
        self._left[key] = left - 1.0, now
        if len(self._left) >= self._prune_at:
            self._left = {key: found for key, found in self._left.items() if self.left(key, now) < self.size}
            self._prune_at = max(_FEW, 2 * len(self._left))
