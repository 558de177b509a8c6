"""A call drawn as it happens: three columns, client, gateway and phone, and an arrow for each message between two.

It is read from the gateway's log (level debug), where the messages of both protocols stand in the order in which the
gateway got and sent them.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, TextIO
from xml.etree import ElementTree

from tests.peers.gateway import Gateway
from tests.peers.jingle_client import Seen
from tests.peers.sip_trace import Traced

_WIDTH = 34
"Between two columns."
_POLL_SECONDS = 0.005


class Ladder:
    """The ladder of what passes through a gateway while `following`."""

    def __init__(self, gateway: Gateway, client: str, phone: str, out: TextIO = sys.stdout) -> None:
        self._gateway = gateway
        self._read = len(gateway.program.output.read_bytes())
        self._begun: float | None = None
        self._out = out
        title = f"{client:<{_WIDTH}} {'gateway':<{_WIDTH}} {phone}"
        print(f"\n     ms  {title}\n         {_row('', '')}", file=out, flush=True)

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Draw while the body runs."""
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._look()

    def note(self, text: str) -> None:
        """Write a line across all columns."""
        self._look()
        self._print(time.time(), text.center(2 * _WIDTH + 3, "═"))

    async def _follow(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(_POLL_SECONDS)

    def _look(self) -> None:
        """Draw what the log has more than when it was last read; a line that is not yet whole waits."""
        with self._gateway.program.output.open("rb") as log:
            log.seek(self._read)
            whole = log.read().rpartition(b"\n")[0]
        if whole:
            self._read += len(whole) + 1
        for line in whole.split(b"\n"):
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                arrow = _drawn(entry)
                if arrow:
                    self._print(datetime.fromisoformat(entry["timestamp"]).timestamp(), arrow)

    def _print(self, at: float, row: str) -> None:
        self._begun = at if self._begun is None else self._begun
        print(f"{(at - self._begun) * 1000:7.0f}  {row}", file=self._out, flush=True)


def _drawn(entry: dict[str, Any]) -> str:
    """The row for a line of the log; empty: it is no message of a call."""
    match entry.get("event"):
        case "stanza_received" | "stanza_sent" as event:
            seen = Seen(0.0, event == "stanza_received", ElementTree.fromstring(entry["wire"]))
            if seen.jingle is None and seen.initiation is None and (seen.kind, seen.type) != ("iq", "result"):
                return ""
            label = "result" if seen.label.startswith("iq result") else seen.label
            return _row(_arrow(label, right=seen.outgoing), "")
        case "sip_message_received" | "sip_message_sent" as event:
            message = Traced(outgoing=event == "sip_message_sent", text=entry["wire"])
            return _row("", _arrow(_label(message), right=message.outgoing))
    return ""


def _label(message: Traced) -> str:
    if message.body.strip():
        return f"{message.label} (SDP)"
    if message.is_("BYE") and message.header("Reason"):
        return f"BYE {message.header('Reason').split(';text')[0]}"
    return message.label


def _row(left: str, right: str) -> str:
    return f"│{left or ' ' * _WIDTH}│{right or ' ' * _WIDTH}│"


def _arrow(label: str, *, right: bool) -> str:
    label = label[: _WIDTH - 6]
    rule = "─" * (_WIDTH - 5 - len(label))
    return f"── {label} {rule}▶" if right else f"◀{rule} {label} ──"
