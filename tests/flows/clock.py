"""An event loop whose time stands still until it is told to pass."""

import asyncio
from typing import Any


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop of a flow: `settle` runs what can run now, `advance` lets time pass, timer by timer.

    Nothing in a flow waits for a file or socket, so what is ready and what is scheduled is all there is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.signals: dict[int, tuple[Any, ...]] = {}
        "What `add_signal_handler` was given: operators are played by the test."

    def time(self) -> float:
        """Virtual seconds."""
        return self.now

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:  # type: ignore[override]
        """Keep it for `signal`; the process's own handlers stay as they are."""
        self.signals[sig] = (callback, *args)

    def signal(self, sig: int) -> None:
        """As if the process were sent this signal."""
        callback, *args = self.signals[sig]
        callback(*args)

    def settle(self) -> None:
        """Run until nothing is left to be done at this time."""
        for _ in range(100_000):
            due = self._next_timer()
            if not self._handles_ready() and (due is None or due > self.now):
                return
            self.stop()
            self.run_forever()
        raise AssertionError("the gateway is never done at this time: something wakes itself without end")

    def advance(self, seconds: float) -> None:
        """Let time pass; each timer runs at its own time."""
        until = self.now + seconds
        self.settle()
        while (due := self._next_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            self.settle()
        self.now = until
        self.settle()

    # asyncio keeps both in attributes that are private, and the same since Python 3.4.

    def _handles_ready(self) -> bool:
        loop: Any = self
        return bool(loop._ready)

    def _next_timer(self) -> float | None:
        loop: Any = self
        return min((handle.when() for handle in loop._scheduled if not handle.cancelled()), default=None)
