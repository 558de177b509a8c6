"""Headless Chromium, and what a page in it does: a browser's own WebRTC, on loopback alone.

The pages stand in `web`: a client of the npm package stanza, and a SIP phone's media.  They are bundled once into a
cache folder (`python -m tests.peers.chromium` does it, and so does tests/run), with the exact packages of
`web/package-lock.json`.  The browser is driven by its DevTools protocol.
"""

import asyncio
import fcntl
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp

from tests.peers.program import PeerFailure, Program

WEB = Path(__file__).parent / "web"
PAGES = ("client", "phone")
PATIENCE_SECONDS = 90.0
"Nothing that a test asks a page for takes any longer, or it never ends."

# Chromium tries many of its maker's hosts unless told not to.  Loopback is no network to WebRTC by default, and host
# candidates would be names of multicast DNS.
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--mute-audio",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--allow-loopback-in-peer-connection",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-address=127.0.0.1",
    "--remote-debugging-port=0",
]


def missing() -> str:
    """What keeps these peers from running; empty: nothing."""
    if shutil.which("chromium") is None:
        return "not installed: chromium"
    if not _pages().exists():
        return "the pages are not bundled (python -m tests.peers.chromium; needs npm and its registry)"
    return ""


def bundle() -> Path:
    """The folder of the pages, made anew when these or their packages have changed; CalledProcessError if npm fails."""
    pages = _pages()
    if pages.exists():
        return pages
    packages = pages.with_name(f"packages-{_digest('package-lock.json')}")
    packages.mkdir(parents=True, exist_ok=True)
    with (packages / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (packages / "node_modules" / ".package-lock.json").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(WEB / name, packages)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(command, cwd=packages, check=True, stdin=subprocess.DEVNULL)
        made = packages / f"made-{os.getpid()}"
        command = [
            *("node", str(packages / "node_modules" / "esbuild" / "bin" / "esbuild"), "--bundle"),
            *("--define:global=globalThis", "--log-level=warning", f"--outdir={made}"),
            *(str(WEB / f"{page}.js") for page in PAGES),
        ]
        environment = {**os.environ, "NODE_PATH": str(packages / "node_modules")}
        subprocess.run(command, check=True, env=environment, stdin=subprocess.DEVNULL)
        for page in PAGES:
            (made / f"{page}.html").write_text(
                f'<!doctype html><meta charset="utf-8"><script defer src="{page}.js"></script>'
            )
        if pages.exists():
            shutil.rmtree(made)
        else:
            made.rename(pages)
    return pages


def _pages() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    sources = sorted(path.name for path in WEB.iterdir() if path.suffix in (".js", ".json"))
    return cache / "jingle-sip-tests" / f"pages-{_digest(*sources)}"


def _digest(*names: str) -> str:
    return hashlib.sha256(b"\0".join((WEB / name).read_bytes() for name in names)).hexdigest()[:16]


class Page:
    """One page: what its script offers as `peer` can be called from here."""

    def __init__(self, browser: "Chromium", name: str, session: str) -> None:
        self.name = name
        self.said: list[str] = []
        "What it wrote to its console, and what went wrong in it."
        self._browser = browser
        self._session = session

    async def call(self, function: str, *arguments: object) -> Any:
        """What `peer.function(...)` in the page returns, awaited; PeerFailure when it throws."""
        written = ", ".join(json.dumps(argument) for argument in arguments)
        expression = f"peer.{function}({written})"
        try:
            answer = await self.command(
                "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
            )
        except asyncio.CancelledError as cancelled:
            cancelled.add_note(f"{self.name}: {function} was not done\n{self.tail()}")
            raise
        if "exceptionDetails" in answer:
            raise PeerFailure(f"{self.name}: {function}: {_thrown(answer['exceptionDetails'])}\n{self.tail()}")
        return answer["result"].get("value")

    async def command(self, method: str, **parameters: object) -> dict[str, Any]:
        """One command of the DevTools protocol to this page."""
        return await self._browser.command(method, parameters, self._session)

    def tail(self, lines: int = 40) -> str:
        """The end of what it said, for messages."""
        return "\n".join(f"  {self.name}: {line}" for line in self.said[-lines:])


class Chromium:
    """One browser with a profile of its own.  Use as an async context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "chromium"
        self._profile = self._folder / "profile"
        self._profile.mkdir(parents=True)
        command = ["chromium", *_FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        self.program = Program("chromium", command, folder=self._folder)
        self.pages: dict[str, Page] = {}
        self._loaded: dict[str, asyncio.Event] = {}
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._http: aiohttp.ClientSession
        self._socket: aiohttp.ClientWebSocketResponse
        self._reader: asyncio.Task[None]

    async def __aenter__(self) -> "Chromium":
        self.program.start()
        announced = self._profile / "DevToolsActivePort"
        port, path = await self.program.ready(
            lambda: lines if announced.exists() and len(lines := announced.read_text().split()) == 2 else None,
            20.0,
            "opens its DevTools port",
        )
        self._http = aiohttp.ClientSession()
        self._socket = await self._http.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0)
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._socket.close()
        await self._http.close()
        self.program.kill()

    async def page(self, script: str, name: str) -> Page:
        """A new page with that script of `web`."""
        target = await self.command("Target.createTarget", {"url": "about:blank"})
        attached = await self.command("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
        session = attached["sessionId"]
        page = self.pages[session] = Page(self, name, session)
        self._loaded[session] = asyncio.Event()
        await asyncio.gather(page.command("Page.enable"), page.command("Runtime.enable"))
        await page.command("Page.navigate", url=(_pages() / f"{script}.html").as_uri())
        await self._loaded[session].wait()
        return page

    async def command(self, method: str, parameters: dict[str, Any], session: str = "") -> dict[str, Any]:
        """One command of the DevTools protocol, to the browser or to a page's session."""
        number = next(self._ids)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        message = {"id": number, "method": method, "params": parameters}
        await self._socket.send_json(message | ({"sessionId": session} if session else {}))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await answer
        except TimeoutError:
            said = "".join(f"\n{page.tail()}" for page in self.pages.values())
            raise PeerFailure(f"chromium: {method} is not done within {PATIENCE_SECONDS:g} s{said}") from None
        finally:
            del self._waiting[number]

    async def _read(self) -> None:
        async for message in self._socket:
            said = message.json()
            if (answer := self._waiting.get(said.get("id"))) is not None and not answer.done():
                if "error" in said:
                    answer.set_exception(PeerFailure(f"chromium: {said['error'].get('message')}"))
                else:
                    answer.set_result(said["result"])
            elif (page := self.pages.get(said.get("sessionId", ""))) is not None:
                self._event(page, said["method"], said["params"])
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(PeerFailure(f"chromium closed its DevTools port\n{self.program.tail()}"))

    def _event(self, page: Page, method: str, parameters: dict[str, Any]) -> None:
        match method:
            case "Page.loadEventFired":
                self._loaded[page._session].set()
            case "Runtime.consoleAPICalled":
                words = [str(part.get("value", part.get("description", ""))) for part in parameters["args"]]
                page.said.append(" ".join(words))
            case "Runtime.exceptionThrown":
                page.said.append(f"not caught: {_thrown(parameters['exceptionDetails'])}")
            case _:
                pass


def _thrown(details: dict[str, Any]) -> str:
    thrown = details.get("exception", {})
    return str(thrown.get("description") or thrown.get("value") or details.get("text"))


if __name__ == "__main__":
    if shutil.which("chromium") is None:
        sys.exit("chromium is not installed")
    try:
        bundle()
    except (OSError, subprocess.CalledProcessError) as failure:
        sys.exit(f"cannot bundle the pages: {failure}")
