"""A network with nothing but loopback, for what takes every interface that it finds, and in which packets get lost."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_SET_FLAGS = 0x8914  # SIOCSIFFLAGS
_UP = 0x1  # IFF_UP


def missing() -> str:
    """What keeps packets from being lost on purpose; empty: nothing."""
    if shutil.which("iptables") is None:
        return "not installed: iptables"
    done = subprocess.run(["unshare", "--net", "iptables", "--list"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "no network of its own can be had"


@contextlib.contextmanager
def loses(*which: str) -> Iterator[None]:
    """Lose these datagrams, named as iptables does, on the way to their receiver; inside of `on_loopback` only."""
    rule = ["INPUT", "--protocol", "udp", *which, "--jump", "DROP"]
    subprocess.run(["iptables", "--append", *rule], check=True)
    try:
        yield
    finally:
        subprocess.run(["iptables", "--delete", *rule], check=True)


@contextlib.contextmanager
def within(network: str) -> Iterator[None]:
    """Make this thread's sockets in another network, named by its file; those that are open stay where they are."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as before, open(network) as there:
        if libc.setns(there.fileno(), _NEW_NETWORK) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        try:
            yield
        finally:
            libc.setns(before.fileno(), _NEW_NETWORK)


@contextlib.contextmanager
def on_loopback() -> Iterator[None]:
    """Put this thread, and the programs and threads that it starts, into a network of their own, if we may (as root).

    It is a namespace with a loopback interface alone.  Sockets that are open already stay where they were made.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as before:
        if libc.unshare(_NEW_NETWORK) != 0:
            yield
            return
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
                fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", b"lo", _UP))
            yield
        finally:
            if libc.setns(before.fileno(), _NEW_NETWORK) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
