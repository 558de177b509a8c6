"""An XMPP server for one component, on real loopback sockets: XEP-0114 and no more, told what to do by a test."""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator

from mappings.namespaces import COMPONENT
from tests.peers import loopback
from tests.peers.program import PATIENCE_SECONDS

STREAM = "http://etherx.jabber.org/streams"
_STANZA = re.compile(r"<(iq|message|presence)\b(?:[^>]*/>|.*?</\1>)", re.S)


class ComponentServer:
    """What a component connects to."""

    def __init__(self, secret: str = "test", stream_id: str = "3BF96D32") -> None:
        self.secret = secret
        self.stream_id = stream_id
        self.host = "127.0.0.1"
        self.port = loopback.port(self.host)
        self.connections = 0
        self.handshakes: list[str] = []
        self.stanzas: asyncio.Queue[str] = asyncio.Queue()
        self.refuses_with: str | None = None
        "A stream error to give instead of believing anybody."

        self.is_mute = False
        "Whether it takes connections and says nothing."

        self.answers_pings = True
        "Whether what the component sends to itself comes back to it."

        self.closes_in_good_order = True
        "Whether it answers the end of the component's stream by the end of its own."

        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take connections, at the same port as before."""
        self._server = await asyncio.start_server(self._accepted, self.host, self.port)

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
            self.drop()
            await self._server.wait_closed()
            self._server = None
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop(self) -> None:
        """Close the connections without a word."""
        for writer in self._writers:
            writer.close()

    def send(self, text: str) -> None:
        """Send to whoever is connected."""
        for writer in self._writers:
            writer.write(text.encode())

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b">")
        if self.is_mute:
            await reader.read()
            return
        writer.write(
            f"<?xml version='1.0'?><stream:stream xmlns='{COMPONENT}' xmlns:stream='{STREAM}' "
            f"from='gw.example' id='{self.stream_id}'>".encode()
        )
        text = ""
        while "</handshake>" not in text:
            text += (await reader.readuntil(b">")).decode()
        said = text.partition("</handshake>")[0].rpartition(">")[2]
        self.handshakes.append(said)
        expected = hashlib.sha1(f"{self.stream_id}{self.secret}".encode()).hexdigest()
        wrong = "not-authorized" if said != expected else None
        if (condition := self.refuses_with or wrong) is not None:
            writer.write(
                f"<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
                "</stream:stream>".encode()
            )
            return
        writer.write(b"<handshake/>")
        buffer = ""
        while data := await reader.read(65536):
            buffer += data.decode()
            end = 0
            for match in _STANZA.finditer(buffer):
                end = match.end()
                self._took(match[0], writer)
            buffer = buffer[end:]
            if "</stream:stream>" in buffer and self.closes_in_good_order:
                writer.write(b"</stream:stream>")
                return

    def _took(self, stanza: str, writer: asyncio.StreamWriter) -> None:
        if "urn:xmpp:ping" in stanza and 'to="gw.example"' in stanza:
            if self.answers_pings:
                writer.write(stanza.encode())
            return
        self.stanzas.put_nowait(stanza)

    async def stanza(self) -> str:
        """The next stanza of the component."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.stanzas.get()


@contextlib.asynccontextmanager
async def component_server(secret: str = "test") -> AsyncIterator[ComponentServer]:
    """A server that is gone afterwards."""
    server = ComponentServer(secret)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
