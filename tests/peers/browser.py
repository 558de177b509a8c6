"""A browser without a screen, and what a page in it does: its own WebRTC, on loopback alone.

It is driven over a WebSocket of its own, by questions with numbers and by events, whichever protocol these are of: each
kind of browser says in a module of its own how it is started, shown a page and asked.
"""

import abc
import asyncio
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.peers.program import PeerFailure, Program

PATIENCE_SECONDS = 90.0
"Nothing that a test asks a page for takes any longer, or it never ends."


class Thrown(Exception):
    """What a page's script has thrown."""


class Page:
    """One page: what its script offers as `peer` can be called from here."""

    def __init__(self, browser: "Browser", name: str, key: str) -> None:
        """``key``: what the browser calls it."""
        self.name = name
        self.key = key
        self.said: list[str] = []
        "What it wrote to its console, and what went wrong in it."
        self._browser = browser

    async def call(self, function: str, *arguments: object) -> Any:
        """What `peer.function(...)` in the page returns, awaited; PeerFailure when it throws."""
        written = ", ".join(json.dumps(argument) for argument in arguments)
        try:
            return await self._browser.evaluate(self, f"peer.{function}({written})")
        except Thrown as thrown:
            raise PeerFailure(f"{self.name}: {function}: {thrown}\n{self.tail()}") from None
        except asyncio.CancelledError as cancelled:
            cancelled.add_note(f"{self.name}: {function} was not done\n{self.tail()}")
            raise

    def tail(self, lines: int = 40) -> str:
        """The end of what it said, for messages."""
        return "\n".join(f"  {self.name}: {line}" for line in self.said[-lines:])


class Browser(abc.ABC):
    """One browser with a profile of its own.  Use as an async context manager."""

    name: str
    "What its program is called, and the folder of what it writes."

    def __init__(self, folder: Path) -> None:
        self.folder = folder / self.name
        self.profile = self.folder / "profile"
        self.profile.mkdir(parents=True)
        self.program = Program(self.name, self._command(), folder=self.folder, environment=self._environment())
        self.pages: dict[str, Page] = {}
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._http: aiohttp.ClientSession
        self._socket: aiohttp.ClientWebSocketResponse
        self._reader: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self.program.start()
        address = await self.program.ready(self._address, "opens the port by which it is driven")
        self._http = aiohttp.ClientSession()
        self._socket = await self._http.ws_connect(address, max_msg_size=0)
        self._reader = asyncio.create_task(self._read())
        await self._begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._socket.close()
        await self._http.close()
        self.program.kill()

    @abc.abstractmethod
    async def page(self, script: str, name: str) -> Page:
        """A new page with that script of `web`."""

    async def speak(self, page: Page, hertz: int) -> None:
        """Let a page speak a steady tone from its next call on, instead of what the fake microphone has."""
        await page.call("speak", hertz)

    @abc.abstractmethod
    async def evaluate(self, page: Page, expression: str) -> Any:
        """The value of an expression in a page, awaited; Thrown when it throws."""

    async def command(self, method: str, parameters: Mapping[str, Any], session: str = "") -> dict[str, Any]:
        """One command of the browser's protocol; ``session``: whom it is for, where it is not for the browser."""
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
            raise PeerFailure(f"{self.name}: {method} is not done within {PATIENCE_SECONDS:g} s{said}") from None
        finally:
            del self._waiting[number]

    @abc.abstractmethod
    def _command(self) -> list[str]:
        """What starts it; its profile is an empty folder."""

    def _environment(self) -> dict[str, str]:
        return {}

    @abc.abstractmethod
    def _address(self) -> str | None:
        """The WebSocket by which it is driven, once it says where that is."""

    @abc.abstractmethod
    async def _begin(self) -> None:
        """What is to be said to it first."""

    @abc.abstractmethod
    def _event(self, said: Mapping[str, Any]) -> None:
        """Something happened that nobody asked for."""

    async def _read(self) -> None:
        async for message in self._socket:
            said = message.json()
            answer = self._waiting.get(said.get("id"))
            if answer is None:
                self._event(said)
            elif not answer.done():
                if "error" in said:
                    error = said["error"]
                    text = error.get("message") if isinstance(error, dict) else f"{error}: {said.get('message')}"
                    answer.set_exception(PeerFailure(f"{self.name}: {text}"))
                else:
                    answer.set_result(said["result"])
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(PeerFailure(f"{self.name} closed its port\n{self.program.tail()}"))
