"""A desk for commands on a virtual clock, and a user's program that runs them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from gateway.commands.command import Command
from gateway.commands.desk import Commands
from gateway.stanza import Stanza, read_error
from tests.flows.clock import VirtualLoop

GATEWAY = "sip.example.org"
USER = "nurse@example.net/ward"
COMMANDS = "{http://jabber.org/protocol/commands}"
X = "{jabber:x:data}"

Fields = Mapping[str, str | list[str]]


def submitted(fields: Fields, type: str = "submit") -> Element:
    """A form filled in."""
    x = Element(f"{X}x", {"type": type})
    for var, values in fields.items():
        each = SubElement(x, f"{X}field", {"var": var})
        for value in [values] if isinstance(values, str) else values:
            SubElement(each, f"{X}value").text = value
    return x


@dataclass(frozen=True)
class Reply:
    """An answer to a request, as a program reads it."""

    stanza: Stanza

    @property
    def command(self) -> Element:
        """Its <command/>."""
        assert self.stanza.type == "result", read_error(self.stanza)
        (element,) = self.stanza.children
        assert element.tag == f"{COMMANDS}command"
        return element

    @property
    def status(self) -> str:
        """executing, completed or canceled."""
        return self.command.get("status", "")

    @property
    def session(self) -> str:
        """The id of the session."""
        return self.command.get("sessionid", "")

    @property
    def actions(self) -> list[str]:
        """What may be done; what execute means stands first."""
        actions = self.command.find(f"{COMMANDS}actions")
        if actions is None:
            return []
        return [actions.get("execute", ""), *(each.tag.partition("}")[2] for each in actions)]

    @property
    def notes(self) -> list[tuple[str, str]]:
        """Severity and text."""
        return [(each.get("type", ""), each.text or "") for each in self.command.iterfind(f"{COMMANDS}note")]

    @property
    def fields(self) -> dict[str, list[str]]:
        """What stands in the form's fields."""
        return {
            each.get("var", ""): [value.text or "" for value in each.iterfind(f"{X}value")]
            for each in self.command.iterfind(f"{X}x/{X}field")
        }

    @property
    def rows(self) -> list[list[str]]:
        """What stands in a report's table."""
        items = self.command.iterfind(f"{X}x/{X}item")
        return [[each.findtext(f"{X}value") or "" for each in item] for item in items]

    @property
    def error(self) -> tuple[str, str]:
        """The condition, and the one of XEP-0050 beside it, or nothing."""
        assert self.stanza.type == "error"
        said = read_error(self.stanza)
        return said.condition, "".join(detail.removeprefix(COMMANDS) for detail in said.details)

    @property
    def text(self) -> str:
        """What an error says in words."""
        return read_error(self.stanza).text or ""


@dataclass
class House:
    """Commands, at work.  Use as a context manager."""

    commands: Iterable[Command]
    sent: list[Stanza] = field(default_factory=list)
    ended: list[tuple[str, str]] = field(default_factory=list)

    def __enter__(self) -> "House":
        self.loop = VirtualLoop()
        ids = count(1)
        self.new_id: Callable[[], str] = lambda: f"id-{next(ids)}"

        async def make() -> Commands:
            return Commands(self.commands, xmpp=self, observer=self, new_id=self.new_id)

        self.desk = self.loop.run_until_complete(make())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.loop.run_until_complete(self.desk.stop())
            self.loop.settle()
            assert not asyncio.all_tasks(self.loop)
        finally:
            self.loop.close()

    def send(self, stanza: Stanza) -> None:
        """What goes to the XMPP server, and could be written to it."""
        for child in stanza.children:
            fromstring(tostring(child, encoding="unicode"))
        self.sent.append(stanza)

    def command_ended(self, node: str, outcome: str) -> None:
        """What is counted."""
        self.ended.append((node, outcome))

    def tells(
        self, *children: Element, type: str = "set", sender: str = USER, to: str = GATEWAY, lang: str = ""
    ) -> str:
        """Hand a request in; its id."""
        id = self.new_id()
        stanza = Stanza(kind="iq", type=type, id=id, sender=sender, to=to, children=children, lang=lang)
        self.loop.run_until_complete(self._take(stanza))
        return id

    async def _take(self, stanza: Stanza) -> None:
        self.taken = self.desk.stanza(stanza)

    def answers(self, id: str) -> list[Reply]:
        """What has answered a request so far."""
        self.loop.settle()
        return [Reply(each) for each in self.sent if each.id == id]

    def asks(
        self,
        node: str,
        action: str | None = None,
        session: str | None = None,
        fields: Fields | None = None,
        *,
        sender: str = USER,
        lang: str = "",
    ) -> str:
        """Send a command; the id of the request."""
        element = Element(f"{COMMANDS}command", {"node": node})
        for name, value in (("action", action), ("sessionid", session)):
            if value is not None:
                element.set(name, value)
        if fields is not None:
            element.append(submitted(fields))
        return self.tells(element, sender=sender, lang=lang)

    def runs(self, node: str, action: str | None = None, session: str | None = None, fields: Fields | None = None,
             *, sender: str = USER, lang: str = "") -> Reply:  # fmt: skip
        """Send a command, and take its only answer."""
        (reply,) = self.answers(self.asks(node, action, session, fields, sender=sender, lang=lang))
        return reply
