"""SIP over WebSockets, as server and client: each message in a WebSocket message of its own (RFC 7118)."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias

import aiohttp
from aiohttp import abc, web

from gateway.net.connecting import secure
from gateway.net.stream import MAX_UNSENT, StreamUser
from gateway.net.tls import Tls, refused
from gateway.sip.address import hostport
from gateway.sip.flow import SECURE, Flow
from gateway.sip.web import PROTOCOL, refusal

GOOD_CODES = frozenset({1000, 1001})
"Normal closure, and going away (RFC 6455 §7.4.1)."

Web: TypeAlias = "web.WebSocketResponse | aiohttp.ClientWebSocketResponse[bool]"


class WebConnection:
    """A WebSocket, from the wish for it to its end; its users see a connection like any other."""

    def __init__(self, user: StreamUser, flow: Flow, *, clock: Callable[[], float], pings: bool = False) -> None:
        """``pings``: it is asked by pings whether it lives, and ends when it does not."""
        self.flow = flow
        self.heard_at = clock()
        "When the last message, or keep-alive, came or went."

        self.began_at: float | None = None
        "Always None: of a message that is not whole only the pings tell, which it keeps from being answered."

        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        "Done when it stands; an OSError when it never will."

        self._user = user
        self._clock = clock
        self._pings = pings
        self._web: Web | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[bool] | None = None
        self._out: asyncio.Queue[bytes] = asyncio.Queue()
        self._unsent = 0
        self._aborted = False

    @property
    def is_made(self) -> bool:
        """Whether there is, or was, a connection."""
        return self._web is not None

    @property
    def is_open(self) -> bool:
        """Whether what is written goes out."""
        return self._web is not None and not (self._web.closed or self._aborted or self._closing is not None)

    def write(self, data: bytes) -> None:
        """Send, now or when the connection stands."""
        if self._aborted:
            return
        self._out.put_nowait(data)
        self._unsent += len(data)
        if self._web is not None:
            self.heard_at = self._clock()
            if self._unsent > MAX_UNSENT:
                self.abort()

    def tend(self) -> bool:
        """Nothing is left to do here; and one that answers pings is not idle, since its peer may wait for calls."""
        if self._pings and self.is_open:
            self.heard_at = self._clock()
        return True

    def start(self, made: Web, release: Callable[[], Awaitable[None]]) -> None:
        """Serve in a task of its own."""
        self._task = asyncio.get_running_loop().create_task(self.serve(made, release))

    def close(self) -> None:
        """Close in good order."""
        if self._web is not None and self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._web.close(code=1001))

    def abort(self) -> None:
        """Close at once."""
        if self._task is not None and not self._aborted:
            self._aborted = True
            self._task.cancel()

    async def serve(self, made: Web, release: Callable[[], Awaitable[None]] | None = None) -> None:
        """Carry messages until it ends; whoever cancels this cuts it off.  ``release`` is called then."""
        self._web, self._task = made, asyncio.current_task()
        if not self.opened.done():
            self.opened.set_result(None)
        if not self._user.stream_opened(self):
            if release is not None:
                await release()
            return
        writing = asyncio.get_running_loop().create_task(self._write(made))
        error: Exception | None = None
        try:
            async for message in made:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._received(message.data.encode("utf-8", "surrogatepass"))
                elif message.type is aiohttp.WSMsgType.BINARY:
                    self._received(message.data)
                elif message.type is aiohttp.WSMsgType.ERROR:
                    error = ConnectionResetError(f"WebSocket failed, {message.data}")
            if error is None and made.close_code not in GOOD_CODES and self._closing is None:
                error = ConnectionResetError(f"WebSocket closed with {made.close_code}")
        except asyncio.CancelledError:
            error = ConnectionAbortedError("cut off")
        finally:
            try:
                tasks = [task for task in (writing, self._closing) if task is not None]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                if release is not None:
                    await release()
            finally:
                self._user.stream_closed(self, error)

    def _received(self, data: bytes) -> None:
        self.heard_at = self._clock()
        if data.strip(b"\r\n"):
            self._user.stream_received(data, self)
        elif data.count(b"\n") > 1:  # a keep-alive, which wants one back (RFC 5626 §3.5.1)
            self.write(b"\r\n")

    async def _write(self, made: Web) -> None:
        while True:
            data = await self._out.get()
            self._unsent -= len(data)
            try:
                text = data.decode()
            except UnicodeDecodeError:
                text = None
            with suppress(ConnectionError):  # the reader sees the end too
                await (made.send_bytes(data) if text is None else made.send_str(text))


class WebListener:
    """HTTP for those who want a WebSocket, on connections that are accepted elsewhere."""

    def __init__(self, *, origins: frozenset[str], max_message: int, ping_seconds: float | None) -> None:
        self._origins = origins
        self._max_message = max_message
        self._ping_seconds = ping_seconds
        self._pending: dict[tuple[str, int], WebConnection] = {}
        "Who is to become a WebSocket, by its address."
        self._server = web.Server(self._handle, access_log=None, keepalive_timeout=0, lingering_time=0)

    async def accept(self, connection: WebConnection, made: socket.socket, tls: Tls | None, seconds: float) -> None:
        """Let a connection become a WebSocket; OSError or Refused when it has not within so many seconds."""
        key = (connection.flow.host, connection.flow.port)
        self._pending[key] = connection
        try:
            transport = await secure(self._server, made, tls, seconds)
            try:
                async with asyncio.timeout(seconds):
                    await connection.opened
            except TimeoutError:
                transport.abort()
                raise ConnectionAbortedError("no WebSocket handshake in time") from None
        finally:
            self._pending.pop(key, None)

    async def close(self) -> None:
        """Cut off whoever is left."""
        await self._server.shutdown(0)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        peer = request.transport.get_extra_info("peername") if request.transport is not None else None
        connection = self._pending.pop((peer[0], peer[1]), None) if peer else None
        found = refusal(request.method, request.headers, self._origins)
        if connection is None or found is not None:
            status, text = found or (400, "one WebSocket a connection")
            if connection is not None and not connection.opened.done():
                connection.opened.set_exception(ConnectionAbortedError(f"no WebSocket for SIP: {text}"))
            response = web.Response(status=status, text=f"{text}\n", headers={"Connection": "close"})
            response.force_close()
            return response
        made = web.WebSocketResponse(
            protocols=(PROTOCOL,),
            max_msg_size=self._max_message,
            heartbeat=self._ping_seconds,
            compress=False,
            timeout=1.0,
        )
        await made.prepare(request)
        await connection.serve(made)
        return made


class _Fixed(abc.AbstractResolver):
    """Has found the address already, so that the name is for the certificate and the Host header alone."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[abc.ResolveResult]:
        """The address."""
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        return [
            abc.ResolveResult(hostname=host, host=self._address, port=port, family=family, proto=0, flags=0),
        ]

    async def close(self) -> None:
        """Nothing to close."""


