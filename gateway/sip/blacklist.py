"""Targets that failed, and until when others are tried before them: a value, changed by what happens at a time.

Nothing is ruled out here: the list only changes the order, so that a target comes last while others are left, and is
tried all the same when there is no other.  A single carrier that says 503 for one number does not lock itself out.

Two ways lead on to it.  Silence or a broken connection: for a span that doubles each time, and when that is over the
target is on trial, to be asked by something less dear than a call, a few times, until it answers.  And a 503 with
Retry-After (RFC 3261 §21.5.4): for the time that the server itself asks for, after which it is as good as any.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.sip.flow import Flow

FIRST_SECONDS = 5.0
"How long a target comes last that failed once."

MOST_SECONDS = 120.0
"The longest, however often it failed, and whatever it asks for itself."

TRIALS = 5
"How often it is asked before a call finds out after all: there are those who answer no OPTIONS."

MAX_BANS = 1_024
"Targets remembered."

Place = tuple[str, str, int]
"Transport, address and port."


@dataclass(frozen=True, slots=True)
class Ban:
    """Why a target comes last."""

    until: float
    failures: int
    "In a row; 0: it asked for the time itself."


@dataclass(frozen=True, slots=True)
class Blacklist:
    """All bans."""

    bans: Mapping[Place, Ban] = field(default_factory=lambda: MappingProxyType({}))

    def failed(self, target: Flow, now: float) -> "Blacklist":
        """It was silent or could not be reached.  What many calls find out at one time is one failure."""
        ban = self.bans.get(place(target))
        if ban is not None and ban.until > now:
            return self
        failures = 1 + (ban.failures if ban is not None else 0)
        seconds = min(FIRST_SECONDS * 2.0 ** min(failures - 1, 30), MOST_SECONDS)
        return self._with(target, Ban(now + seconds, failures))

    def told(self, target: Flow, now: float, seconds: float) -> "Blacklist":
        """It asks to be left alone for so long."""
        return self._with(target, Ban(now + min(max(seconds, 0.0), MOST_SECONDS), 0))

    def answered(self, target: Flow) -> "Blacklist":
        """It is well."""
        if place(target) not in self.bans:
            return self
        return Blacklist({key: ban for key, ban in self.bans.items() if key != place(target)})

    def order(self, targets: Iterable[Flow], now: float) -> list[Flow]:
        """The same targets: the good ones as they stood, then those on trial, then the others, the soonest first."""

        def rank(target: Flow) -> float:
            if self.is_good(target, now):
                return 0.0
            until = self.bans[place(target)].until
            return max(until, 0.0) + 1.0 if until > now else 0.5

        return sorted(targets, key=rank) if self.bans else list(targets)

    def is_good(self, target: Flow, now: float) -> bool:
        """Whether nothing speaks against it."""
        ban = self.bans.get(place(target))
        return ban is None or (ban.until <= now and not 0 < ban.failures <= TRIALS)

    def on_trial(self, targets: Iterable[Flow], now: float) -> list[Flow]:
        """Those whose time is over, and of which nobody knows whether they are well."""
        bans = ((target, self.bans.get(place(target))) for target in targets)
        return [target for target, ban in bans if ban and 0 < ban.failures <= TRIALS and ban.until <= now]

    def _with(self, target: Flow, ban: Ban) -> "Blacklist":
        bans = {key: known for key, known in self.bans.items() if key != place(target)}
        if len(bans) >= MAX_BANS:
            del bans[min(bans, key=lambda key: bans[key].until)]
        return Blacklist({**bans, place(target): ban})


def place(target: Flow) -> Place:
    """What is banned."""
    return target.transport, target.host, target.port
