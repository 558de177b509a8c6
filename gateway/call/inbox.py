"""The one inbox of a call: what happens to it, in order, and whose message is being taken."""

import asyncio
from collections import deque
from typing import Any

from gateway.call.seat import Party


class Inbox:
    """To be made inside the event loop; one task empties it."""

    __slots__ = ("_items", "_loop", "_wake", "asking")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: deque[tuple[float, Party | None, Any]] = deque()
        self._wake: asyncio.Future[None] | None = None
        self.asking: Party | None = None
        "Whose message is being taken, until its sender has heard something of it."

    def __len__(self) -> int:
        return len(self._items)

    def put(self, party: Party | None, item: Any) -> None:
        """Something for a leg, or, without one, for the call itself."""
        self._items.append((self._loop.time(), party, item))
        wake = self._wake
        if wake is not None and not wake.done():
            wake.set_result(None)

    def first(self) -> tuple[float, Party | None, Any]:
        """The oldest, and since when it lies here; it stays until `done`."""
        since, party, item = self._items[0]
        self.asking = party
        return since, party, item

    def answered(self, party: Party) -> None:
        """A party's peer has heard something."""
        if party is self.asking:
            self.asking = None

    def done(self) -> None:
        """The first is taken."""
        self._items.popleft()

    async def filled(self) -> None:
        """Wait until something is put in."""
        self._wake = self._loop.create_future()
        await self._wake
        self._wake = None

    def left(self) -> list[tuple[Party, Any]]:
        """What still lies here, and for which leg."""
        return [(party, item) for _, party, item in self._items if party is not None]
