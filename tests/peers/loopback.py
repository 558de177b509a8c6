"""Addresses and ports of our own on this machine.

The whole of 127.0.0.0/8 is loopback, so each peer gets an address of its own: a packet's source address then tells who
sent it, and rigs that stand side by side, in this process or in others, cannot take each other's ports.
"""

import itertools
import random
import socket
from collections.abc import Iterable

_random = random.SystemRandom()
_LOWEST, _HIGHEST, _APART = 10_000, 30_000, 8
"""Below the kernel's ephemeral range, so that no connection of anybody's takes a port between our look and its use; and
apart, since who is given a port for RTP takes some of the next ones too."""
_given: set[tuple[str, int]] = set()
_held: list[socket.socket] = []


def _hold(name: str) -> bool:
    """Have that name to ourselves until this process ends, among all that ask for it here; False: somebody has it."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        holder.bind(f"\0jingle-sip-tests/{name}")  # in the abstract, so that nothing stays of it
    except OSError:
        holder.close()
        return False
    _held.append(holder)
    return True


def _network() -> str:
    for number in _random.sample(range(16, 251), 235):
        if _hold(f"127.{number}"):
            return f"127.{number}."
    raise RuntimeError("no loopback addresses are left")


# At once, since a test may be in a network of its own later, where nobody knows what others hold.
_NETWORK = _network()
_hosts = itertools.count(2)


def address() -> str:
    """A loopback address that nobody else uses."""
    high, low = divmod(next(_hosts), 250)
    return f"{_NETWORK}{high % 250}.{low + 2}"


def port(host: str) -> int:
    """A port that is free on that address for both TCP and UDP, and that was not given before."""
    for _ in range(50):
        number = _random.randrange(_LOWEST, _HIGHEST, _APART)
        if (host, number) in _given:
            continue
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as trial:
                    trial.bind((host, number))
        except OSError:
            continue
        if not host.startswith(_NETWORK) and not _hold(f"{host}:{number}"):
            continue
        _given.add((host, number))
        return number
    raise RuntimeError(f"no free port on {host}")


def answers(host: str, number: int) -> bool:
    """Whether something listens for TCP there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.settimeout(1.0)
        return trial.connect_ex((host, number)) == 0


def listens(
    sockets: Iterable[tuple[tuple[str, int], tuple[str, int]]],
    host: str,
    number: int,
) -> bool:
    """Whether one of these TCP sockets (local, remote) listens there."""
    return any(local == (host, number) and remote[1] == 0 for local, remote in sockets)
