"""Headless Chromium, driven by its DevTools protocol."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.peers import pages
from tests.peers.browser import Browser, Page, Thrown

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
    """What keeps this browser's tests from running; empty: nothing."""
    return "not installed: chromium" if shutil.which("chromium") is None else pages.missing()


class Chromium(Browser):
    """Debian's Chromium, by its DevTools protocol."""

    name = "chromium"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._loaded: set[str] = set()
        "The documents that are there with all their scripts, by the name that the browser gives each."
        self._news = asyncio.Event()

    async def page(self, script: str, name: str) -> Page:
        """A new page with that script of `web`."""
        target = await self.command("Target.createTarget", {"url": "about:blank"})
        attached = await self.command("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
        session = attached["sessionId"]
        page = self.pages[session] = Page(self, name, session)
        await asyncio.gather(*(self.command(f"{domain}.enable", {}, session) for domain in ("Page", "Runtime")))
        await self.command("Page.setLifecycleEventsEnabled", {"enabled": True}, session)
        # The empty page that it comes with may be loaded only now, too.
        document = await self.command("Page.navigate", {"url": pages.url(script)}, session)
        while document["loaderId"] not in self._loaded:
            self._news.clear()
            await self._news.wait()
        return page

    async def evaluate(self, page: Page, expression: str) -> Any:
        """The value of an expression in a page, awaited; Thrown when it throws."""
        asked = {"expression": expression, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = await self.command("Runtime.evaluate", asked, page.key)
        if "exceptionDetails" in answer:
            raise Thrown(_thrown(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def _command(self) -> list[str]:
        return ["chromium", *_FLAGS, f"--user-data-dir={self.profile}", "about:blank"]

    def _address(self) -> str | None:
        announced = self.profile / "DevToolsActivePort"
        lines = announced.read_text().split() if announced.exists() else []
        return f"ws://127.0.0.1:{lines[0]}{lines[1]}" if len(lines) == 2 else None

    async def _begin(self) -> None:
        pass

    def _event(self, said: Mapping[str, Any]) -> None:
        page = self.pages.get(said.get("sessionId", ""))
        if page is None:
            return
        parameters = said["params"]
        match said["method"]:
            case "Page.lifecycleEvent" if parameters["name"] == "load":
                self._loaded.add(parameters["loaderId"])
                self._news.set()
            case "Runtime.consoleAPICalled":
                words = [str(part.get("value", part.get("description", ""))) for part in parameters["args"]]
                page.said.append(" ".join(words))
            case "Runtime.exceptionThrown":
                page.said.append(f"not caught: {_thrown(parameters['exceptionDetails'])}")
            case _:
                pass


def _thrown(details: Mapping[str, Any]) -> str:
    thrown = details.get("exception", {})
    return str(thrown.get("description") or thrown.get("value") or details.get("text"))
