"""Whose contacts we are: answers to presence, and what is said unasked, at a bounded rate.

After the start, and whenever the stream is back, everybody who is subscribed is told that we are here, and users whom
we may see are asked for their presence, since what we knew of their devices is gone or old.  Servers ask for the
presence of thousands of contacts at once when they start, and so do ours: all of that is spread out in time, so that it
delays no call.  A lost stream says nothing; a stop says that we leave.
"""

import asyncio
import random
import time
from collections.abc import Callable
from math import ceil
from typing import Literal, Protocol

import structlog

from gateway.bonds import StoredBonds
from gateway.entity.roster import MAX_PAIRS, Pair
from gateway.entity.subscription import Subscription, probe
from gateway.errors import StoreError
from gateway.jid import bare
from gateway.registration.schedule import Schedule
from gateway.stanza import Stanza

KEEP_SECONDS = 1.0
"Changes wait for others so long before they are kept."

AGAIN_SECONDS = 60.0
"How long after a failure."

SPREAD_SECONDS = 60.0
"Over how much time a round is spread, if the rate allows."

MOST_AT_ONCE = 10
"Presences that are sent before others here have a turn; a machine may be too slow for the rate that is wanted."

STEP_SECONDS = 0.02
"At a stop, how often a share is told."


class ContactsObserver(Protocol):
    """What is counted."""

    def subscribers(self, number: int) -> None:
        """So many pairs of a user and a JID of ours are remembered."""
        ...

    def presences_waiting(self, number: int) -> None:
        """So many presences wait for their turn."""
        ...


class ContactsWire(Protocol):
    """The way to the XMPP server."""

    connected: bool

    def send(self, stanza: Stanza) -> None:
        """Send, or hold until the stream is back."""
        ...


