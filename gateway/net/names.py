"""One question to the DNS, by dnspython; before it, the hosts file, as everything else on the machine does it.

A reply is what there is and for how long, also when that is nothing.  No reply, or one that says only that the server
failed, is `Silent`: nothing can be concluded from it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.rdtypes.IN.NAPTR
import dns.rdtypes.IN.SRV
import dns.resolver

from gateway.sip.locating import Address, Naptr, Question, Record, Srv, is_numeric

HOSTS = Path("/etc/hosts")

HOSTS_SECONDS = 30.0
"How long a line of the hosts file is believed."

UNKNOWN_SECONDS = 5.0
"How long there is nothing, when the reply does not say."


class Silent(Exception):
    """No name server has answered, or none could."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What there is, and for how many seconds."""

    records: tuple[Record, ...]
    seconds: float


class Names:
    """Asks the name servers."""

    def __init__(self, nameservers: Sequence[tuple[str, int]] = (), *, hosts: Path = HOSTS) -> None:
        """The system's name servers, unless others are given."""
        self._given = tuple(nameservers)
        self._hosts = hosts
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def ask(self, question: Question, seconds: float) -> Reply:
        """The reply; Silent when there is none after so many seconds."""
        if (found := _from_hosts(self._hosts, question)) is not None:
            return Reply(found, HOSTS_SECONDS)
        try:
            name = dns.name.from_text(question.name)
        except dns.exception.DNSException:  # too long, or no name at all
            return Reply((), UNKNOWN_SECONDS)
        try:
            # A word alone may be a machine of the domain that the system searches.
            answer = await self._made().resolve(
                name if "." in question.name or self._given else name.relativize(dns.name.root),
                question.kind,
                raise_on_no_answer=False,
                lifetime=seconds,
                search="." not in question.name and not self._given,
            )
        except dns.resolver.NXDOMAIN as error:
            responses: Iterable[dns.message.Message] = error.kwargs.get("responses", {}).values()
            return Reply((), min(map(_lasting, responses), default=UNKNOWN_SECONDS))
        except dns.resolver.YXDOMAIN:
            return Reply((), UNKNOWN_SECONDS)
        except (dns.exception.DNSException, OSError) as error:
            raise Silent(str(error) or type(error).__name__) from error
        if answer.rrset is None:
            return Reply((), _lasting(answer.response))
        return Reply(tuple(filter(None, map(_read, answer.rrset))), float(answer.chaining_result.minimum_ttl))

    def _made(self) -> dns.asyncresolver.Resolver:
        if self._resolver is None:
            try:
                self._resolver = dns.asyncresolver.Resolver(configure=not self._given)
            except dns.resolver.NoResolverConfiguration as error:
                raise Silent(str(error)) from error
            self._resolver.cache = None
            if self._given:
                self._resolver.nameservers = [dns.nameserver.Do53Nameserver(*place) for place in self._given]
        return self._resolver


def _lasting(response: dns.message.Message) -> float:
    """For how long there is nothing: by the SOA record beside it, or else briefly (RFC 2308 §5)."""
    if not any(rrset.rdtype == dns.rdatatype.SOA for rrset in response.authority):
        return UNKNOWN_SECONDS
    try:
        return float(response.resolve_chaining().minimum_ttl)  # type: ignore[attr-defined]  # of a query's answer
    except dns.exception.DNSException:
        return UNKNOWN_SECONDS


def _read(record: object) -> Record | None:
    if isinstance(record, dns.rdtypes.IN.A.A | dns.rdtypes.IN.AAAA.AAAA):
        return Address(record.address)
    if isinstance(record, dns.rdtypes.IN.SRV.SRV):
        return Srv(record.priority, record.weight, record.port, _name(record.target))
    if isinstance(record, dns.rdtypes.IN.NAPTR.NAPTR):
        flags, service = (text.decode("ascii", "replace") for text in (record.flags, record.service))
        return Naptr(record.order, record.preference, flags, service, _name(record.replacement))
    return None


def _name(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")


def _from_hosts(path: Path, question: Question) -> tuple[Record, ...] | None:
    """What the hosts file says of a name, None when that is nothing.  It is small, and asked only now and then."""
    if question.kind not in ("A", "AAAA"):
        return None
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    found: list[str] = []
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        if question.name in map(str.lower, names) and is_numeric(address):
            found.append(address)
    if not found:
        return None
    return tuple(Address(address) for address in found if (":" in address) == (question.kind == "AAAA"))
