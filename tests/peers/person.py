"""Somebody with an ordinary client: slixmpp with its own plug-ins and its own roster, and nothing of ours in it."""

import asyncio
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from slixmpp import ClientXMPP, Presence

from tests.peers.program import PATIENCE_SECONDS, PeerFailure, until

PLUGINS = ("xep_0012", "xep_0054", "xep_0084", "xep_0092", "xep_0115", "xep_0153", "xep_0172", "xep_0199", "xep_0202")


class Person:
    """One signed-in client, which takes whoever wants to be a contact, as slixmpp does.  `connect` and `close`."""

    def __init__(self, jid: str, password: str, server: tuple[str, int]) -> None:
        self.jid = jid
        self.seen: list[Presence] = []
        "Every presence that came."
        self._server = server
        self.client: Any = ClientXMPP(jid, password)
        self.client.enable_starttls = self.client.enable_direct_tls = False
        self.client.enable_plaintext = True
        self.client.plugin["feature_mechanisms"].unencrypted_plain = True
        for name in (*PLUGINS, "xep_0292"):
            self.client.register_plugin(name)
        self.client.add_event_handler("presence", self.seen.append)

    async def connect(self) -> None:
        """Sign in, fetch the roster, and be available."""
        signed_in: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.client.add_event_handler("session_start", lambda _: signed_in.set_result(None), disposable=True)
        self.client.connect(*self._server)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await signed_in
            await self.client.get_roster()
        self.client.send_presence()

    async def close(self) -> None:
        """Sign out."""
        await self.client.disconnect(wait=1.0)

    def plugin(self, name: str) -> Any:
        """One of slixmpp's plug-ins."""
        return self.client.plugin[name]

    async def add(self, jid: str) -> None:
        """Add a contact, and wait until presence is shared both ways."""
        self.client.send_presence_subscription(pto=jid)
        await self.is_so(lambda: self.client.client_roster[jid]["subscription"] == "both", f"{jid} is a contact")

    async def remove(self, jid: str) -> None:
        """Remove a contact."""
        await self.client.del_roster_item(jid)

    async def sees(self, sender: str, type: str = "available") -> Presence:
        """A presence of that JID, when it has come; it is not found a second time."""

        def find() -> Presence | None:
            found = next((one for one in self.seen if str(one["from"]) == sender and one["type"] == type), None)
            if found is not None:
                self.seen.remove(found)
            return found

        return await until(find, f"{self.jid} sees {sender} {type}; there came {self.told}")

    @property
    def told(self) -> list[str]:
        """What presences came, for messages."""
        return [f"{one['from']} {one['type']}" for one in self.seen]

    async def knows(self, jid: str) -> Any:
        """What the plug-in for caps has verified of a full JID: its disco#info."""
        plugin, deadline = self.plugin("xep_0115"), asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while (found := await plugin.get_caps(jid=jid)) is None:
            if asyncio.get_running_loop().time() > deadline:
                raise PeerFailure(f"{self.jid}: the caps of {jid} were not verified")
            await asyncio.sleep(0.02)
        return found

    async def ask(self, to: str, payload: Element, type: str = "get") -> Element:
        """What an IQ of slixmpp's with that payload is answered with; IqError."""
        request = self.client.make_iq(ito=to, itype=type)
        request.append(payload)
        (answer,) = (await request.send(timeout=PATIENCE_SECONDS)).xml
        return answer  # type: ignore[no-any-return]

    async def is_so(self, what: Callable[[], bool], text: str) -> None:
        """Wait for it."""
        await until(what, f"{self.jid}: {text}")


def prompt(typed: str | None = None) -> Element:
    """The question of a client that adds a contact through a gateway (XEP-0100 §6.3)."""
    query = Element("{jabber:iq:gateway}query")
    if typed is not None:
        SubElement(query, "{jabber:iq:gateway}prompt").text = typed
    return query
