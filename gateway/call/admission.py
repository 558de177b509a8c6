"""Whether a call may begin, and what becomes of its right to while it lasts.

`gateway.policy.permits` knows the rules; here are the clock, the timer that ends calls when their user's minutes are
used up, and the limits that hold for the daemon as a whole.  A call has a ticket from its beginning to its end.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.call.facts import CallLimits
from gateway.errors import PeerError
from gateway.jid import bare
from gateway.outward import Outbound
from gateway.policy.ledger import Entry
from gateway.policy.permits import Permit, Permits, Used, Wish, spent_text
from gateway.signals import End
from mappings.reasons import EndReason

RETRY_AFTER = 10
"When a caller is told to come again, where there is no room, in seconds (RFC 3261 §21.5.4)."


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsLimits:
    """How many calls at once."""

    calls: int = 2_000
    calls_per_user: int = 10
    "Of one XMPP user (bare JID), in both directions."

    stale_seconds: float = 90.0
    "A propose that was stored for longer does not ring any more (XEP-0353 §6)."

    server: str = ""
    "What the Server header says."


class Ending(Protocol):
    """A call, as far as it can be ended."""

    def end(self, end: End) -> None:
        """End it from outside."""
        ...


class PolicyObserver(Protocol):
    """What is counted of the policy."""

    def emergency_called(self, action: str) -> None:
        """Somebody called an emergency number: refuse, route."""
        ...

    def talked(self, seconds: float) -> None:
        """So much was talked in calls out since this was last said."""
        ...

    def near_limit(self, users: int) -> None:
        """So many users have used most of what they have today."""
        ...


class Ticket:
    """One call's."""

    __slots__ = ("_admission", "call", "peer", "permit")

    def __init__(self, admission: "Admission", permit: Permit, peer: str | None) -> None:
        self._admission = admission
        self.permit = permit
        self.peer = peer
        "The XMPP user (bare JID), as soon as it is known."
        self.call: Ending | None = None

    def within(self, limits: CallLimits) -> CallLimits:
        """How long the call may last: no longer than its user's policy says."""
        longest = None if self.permit.policy is None else self.permit.policy.max_call_seconds
        if longest is None or longest >= limits.call_seconds:
            return limits
        return replace(limits, call_seconds=longest)

    def belongs(self, peer: str) -> None:
        """Whose call it is; PeerError where they have too many."""
        self._admission.belongs(self, peer)

    def answered(self) -> None:
        """Somebody has answered."""
        self._admission.answered(self)

    def takes(self, trunk: str) -> bool:
        """Whether the call may go on through that trunk, as it then does."""
        return self._admission.moves(self, trunk)

    def hand_on(self, caller: str, outbound: Outbound) -> None:
        """The user calls somebody else in the place of who was there; PeerError where they may not."""
        self._admission.hand_on(self, wish(caller, outbound))

    def close(self) -> None:
        """The call is over, or came to nothing."""
        self._admission.close(self)


