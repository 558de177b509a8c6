"""By which first digits numbers may be called, and by which not."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from gateway.policy.numbering import Numbering
from mappings.destinations import DESTINATIONS

LOCAL = "local"
"The word for all numbers that are not international."

DENIED = ("premium", "satellite")
"What nobody calls unless the operator says so."

WORDS = (*DESTINATIONS, LOCAL)
"What may stand for a list of prefixes."


class Verdict(NamedTuple):
    """What the longest prefix of a number says."""

    allowed: bool
    prefix: str


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Prefixes of numbers in the form of `Numbering.canonical`; ``+`` is every international number, LOCAL any other.

    The longest one that a number begins with decides; of two that are as long, the one that forbids.
    """

    allow: tuple[str, ...] = ()
    "Empty: the numbers of our own country and all local ones; where the country is not known, all."

    deny: tuple[str, ...] = DENIED

    def verdict(self, number: str) -> Verdict | None:
        """What the longest prefix says of a number; None: no prefix says anything."""
        allowed, denied = _longest(number, self.allow), _longest(number, self.deny)
        if denied is not None and (allowed is None or len(denied) >= len(allowed)):
            return Verdict(False, denied)
        return None if allowed is None else Verdict(True, allowed)

    def objection(self, name: str, numbering: Numbering) -> str | None:
        """Why a name may not be called, in words for who wanted to; None: nothing is against it.

        A name that is no number is never objected to: the dial rules say which names there are.
        """
        for number in sorted(numbering.possible(name)):
            verdict = self.verdict(number)
            if verdict is not None and not verdict.allowed:
                which = "local numbers" if not verdict.prefix else f"numbers beginning {verdict.prefix}"
                return f"{which} may not be called here"
        for number in sorted(numbering.claimed(name)):
            if self.allow:
                if self.verdict(number) is None:
                    return "this number is not among those that may be called here"
            elif numbering.country and number.startswith("+") and not number.startswith(f"+{numbering.country}"):
                return "international numbers may not be called here"
        return None


USUAL = Prefixes()
"Where nothing is said."


@lru_cache(maxsize=256)
def expanded(prefixes: tuple[str, ...]) -> frozenset[str]:
    """The prefixes with what the words among them stand for."""
    found = (("",) if prefix == LOCAL else DESTINATIONS.get(prefix, (prefix,)) for prefix in prefixes)
    return frozenset(chain.from_iterable(found))


def _longest(number: str, prefixes: tuple[str, ...]) -> str | None:
    """The longest prefix of a number; the empty one is no international number's."""
    known = expanded(prefixes)
    least = 1 if number.startswith("+") else 0
    return next((number[:length] for length in range(len(number), least - 1, -1) if number[:length] in known), None)
