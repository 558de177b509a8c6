"""Connections that are held for who has registered over them: their loss is told (RFC 5626 §4.5)."""

import asyncio
from collections.abc import Callable

from gateway.sip.flow import Flow


class Holding:
    """Who holds which connection; many may hold the same one."""

    def __init__(self, is_open: Callable[[Flow], bool]) -> None:
        self._is_open = is_open
        self._held: dict[Flow, dict[int, Callable[[], None]]] = {}
        "By identity of who holds it, how they are told."
        self._flows: dict[int, Flow] = {}

    def __len__(self) -> int:
        """How many connections."""
        return len(self._held)

    def hold(self, flow: Flow, who: object, lost: Callable[[], None]) -> None:
        """Call back, once, when it is gone; ``who`` holds one at a time."""
        if self._flows.get(id(who)) != flow:
            self.let_go(who)
        self._held.setdefault(flow, {})[id(who)] = lost
        self._flows[id(who)] = flow
        if not self._is_open(flow):
            asyncio.get_running_loop().call_soon(self.lost, flow)

    def let_go(self, who: object) -> None:
        """They hold nothing any more."""
        flow = self._flows.pop(id(who), None)
        if flow is None:
            return
        held = self._held[flow]
        del held[id(who)]
        if not held:
            del self._held[flow]

    def lost(self, flow: Flow) -> None:
        """It is gone: tell those who hold it."""
        held = self._held.pop(flow, {})
        for who in held:
            del self._flows[who]
        for callback in held.values():
            callback()

    def close(self) -> None:
        """Let go of all."""
        self._held.clear()
        self._flows.clear()