class Admission:
    """All tickets.  To be made inside the event loop."""

    def __init__(
        self, limits: CallsLimits, permits: Permits, *, wall: Callable[[], float], observer: PolicyObserver
    ) -> None:
        """``wall``: the time in seconds since 1970."""
        self.draining = False
        self._limits = limits
        self._permits = permits
        self._wall = wall
        self._observer = observer
        self._told = 0.0
        "Seconds of calls that were counted."
        self._loop = asyncio.get_running_loop()
        self._tickets: set[Ticket] = set()
        self._by_peer: Counter[str] = Counter()
        self._talking: dict[str, set[Ticket]] = {}
        "Whose minutes count, by user."
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def __contains__(self, trunk: object) -> bool:
        """Whether a trunk takes no more calls out."""
        return isinstance(trunk, str) and self._permits.full(trunk, self._loop.time())

    # ------------------------------------------------------------------------------------------------------- beginning

    def leaves(self, caller: str, outbound: Outbound, *, leaving: int = 0) -> Ticket:
        """An XMPP user's call begins; PeerError where it may not.  ``leaving`` calls of theirs give way to it."""
        wanted = wish(caller, outbound)
        self._open()
        if not wanted.emergency:
            self._room(leaving)
            self._busy(wanted.user, leaving)
        permit = self._permits.begin(wanted, self._loop.time(), self._wall())
        return self._enter(Ticket(self, permit, wanted.user))

    def arrives(self, trunk: str) -> Ticket:
        """A call comes in through a trunk; PeerError where it may not."""
        self._open()
        self._room(0)
        return self._enter(Ticket(self, self._permits.arrive(trunk, self._loop.time()), None))

    def belongs(self, ticket: Ticket, peer: str) -> None:
        """Whose call it is; PeerError where they have too many."""
        self._busy(peer, 0)
        ticket.peer = peer
        self._by_peer[peer] += 1

    def pass_on(self, caller: str, outbound: Outbound) -> None:
        """Somebody else is to call a number for an XMPP user; PeerError where the user might not call it now."""
        now, wall = self._loop.time(), self._wall()
        self._permits.end(self._permits.begin(wish(caller, outbound), now, wall), now, wall)

    def _open(self) -> None:
        if self.draining:
            raise PeerError(
                "the gateway is stopping",
                status=503,
                condition="resource-constraint",
                reason=EndReason.GONE,
                retry_after=RETRY_AFTER,
            )

    def _room(self, leaving: int) -> None:
        if len(self._tickets) - leaving >= self._limits.calls:
            raise PeerError(
                "too many calls at a time", status=503, condition="resource-constraint", retry_after=RETRY_AFTER
            )

    def _busy(self, peer: str, leaving: int) -> None:
        if self._by_peer[peer] - leaving >= self._limits.calls_per_user:
            raise PeerError(
                "too many calls of this user", status=486, condition="resource-constraint", reason=EndReason.BUSY
            )

    def _enter(self, ticket: Ticket) -> Ticket:
        self._tickets.add(ticket)
        if ticket.peer is not None:
            self._by_peer[ticket.peer] += 1
        return ticket

    # ----------------------------------------------------------------------------------------------------- on the way

    def answered(self, ticket: Ticket) -> None:
        """Somebody has answered."""
        self._permits.answered(ticket.permit, self._loop.time(), self._wall())
        if ticket.permit.meter is not None:
            self._talking.setdefault(ticket.permit.meter.user, set()).add(ticket)
            self._arm(ticket.permit.meter.user)

    def moves(self, ticket: Ticket, trunk: str) -> bool:
        """Whether the call may go on through that trunk, as it then does."""
        return self._permits.move(ticket.permit, trunk, self._loop.time())

    def hand_on(self, ticket: Ticket, wanted: Wish) -> None:
        """The user calls somebody else in the place of who was there: from here on that is what costs.

        PeerError where they may not; then all is as it was.
        """
        permit = self._permits.begin(wanted, self._loop.time(), self._wall(), instead=ticket.permit)
        self._silent(ticket)
        self._permits.end(ticket.permit, self._loop.time(), self._wall())
        ticket.permit = permit
        self.answered(ticket)

    def close(self, ticket: Ticket) -> None:
        """The call is over, or came to nothing."""
        self._silent(ticket)
        self._permits.end(ticket.permit, self._loop.time(), self._wall())
        self._tickets.remove(ticket)
        self._tell()
        if ticket.peer is not None:
            self._by_peer[ticket.peer] -= 1
            if not self._by_peer[ticket.peer]:
                del self._by_peer[ticket.peer]

    # ------------------------------------------------------------------------------------------------------- minutes

    def entries(self) -> list[Entry]:
        """What has changed in the ledger since this was last asked, up to now."""
        changed = self._permits.ledger.changed(self._loop.time(), self._wall())
        self._tell()
        self._observer.near_limit(self._permits.near(changed, self._wall()))
        return changed

    def remember(self, entries: Iterable[Entry]) -> None:
        """What the ledger said before a restart."""
        known = tuple(entries)
        self._permits.ledger.load(known)
        self._observer.near_limit(self._permits.near(known, self._wall()))

    def used(self, user: str) -> Used:
        """What a user (bare JID) has had today."""
        return self._permits.used(user, self._loop.time(), self._wall())

    def today(self) -> str:
        """The day of the ledger, ISO 8601."""
        return self._permits.ledger.day(self._wall())

    def _tell(self) -> None:
        charged = self._permits.ledger.charged
        self._observer.talked(charged - self._told)
        self._told = charged

    def _silent(self, ticket: Ticket) -> None:
        """Its minutes count no more."""
        user = ticket.permit.user
        self._permits.stop(ticket.permit, self._loop.time(), self._wall())
        if user is None or ticket not in self._talking.get(user, ()):
            return
        self._talking[user].remove(ticket)
        if not self._talking[user]:
            del self._talking[user]
        self._arm(user)

    def _arm(self, user: str) -> None:
        """Look again when the user's minutes will be used up."""
        timer = self._timers.pop(user, None)
        if timer is not None:
            timer.cancel()
        ticket = next(iter(self._talking.get(user, ())), None)
        if ticket is None:
            return
        at = self._permits.spent(ticket.permit, self._loop.time(), self._wall())
        if at is not None:
            self._timers[user] = self._loop.call_at(at, self._look, user)

    def _look(self, user: str) -> None:
        """End the user's calls, unless another day has begun meanwhile."""
        talking = tuple(self._talking.get(user, ()))
        for ticket in talking:
            at = self._permits.spent(ticket.permit, self._loop.time(), self._wall())
            policy = ticket.permit.policy
            if policy is not None and at is not None and at <= self._loop.time() + 0.01 and ticket.call is not None:
                ticket.call.end(End(EndReason.EXPIRED, spent_text(policy)))
                self._silent(ticket)
        self._arm(user)


def wish(caller: str, outbound: Outbound) -> Wish:
    """What a call costs, and whom."""
    return Wish(
        user=bare(caller),
        number=outbound.number_label,
        trunk=outbound.trunk,
        own=outbound.own,
        emergency=outbound.emergency,
    )
