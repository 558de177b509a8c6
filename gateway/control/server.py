"""The control socket, as the daemon has it."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from gateway.control.protocol import LONGEST_REQUEST, Answer, written
from gateway.errors import ControlError

MOST_CLIENTS: Final = 16
"At a time; the next one is told so."

WAIT_SECONDS: Final = 10.0
"So long may a client take to ask, and to take its answer."

PRIVATE: Final = 0o177
"The umask under which the socket is made: nobody else's."


class ControlPort:
    """A unix socket that answers a line with a line."""

    def __init__(self, path: Path | None, answer: Callable[[bytes], Awaitable[bytes]]) -> None:
        """``path``: None, and there is none."""
        self._path = path
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger()

    async def start(self) -> None:
        """Listen.  Where that is not possible the log says so, and the calls go on without it."""
        if self._path is None:
            return
        try:
            bound = _bound(self._path)
        except (ControlError, OSError) as error:
            text = str(error) if isinstance(error, ControlError) else error.strerror or str(error)
            self._log.warning("control_unavailable", path=str(self._path), text=text)
            return
        self._server = await asyncio.start_unix_server(self._connected, sock=bound, limit=LONGEST_REQUEST)
        self._log.info("control_listening", path=str(self._path))

    async def stop(self) -> None:
        """Stop listening, and take the socket away."""
        if self._server is None or self._path is None:
            return
        self._server.close()
        for client in tuple(self._clients):
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.get_running_loop().create_task(self._serve(reader, writer), name="gateway control")
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if len(self._clients) > MOST_CLIENTS:
                writer.write(written(Answer(error="too many clients at a time")))
                return
            while line := await self._line(reader):
                writer.write(await self._answer(line))
                async with asyncio.timeout(WAIT_SECONDS):
                    await writer.drain()
        except ValueError:
            writer.write(written(Answer(error=f"request: longer than {LONGEST_REQUEST} octets")))
        except (TimeoutError, OSError):
            pass
        except Exception:
            self._log.exception("control_failed")
            writer.write(written(Answer(error="the gateway failed; its log says how")))
        finally:
            writer.close()

    async def _line(self, reader: asyncio.StreamReader) -> bytes:
        async with asyncio.timeout(WAIT_SECONDS):
            return await reader.readline()


def _bound(path: Path) -> socket.socket:
    """The socket at that path, in the place of one that a daemon before has left.  ControlError, OSError."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        if path.is_socket():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(1.0)
                try:
                    probe.connect(os.fspath(path))
                except ConnectionRefusedError:
                    path.unlink()
                else:
                    raise ControlError("another daemon listens there")
        before = os.umask(PRIVATE)
        try:
            made.bind(os.fspath(path))
        finally:
            os.umask(before)
    except BaseException:
        made.close()
        raise
    return made
