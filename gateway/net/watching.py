"""What is watched of the trunks while the gateway runs: the addresses behind their names, and whether they answer.

A trunk with `probe_seconds` is asked by OPTIONS, with jitter, so that many are not asked at one time, and sooner while
its state is in doubt.  The request takes the same way as a call, from one target to the next: a trunk is up as long as
one of its servers is.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping
from typing import Protocol

import structlog

from gateway.errors import TransportError
from gateway.net.options import Reply, options
from gateway.net.sip import SipPort
from gateway.rules import Trunk
from gateway.sip.address import Uri
from gateway.sip.flow import Hop
from gateway.sip.health import ILL, Health
from gateway.sip.wire import Failed
from gateway.steady import Turn, steadily

UNRESOLVED_SECONDS = 10.0
"When a name is asked for again that has no address."

ANSWER_SECONDS = 4.0
"How long a trunk may take to answer OPTIONS; by UDP it is sent four times in it."

IN_DOUBT = 4
"While its state is in doubt a trunk is asked so many times as often."

FIRST_SECONDS = 2.0
"Within this all are asked for the first time."


class WatchObserver(Protocol):
    """What is counted of trunks."""

    def trunk_probed(self, trunk: str, up: bool, seconds: float | None) -> None:
        """A trunk was asked: whether it is believed to be up, and how long the answer took, if there was one."""
        ...


class Watched(Protocol):
    """Who is told."""

    @property
    def unresolved(self) -> Mapping[str, Hop]:
        """Trunks whose calls come from where their name leads."""
        ...

    def learn(self, trunk: str, addresses: Iterable[str]) -> None:
        """That name leads there now."""
        ...

    def mark(self, trunk: str, *, up: bool) -> None:
        """The trunk answers, or does not."""
        ...

    def way(self, trunk: str) -> Hop:
        """Where its calls go at present."""
        ...


class Watch:
    """Asks, and tells."""

    def __init__(
        self, trunks: Iterable[Trunk], *, routing: Watched, sip: SipPort, agent: str, observer: WatchObserver
    ) -> None:
        self._trunks = [trunk for trunk in trunks if trunk.probe_seconds]
        self._routing = routing
        self._sip = sip
        self._agent = agent
        self._observer = observer
        self._tasks: list[asyncio.Task[None]] = []
        self._down: dict[str, str] = {}
        self._log = structlog.get_logger()

    def start(self) -> None:
        """Begin; the SIP port listens by now."""
        for trunk, hop in self._routing.unresolved.items():
            self._begin(trunk, f"gateway names of {trunk}", self._looking_up(trunk, hop))
        for probed in self._trunks:
            self._begin(probed.name, f"gateway probes {probed.name}", self._probing(probed))

    async def stop(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    @property
    def down(self) -> list[str]:
        """The trunks that do not answer, a line each, with why."""
        return [f"trunk {trunk}: down: {text}" for trunk, text in self._down.items()]

    def _begin(self, trunk: str, name: str, turn: Turn) -> None:
        watching = steadily(turn, lambda: self._log.exception("trunk_unwatched", trunk=trunk))
        self._tasks.append(asyncio.create_task(watching, name=name))

    def _looking_up(self, trunk: str, hop: Hop) -> Turn:
        """Keep the addresses of a trunk that is known by name, since its calls are told by where they come from."""
        before: frozenset[str] = frozenset()

        async def look_up() -> float:
            nonlocal before
            try:
                found, seconds = await self._sip.resolver.watch(hop)
            except TransportError as error:
                self._log.warning("trunk_unresolved", trunk=trunk, text=str(error))
                return UNRESOLVED_SECONDS
            if found != before:
                self._log.info("trunk_resolved", trunk=trunk, text=", ".join(sorted(found)))
                self._routing.learn(trunk, before := found)
            return seconds

        return look_up

    def _probing(self, trunk: Trunk) -> Turn:
        """Keep knowing whether a trunk answers."""
        health: Health | None = None

        async def probe() -> float:
            nonlocal health
            if health is None:
                health = Health()
                return random.uniform(0, min(FIRST_SECONDS, trunk.probe_seconds))  # noqa: S311
            took, text = await self._ask(trunk)
            before, health = health, health.after(took is not None)
            self._observer.trunk_probed(trunk.name, health.up, took)
            if health.up is not before.up:
                self._changed(trunk.name, health.up, text)
            often = IN_DOUBT if health.doubts else 1
            return trunk.probe_seconds / often * random.uniform(0.9, 1.1)  # noqa: S311

        return probe

    def _changed(self, trunk: str, up: bool, text: str) -> None:
        self._routing.mark(trunk, up=up)
        if up:
            self._down.pop(trunk, None)
            self._log.info("trunk_up", trunk=trunk, text=text)
        else:
            self._down[trunk] = text
            self._log.warning("trunk_down", trunk=trunk, text=text)

    async def _ask(self, trunk: Trunk) -> tuple[float | None, str]:
        """How long it took to answer, in seconds, or None; and what it said, or why it did not."""
        hop = self._routing.way(trunk.name)
        to, us = Uri(scheme="sip", host=trunk.domain), Uri(scheme="sip", host=trunk.from_domain)
        reply, loop = Reply(), asyncio.get_running_loop()
        started = loop.time()
        contact = self._sip.contact(hop.transport)
        self._sip.send(options(to, us, hop, contact=contact, agent=self._agent), reply)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await reply.future
        except TimeoutError:
            return None, f"no answer to OPTIONS within {ANSWER_SECONDS:g} seconds"
        finally:
            self._sip.release(reply)
        if isinstance(answer, Failed):
            return None, answer.text
        text = f"OPTIONS answered {answer.status} {answer.phrase}".rstrip()
        return (None if answer.status in ILL else loop.time() - started), text
