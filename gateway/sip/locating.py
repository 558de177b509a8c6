"""Where a request may go: from a next hop and what the DNS says of it to targets in their order (RFC 3263 §4).

Nothing is asked here.  `locate` is given what is known; where it meets a question without an answer it goes on as if
there were no such records, and returns the question among those that are open.  So whoever asks can ask everything that
may matter at once, and a name server that never answers for NAPTR does not hide the addresses behind it.

The order is that of RFC 3263: an explicit port or a numeric address needs no SRV, a given transport no NAPTR.  NAPTR
records come by order and preference, SRV records by priority and, of those, by weight (RFC 2782); all of them stay
targets, since one that fails is followed by the next (§4.3).
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal, Protocol, TypeVar

from gateway.sip.flow import Flow, Hop

Kind = Literal["NAPTR", "SRV", "A", "AAAA"]
Draw = Callable[[int], int]
"A number from 0 up to and with the one given, by chance."

MAX_TARGETS = 32
"Targets of one hop that are tried at all; whoever owns a name may write as many records as they like."

MAX_QUESTIONS = 128
"""What is asked at all for one hop: names lead to names, and who writes them could have us ask somebody else's servers
thousands of questions for one request."""

SERVICES = {"SIP+D2U": "UDP", "SIP+D2T": "TCP", "SIPS+D2T": "TLS", "SIP+D2W": "WS", "SIPS+D2W": "WSS"}
"What NAPTR records call the transports (RFC 3263 §4.1, RFC 7118 §6)."

PREFIXES = {"UDP": "_sip._udp", "TCP": "_sip._tcp", "TLS": "_sips._tcp"}
"Below which name their SRV records are; WebSockets are found by NAPTR only."

PORTS = {"TLS": 5061, "WS": 80, "WSS": 443}
DEFAULT_PORT = 5060


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask the DNS."""

    name: str
    "In lower case, without the dot at the end."

    kind: Kind


@dataclass(frozen=True, slots=True)
class Naptr:
    """A rule that names a transport and where its servers are (RFC 3403)."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Srv:
    """A server of a service (RFC 2782); an empty target says that there is none."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class Address:
    """An IPv4 or IPv6 address."""

    text: str


Record = Naptr | Srv | Address
Answers = Callable[[Question], tuple[Record, ...] | None]
"What the DNS said; None: it has not been asked."


@dataclass(frozen=True, slots=True)
class Located:
    """The targets as far as they are known."""

    targets: tuple[Flow, ...]
    used: frozenset[Question]
    "Whose answers they depend on."

    open: frozenset[Question]
    "Those of them that have no answer yet."


class Weighted(Protocol):
    """What is chosen by priority and weight."""

    @property
    def priority(self) -> int: ...

    @property
    def weight(self) -> int: ...


W = TypeVar("W", bound=Weighted)
T = TypeVar("T", bound=Hashable)


def by_priority(choices: Iterable[W], draw: Draw) -> list[W]:
    """All of them, the lowest priority first, and within one by chance: a greater weight is more often early."""
    ordered: list[W] = []
    left = sorted(choices, key=lambda choice: (choice.priority, choice.weight))
    while left:
        # RFC 2782: those of weight 0 stand first, so that they too are drawn now and then.
        same = [choice for choice in left if choice.priority == left[0].priority]
        drawn = draw(sum(choice.weight for choice in same)) if len(same) > 1 else 0
        for place, choice in enumerate(same):
            drawn -= choice.weight
            if drawn <= 0:
                ordered.append(left.pop(place))
                break
        else:
            raise ValueError("drew more than there is")
    return ordered


@lru_cache(maxsize=4096)
def is_numeric(host: str) -> bool:
    """Whether this is an address and no name.  IPv6 comes without brackets."""
    if not host or host[-1] not in "0123456789abcdefABCDEF:.":
        return False
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def default_port(transport: str) -> int:
    """The port of a server that names none."""
    return PORTS.get(transport, DEFAULT_PORT)


