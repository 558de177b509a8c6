"""Keeps the STUN and TURN servers that the XMPP server tells, with credentials that are good (XEP-0215).

They are asked for at the start, again at half of what is left to the credentials, and when the server says that
something has changed; never more often than once in `SPACING_SECONDS`.  What has expired is used no more.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import structlog

from gateway.entity import services
from gateway.entity.services import Service
from gateway.media.embedded.settings import IceServer
from gateway.stanza import Stanza, read_error, result

SPACING_SECONDS = 60.0
"Between two questions, at least; after one without an answer twice that, and so on."

LONGEST_SECONDS = 3600.0
"Between two questions, at most."

ANSWER_SECONDS = 30.0
"How long an answer may take."


@runtime_checkable
class Gathers(Protocol):
    """A back-end that asks STUN and TURN servers."""

    def use(self, servers: tuple[IceServer, ...]) -> None:
        """Ask these from now on."""
        ...


class XmppPort(Protocol):
    """The way to the XMPP server."""

    def send(self, stanza: Stanza) -> None:
        """Send, or hold until the stream is back."""
        ...


class Relays:
    """The servers that are known.  To be made inside the event loop."""

    def __init__(
        self,
        *,
        server: str,
        domain: str,
        known: tuple[IceServer, ...],
        back_end: Gathers,
        xmpp: XmppPort,
        new_id: Callable[[], str],
        wall: Callable[[], float],
    ) -> None:
        """``server`` is asked, by ``domain``; the servers of the configuration (``known``) stay in any case."""
        self._server = server
        self._domain = domain
        self._known = known
        self._back_end = back_end
        self._xmpp = xmpp
        self._new_id = new_id
        self._wall = wall
        self._loop = asyncio.get_running_loop()
        self._told: tuple[Service, ...] = ()
        self._asked: str | None = None
        "The id of the question that waits for its answer."

        self._asked_at = float("-inf")
        self._failures = 0
        self._ask_timer: asyncio.TimerHandle | None = None
        self._expiry_timer: asyncio.TimerHandle | None = None
        self._log = structlog.get_logger()

    def start(self) -> None:
        """Ask, and keep asking."""
        self._ask()

    def stop(self) -> None:
        """Ask no more."""
        self._asked = None
        for timer in (self._ask_timer, self._expiry_timer):
            if timer is not None:
                timer.cancel()

    def stanza(self, stanza: Stanza) -> bool:
        """Take an answer, or the news that something has changed; False: it is neither, or from somebody else."""
        if stanza.kind != "iq" or stanza.sender != self._server:
            return False
        element = stanza.child(services.TAG)
        if stanza.type == "set" and element is not None:
            self._xmpp.send(result(stanza))
            if self._asked is None:
                self._ask_in(self._asked_at + SPACING_SECONDS - self._loop.time())
            return True
        if stanza.type not in ("result", "error") or stanza.id != self._asked:
            return False
        self._asked = None
        if stanza.type == "error":
            said = read_error(stanza)
            self._failed(said.text or said.condition)
        elif element is None:
            self._failed("there are no services in the answer")
        else:
            self._learn(services.read(element, self._wall()))
        return True

    def _ask(self) -> None:
        self._asked_at = self._loop.time()
        self._asked = f"services-{self._new_id()}"
        self._xmpp.send(
            Stanza(
                kind="iq",
                type="get",
                id=self._asked,
                sender=self._domain,
                to=self._server,
                children=(services.query(),),
            )
        )
        self._arm(ANSWER_SECONDS, self._unanswered)

    def _unanswered(self) -> None:
        self._asked = None
        self._failed(f"no answer within {ANSWER_SECONDS:g} seconds")

    def _failed(self, text: str) -> None:
        """What is known stays, until it expires."""
        seconds = min(SPACING_SECONDS * 2**self._failures, LONGEST_SECONDS)
        self._failures = min(self._failures + 1, 10)
        self._log.warning("relays_not_told", peer=self._server, text=text, delay_seconds=seconds)
        self._ask_in(seconds)

    def _learn(self, told: tuple[Service, ...]) -> None:
        self._failures = 0
        self._told = told
        where = ", ".join(f"{one.kind} {one.host}:{one.port}" for one in told)
        self._log.info("relays_told", peer=self._server, text=where)
        self._use()
        ends = self._ends()
        self._ask_in(LONGEST_SECONDS if ends is None else min((ends - self._wall()) / 2, LONGEST_SECONDS))

    def _use(self) -> None:
        """Hand on what is good, and look again when the first of it is not."""
        now = self._wall()
        self._told = tuple(one for one in self._told if one.expires is None or one.expires > now)
        self._back_end.use(
            (
                *self._known,
                *(
                    IceServer(
                        kind=one.kind,
                        host=one.host,
                        port=one.port,
                        transport=one.transport,
                        username=one.username,
                        password=one.password,
                    )
                    for one in self._told
                ),
            )
        )
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
            self._expiry_timer = None
        ends = self._ends()
        if ends is not None:
            # A clock may be set; a timer of days may not be.
            seconds = min(max(ends - now, 1.0), LONGEST_SECONDS)
            self._expiry_timer = self._loop.call_later(seconds, self._use)

    def _ends(self) -> float | None:
        """When the first credentials end."""
        return min((one.expires for one in self._told if one.expires is not None), default=None)

    def _ask_in(self, seconds: float) -> None:
        least = self._asked_at + SPACING_SECONDS - self._loop.time()
        self._arm(max(seconds, least, 0.0), self._ask)

    def _arm(self, seconds: float, then: Callable[[], None]) -> None:
        if self._ask_timer is not None:
            self._ask_timer.cancel()
        self._ask_timer = self._loop.call_later(seconds, then)
