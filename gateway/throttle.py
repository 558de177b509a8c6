"""Says when a thing that strangers cause may be logged again."""

from collections.abc import Callable

from gateway.buckets import Buckets


class Throttle:
    """Lets a few through at once, and after that one every so often."""

    def __init__(self, clock: Callable[[], float], *, burst: int = 5, seconds: float = 10.0) -> None:
        self._clock = clock
        self._bucket = Buckets[None](burst, 1 / seconds)
        self._held = 0

    def admits(self) -> bool:
        """Whether this one passes; if not it is counted for `held`."""
        admitted = self._bucket.admits(None, self._clock())
        self._held += not admitted
        return admitted

    def held(self) -> int:
        """How many were held back since this was last asked."""
        held, self._held = self._held, 0
        return held
