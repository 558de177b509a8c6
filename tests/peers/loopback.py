"""Addresses and ports of our own on this machine.

The whole of 127.0.0.0/8 is loopback, so each peer gets an address of its own: a packet's source address then tells who
sent it, and rigs that run side by side cannot take each other's ports.
"""

import random
import socket
from collections.abc import Iterable

_random = random.SystemRandom()
_LOWEST, _HIGHEST, _APART = 10_000, 30_000, 8
"""Below the kernel's ephemeral range, so that no connection of anybody's takes a port between our look and its use; and
apart, since who is given a port for RTP takes some of the next ones too."""
_given: set[tuple[str, int]] = set()


def address() -> str:
    """A loopback address that nobody else is likely to use."""
    return f"127.{_random.randint(16, 250)}.{_random.randint(1, 250)}.{_random.randint(2, 250)}"


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
