"""Which binding is next: thousands of them, at a bounded rate."""

import heapq
from math import inf

CATCH_UP_SECONDS = 0.05
"How much of a pause of ours is made up for afterwards: timers are not exact."


class Schedule:
    """When each of many is due, and that no more than so many a second have their turn.

    In any window of *w* seconds at most ``rate * (w + CATCH_UP_SECONDS) + 1`` have.
    """

    __slots__ = ("_at", "_free_at", "_gap", "_heap", "_serial")

    def __init__(self, rate: float) -> None:
        """``rate``: turns a second."""
        self._gap = 1.0 / rate
        self._free_at = -inf
        self._at: dict[str, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._serial = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._at)

    def put(self, key: str, at: float) -> None:
        """This one is due at that time, whatever was said before; of those due at once, the first to come is first."""
        self._serial += 1
        self._at[key] = (at, self._serial)
        heapq.heappush(self._heap, (at, self._serial, key))
        if len(self._heap) > 2 * len(self._at) + 64:
            self._heap = [(at, serial, key) for key, (at, serial) in self._at.items()]
            heapq.heapify(self._heap)

    def drop(self, key: str) -> None:
        """This one is not due any more."""
        self._at.pop(key, None)

    @property
    def next_at(self) -> float | None:
        """When `take` will have something, or None."""
        self._clean()
        return max(self._heap[0][0], self._free_at) if self._heap else None

    def take(self, now: float) -> str | None:
        """The next that has its turn now, or None."""
        self._clean()
        if not self._heap or self._heap[0][0] > now or self._free_at > now:
            return None
        self._free_at = max(self._free_at, now - CATCH_UP_SECONDS) + self._gap
        key = heapq.heappop(self._heap)[2]
        del self._at[key]
        return key

    def _clean(self) -> None:
        while self._heap and self._at.get(self._heap[0][2]) != self._heap[0][:2]:
            heapq.heappop(self._heap)
