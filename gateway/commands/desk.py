"""Commands at the component's domain: they are listed, described and run; the loop and the log put to the engine.

A stage runs beside everything else, and is answered when it has ended; one that takes too long is stopped.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol
from xml.etree.ElementTree import Element, SubElement

import structlog

from gateway.entity import disco
from gateway.entity.disco import Identity, Info
from gateway.jid import bare, local
from gateway.stanza import Stanza, error, result
from mappings.namespaces import COMMANDS, DATA_FORM, DISCO_INFO, DISCO_ITEMS

from .command import Command
from .engine import Engine, Step, Turn
from .form import Fault
from .telling import TAG

STAGE_SECONDS = 60.0
"How long a stage may take; clients wait no longer for an answer."

_INFO = f"{{{DISCO_INFO}}}query"
_ITEMS = f"{{{DISCO_ITEMS}}}query"


class XmppPort(Protocol):
    """The way to the XMPP server."""

    def send(self, stanza: Stanza) -> None:
        """Send, or hold until the stream is back."""
        ...


class CommandObserver(Protocol):
    """What is counted of commands."""

    def command_ended(self, node: str, outcome: str) -> None:
        """A command was run: completed, failed, canceled, expired, broken."""
        ...


class Commands:
    """All commands.  To be made inside the event loop."""

    def __init__(
        self,
        commands: Iterable[Command],
        *,
        xmpp: XmppPort,
        observer: CommandObserver,
        new_id: Callable[[], str],
    ) -> None:
        self._engine = Engine(commands)
        self._xmpp = xmpp
        self._observer = observer
        self._new_id = new_id
        self._loop = asyncio.get_running_loop()
        self._running: dict[Turn, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._log = structlog.get_logger()

    def stanza(self, stanza: Stanza) -> bool:
        """Take a request to the domain about commands; False: it is none."""
        if stanza.kind != "iq" or stanza.type not in ("get", "set") or local(stanza.to) or len(stanza.children) != 1:
            return False
        (child,) = stanza.children
        match stanza.type, child.tag:
            case "set", tag if tag == TAG:
                self._do(self._engine.request(stanza, self._loop.time(), self._new_id))
            case "get", tag if tag == _ITEMS and child.get("node") == COMMANDS:
                self._xmpp.send(self._items(stanza))
            case "get", tag if tag == _INFO and child.get("node") == COMMANDS:
                self._xmpp.send(_told(stanza, COMMANDS, Identity(category="automation", type="command-list")))
            case "get", tag if tag == _INFO and (command := self._engine.known(child.get("node", ""))) is not None:
                self._xmpp.send(_described(stanza, command))
            case _:
                return False
        return True

    async def stop(self) -> None:
        """Stop what is being run, and tell who waits for it."""
        running = dict(self._running)
        for turn, task in running.items():
            task.cancel()
            self._do(self._engine.broke(turn, "resource-constraint", "the gateway is stopping"))
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)

    def _items(self, stanza: Stanza) -> Stanza:
        """The commands that the asker may run (XEP-0050 §2.2)."""
        query = Element(_ITEMS, {"node": COMMANDS})
        for command in self._engine.open_to(bare(stanza.sender)):
            attributes = {"jid": bare(stanza.to), "node": command.node, "name": command.name}
            SubElement(query, f"{{{DISCO_ITEMS}}}item", attributes)
        return result(stanza, query)

    # ----------------------------------------------------------------------------------------------------------- stages

    def _do(self, step: Step) -> None:
        for ended in step.ended:
            if ended.turn is not None and (task := self._running.get(ended.turn)) is not None:
                task.cancel()
            self._observer.command_ended(ended.command.node, ended.how)
            self._log.info("command_ended", node=ended.command.node, peer=bare(ended.jid), outcome=ended.how.value)
        for reply in step.replies:
            self._xmpp.send(reply)
        if step.turn is not None:
            self._running[step.turn] = self._loop.create_task(self._run(step.turn))
        self._arm()

    async def _run(self, turn: Turn) -> None:
        try:
            step = await self._stage(turn)
        finally:
            del self._running[turn]
        self._do(step)

    async def _stage(self, turn: Turn) -> Step:
        try:
            async with asyncio.timeout(STAGE_SECONDS):
                outcome = await turn.run()
        except Fault as fault:
            return self._engine.faulty(turn, fault, self._loop.time())
        except TimeoutError:
            self._log.warning("command_stuck", node=turn.command.node, timeout_seconds=STAGE_SECONDS)
            return self._engine.broke(turn, "remote-server-timeout", "this took too long; try again later")
        except Exception:
            self._log.exception("command_failed", node=turn.command.node)
            return self._engine.broke(
                turn, "internal-server-error", "the gateway failed at this; its operator can see why"
            )
        return self._engine.came(turn, outcome, self._loop.time())

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self._engine.next_at
        if at is not None:
            self._timer = self._loop.call_at(at, self._expire)

    def _expire(self) -> None:
        self._timer = None
        self._do(self._engine.expire(self._loop.time()))


def _described(stanza: Stanza, command: Command) -> Stanza:
    """What one command is (XEP-0050 §2.2); to whom it is not open, nothing."""
    if not command.may(bare(stanza.sender)):
        return error(stanza, "forbidden", "this command is not for you", type="cancel")
    return _told(stanza, command.node, Identity(category="automation", type="command-node", name=command.name))


def _told(stanza: Stanza, node: str, identity: Identity) -> Stanza:
    return result(stanza, disco.write(Info((identity,), frozenset({COMMANDS, DATA_FORM, DISCO_INFO})), node))