class Contacts:
    """Our presence.  To be made inside the event loop."""

    def __init__(
        self,
        subscription: Subscription,
        *,
        bonds: StoredBonds,
        domain: str,
        asks: Literal["domain", "number", "never"],
        xmpp: ContactsWire,
        rate: float,
        observer: ContactsObserver,
        spread: Callable[[], float] = random.random,
    ) -> None:
        """``asks``: who of us wants to be a contact before a call: the domain, each number that calls, or nobody.

        ``rate``: presences a second; ``spread``: the chance by which each has its place in a round, 0 to 1.
        """
        self._subscription = subscription
        self._roster = subscription.roster
        self._bonds = bonds
        self._domain = domain
        self._asks = asks
        self._xmpp = xmpp
        self._rate = rate
        self._observer = observer
        self._spread = spread
        self._loop = asyncio.get_running_loop()
        self._schedule = Schedule(rate)
        self._timer: asyncio.TimerHandle | None = None
        self._free_at = 0.0
        "Before that no presence has its turn, however many are due."
        self._keeping: asyncio.Task[None] | None = None
        self._told: dict[Pair, None] = {}
        "Who has seen us since the start."
        self._log = structlog.get_logger()

    async def start(self) -> None:
        """Remember who was subscribed before."""
        try:
            self._roster.load(await self._bonds.load())
        except StoreError as error:
            self._log.warning("subscribers_lost", text=str(error))
        self._observer.subscribers(len(self._roster))

    def connected(self, connected: bool) -> None:
        """The stream stands, or is gone."""
        self._schedule = Schedule(self._rate)
        if connected:
            followers = [f"available {ours} {user}" for user, ours in self._roster.followers()]
            probes = [f"probe {ours} {user}" for user, ours in self._roster.probing()]
            self._spread_out([*followers, *probes])
        self._arm()

    def _spread_out(self, keys: list[str]) -> None:
        now, over = self._loop.time(), min(SPREAD_SECONDS, len(keys) / self._rate)
        for key in keys:
            self._schedule.put(key, now + over * self._spread())

    # ---------------------------------------------------------------------------------------------------------- answers

    def presence(self, stanza: Stanza) -> None:
        """Answer a presence to one of our JIDs; those that are asked for by the thousand wait for their turn."""
        for reply in self._subscription.answer(stanza):
            if stanza.type == "probe" and reply.type == "":
                key = f"available {bare(reply.sender)} {reply.to}"
                if len(self._schedule) < MAX_PAIRS:
                    self._schedule.put(key, self._loop.time())
            else:
                self._send(reply)
        self._arm()
        self._keep()

    def introduce(self, user: str, caller: str, nick: str | None) -> None:
        """Ask a user for a subscription before a JID of ours calls them, where that is still to be done."""
        if self._asks == "never":
            return
        us, name = (caller, nick) if self._asks == "number" else (self._domain, None)
        for request in self._subscription.introduce(us, user, name):
            self._send(request)
        self._keep()

    def part(self, user: str) -> None:
        """The domain has ended its subscription to that user, and theirs to it."""
        pair = Pair(user, self._domain)
        self._roster.forget(pair)
        self._told.pop(pair, None)
        self._keep()

    def _send(self, stanza: Stanza) -> None:
        pair = Pair(bare(stanza.to), bare(stanza.sender))
        if stanza.type == "":
            if len(self._told) < MAX_PAIRS:
                self._told[pair] = None
        elif stanza.type == "unavailable":
            self._told.pop(pair, None)
        self._xmpp.send(stanza)

    # ------------------------------------------------------------------------------------------------------------ turns

    def _turn(self) -> None:
        """Send what has its turn, a few at once; then everybody else here has as much time as that took."""
        self._timer, began = None, self._loop.time()
        for _ in range(MOST_AT_ONCE):
            if not self._xmpp.connected or (key := self._schedule.take(began)) is None:
                break
            try:
                kind, ours, to = key.split(" ", 2)
                self._send(probe(Pair(to, ours)) if kind == "probe" else self._subscription.available(ours, to))
            except Exception:  # an error of ours costs one presence, and not all that wait
                self._log.exception("presence_failed")
        ended = self._loop.time()
        self._free_at = ended + (ended - began)
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self._schedule.next_at
        self._timer = None if due is None else self._loop.call_at(max(due, self._free_at), self._turn)
        self._observer.presences_waiting(len(self._schedule))

    # ---------------------------------------------------------------------------------------------------------- keeping

    def _keep(self) -> None:
        """See to it that what has changed is kept."""
        if self._keeping is None and self._roster.has_changed:
            self._keeping = self._loop.create_task(self._kept(KEEP_SECONDS), name="gateway: subscribers kept")

    async def _kept(self, wait: float) -> None:
        try:
            while self._roster.has_changed:
                await asyncio.sleep(wait)
                wait = KEEP_SECONDS if await self._save() else AGAIN_SECONDS
        except Exception:  # of ours: what changes next is to be kept all the same
            self._log.exception("subscribers_failed")
        self._keeping = None

    async def _save(self) -> bool:
        changes = self._roster.changes()
        self._observer.subscribers(len(self._roster))
        try:
            await self._bonds.save(changes, time.time())
        except StoreError as error:
            self._log.warning("subscribers_not_kept", text=str(error))
            self._roster.unkept(pair for pair, _ in changes)
            return False
        return True

    # ---------------------------------------------------------------------------------------------------------- leaving

    async def leave(self, seconds: float) -> None:
        """Tell whoever has seen us that we go, within that time; 0: nobody is told.  Then keep what is left to keep."""
        self._schedule = Schedule(self._rate)
        self._arm()
        told, self._told = list(self._told), {}
        if seconds > 0:
            share = max(1, ceil(self._rate * STEP_SECONDS), ceil(len(told) * STEP_SECONDS / seconds))
            for first in range(0, len(told), share):
                if not self._xmpp.connected:
                    break
                if first:
                    await asyncio.sleep(STEP_SECONDS)
                for user, ours in told[first : first + share]:
                    self._xmpp.send(self._subscription.unavailable(ours, user))
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            self._keeping = None
        if self._roster.has_changed:
            await self._save()
