"""A network with nothing but loopback, for what takes every interface that it finds."""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_SET_FLAGS = 0x8914  # SIOCSIFFLAGS
_UP = 0x1  # IFF_UP


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
