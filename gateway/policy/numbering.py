"""Which telephone number a dialled name means, in one form; and which ones a switch could take it for.

The form is international where that is known: ``+`` and digits.  A number behind an access code (00, 011) is; one
behind the national prefix is, where the operator says in which country the gateway stands.  Any other is local, and
stays as it is: an extension, a service code.

What a name *means* must be allowed.  What it *could mean* to a switch less strict than we are must not be forbidden:
a number behind a service code (``*67``), before letters, behind superfluous zeros, in the phone-context of a local one.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from gateway.addressing import ACCESS, NORTH_AMERICAN_ACCESS, spelled_numbers, telephone
from gateway.sip.address import unescape

_SCHEME = re.compile(r"(?:(?:tel|sips?):)+", re.IGNORECASE)
_CONTEXT = re.compile(r";phone-context=(\+?[0-9.()-]*)", re.IGNORECASE)
_LEADING = re.compile(r"[+*#]*[0-9][+0-9*#]*")
_NUMBER = re.compile(r"\+?[0-9*#]+")
_SEPARATORS = re.compile(r"[-.()/ _]")

_SERVICE_DIGITS = 5
"So many characters a service code may have before the number that it is about: *67, #31#, *1831."

_LEAST_DIGITS = 3
"What is shorter is no number of its own."

_LEAST_NATIONAL = 4
"So many digits are behind the national prefix at least; what is shorter is an extension."

_WHOLE = 7
"So many digits has a national number at least, where no prefix tells it from an extension."


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering:
    """How numbers are dialled where the gateway stands."""

    country: str | None = None
    "The country code, digits; None: national numbers are not told from local ones."

    international: tuple[str, ...] = (ACCESS, NORTH_AMERICAN_ACCESS)
    """What stands before a number with a country code, instead of the plus sign; unless somebody says how these begin,
    what begins like a call abroad anywhere is judged as one."""

    national: tuple[str, ...] = ("0",)
    "What stands before a national number; an empty one says that nothing need."

    def canonical(self, digits: str) -> str:
        """A number, ``+`` and digits or digits alone, in the one form."""
        if digits.startswith("+"):
            return f"+{digits.lstrip('+0')}"
        for code in sorted(self.international, key=len, reverse=True):
            if digits.startswith(code) and (rest := digits.removeprefix(code).lstrip("+0")):
                return f"+{rest}"
        return next(self._national(digits), digits)

    def meant(self, name: str) -> frozenset[str]:
        """The numbers that a name means, each in the one form; none where it is no number."""
        return frozenset(self.canonical(digits) for digits in _written(name))

    def claimed(self, name: str) -> frozenset[str]:
        """The numbers that must be allowed where a name is called: what is meant, or else what it begins with."""
        if (meant := self.meant(name)) or (run := _run(name)) is None:
            return meant
        return frozenset({self.canonical(run)}) if sum(map(str.isdigit, run)) >= _LEAST_DIGITS else meant

    def possible(self, name: str) -> frozenset[str]:
        """The numbers that a switch could take a name for, each in the one form; among them those that are meant."""
        return frozenset(reading for digits in _could_be(name) for reading in self._readings(digits))

    def short(self, name: str) -> frozenset[str]:
        """What short number, such as 112, a name could be: as it is, or as if it were in a country (+49112)."""
        found: set[str] = set()
        for digits in _written(name):
            found |= {digits, digits.lstrip("+")}
            found |= {digits.removeprefix(code) for code in self.international}
            canonical = self.canonical(digits)
            if canonical.startswith("+"):
                found |= {canonical[1:], canonical[1:].removeprefix(self.country or "")}
        return frozenset(found)

    def same(self, name: str) -> str:
        """One text for a name, however it is spelled: what calls to one and the same number have in common."""
        return min(self.meant(name), default=name)

    def _national(self, digits: str) -> Iterator[str]:
        """A number that could be a national one, with its country code."""
        if self.country is None:
            return
        for prefix in sorted(self.national, key=len, reverse=True):
            rest = digits.removeprefix(prefix)
            plain = len(rest) - len(rest.lstrip("0123456789"))
            if digits.startswith(prefix) and plain >= (_LEAST_NATIONAL if prefix else _WHOLE):
                yield f"+{self.country}{rest}"

    def _readings(self, digits: str) -> Iterator[str]:
        canonical = self.canonical(digits)
        yield canonical
        if digits.startswith(ACCESS):  # which no national number begins with, wherever the country is
            yield f"+{digits.lstrip('+0')}"
        if canonical.startswith("+"):
            rest = canonical[1:]
            for code in self.international:  # a plus sign before an access code
                if digits.startswith("+") and digits.lstrip("+").startswith(code):
                    yield f"+{digits.lstrip('+').removeprefix(code).lstrip('+0')}"
            if self.country and rest.startswith(self.country):  # the national prefix behind the country code
                inner = rest.removeprefix(self.country)
                for prefix in self.national:
                    if prefix and inner.startswith(prefix):
                        yield f"+{self.country}{inner.removeprefix(prefix)}"
        else:
            yield digits
        bare = digits.lstrip("+")
        if bare == digits or bare.startswith("0"):  # with which no country's code begins
            yield from self._national(bare)


USUAL = Numbering()
"Where nothing is said."


@lru_cache(maxsize=1024)
def _written(name: str) -> frozenset[str]:
    """The digits of the number that a name is, however it is spelled; with a global phone-context in front."""
    name = _SCHEME.sub("", name, count=1)
    known = telephone(name)
    found = set(spelled_numbers(name))
    if known is not None or _NUMBER.fullmatch(name):
        found.add((known or name).partition(";")[0])
    user = name.rpartition("@")[0] or name
    if context := _CONTEXT.search(unescape(user)):
        before = _SEPARATORS.sub("", context[1])
        found |= {f"{before}{digits}" for digits in found if not digits.startswith("+")}
    return frozenset(digits for digits in found if _NUMBER.fullmatch(digits))


def _run(name: str) -> str | None:
    """The digits that a name begins with, with what may stand between them taken out."""
    plain = unicodedata.normalize("NFKC", unescape(_SCHEME.sub("", name, count=1)))
    digits = "".join(str(unicodedata.decimal(char, char)) for char in _SEPARATORS.sub("", plain))
    found = _LEADING.match(digits)
    return None if found is None else found[0]


def _could_be(name: str) -> Iterator[str]:
    """Digits that a switch could read in a name."""
    found = set(_written(name))
    if (run := _run(name)) is not None:
        found |= {run, *(run[at:] for at, char in enumerate(run) if char == "+")}
    for number in found:
        yield number
        behind = number.lstrip("+")
        if behind[:1] in "*#":
            for cut in range(1, _SERVICE_DIGITS + 2):
                rest = behind[cut:]
                if rest[:1].isdigit() and len(rest) >= _LEAST_DIGITS:
                    yield rest
                    yield number[: len(number) - len(behind)] + rest
