"""Our own addresses, as Via and Contact name them, and as connections of ours come from them."""

import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from gateway.sip.address import hostport
from gateway.sip.flow import WEB
from gateway.sip.locating import is_numeric

MAX_PEERS = 1_024
"Peers for which the answer is remembered."

_ANYWHERE = {4: "192.0.2.1", 6: "2001:db8::1"}
"Addresses that nobody has (RFC 5737, 3849): the way to them is the default route."


@dataclass(frozen=True, slots=True)
class Listener:
    """Where we listen."""

    transport: str
    "UDP or TCP."

    host: str
    "An address, IPv6 without brackets; 0.0.0.0 and :: are all of the machine's."

    port: int = 5060
    "0: any that is free."


class SentBy:
    """Which of our addresses a peer is to be told."""

    def __init__(self, listening: Iterable[Listener], host: str | None = None, port: int | None = None) -> None:
        """``host`` and ``port`` are what the operator says that others see of us; they need not be ours."""
        self._listening = tuple(listening)
        self._host = host
        self._port = port
        self._nowhere = f"{secrets.token_hex(6)}.invalid"
        self._texts: dict[tuple[str, str | None], str] = {}

    def text(self, transport: str, towards: str | None = None) -> str:
        """``host:port`` for a transport; ``towards`` is the peer's address, where we have several."""
        text = self._texts.get((transport, towards))
        if text is None:
            if len(self._texts) >= MAX_PEERS:
                self._texts.clear()
            text = self._texts[transport, towards] = self._find(transport, towards)
        return text

    def _find(self, transport: str, towards: str | None) -> str:
        version = _version(towards) if towards else None
        listener = self._choose(transport, version)
        if transport in WEB and (listener is None or listener.transport != transport):
            return self._nowhere  # only over the connection that we made (RFC 7118 §5)
        if listener is None:
            return hostport(self._host or "127.0.0.1", self._port or 5060)
        host = listener.host
        if self._host is not None and (version is None or _version(self._host) in (None, version)):
            host = self._host
        elif ip_address(host).is_unspecified:
            host = _way(towards or _ANYWHERE[version or ip_address(host).version]) or host
        return hostport(host, self._port or listener.port)

    def _choose(self, transport: str, version: int | None) -> Listener | None:
        """The first listener of the transport and IP version; of another transport when there is none."""
        return min(
            self._listening,
            key=lambda listener: (version not in (None, _version(listener.host)), listener.transport != transport),
            default=None,
        )


def origin(listening: Iterable[Listener], towards: str) -> str | None:
    """The address of ours that a connection to a peer is to come from; None: the one that the machine takes.

    It is one that we listen on, as with datagrams: who knows us by our address (a PBX without a password for us) must
    not take a request for a stranger's because it was too large for a datagram.
    """
    ours = [found.host for found in listening if _version(found.host) == _version(towards)]
    if not ours or any(ip_address(host).is_unspecified for host in ours) or _way(towards) in ours:
        return None
    far = not ip_address(towards).is_loopback
    return next((host for host in ours if not (far and ip_address(host).is_loopback)), None)


def _way(towards: str) -> str | None:
    """Our address on the way to a peer: the kernel knows, and no packet is sent."""
    family = socket.AF_INET6 if ":" in towards else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((towards, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return None


def _version(host: str) -> int | None:
    return ip_address(host).version if is_numeric(host) else None
