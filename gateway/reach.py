"""Where the gateway may be led by who names an address: users who make accounts, their servers, and clients in a call.

Who may name any address could have the gateway ask around in the networks that it stands in: a server-side request
forgery.  For accounts that users make by themselves only what anybody reaches is reached, unless the operator names a
network.  A client is often in the same network as the gateway, so that it may be anywhere but where no client is: on
the gateway's own machine, and at addresses that are good on one link only, which is where clouds keep their secrets.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from gateway.rules import Network

PUBLIC: Final = "public"
"What stands for every address that is reached from everywhere."

PRIVATE: Final = "private"
"What stands for every other one that a host has, but loopback and link-local ones."

_NAT64: Final = ip_network("64:ff9b::/96")
"Where an IPv4 address is in the last four octets (RFC 6052 §2.1)."

_HERE: Final = tuple(map(ip_network, ("127.0.0.0/8", "::1/128")))
_LINK: Final = tuple(map(ip_network, ("169.254.0.0/16", "fe80::/10")))
_NO_HOSTS: Final = tuple(map(ip_network, ("0.0.0.0/8", "::/128")))


@dataclass(frozen=True, slots=True)
class Reach:
    """The addresses that may be gone to."""

    public: bool = True
    networks: tuple[Network, ...] = ()
    "Others, or these alone."

    private: bool = False

    @classmethod
    def read(cls, texts: Iterable[str]) -> "Reach":
        """Of ``public``, ``private``, addresses and networks; ValueError for anything else."""
        known = tuple(texts)
        words = {PUBLIC, PRIVATE}
        networks = tuple(ip_network(text) for text in known if text not in words)
        return cls(PUBLIC in known, networks, PRIVATE in known)

    def beside(self, ours: Iterable[str]) -> "Reach":
        """The same, and loopback or link-local addresses where one of our own is such: what is there is our peer."""
        known = [found for text in ours if (found := _address(text)) is not None]
        kinds = (*_HERE, *_LINK)
        return Reach(
            self.public,
            (*self.networks, *(kind for kind in kinds if any(one in kind for one in known))),
            self.private,
        )

    def names(self, address: str) -> bool:
        """Whether the operator has named it by itself."""
        found = _address(address)
        return found is not None and any(found in network for network in self.networks)

    def admits(self, address: str) -> bool:
        """Whether it may be gone to; what is no address may not."""
        if self.names(address):
            return True
        found = _address(address)
        if found is None:
            return False
        return (self.public and _is_public(found)) or (self.private and _is_private(found))


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


def _is_private(address: IPv4Address | IPv6Address) -> bool:
    special = address.is_multicast or address.is_reserved or _is_public(address)
    return not special and not any(address in network for network in (*_HERE, *_LINK, *_NO_HOSTS))
