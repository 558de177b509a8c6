"""The operator's rules, compiled: trunks, patterns of JIDs, expressions that match a whole name, templates."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from gateway.addressing import Country, bare_jid, domainpart, localpart
from gateway.jid import bare, domain
from gateway.media.policy import USUAL as USUAL_MEDIA
from gateway.media.policy import TrunkMedia
from gateway.policy.rules import UNSAID, PolicySettings
from gateway.registration.registrant import Registrant
from gateway.secret import Secret
from gateway.sip.auth import Nonces
from gateway.sip.flow import Hop
from gateway.sip.manners import USUAL, Manners
from gateway.sip.target import Credentials
from gateway.sip.trickling import Mode

Identity = Literal["auto", "preferred", "remote-party", "none"]
CallerId = Literal["jid", "number", "fixed", "anonymous"]
Network = IPv4Network | IPv6Network

LONGEST_NAME = 256
"Characters of a name that is matched; a longer one matches nothing, since an expression may take its time."

_REFERENCE = re.compile(r"\\([1-9])")


class Patterns:
    """A set of JIDs: user@domain, *@domain or domain (the same), *@*.domain or *.domain (below it), * (everybody)."""

    __slots__ = ("_all", "_domains", "_jids", "_suffixes")

    def __init__(self, patterns: Iterable[str]) -> None:
        """PeerError for a pattern that is none of these."""
        jids: set[str] = set()
        domains: set[str] = set()
        suffixes: list[str] = []
        self._all = False
        for pattern in patterns:
            user, _, host = pattern.rpartition("@")
            if user not in ("", "*"):
                jids.add(bare_jid(pattern))
            elif host == "*":
                self._all = True
            elif host.startswith("*."):
                suffixes.append(f".{domainpart(host[2:])}")
            else:
                domains.add(domainpart(host))
        self._jids, self._domains, self._suffixes = frozenset(jids), frozenset(domains), tuple(suffixes)

    def __bool__(self) -> bool:
        """Whether there may be anybody in it."""
        return bool(self._all or self._jids or self._domains or self._suffixes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Patterns):
            return NotImplemented
        return all(getattr(self, part) == getattr(other, part) for part in self.__slots__)

    def __hash__(self) -> int:
        return hash((self._all, self._jids, self._domains, self._suffixes))

    def __contains__(self, jid: str) -> bool:
        if self._all:
            return True
        home = domain(jid)
        return home in self._domains or bare(jid) in self._jids or home.endswith(self._suffixes)


@dataclass(frozen=True, slots=True)
class Template:
    """A text with references to what the brackets of an expression matched; a backslash elsewhere is a backslash."""

    text: str

    @property
    def references(self) -> int:
        """The highest bracket that it names."""
        return max((int(match[1]) for match in _REFERENCE.finditer(self.text)), default=0)

    def expand(self, match: re.Match[str]) -> str:
        """The text; a bracket that took no part is empty."""
        return _REFERENCE.sub(lambda reference: match[int(reference[1])] or "", self.text)


@dataclass(frozen=True, slots=True)
class Account:
    """A name and password for digest authentication."""

    user: str
    password: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A SIP peer that calls go to and come from; the operator's words are in `gateway.config.trunk_tables`."""

    name: str
    host: str
    port: int | None = None
    transport: str | None = None
    "UDP, TCP or TLS; None: as RFC 3261 §18.1.1 says."

    domain: str
    compact_headers: bool = False
    "Whether it is written to with one-letter header names."

    tls_domain: str = ""
    "Whom its certificate must name."

    from_domain: str
    account: Account | None = None
    realm: str | None = None
    "The only realm to which the account is for; None: any."

    trickle: Mode = "auto"
    "Whether the peer is told ICE candidates one by one."

    manners: Manners = USUAL

    media: TrunkMedia = USUAL_MEDIA
    caller_id: CallerId = "jid"
    caller_id_number: str | None = None
    caller_id_numbers: Mapping[str, str]
    trusted: bool = False
    identity: Identity = "auto"
    allow: Patterns
    networks: tuple[Network, ...] = ()
    from_host: bool = True
    "Whether calls may come from the host's own addresses."

    inbound: Account | None = None

    messages: bool = False
    "Whether chat messages cross as SIP's MESSAGE, both ways."

    anonymous_messages: bool = True
    "Whether those of nobody are taken."

    message_waiting: bool = False
    "Whether what waits in mailboxes is taken from there, and told."

    registrant: Registrant | None = None
    "How it registers with the peer; None: it does not."

    calls: int | None = None
    "How many calls it takes at a time, of both directions; None: any number."

    calls_per_second: float | None = None
    "How many calls out may begin there in a second; None: any number."

    calls_in_per_second: float | None = None
    "How many calls in may."

    probe_seconds: float = 0.0
    "How often it is asked whether it is there; 0: never."

    owner: str | None = None
    "The only user who calls through it, and whom its calls are for: whose SIP account it is; None: as the rules say."

    def credentials(self, nonces: Nonces | None = None) -> Credentials | None:
        """Who we are to the peer, if it asks; ``nonces`` are what it has asked before."""
        account = self.account
        return Credentials(account.user, account.password.reveal(), self.realm, nonces) if account else None

    def tells(self, *, hidden: bool) -> str:
        """By which header the peer is told who calls (`gateway.sip.identity.write`).

        Who is to be hidden is told in confidence, and so to trusted peers only.
        """
        if self.identity == "auto":
            return "asserted" if self.trusted else "none"
        return "none" if hidden and not self.trusted else self.identity

    @property
    def hop(self) -> Hop:
        """Where its requests go."""
        wanted = self.tls_domain or self.domain
        return Hop(
            self.host,
            self.port,
            self.transport,
            domain=None if wanted == self.host else wanted,
            fenced=self.manners.fenced,
        )


