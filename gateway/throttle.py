"""Says when a thing that strangers cause may be logged again."""

from collections.abc import Callable


class Throttle:
    """Lets a few through at once, and after that one every so often."""

    def __init__(self, clock: Callable[[], float], *, burst: int = 5, seconds: float = 10.0) -> None:
        self._clock = clock
        self._burst = burst
        self._seconds = seconds
        self._left = float(burst)
        self._at = clock()
        self._held = 0

    def admits(self) -> bool:
        """Whether this one passes; if not it is counted for `held`."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) / self._seconds)
        self._at = now
        if self._left < 1:
            self._held += 1
            return False
        self._left -= 1
        return True

    def held(self) -> int:
        """How many were held back since this was last asked."""
        held, self._held = self._held, 0
        return held
