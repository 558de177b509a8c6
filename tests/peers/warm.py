"""A process that has loaded the whole gateway, and parts for each one that is to be started.

Loading takes a second of the processor, and the tests start some hundreds of gateways.  What is parted off goes on as
``python -m gateway`` does once it has loaded; the demonstration and the measurements start theirs by that command.
"""

import atexit
import contextlib
import ctypes
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

LONGEST_COMMAND_SECONDS = 120.0

_COMMAND = (sys.executable, "-m", "gateway")
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_LONGEST_REQUEST = 150_000
"Octets: a command line and an environment."

_EVERYTHING = (
    "gateway.app",
    "gateway.check",
    "gateway.controlling",
    "gateway.provisioning.work",
    "gateway.translating",
)


class Parted:
    """A process that was parted off, as `subprocess.Popen` shows one."""

    def __init__(self, told: int) -> None:
        """``told``: from where its number, and at last its status, is read, a line each."""
        self._told = told
        self._status: int | None = None
        number, _, self._rest = os.read(told, 100).partition(b"\n")
        if not number:
            raise RuntimeError("the process that parts gateways off has ended")
        self.pid = int(number)
        os.set_blocking(told, False)

    def poll(self) -> int | None:
        """Its status when it has ended; negative: by which signal."""
        if self._status is None:
            try:
                # Where nothing more comes, whoever parted it off has ended, and it with that.
                self._status = int(self._rest or os.read(self._told, 100) or -signal.SIGKILL)
            except BlockingIOError:
                return None
            os.close(self._told)
        return self._status

    def wait(self, timeout: float) -> int:
        """The same, waited for; TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(_COMMAND, timeout)
            time.sleep(0.001)
        return status


class _Nursery:
    """The client's end."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._asks = ours
        atexit.register(self.end)

    def end(self) -> None:
        """End it, and whatever of it is left."""
        self._asks.close()
        self._process.wait()

    def part(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], streams: Sequence[int]
    ) -> Parted:
        """Have one go on with that command line there; ``streams``: its three."""
        request = {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
        told, tells = os.pipe()
        network = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            socket.send_fds(self._asks, [json.dumps(request).encode()], [*streams, tells, network])
        finally:
            os.close(tells)
            os.close(network)
        return Parted(told)


_nursery: _Nursery | None = None
_one_at_a_time = threading.Lock()


def begin(command: Sequence[str], output: BinaryIO, folder: Path, environment: Mapping[str, str]) -> Parted:
    """Start that command of the gateway's, in a process group of its own; it prints to ``output``."""
    with open(os.devnull, "rb") as nothing:
        return _part(command, folder, environment, (nothing, output, output))


def run(command: Sequence[str], typed: str, environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run that command of the gateway's, and wait for it: status, standard output and standard error."""
    with tempfile.TemporaryFile() as into, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        into.write(typed.encode())
        into.seek(0)
        status = _part(command, Path.cwd(), environment, (into, out, errors)).wait(LONGEST_COMMAND_SECONDS)
        out.seek(0)
        errors.seek(0)
        return status, out.read().decode(), errors.read().decode()


def _part(command: Sequence[str], folder: Path, environment: Mapping[str, str], streams: Sequence[IO[bytes]]) -> Parted:
    global _nursery  # noqa: PLW0603
    if tuple(command[: len(_COMMAND)]) != _COMMAND:
        raise ValueError(f"no command of the gateway's: {command}")
    with _one_at_a_time:
        _nursery = _nursery or _Nursery()
    return _nursery.part(command[len(_COMMAND) :], folder, environment, [stream.fileno() for stream in streams])


# ---------------------------------------------------------------------------------------------------- the other process


@dataclass(frozen=True, slots=True)
class _Request:
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    streams: list[int]
    network: int


class _Parter:
    """Waits for requests and for the end of what it has parted off."""

    def __init__(self, asks: socket.socket) -> None:
        self._asks = asks
        self._tells: dict[int, int] = {}
        self._wakes, wake = os.pipe()
        for end in (self._wakes, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._inherited = [asks.fileno(), self._wakes, wake]

    def serve(self) -> _Request | None:
        """Until the client has gone: None; or, in a process that was parted off, what that is to do."""
        with selectors.DefaultSelector() as selector:
            for readable in (self._asks.fileno(), self._wakes):
                selector.register(readable, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select()}
                if self._wakes in ready:
                    os.read(self._wakes, 4096)
                    self._reap()
                if self._asks.fileno() in ready:
                    data, held, _, _ = socket.recv_fds(self._asks, _LONGEST_REQUEST, 5)
                    if not data:
                        return None
                    *streams, tells, network = held
                    if (pid := os.fork()) == 0:
                        for inherited in (*self._inherited, *self._tells.values(), tells):
                            os.close(inherited)
                        return _Request(**json.loads(data), streams=streams, network=network)
                    self._tells[pid] = tells
                    os.write(tells, b"%d\n" % pid)
                    for handed in (*streams, network):
                        os.close(handed)

    def _reap(self) -> None:
        while self._tells:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            tells = self._tells.pop(pid)
            with contextlib.suppress(BrokenPipeError):  # nobody wants to know any more
                os.write(tells, b"%d\n" % os.waitstatus_to_exitcode(status))
            os.close(tells)


def _become(request: _Request) -> None:
    """Be what a process is that was started anew for this."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_DEATH_SIGNAL, signal.SIGKILL)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    elsewhere = os.fstat(request.network).st_ino != os.stat("/proc/self/ns/net").st_ino
    if elsewhere and libc.setns(request.network, _NEW_NETWORK) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    os.close(request.network)
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.argv[1:] = request.arguments


def main() -> None:
    """Serve the client at the socket whose number is given, until it closes that, or ends."""
    asks = socket.socket(fileno=int(sys.argv[1]))
    for name in _EVERYTHING:
        __import__(name)
    gc.collect()
    gc.freeze()
    if (request := _Parter(asks).serve()) is not None:
        _become(request)
        runpy.run_module("gateway", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
