"""A call drawn as it happens: three columns, client, gateway and phone, and an arrow for each message between two."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from typing import TextIO

from tests.peers.baresip import Baresip
from tests.peers.jingle_client import JingleClient, Seen
from tests.peers.sip_trace import Traced

_WIDTH = 34
"Between two columns."
_SETTLE_SECONDS = 0.03
"How long an arrow waits, so that one that was seen late but happened earlier comes before it."
_POLL_SECONDS = 0.001


class Ladder:
    """Arrows in the order of their time.  Watch a client and a phone, then run `follow` beside the call."""

    def __init__(self, client: str, phone: str, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._begun = time.monotonic()
        self._waiting: list[tuple[float, str]] = []
        self._phone: Baresip | None = None
        self._seen_size = 0
        self._seen_messages = 0
        title = f"{client:<{_WIDTH}} {'gateway':<{_WIDTH}} {phone}"
        print(f"\n     ms  {title}\n         {self._row('', '')}", file=out, flush=True)

    def watch_client(self, client: JingleClient) -> None:
        """Draw the stanzas about calls that this client sends and gets from now on."""
        client.watch(self._stanza)

    def watch_phone(self, phone: Baresip) -> None:
        """Draw the SIP messages that this phone sends and gets from now on."""
        self._phone = phone
        self._seen_messages = len(phone.messages())

    def note(self, text: str) -> None:
        """Write a line across all columns."""
        self._waiting.append((time.monotonic(), text.center(2 * _WIDTH + 3, "═")))

    async def follow(self) -> None:
        """Print arrows until cancelled."""
        try:
            while True:
                self._look()
                self._print(time.monotonic() - _SETTLE_SECONDS)
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            self._look()
            self._print(time.monotonic())

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Print arrows while the body runs."""
        task = asyncio.create_task(self.follow())
        try:
            yield
            await asyncio.sleep(2 * _SETTLE_SECONDS)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _stanza(self, seen: Seen) -> None:
        if seen.jingle is None and seen.initiation is None and not (seen.kind == "iq" and seen.type == "result"):
            return
        label = "result" if seen.label.startswith("iq result") else seen.label
        self._waiting.append((seen.at, self._row(_arrow(label, right=seen.outgoing), "")))

    def _look(self) -> None:
        if self._phone is None or self._phone.program.output.stat().st_size == self._seen_size:
            return
        self._seen_size = self._phone.program.output.stat().st_size
        now = time.monotonic()
        messages = self._phone.messages()
        for message in messages[self._seen_messages :]:
            self._waiting.append((now, self._row("", _arrow(_label(message), right=not message.outgoing))))
        self._seen_messages = len(messages)

    def _print(self, until: float) -> None:
        ready = sorted((entry for entry in self._waiting if entry[0] <= until), key=lambda entry: entry[0])
        self._waiting = [entry for entry in self._waiting if entry[0] > until]
        for at, row in ready:
            print(f"{(at - self._begun) * 1000:7.0f}  {row}", file=self._out, flush=True)

    @staticmethod
    def _row(left: str, right: str) -> str:
        return f"│{left or ' ' * _WIDTH}│{right or ' ' * _WIDTH}│"


def _label(message: Traced) -> str:
    if message.body:
        return f"{message.label} (SDP)"
    if message.is_("BYE") and message.header("Reason"):
        return f"BYE {message.header('Reason').split(';text')[0]}"
    return message.label


def _arrow(label: str, *, right: bool) -> str:
    label = label[: _WIDTH - 8]
    rule = "─" * (_WIDTH - 5 - len(label))
    return f"── {label} {rule}▶" if right else f"◀{rule} {label} ──"
