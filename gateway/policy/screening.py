"""Who may call in: the operator's block list, callers who do not say who they are, and what the user wants."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, assert_never

from gateway.errors import PeerError
from gateway.policy.numbering import Numbering
from gateway.policy.preference import Preference
from gateway.policy.users import Users
from mappings.reasons import EndReason

Refuse = Literal["decline", "busy", "unavailable"]

ANONYMOUS = "anonymous"
"The pattern of callers who do not say who they are."

NOT_TAKEN = "it is not taken"
"What a caller is told who is not wanted: not why."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as far as SIP says so."""

    user: str
    "The plain name: a number or a user; empty for nobody."

    host: str = ""
    "In lower case."

    @property
    def anonymous(self) -> bool:
        """Whether they do not say."""
        return not self.user


class Callers:
    """A set of callers: numbers, first digits and ``*``, user@host, *@host, *@*.host (below it), anonymous."""

    __slots__ = ("_addresses", "_anonymous", "_hosts", "_numbering", "_numbers", "_prefixes", "_suffixes")

    def __init__(self, patterns: Iterable[str], numbering: Numbering) -> None:
        """ValueError for a pattern that is none of these."""
        self._numbering = numbering
        self._anonymous = False
        numbers, prefixes, hosts, suffixes = set[str](), set[str](), set[str](), set[str]()
        addresses = set[tuple[str, str]]()
        for pattern in patterns:
            user, at, host = pattern.strip().lower().rpartition("@")
            if at:
                if not user or not host or any(char.isspace() for char in pattern):
                    raise ValueError(pattern)
                if user == "*" and host.startswith("*."):
                    suffixes.add(host[1:])
                elif user == "*":
                    hosts.add(host)
                else:
                    addresses.add((user, host))
            elif host == ANONYMOUS:
                self._anonymous = True
            elif not any(char.isdecimal() for char in host):
                raise ValueError(pattern)
            elif host.endswith("*") and (meant := numbering.meant(host.removesuffix("*"))):
                prefixes |= meant
            elif meant := numbering.meant(host):
                numbers |= meant
            else:
                raise ValueError(pattern)
        self._numbers, self._prefixes = frozenset(numbers), tuple(prefixes)
        self._addresses, self._hosts, self._suffixes = frozenset(addresses), frozenset(hosts), tuple(suffixes)

    def __contains__(self, caller: Caller) -> bool:
        if caller.anonymous:
            return self._anonymous
        numbers = self._numbering.meant(caller.user)
        return (
            not self._numbers.isdisjoint(numbers)
            or any(number.startswith(self._prefixes) for number in numbers)
            or (caller.user.lower(), caller.host) in self._addresses
            or caller.host in self._hosts
            or caller.host.endswith(self._suffixes)
        )


@dataclass(frozen=True, slots=True)
class Block:
    """Callers who do not get through to some users."""

    callers: Callers
    who: Users
    response: Refuse = "decline"


@dataclass(frozen=True, slots=True)
class Screening:
    """The operator's word on calls in."""

    blocks: tuple[Block, ...] = ()
    anonymous: bool = True
    "Whether callers who do not say who they are get through, where the user says nothing of it."


USUAL = Screening()
"Where nothing is said."


def block(caller: Caller, callee: str, wanted: Preference, rules: Screening, numbering: Numbering) -> None:
    """Raise PeerError when nothing of a caller's is to reach a user (bare JID); it does not tell the caller why."""
    for row in rules.blocks:
        if caller in row.callers and callee in row.who:
            raise _refused(row.response, "blocked")
    if caller in Callers(wanted.blocked, numbering):
        raise _refused("decline", "blocked")


def screen(caller: Caller, callee: str, wanted: Preference, rules: Screening, numbering: Numbering) -> None:
    """Raise PeerError when a call is not to reach a user (bare JID)."""
    block(caller, callee, wanted, rules, numbering)
    if caller.anonymous and not (rules.anonymous if wanted.anonymous is None else wanted.anonymous):
        # RFC 5079 §5: this one tells, so that who calls may do so again with a name.
        raise PeerError(
            "anonymous calls are not taken",
            status=433,
            condition="forbidden",
            reason=EndReason.DECLINE,
            cause="anonymous",
        )
    if wanted.do_not_disturb:
        raise _refused("unavailable", "do_not_disturb")


def _refused(response: Refuse, cause: str) -> PeerError:
    match response:
        case "decline":
            status, reason = 603, EndReason.DECLINE
        case "busy":
            status, reason = 486, EndReason.BUSY
        case "unavailable":
            status, reason = 480, EndReason.GONE
        case never:
            assert_never(never)
    return PeerError(NOT_TAKEN, status=status, condition="recipient-unavailable", reason=reason, cause=cause)
