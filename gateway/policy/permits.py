"""Whether a call may begin, and what it costs its user until it is over.

Whoever asks for more than they may have is refused before anything is taken; so a flood costs others nothing.  A call
to an emergency number is never refused here, and costs nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from math import ceil
from typing import NamedTuple

from gateway.buckets import Buckets, Key
from gateway.errors import PeerError
from gateway.policy.ledger import Entry, Ledger, Meter
from gateway.policy.rules import USUAL, Policy, PolicySettings, refused

NEAR = 0.8
"The share of a day's calls or minutes from which on a user is near the limit."

MOST_USERS = 100_000
"Of so many users of a policy it is remembered how often they have called in the last minute."

ALL = "all"
"The key of the bucket that everybody draws on."


@dataclass(slots=True, eq=False)
class Permit:
    """One call's, in either direction."""

    user: str | None
    "Who makes it (bare JID); None: it comes in."

    number: str = ""
    trunk: str = ""
    policy: Policy | None = None
    minutes: bool = False
    "Whether its minutes count."

    meter: Meter | None = None


@dataclass(frozen=True, slots=True)
class TrunkLimits:
    """What one trunk takes; None: any number."""

    calls: int | None = None
    "At a time, in both directions."

    out_per_second: float | None = None
    in_per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an XMPP user would like to do."""

    user: str
    number: str
    "What is called, after the rewriting."

    trunk: str
    own: bool = False
    emergency: bool = False


class Used(NamedTuple):
    """What a user has had today, and may have."""

    calls: int
    most_calls: int
    minutes: int
    most_minutes: int


class Permits:
    """All that have been given and not been given back."""

    def __init__(self, settings: PolicySettings, trunks: Mapping[str, TrunkLimits], zone: tzinfo) -> None:
        self.ledger = Ledger(zone)
        self._settings = settings
        self._trunks = {name: limits for name, limits in trunks.items() if limits != TrunkLimits()}
        self._out = _buckets({name: limits.out_per_second for name, limits in trunks.items()})
        self._in = _buckets({name: limits.in_per_second for name, limits in trunks.items()})
        self._everybody = Buckets[str](settings.calls_per_second, settings.calls_per_second)
        self._by_policy = {
            policy.name: (
                Buckets[str](policy.calls_per_second, policy.calls_per_second, most=MOST_USERS),
                Buckets[str].a_minute(policy.calls_per_minute, most=MOST_USERS),
            )
            for policy in (*settings.policies, USUAL)
        }
        self._near: set[str] = set()
        self._near_on = ""
        "Who has used most of that day."

        self._by_trunk: Counter[str] = Counter()
        self._by_user: Counter[str] = Counter()
        self._by_number: Counter[str] = Counter()
        self._by_user_and_number: Counter[tuple[str, str]] = Counter()

    # ------------------------------------------------------------------------------------------------------- trunks

    def full(self, trunk: str, now: float) -> bool:
        """Whether a trunk takes no call out now."""
        return self._crowded(trunk) or (trunk in self._out and self._out[trunk].wait(trunk, now) > 0)

    def _crowded(self, trunk: str) -> bool:
        limits = self._trunks.get(trunk)
        return limits is not None and limits.calls is not None and self._by_trunk[trunk] >= limits.calls

    def move(self, permit: Permit, trunk: str, now: float) -> bool:
        """The call goes on through another trunk, if that one takes it."""
        if permit.trunk == trunk:
            return True
        if permit.policy is not None and self.full(trunk, now):
            return False
        _less(self._by_trunk, permit.trunk)
        permit.trunk = trunk
        self._enter(permit, now)
        return True

    def _enter(self, permit: Permit, now: float) -> None:
        self._by_trunk[permit.trunk] += 1
        if permit.policy is not None and permit.trunk in self._out:
            self._out[permit.trunk].take(permit.trunk, now)

    # -------------------------------------------------------------------------------------------------------- calls

    def arrive(self, trunk: str, now: float) -> Permit:
        """A call comes in through a trunk; PeerError where it brings too many."""
        if self._crowded(trunk):
            raise _busy(f"too many calls through {trunk}", "limit", 10)
        if trunk in self._in:
            if wait := self._in[trunk].wait(trunk, now):
                raise _busy(f"too many calls in a second through {trunk}", "rate", ceil(wait))
            self._in[trunk].take(trunk, now)
        self._by_trunk[trunk] += 1
        return Permit(None, trunk=trunk)

    def begin(self, wish: Wish, now: float, wall: float, *, instead: Permit | None = None) -> Permit:
        """A user's call begins, ``instead`` of another, where one is named; PeerError where it may not."""
        number = self._settings.numbering.same(wish.number)
        policy = None if wish.emergency else self._settings.of(wish.user)
        if policy is not None:
            leaving = instead is not None and instead.user == wish.user
            self._within(policy, replace(wish, number=number), now, wall, leaving=leaving)
            self._everybody.take(ALL, now)
            for buckets in self._by_policy[policy.name]:
                buckets.take(wish.user, now)
            self.ledger.begin(wish.user, wall)
        minutes = policy is not None and (not wish.own or policy.own_accounts)
        permit = Permit(wish.user, number, wish.trunk, policy, minutes)
        self._by_user[wish.user] += 1
        self._by_number[number] += 1
        self._by_user_and_number[wish.user, number] += 1
        self._enter(permit, now)
        return permit

    def _within(self, policy: Policy, wish: Wish, now: float, wall: float, *, leaving: int) -> None:
        user, number = wish.user, wish.number
        if self._by_user[user] - leaving >= policy.calls:
            raise refused(f"policy: {policy.calls} calls at a time, and no more", "limit", retry_after=10)
        if self._by_user_and_number[user, number] >= policy.calls_to_number:
            raise refused(f"policy: {policy.calls_to_number} calls at a time to one number, and no more", "same_number")
        if self._by_number[number] >= self._settings.calls_to_number:
            raise refused("policy: too many calls to this number", "same_number", retry_after=10)
        if self.ledger.calls(user, wall) >= policy.calls_per_day:
            raise refused(f"policy: daily limit of {policy.calls_per_day} calls reached", "daily_calls")
        if (not wish.own or policy.own_accounts) and self._left(policy, user, now, wall) <= 0:
            raise refused(f"policy: {spent_text(policy)}", "daily_minutes")
        second, minute = self._by_policy[policy.name]
        wait = max(second.wait(user, now), minute.wait(user, now))
        if wait > 0:
            raise refused(f"policy: too many calls, try again in {ceil(wait)} seconds", "rate", retry_after=ceil(wait))
        if wait := self._everybody.wait(ALL, now):
            text = "policy: too many calls begin at this moment"
            raise refused(text, "rate", retry_after=ceil(wait))

    def _left(self, policy: Policy, user: str, now: float, wall: float) -> float:
        return policy.minutes_per_day * 60 - self.ledger.seconds(user, now, wall)

    def answered(self, permit: Permit, now: float, wall: float) -> None:
        """Somebody has answered: from here on it costs minutes, where they count."""
        if permit.user is not None and permit.minutes and permit.meter is None:
            permit.meter = self.ledger.start(permit.user, now, wall)

    def spent(self, permit: Permit, now: float, wall: float) -> float | None:
        """When its user's minutes are used up, if it goes on like this; None: they do not count, or nobody talks."""
        if permit.user is None or permit.policy is None or permit.meter is None:
            return None
        return self.ledger.spent(permit.user, permit.policy.minutes_per_day * 60, now, wall)

    def stop(self, permit: Permit, now: float, wall: float) -> None:
        """From here on it costs no minutes."""
        if permit.meter is not None:
            self.ledger.stop(permit.meter, now, wall)
            permit.meter = None

    def end(self, permit: Permit, now: float, wall: float) -> None:
        """The call is over; to be said once."""
        self.stop(permit, now, wall)
        _less(self._by_trunk, permit.trunk)
        if permit.user is not None:
            _less(self._by_user, permit.user)
            _less(self._by_number, permit.number)
            _less(self._by_user_and_number, (permit.user, permit.number))

    def used(self, user: str, now: float, wall: float) -> Used:
        """What a user has had today."""
        policy = self._settings.of(user)
        minutes = int(self.ledger.seconds(user, now, wall) // 60)
        return Used(self.ledger.calls(user, wall), policy.calls_per_day, minutes, policy.minutes_per_day)

    def near(self, entries: Iterable[Entry], wall: float) -> int:
        """How many users have used `NEAR` of their calls or minutes of today.

        ``entries``: what has changed in the ledger since this was last asked, since there may be very many users.
        """
        today = self.ledger.day(wall)
        if today != self._near_on:
            self._near_on = today
            self._near.clear()
        for entry in entries:
            policy = self._settings.of(entry.user)
            most = max(entry.calls / policy.calls_per_day, entry.seconds / (policy.minutes_per_day * 60))
            if entry.day == today and most >= NEAR:
                self._near.add(entry.user)
        return len(self._near)


def spent_text(policy: Policy) -> str:
    """What a user is told whose minutes are used up."""
    return f"daily limit of {policy.minutes_per_day} minutes reached"


def _busy(text: str, cause: str, retry_after: int) -> PeerError:
    return PeerError(text, status=503, condition="resource-constraint", cause=cause, retry_after=retry_after)


def _buckets(rates: Mapping[str, float | None]) -> dict[str, Buckets[str]]:
    return {name: Buckets(rate, rate) for name, rate in rates.items() if rate is not None}


def _less(counter: Counter[Key], key: Key) -> None:
    """One less; what is at nothing is forgotten."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
