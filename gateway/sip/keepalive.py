"""Whether a connection of ours still leads anywhere, asked by two line breaks and answered by one (RFC 5626 §3.5.1).

Who opens a connection asks, at intervals that vary so that many do not ask in step (§4.4.1); no answer within ten
seconds, and the connection is dead.  Many peers of SIP over TCP answer no such thing, and are well all the same: only
of a connection on which an answer has come before does silence say anything.  Asking keeps the way open in any case,
through whatever translates addresses on it.
"""

from collections.abc import Callable
from typing import Final, Literal

PONG_SECONDS: Final = 10.0
"How long an answer may take (RFC 5626 §4.4.1)."


class KeepAlive:
    """What is known of one connection; times in seconds on the caller's clock."""

    __slots__ = ("_answers", "_asked_at", "_draw", "_next_at", "_seconds")

    def __init__(self, seconds: float, now: float, draw: Callable[[], float]) -> None:
        """``seconds``: between two questions at most.  ``draw``: a number between 0 and 1, by chance."""
        self._seconds = seconds
        self._draw = draw
        self._asked_at: float | None = None
        self._answers = False
        self._next_at = now + self._interval()

    def due(self, now: float) -> Literal["ask", "dead"] | None:
        """What to do now: ask, take it for dead, or nothing."""
        if self._asked_at is not None and self._answers and now - self._asked_at >= PONG_SECONDS:
            return "dead"
        if now < self._next_at:
            return None
        self._next_at = now + self._interval()
        if self._asked_at is None:
            self._asked_at = now
        return "ask"

    def heard(self, now: float, *, answer: bool = False) -> None:
        """Something came, so that it lives; ``answer``: what was asked for."""
        self._answers = self._answers or (answer and self._asked_at is not None)
        self._asked_at = None
        self._next_at = now + self._interval()

    def _interval(self) -> float:
        return self._seconds * (0.8 + 0.2 * self._draw())
