"""How a connection comes to be, ours or a peer's: TCP, what TLS asks of both ends, and the WebSocket's handshake."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable

import structlog

from gateway.net.stream import Connection
from gateway.net.tls import Refused, Tls, refused
from gateway.sip.flow import SECURE

PAUSE_SECONDS = 1.0
"How long no connection is taken when the machine has no room for one."


class Acceptor:
    """Takes connections from a listening socket before anything is known of them but where they come from."""

    def __init__(self, bound: socket.socket, accepted: Callable[[socket.socket, str, int], None]) -> None:
        """``accepted`` gets each with its peer's address."""
        self._bound = bound
        self._accepted = accepted
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                made, address = await loop.sock_accept(self._bound)
            except OSError:  # too many files, or a peer that is gone already
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            try:
                self._accepted(made, address[0], address[1])
            except Exception:  # an error of ours costs one connection, and not all that would come
                structlog.get_logger().exception("sip_connection_failed", peer=f"{address[0]}:{address[1]}")
                made.close()

    async def close(self) -> None:
        """Take no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._bound.close()


async def connect(connection: Connection, tls: Tls, seconds: float, origin: tuple[str, int] | None) -> None:
    """Connect to where the flow leads; Refused or OSError when that fails, TimeoutError after so many seconds.

    ``origin``: the address of ours to connect from; None: any.
    """
    flow = connection.flow
    context = tls.client(flow.domain) if flow.transport in SECURE else None
    async with asyncio.timeout(seconds):
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: connection,
                flow.host,
                flow.port,
                ssl=context,
                server_hostname=flow.domain if context is not None else None,
                local_addr=origin,
            )
        except OSError as error:
            if isinstance(error, ssl.SSLError) or (context is not None and not error.errno):
                raise refused(error) from None
            raise


async def secure(
    factory: Callable[[], asyncio.Protocol], made: socket.socket, tls: Tls | None, seconds: float
) -> asyncio.Transport:
    """Give a connection that came its protocol; ``tls``: after the handshake, and Refused when that fails."""
    loop = asyncio.get_running_loop()
    if tls is None:
        return (await loop.connect_accepted_socket(factory, made))[0]
    try:
        found = await loop.connect_accepted_socket(factory, made, ssl=tls.server, ssl_handshake_timeout=seconds)
    except (OSError, TimeoutError) as error:
        raise refused(error) from None
    return found[0]


def reason(error: BaseException) -> str:
    """Why a connection could not be made, for the log."""
    if isinstance(error, Refused):
        return error.text
    if isinstance(error, TimeoutError):
        return "connection timed out"
    text = errno.errorcode.get(error.errno or 0, "") if isinstance(error, OSError) else ""
    return f"connection failed ({text or error})"
