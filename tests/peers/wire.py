"""A TCP connection between the gateway and its XMPP server that a test can cut, and mend."""

import asyncio
import contextlib

from tests.peers import loopback

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wire:
    """One of these stands at an address of its own for the server.  Use as an async context manager."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.host = loopback.address()
        self.port = loopback.port(self.host)
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Wire":
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def mend(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._connected, self.host, self.port)

    async def cut(self) -> None:
        """Break what there is, without a word, and take no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(*self._target)
        self._writers |= {writer, there[1]}
        for source, target in ((reader, there[1]), (there[0], writer)):
            task = asyncio.create_task(self._carry(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()
        target.transport.abort()
        self._writers.discard(target)
