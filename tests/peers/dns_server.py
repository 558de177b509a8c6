"""A name server of our own: it says what the test wrote, counts what it is asked, and can be silent."""

import asyncio
from collections import Counter
from typing import Self, cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from tests.peers import loopback

NEGATIVE_SECONDS = 5
"What its SOA records say of how long there is nothing."


class DnsServer(asyncio.DatagramProtocol):
    """Records by name and type, as in a zone file: ``add("_sip._udp.x.example", "SRV", "1 0 5060 a.x.example.")``."""

    def __init__(self) -> None:
        self.address = loopback.address()
        self.port = loopback.port(self.address)
        self.asked: Counter[tuple[str, str]] = Counter()
        self.silent = False
        "Whether it answers nobody."
        self.deaf: set[str] = set()
        "The types that it never answers for, as some old ones do."
        self.broken = False
        "Whether it answers SERVFAIL."
        self._records: dict[tuple[str, str], tuple[int, list[str]]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def place(self) -> str:
        """As it stands in the configuration."""
        return f"{self.address}:{self.port}"

    async def start(self) -> Self:
        """Answer from now on."""
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, (self.address, self.port))
        return self

    def close(self) -> None:
        """Answer no more."""
        if self._transport is not None:
            self._transport.close()

    def add(self, name: str, kind: str, *values: str, ttl: int = 300) -> None:
        """Put records there, in place of those that stood there; none: there are none any more."""
        self._records.pop((name, kind), None)
        if values:
            self._records[name, kind] = ttl, list(values)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A question."""
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        if self.silent or kind in self.deaf or self._transport is None:
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in self._records:
            ttl, values = self._records[name, kind]
            response.answer.append(dns.rrset.from_text_list(question.name, ttl, "IN", kind, values))
        else:
            if not any(known == name for known, _ in self._records):
                response.set_rcode(dns.rcode.NXDOMAIN)
            soa = f"ns.example. admin.example. 1 60 60 60 {NEGATIVE_SECONDS}"
            response.authority.append(dns.rrset.from_text(dns.name.root, NEGATIVE_SECONDS, "IN", "SOA", soa))
        self._transport.sendto(response.to_wire(), addr)
