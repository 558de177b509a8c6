"""One timer for whatever has deadlines of its own."""

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls back at the earliest deadline that it was told since it last rang."""

    def __init__(self, ring: Callable[[float], None], clock: Callable[[], float]) -> None:
        """To be made inside the event loop.  ``ring`` gets the time, no earlier than the deadline."""
        self._ring = ring
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0.0

    def set(self, deadline: float | None) -> None:
        """Ring then, or never; it is moved only to ring earlier, since to ring in vain costs less than to be moved."""
        if deadline is None:
            self.stop()
        elif self._timer is None or deadline < self._at:
            self.stop()
            self._at = deadline
            self._timer = self._loop.call_later(max(0.0, deadline - self._clock()), self._rings)

    def stop(self) -> None:
        """Do not ring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rings(self) -> None:
        self._timer = None
        self._ring(max(self._clock(), self._at))