@dataclass(frozen=True, slots=True)
class Member:
    """A trunk in a group."""

    trunk: str
    priority: int = 1
    "The lowest is tried first."

    weight: int = 1
    "The share of those of one priority that have it first."


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Trunks that stand in for each other."""

    name: str
    members: tuple[Member, ...]
    statuses: frozenset[int] = frozenset({503})
    "Refusals after which the next trunk is tried, unless somebody's phone has rung."


@dataclass(frozen=True, slots=True, kw_only=True)
class DialRule:
    """What was dialled to the trunk that takes it; without a trunk, nobody may call it."""

    expression: re.Pattern[str]
    trunk: str | None
    "A trunk or a group."

    rewrite: Template | None = None
    callers: Patterns

    def match(self, name: str, caller: str) -> re.Match[str] | None:
        """The match, when the rule is for this name and caller."""
        return self.expression.fullmatch(name) if caller in self.callers else None

    def called(self, match: re.Match[str]) -> str:
        """The name that is called then."""
        return self.rewrite.expand(match) if self.rewrite else match[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRule:
    """What is called to a JID: an exact name with the JID as it is, or an expression with a template of one."""

    name: str | re.Pattern[str]
    jid: str
    trunks: frozenset[str] = frozenset()
    "Through which it may be called; empty: through any."

    message_waiting: bool = False
    "Whether its mailbox is subscribed to, at the trunks that have one."

    def serves(self, trunk: str) -> bool:
        """Whether it is for calls through this trunk."""
        return not self.trunks or trunk in self.trunks

    def match(self, name: str) -> str | None:
        """The JID when the name matches; PeerError when what is put into the template makes none."""
        if isinstance(self.name, str):
            return self.jid if self.name == name else None
        match = self.name.fullmatch(name)
        if match is None:
            return None
        # What the template says of the user is meant plainly, since the parts put in are: it is escaped as one.
        user, _, home = self.jid.rpartition("@")
        return f"{localpart(Template(user).expand(match))}@{home}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """The rules, checked: every trunk that is named exists, and no group has the name of one."""

    domain: str
    "The component's."

    default_domain: str | None = None
    enlisting: Patterns = field(default_factory=lambda: Patterns([]))
    "Who may have accounts of their own by themselves, and so is told to, where no trunk is theirs (XEP-0100 §4.8)."

    hosted_domains: frozenset[str] = frozenset()
    country: Country | None = None
    "How people dial who type a number into their client; None: as they mean it."

    trunks: tuple[Trunk, ...] = ()
    groups: tuple[Group, ...] = ()
    dial: tuple[DialRule, ...] = ()
    numbers: tuple[NumberRule, ...] = ()
    policy: PolicySettings = UNSAID
    "Who may call what, and how often."