async def connect(
    connection: WebConnection,
    tls: Tls,
    seconds: float,
    max_message: int,
    ping_seconds: float | None,
    *,
    origin: tuple[str, int] | None,
) -> None:
    """Open a WebSocket to where the flow leads; OSError, TimeoutError or Refused when that fails.

    ``origin``: the address of ours to connect from; None: any.
    """
    flow = connection.flow
    secured = flow.transport in SECURE
    connector = aiohttp.TCPConnector(
        resolver=_Fixed(flow.host),
        ssl=tls.client(flow.domain) if secured else False,
        force_close=True,
        local_addr=origin,
    )
    session = aiohttp.ClientSession(connector=connector)
    made: aiohttp.ClientWebSocketResponse[bool] | None = None
    try:
        url = f"{'wss' if secured else 'ws'}://{hostport(flow.domain, flow.port)}{tls.path(flow.domain)}"
        async with asyncio.timeout(seconds):
            made = await session.ws_connect(
                url,
                protocols=(PROTOCOL,),
                max_msg_size=max_message,
                heartbeat=ping_seconds,
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
            )
        if secured:
            tls.inspect(made.get_extra_info("peercert"), flow.domain)
        if made.protocol != PROTOCOL:
            raise ConnectionAbortedError("its WebSocket is not for SIP")
    except BaseException as error:
        if made is not None:
            await made.close()
        await session.close()
        if isinstance(error, aiohttp.ClientError):
            raise _plain(error) from None
        raise
    connection.start(made, session.close)


def _plain(error: aiohttp.ClientError) -> Exception:
    """The error without aiohttp's wrapping."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return refused(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return refused(error.os_error)
    if isinstance(error, aiohttp.ClientOSError):
        inner = getattr(error, "os_error", error)
        return inner if isinstance(inner, OSError) else error
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return ConnectionAbortedError(f"no WebSocket there: status {error.status}")
    return ConnectionAbortedError(str(error) or type(error).__name__)
