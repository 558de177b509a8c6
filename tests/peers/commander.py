"""A user's client for ad-hoc commands, forms and in-band registration: slixmpp with its own plug-ins for them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError

from tests.peers.program import PATIENCE_SECONDS, PeerFailure, until


class Stage:
    """What a command answered."""

    def __init__(self, iq: Any) -> None:
        command = iq["command"]
        self.status: str = command["status"]
        self.session: str = command["sessionid"]
        self.actions = set(command["actions"])
        self.notes: list[tuple[str, str]] = list(command["notes"])
        self.form: Any = command["form"]

    @property
    def said(self) -> str:
        """All notes, as a line."""
        return " ".join(text for _, text in self.notes)

    @property
    def failed(self) -> bool:
        """Whether it says so."""
        return any(severity == "error" for severity, _ in self.notes)

    @property
    def values(self) -> dict[str, Any]:
        """What stands in the form."""
        return dict(self.form.get_values())

    @property
    def rows(self) -> list[dict[str, str]]:
        """The rows of a report."""
        return [dict(row) for row in self.form["items"]]


class Commander:
    """One client.  Use as an async context manager."""

    def __init__(self, jid: str, password: str, server: tuple[str, int], gateway: str) -> None:
        self.gateway = gateway
        self.presences: list[tuple[str, str]] = []
        "Type and sender of those of the gateway."

        self._server = server
        stream = self._stream = ClientXMPP(jid, password)
        stream.enable_starttls = stream.enable_direct_tls = False
        stream.enable_plaintext = True
        stream.plugin["feature_mechanisms"].unencrypted_plain = True
        for plugin in ("xep_0004", "xep_0030", "xep_0050", "xep_0077"):
            stream.register_plugin(plugin)
        stream.add_event_handler("presence", self._seen)
        self._plugin: Any = stream.plugin

    def _seen(self, presence: Any) -> None:
        if presence["from"].domain == self.gateway:
            self.presences.append((presence["type"], str(presence["from"])))

    async def __aenter__(self) -> "Commander":
        ready = self._stream.wait_until("session_start", PATIENCE_SECONDS)
        self._stream.connect(*self._server)
        await ready
        await self._stream.get_roster()
        self._stream.send_presence()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stream.disconnect(wait=1.0)

    async def hears(self, type: str) -> None:
        """Wait for a presence of the gateway's, of that type."""
        await until(lambda: any(seen == type for seen, _ in self.presences), f"a presence {type}: {self.presences}")

    async def pause(self) -> None:
        """Let a moment pass: what is asked again and again shall not be asked at once."""
        await asyncio.sleep(0.1)

    async def commands(self) -> dict[str, str]:
        """The commands that are listed, by node."""
        found = await self._plugin["xep_0050"].get_commands(self.gateway)
        return {node: name for _, node, name in found["disco_items"]["items"]}

    async def features(self) -> set[str]:
        """What the gateway says that it has."""
        found = await self._plugin["xep_0030"].get_info(jid=self.gateway)
        return set(found["disco_info"]["features"])

    async def begin(self, node: str) -> Stage:
        """Run a command."""
        return await self._send(node)

    async def go_on(self, node: str, stage: Stage, action: str = "execute", **values: Any) -> Stage:
        """Fill the stage's form in, and send it; fields that are not named stay as they are."""
        form = None if action in ("cancel", "prev") else self._filled(stage.form, values)
        return await self._send(node, action, form, stage.session)

    async def run(self, node: str, **values: Any) -> Stage:
        """Run a command of one form, and go on while it only says how it is."""
        stage = await self.begin(node)
        if stage.status == "executing":
            stage = await self.go_on(node, stage, **values)
        while stage.status == "executing" and not stage.failed:
            stage = await self.go_on(node, stage)
        return stage

    def _filled(self, form: Any, values: Mapping[str, Any]) -> Any:
        answer = self._plugin["xep_0004"].make_form(ftype="submit")
        known = {**form.get_values(), **values}
        for var, value in known.items():
            if var:
                answer.add_field(var=var, value=value)
        return answer

    async def _send(self, node: str, action: str = "execute", form: Any = None, session: str | None = None) -> Stage:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                iq = await self._plugin["xep_0050"].send_command(
                    self.gateway,
                    node,
                    action=action,
                    payload=form,
                    sessionid=session,
                    flow=False,
                    timeout=PATIENCE_SECONDS,
                )
        except IqError as error:
            raise PeerFailure(f"{node}: {error.iq['error']['condition']}: {error.iq['error']['text']}") from None
        return Stage(iq)

    async def registration(self) -> Any:
        """What in-band registration tells."""
        iq = await self._plugin["xep_0077"].get_registration(jid=self.gateway)
        return iq["register"]

    async def register(self, **values: Any) -> None:
        """Fill its form in."""
        told = await self.registration()
        iq: Any = self._stream.Iq()
        iq["type"], iq["to"] = "set", self.gateway
        iq["register"].append(self._filled(told["form"], values))
        await iq.send(timeout=PATIENCE_SECONDS)

    async def unregister(self) -> None:
        """Take it back."""
        await self._plugin["xep_0077"].cancel_registration(jid=self.gateway)
