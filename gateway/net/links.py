"""The connections that there are: where they lead, how many may be, who waits for one, and which have idled too long.

An outgoing connection's flow has no `local`: it is whatever connection leads to that address, made anew when needed.
A flow of an incoming connection names that one, and ends with it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from gateway.net.aliases import Aliases
from gateway.net.stream import Connection, Link
from gateway.sip.flow import Flow
from gateway.sip.keepalive import PONG_SECONDS
from gateway.sip.strangers import source

SWEEP_SECONDS = 5.0
"How often idle connections are looked for."

CROWD = 16
"Connections from one place that need not make room for others, when there is none left."

Opened = Callable[[str | None], None]
"Called when a connection stands, or with the reason why it does not."


class LinksUser(Protocol):
    """What connections are to others; none of these may raise."""

    def lost(self, flow: Flow, text: str, *, orderly: bool = False) -> None:
        """Nothing gets there: the connection could not be made, or ended, perhaps in good order."""
        ...

    def in_use(self, flow: Flow) -> bool:
        """Whether a connection is still waited for, however idle."""
        ...


class Links:
    """Keeps connections from the wish for them to their end; whoever makes them adds them."""

    def __init__(
        self,
        user: LinksUser,
        *,
        most: int,
        idle_seconds: float,
        partial_seconds: float,
        ping_seconds: float | None,
        clock: Callable[[], float],
    ) -> None:
        """``partial_seconds``: how long a message may take to become whole."""
        self._user = user
        self._most = most
        self._idle_seconds = idle_seconds
        self._partial_seconds = partial_seconds
        self._sweep_seconds = min(SWEEP_SECONDS, idle_seconds / 4, (ping_seconds or SWEEP_SECONDS) / 4)
        self._clock = clock
        self._by_flow: dict[Flow, Link] = {}
        self._aliases = Aliases()
        self._waiting: dict[Flow, list[Opened]] = {}
        "Who waits for a connection that is being made."

        self._sweep: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        """Connections that stand, or are being made."""
        return len(self._by_flow)

    def get(self, flow: Flow) -> Link | None:
        """The connection that leads there, or stands for one that does."""
        return self._by_flow.get(flow) or self._aliases.get(flow)

    def has(self, flow: Flow) -> bool:
        """Whether there is one to that very place, perhaps only to be."""
        return flow in self._by_flow

    def alias(self, flow: Flow, port: int) -> None:
        """A peer lets its connection be used for requests to that port of its."""
        if flow.local and isinstance(connection := self._by_flow.get(flow), Connection):
            self._aliases.add(connection, port)

    def add(self, link: Link) -> None:
        """Count a connection from now on."""
        self._by_flow[link.flow] = link
        self._empty.clear()

    def wait(self, flow: Flow, opened: Opened) -> None:
        """Call back when the connection to there stands, or never will."""
        self._waiting.setdefault(flow, []).append(opened)

    def stands(self, link: Link) -> bool:
        """It has come to be; False: it gave way to others meanwhile."""
        flow = link.flow
        if self._by_flow.get(flow) is not link:
            return False
        if self._sweep is None:
            self._sweep_later()
        for opened in self._waiting.pop(flow, ()):
            opened(None)
        return True

    def gone(self, link: Link, text: str, *, orderly: bool = False) -> None:
        """It is no more, or will never be."""
        flow = link.flow
        if self._by_flow.get(flow) is not link:
            return
        del self._by_flow[flow]
        if not self._by_flow:
            self._empty.set()
        for opened in self._waiting.pop(flow, ()):
            opened(text)
        self._user.lost(flow, text, orderly=orderly)
        for alias in self._aliases.forget(link):
            self._user.lost(alias, text, orderly=True)

    def has_room(self, place: str = "") -> bool:
        """Whether one more connection may be: when there are too many, a crowd from one other place makes room.

        What nothing waits for and was not used for longest goes, so that nobody locks the trunks out by numbers.
        """
        if len(self._by_flow) < self._most:
            return True
        places = Counter(source(flow.host) for flow in self._by_flow if flow.local)
        crowded, number = max(places.items(), key=lambda found: found[1], default=("", 0))
        if number <= max(CROWD, places[place]):
            return False
        crowd = [found for flow, found in self._by_flow.items() if flow.local and source(flow.host) == crowded]
        oldest = min(crowd, key=lambda found: (self._user.in_use(found.flow), found.heard_at))
        oldest.abort()
        self.gone(oldest, "gave way to others", orderly=True)
        return True

    def close(self) -> None:
        """End them all, when they have sent what was written."""
        for link in tuple(self._by_flow.values()):
            if link.is_made:
                link.close()
            else:
                self.gone(link, "stopped")

    async def closed(self, seconds: float) -> None:
        """Wait until there are none; after so many seconds they are cut off."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            for link in tuple(self._by_flow.values()):
                link.abort()
            await self._empty.wait()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _sweep_later(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(self._sweep_seconds, self._close_idle)

    def _close_idle(self) -> None:
        """Close what has been silent for long, and at once what never ends its message or is dead."""
        self._sweep = None
        now = self._clock()
        for link in tuple(self._by_flow.values()):
            if link.began_at is not None and now - link.began_at > self._partial_seconds:
                link.abort()
            elif now - link.heard_at > self._idle_seconds and not self._user.in_use(link.flow):
                link.close()
            elif not link.tend():
                link.abort()
                self.gone(link, f"no answer to a keep-alive in {PONG_SECONDS:g} s")
        if self._by_flow:
            self._sweep_later()