def numeric(hop: Hop) -> Flow:
    """The target of a hop whose host is an address."""
    transport = hop.transport or "UDP"
    return Flow(transport, hop.host, hop.port or default_port(transport))


def locate(hop: Hop, answers: Answers, *, transports: Sequence[str], versions: Sequence[Kind], draw: Draw) -> Located:
    """The targets of a hop, best first.

    ``transports`` are those that we can use, the best first; ``versions`` are A, AAAA or both, likewise.
    """
    search = _Search(answers, versions)
    if not hop.host or hop.host.lower().endswith(".invalid"):  # nobody's name (RFC 2606), as of a WebSocket's client
        found: list[Flow] = []
    elif is_numeric(hop.host):
        found = [numeric(hop)]
    else:
        name = hop.host.lower().rstrip(".")
        if hop.port:
            found = search.addresses(name, hop.transport or "UDP", hop.port)
        elif hop.transport:
            found = search.services(name, (hop.transport,), draw)
        else:
            found = search.rules(name, transports, draw)
    return Located(tuple(dict.fromkeys(found))[:MAX_TARGETS], frozenset(search.used), frozenset(search.open))


class _Search:
    """One look-up: what was asked, and what was not answered."""

    def __init__(self, answers: Answers, versions: Sequence[Kind]) -> None:
        self._answers = answers
        self._versions = versions
        self.used: set[Question] = set()
        self.open: set[Question] = set()

    def rules(self, name: str, transports: Sequence[str], draw: Draw) -> list[Flow]:
        """By NAPTR, or else by what there is of SRV, or else by address (§4.1)."""
        usable = [
            record
            for record in self._ask(name, "NAPTR")
            if isinstance(record, Naptr) and SERVICES.get(record.service.upper()) in transports
        ]
        found: list[Flow] = []
        for rule in sorted(usable, key=lambda rule: (rule.order, rule.preference))[:MAX_TARGETS]:
            transport = SERVICES[rule.service.upper()]
            if rule.flags.lower() == "s":
                found += self._servers(rule.replacement, transport, draw) or []
            elif rule.flags.lower() == "a":
                found += self.addresses(rule.replacement, transport, default_port(transport))
        return found or self.services(name, _plain(transports), draw)

    def services(self, name: str, transports: Sequence[str], draw: Draw) -> list[Flow]:
        """By SRV for these transports, or else by the addresses of the name and the first transport (§4.2)."""
        found: list[Flow] = []
        spoken = False
        for transport in transports:
            if transport in PREFIXES:
                servers = self._servers(f"{PREFIXES[transport]}.{name}", transport, draw)
                spoken = spoken or servers is not None
                found += servers or []
        if found or spoken:
            return found
        transport = next(iter(transports), "UDP")
        return self.addresses(name, transport, default_port(transport))

    def addresses(self, name: str, transport: str, port: int) -> list[Flow]:
        """The addresses of a name, or what it is itself."""
        if is_numeric(name):
            return [Flow(transport, name, port)]
        return [
            Flow(transport, record.text, port)
            for version in self._versions
            for record in self._ask(name, version)
            if isinstance(record, Address)
        ]

    def _servers(self, name: str, transport: str, draw: Draw) -> list[Flow] | None:
        """None: there are no such records.  An empty list: there are, and they lead nowhere, which is an answer."""
        records = [record for record in self._ask(name, "SRV") if isinstance(record, Srv)]
        if not records:
            return None
        return [
            flow
            for record in by_priority(records, draw)[:MAX_TARGETS]
            if record.target
            for flow in self.addresses(record.target, transport, record.port)
        ]

    def _ask(self, name: str, kind: Kind) -> tuple[Record, ...]:
        question = Question(name, kind)
        if len(self.used) >= MAX_QUESTIONS and question not in self.used:
            return ()
        self.used.add(question)
        answer = self._answers(question)
        if answer is None:
            self.open.add(question)
        return answer or ()


def _plain(transports: Sequence[str]) -> list[str]:
    """The transports of a sip address without NAPTR: those under the service _sip (§4.1)."""
    return [transport for transport in transports if transport in ("UDP", "TCP")]
