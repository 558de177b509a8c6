"""Headless Firefox, driven by WebDriver BiDi."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.peers import pages
from tests.peers.browser import Browser, Page, Thrown

HERTZ = 600
"The steady tone of its fake microphone."

_PREFERENCES: Mapping[str, bool | int | str] = {
    # A camera and a microphone that nobody is asked for.  Only who may use them has other addresses than that of the
    # way out, which loopback alone has not.
    "media.navigator.streams.fake": True,
    "media.navigator.audio.fake_frequency": HERTZ,
    "media.navigator.permission.disabled": True,
    "permissions.default.camera": 1,
    "permissions.default.microphone": 1,
    "media.peerconnection.ice.loopback": True,
    "media.autoplay.default": 0,
    "media.autoplay.block-webaudio": False,
    "media.block-autoplay-until-in-foreground": False,
    # It tries many of its maker's hosts unless told not to.
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.search.update": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.systemAddon.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "messaging-system.rsexperimentloader.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.manage-offline-status": False,
    "network.prefetch-next": False,
    "services.settings.server": "data:,#none",
    "toolkit.telemetry.server": "data:,",
    # Nobody looks at it: what is for people only takes time.
    "browser.backup.enabled": False,
    "browser.ml.enable": False,
    "browser.newtab.preload": False,
    "browser.sessionstore.resume_from_crash": False,
    "browser.shell.checkDefaultBrowser": False,
    "extensions.enabledScopes": 0,
    "extensions.formautofill.addresses.enabled": False,
    "extensions.screenshots.disabled": True,
    "extensions.webcompat.enable_shims": False,
    "sidebar.revamp": False,
    "trailhead.firstrun.didSeeAboutWelcome": True,
    # No page of it is in the background.
    "dom.min_background_timeout_value": 4,
    "dom.timeout.enable_budget_timer_throttling": False,
}

_LISTENS = re.compile(r"^WebDriver BiDi listening on (ws://\S+)$", re.MULTILINE)


def missing() -> str:
    """What keeps this browser's tests from running; empty: nothing."""
    return "not installed: firefox-esr" if shutil.which("firefox-esr") is None else pages.missing()


class Firefox(Browser):
    """Debian's Firefox ESR, by WebDriver BiDi."""

    name = "firefox"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _PREFERENCES.items()]
        (self.profile / "user.js").write_text("".join(lines))

    async def page(self, script: str, name: str) -> Page:
        """A new page with that script of `web`."""
        context = (await self.command("browsingContext.create", {"type": "tab"}))["context"]
        page = self.pages[context] = Page(self, name, context)
        await self.command(
            "browsingContext.navigate", {"context": context, "url": pages.url(script), "wait": "complete"}
        )
        return page

    async def speak(self, page: Page, hertz: int) -> None:
        """Its fake microphone's tone does, and no other: nothing else makes sound where there is no sound card."""
        if hertz != HERTZ:
            raise ValueError(hertz)

    async def evaluate(self, page: Page, expression: str) -> Any:
        """The value of an expression in a page, awaited; Thrown when it throws."""
        asked = {
            "expression": f"Promise.resolve({expression}).then(value => JSON.stringify(value))",
            "target": {"context": page.key},
            "awaitPromise": True,
            "userActivation": True,
        }
        answer = await self.command("script.evaluate", asked)
        if answer["type"] == "exception":
            raise Thrown(answer["exceptionDetails"]["text"])
        value = answer["result"].get("value")
        return None if value is None else json.loads(value)

    def _command(self) -> list[str]:
        profile = ["--no-remote", "--profile", str(self.profile)]
        return ["firefox-esr", "--headless", *profile, "--remote-debugging-port", "0", "about:blank"]

    def _environment(self) -> dict[str, str]:
        return {"HOME": str(self.folder), "MOZ_CRASHREPORTER_DISABLE": "1"}

    def _address(self) -> str | None:
        listens = _LISTENS.search(self.program.text())
        return f"{listens[1]}/session" if listens else None

    async def _begin(self) -> None:
        await self.command("session.new", {"capabilities": {}})
        await self.command("session.subscribe", {"events": ["log.entryAdded"]})

    def _event(self, said: Mapping[str, Any]) -> None:
        parameters = said.get("params", {})
        page = self.pages.get(parameters.get("source", {}).get("context", ""))
        if page is not None and said["method"] == "log.entryAdded":
            caught = "" if parameters["type"] == "console" else "not caught: "
            page.said.append(f"{caught}{parameters['text']}")
