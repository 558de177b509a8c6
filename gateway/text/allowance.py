"""How often somebody may do something: so many at once, and as many again every minute."""

from collections import OrderedDict

MOST = 10_000
"Of how many senders it is remembered; who was silent longest is forgotten first, and begins anew."


class Allowances:
    """What is left to each."""

    __slots__ = ("_a_minute", "_left")

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        "How much, and when that was so."

    def __len__(self) -> int:
        return len(self._left)

    def admits(self, who: str, now: float) -> bool:
        """Whether they may once more, which then counts; ``now`` in seconds."""
        left, since = self._left.get(who, (float(self._a_minute), now))
        left = min(self._a_minute, left + (now - since) * self._a_minute / 60)
        admitted = left >= 1
        self._left[who] = (left - admitted, now)
        self._left.move_to_end(who)
        if len(self._left) > MOST:
            self._left.popitem(last=False)
        return admitted
