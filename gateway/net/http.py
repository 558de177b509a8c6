"""What watches the gateway: /metrics for Prometheus, /healthz and /readyz for whoever restarts or routes.

`/healthz` is 200 while the process serves at all; `/readyz` is 200 only when a call could be made now, and otherwise
503 with one line for each thing that is missing.  What is not well and keeps nobody from calling, such as one trunk of
several, has its lines there too.
"""

from collections.abc import Callable, Sequence

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest


class HttpPort:
    """A small HTTP server, by default on loopback only: it has no authentication."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        registry: CollectorRegistry,
        missing: Callable[[], Sequence[str]],
        unwell: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._host, self._port = host, port
        self._registry = registry
        self._missing = missing
        self._unwell = unwell
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port that is bound, once started."""
        if self._runner is None or not self._runner.addresses:
            return self._port
        return int(self._runner.addresses[0][1])

    async def start(self) -> None:
        """Bind and serve; OSError when the address is taken."""
        application = web.Application()
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        structlog.get_logger().info("http_listening", peer=f"{self._host}:{self.port}")

    async def stop(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        missing = self._missing()
        lines = [*(missing or ["ready"]), *self._unwell()]
        return web.Response(status=503 if missing else 200, text="".join(f"{line}\n" for line in lines))
