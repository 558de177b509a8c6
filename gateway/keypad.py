"""A key pad for clients that have none: keys that a user writes to the number, in a call with it, are pressed in it.

The keys of a message are pressed one after the other, in the order and at the pace of somebody who presses them, and so
are those of the messages after it.  A comma is a pause.  Whatever else a message says is a text like any other.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

from gateway.call.calls import Calls
from gateway.call.opened import Opened
from gateway.errors import PeerError
from gateway.jid import bare
from gateway.signals import Digit
from gateway.stanza import Stanza, error, receipt
from gateway.text import reading

TONE_MS = 160
"How long a key is pressed."

GAP_SECONDS = 0.1
"Between two keys."

PAUSE_SECONDS = 2.0
"What a comma stands for, as behind numbers in address books."

MOST_WAITING = 64
"Keys and pauses of one call that wait for their turn."


class XmppPort(Protocol):
    """The way to the XMPP server."""

    def send(self, stanza: Stanza) -> None:
        """Send, or hold until the stream is back."""
        ...


class Keypad:
    """What is typed to all calls.  To be made inside the event loop."""

    def __init__(self, *, calls: Calls, xmpp: XmppPort, new_id: Callable[[], str]) -> None:
        self._calls = calls
        self._xmpp = xmpp
        self._new_id = new_id
        self._loop = asyncio.get_running_loop()
        self._typed: dict[str, deque[str]] = {}
        "By the id of the call, from its first key until there is nothing more to press."

        self._log = structlog.get_logger()

    def stanza(self, stanza: Stanza) -> bool:
        """Take a message; False: it says no keys, or its user is in no call with that number."""
        keys = reading.keys(stanza)
        if keys is None:
            return False
        opened = self._calls.heard(bare(stanza.sender), bare(stanza.to), stanza.sender)
        if opened is None:
            return False
        try:
            self._type(opened, keys)
        except PeerError as failure:
            self._xmpp.send(error(stanza, failure.condition, failure.text))
            return True
        received = receipt(stanza, id=self._new_id())
        if received is not None:
            self._xmpp.send(received)
        return True

    def _type(self, opened: Opened, keys: str) -> None:
        call = opened.task.id
        if opened.deaf:
            raise PeerError("keys: the phone takes them in the sound only", status=488, condition="not-acceptable")
        waiting = self._typed.get(call)
        if len(waiting or "") + len(keys) > MOST_WAITING:
            raise PeerError("keys: too many wait for their turn", status=503, condition="resource-constraint")
        self._log.info("keys_typed", call=call, keys=len(keys))
        if waiting is not None:
            waiting.extend(keys)
        else:
            self._typed[call] = deque(keys)
            self._press(opened)

    def _press(self, opened: Opened) -> None:
        """Press the next key."""
        call = opened.task.id
        typed = self._typed[call]
        if not typed or opened.task.over:
            del self._typed[call]
            return
        key = typed.popleft()
        seconds = PAUSE_SECONDS
        if key != reading.PAUSE:
            opened.task.speak(opened.xmpp_side, Digit(key, TONE_MS))
            seconds = TONE_MS / 1000 + GAP_SECONDS
        self._loop.call_later(seconds, self._press, opened)
