"""What passed in a call, step by step, in bounded memory: its first steps, its last ones, and how many went between.

How a call came about and how it ended is what a trail is read for; of a long one, what is in the middle is refreshes.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

LONGEST_REMARK = 120
"So much of what a peer wrote is kept, in characters."


class Step(NamedTuple):
    """A message at one side, or something that happened in between."""

    at: float
    "On the clock of the call, in seconds."

    protocol: str
    "jingle, sip: the side at which it passed; empty: it happened in the gateway."

    inward: bool
    "Whether it came."

    word: str | int
    "The message, in a word; a SIP response is its status."

    remark: str = ""


class Trail:
    """One call's."""

    __slots__ = ("_first", "_half", "_last", "_left_out")

    def __init__(self, most: int) -> None:
        """``most`` steps are kept, at least 2."""
        self._half = most // 2
        self._first: list[Step] = []
        self._last: deque[Step] | None = None  # an empty one takes more than the steps of a short call
        self._left_out = 0

    def add(self, step: Step) -> None:
        """One more step."""
        if len(self._first) < self._half:
            self._first.append(step)
            return
        if self._last is None:
            self._last = deque(maxlen=self._half)
        self._left_out += len(self._last) == self._half
        self._last.append(step)

    def __len__(self) -> int:
        return len(self._first) + len(self._last or ())

    def __iter__(self) -> Iterator[Step]:
        """What is kept, in order; in the place of what is not stands a step that says how much that is."""
        yield from self._first
        if self._last is None:
            return
        if self._left_out:
            yield Step(self._last[0].at, "", False, "left out", f"{self._left_out} steps")
        yield from self._last
