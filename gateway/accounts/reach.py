"""Where accounts that users make by themselves may lead.

A user who may name any server could have the gateway ask around in the networks that it stands in: a server-side
request forgery.  So only what anybody reaches is reached for them, unless the operator names a network.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from gateway.rules import Network

PUBLIC: Final = "public"
"What stands for every address that is reached from everywhere."

_NAT64: Final = ip_network("64:ff9b::/96")
"Where an IPv4 address is in the last four octets (RFC 6052 §2.1)."


@dataclass(frozen=True, slots=True)
class Reach:
    """The addresses that may be gone to."""

    public: bool = True
    networks: tuple[Network, ...] = ()
    "Others, or these alone."

    @classmethod
    def read(cls, texts: Iterable[str]) -> "Reach":
        """Of ``public``, addresses and networks; ValueError for anything else."""
        known = tuple(texts)
        return cls(PUBLIC in known, tuple(ip_network(text) for text in known if text != PUBLIC))

    def names(self, address: str) -> bool:
        """Whether the operator has named it by itself."""
        found = _address(address)
        return found is not None and any(found in network for network in self.networks)

    def admits(self, address: str) -> bool:
        """Whether it may be gone to; what is no address may not."""
        if self.names(address):
            return True
        found = _address(address)
        return self.public and found is not None and _is_public(found)


def final(address: str) -> str:
    """The address that packets to it go to in the end, where it only wraps another one."""
    found = _address(address)
    return address if found is None else str(found)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address that packets go to in the end: what an IPv6 address only wraps is looked at itself."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv4Address):
        return found
    if found in _NAT64:
        return IPv4Address(found.packed[-4:])
    return found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None) or found


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    special = address.is_multicast or address.is_reserved
    return address.is_global and not special and not (isinstance(address, IPv6Address) and address.is_site_local)
