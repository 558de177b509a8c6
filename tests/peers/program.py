"""One program that we started: its output in a file, its end in our hands."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, ClassVar, Protocol, TypeVar

Found = TypeVar("Found")

PATIENCE_SECONDS = 25.0
"""How long anything may take that takes milliseconds on a machine with nothing else to do: it only bounds a failure.

Shorter than what silence comes to by itself in a call (30 s here, 32 s in RFC 3261): that is not to pass for success.
"""
START_SECONDS = 60.0
"The same of a program that starts."

_TICKS = os.sysconf("SC_CLK_TCK")
_POLL_SECONDS = (0.002, 0.05)
"How soon `until` looks again at first, and at most: what takes long is not to cost the processor all that while."


class PeerFailure(AssertionError):
    """A peer did not do in time what it was to do; the text says which, what and the end of its output."""


async def until(check: Callable[[], Found | None], what: str, within: float = PATIENCE_SECONDS) -> Found:
    """What `check` returns once that is neither None nor False nor an empty list.

    For what can only be polled: another process's socket, file or state.  Raises PeerFailure after `within` seconds.
    """
    deadline = time.monotonic() + within
    pause, longest = _POLL_SECONDS
    while True:
        found = check()
        if not (found is None or found is False or found == []):
            return found
        if time.monotonic() > deadline:
            raise PeerFailure(f"not within {within:g} s: {what}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, longest)


class Process(Protocol):
    """What is needed of a process of ours: of `subprocess.Popen`, and of whatever stands in its place."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    def poll(self) -> int | None:
        """Its status when it has ended."""
        ...

    def wait(self, timeout: float) -> int:
        """The same, waited for."""
        ...


Begin = Callable[[Sequence[str], BinaryIO, Path, Mapping[str, str]], Process]
"Starts a command: what its output goes to, its folder and its environment."


def _begin(command: Sequence[str], output: BinaryIO, folder: Path, environment: Mapping[str, str]) -> Process:
    setpriv = shutil.which("setpriv")
    guard = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    return subprocess.Popen(
        [*guard, *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )


class Program:
    """A program in a process group of its own, which the kernel also ends should we die first."""

    started: ClassVar[set["Program"]] = set()
    "Those that have not been seen to end: see `kill_all`."

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        begin: "Begin | None" = None,
    ) -> None:
        """``begin``: what starts it; None: the operating system, anew."""
        self.name = name
        self.folder = folder
        self.output = folder / f"{name}.log"
        self._command = list(command)
        self._environment = {**os.environ, **(environment or {})}
        self._begin = begin or _begin
        self._process: Process | None = None

    def start(self) -> None:
        """Start it; its standard output and error are appended to `output`."""
        if shutil.which(self._command[0]) is None:
            raise PeerFailure(f"{self.name}: {self._command[0]} is not installed")
        with self.output.open("ab") as output:
            self._process = self._begin(self._command, output, self.folder, self._environment)
        self.started.add(self)

    @property
    def pid(self) -> int:
        """Its process id; it must have been started."""
        if self._process is None:
            raise PeerFailure(f"{self.name} was not started")
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, or None while it runs; negative: the signal that ended it."""
        return self._process.poll() if self._process else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def text(self) -> str:
        """Everything it printed so far."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def tail(self, lines: int = 25) -> str:
        """The end of what it printed, for messages."""
        return "\n".join(self.text().splitlines()[-lines:])

    async def ready(self, check: Callable[[], Found | None], what: str) -> Found:
        """Like `until`, but fails at once when the program ends, and shows its output."""

        def alive() -> Found | None:
            found = check()
            if (found is None or found is False or found == []) and not self.running:
                raise PeerFailure(f"{self.name} ended with {self.status} before: {what}\n{self.tail()}")
            return found

        try:
            return await until(alive, f"{self.name}: {what}", START_SECONDS)
        except PeerFailure as failure:
            raise PeerFailure(f"{failure}\n{self.tail()}") from None

    async def ended(self, within: float = PATIENCE_SECONDS, story: Callable[[], str] | None = None) -> int:
        """Its exit status, waiting at most that long; if it takes longer, the story (or its output) is told."""
        try:
            return await until(lambda: self.status, f"{self.name} ends", within)
        except PeerFailure as failure:
            raise PeerFailure(f"{failure}\n{(story or self.tail)()}") from None

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self.running:
            os.kill(self.pid, number)

    async def stop(self, number: signal.Signals = signal.SIGTERM, within: float = 5.0) -> int:
        """Ask it to end, and make it end after `within` seconds; returns its exit status."""
        self.send_signal(number)
        try:
            return await self.ended(within)
        except PeerFailure:
            return self.kill()

    def kill(self) -> int:
        """End it and whatever it started, at once."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self.started.discard(self)
        return self._process.wait(timeout=10)

    @classmethod
    def kill_all(cls) -> None:
        """End every program that is left: for the end of a test or of a run, whatever happened in it."""
        for program in list(cls.started):
            program.kill()

    def cpu_seconds(self) -> float:
        """The processor time that it used up to now, its threads included."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_bytes(self) -> int:
        """Its resident memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def datagram_sockets(self) -> set[tuple[str, int]]:
        """The UDP addresses that it has open: what shows that no media passes through a process."""
        return {local for local, _ in _sockets(self.pid, "udp")}

    def datagrams_lost(self, local: tuple[str, int]) -> int:
        """How many datagrams to that address of its the kernel has dropped, since it was not read in time."""
        rows = [line.split() for line in Path(f"/proc/{self.pid}/net/udp").read_text().splitlines()[1:]]
        return sum(int(row[12]) for row in rows if _address(row[1]) == local)

    def tcp_connections(self) -> set[tuple[tuple[str, int], tuple[str, int]]]:
        """Its TCP sockets as (local, remote); a listening one has port 0 on the remote side."""
        return _sockets(self.pid, "tcp")


def _sockets(pid: int, kind: str) -> set[tuple[tuple[str, int], tuple[str, int]]]:
    process = Path(f"/proc/{pid}")
    inodes = set()
    try:
        for entry in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                inodes.add(os.readlink(entry))
        table = (process / "net" / kind).read_text()
    except OSError:
        return set()  # it has ended
    rows = [line.split() for line in table.splitlines()[1:]]
    return {(_address(row[1]), _address(row[2])) for row in rows if f"socket:[{row[9]}]" in inodes}


def _address(text: str) -> tuple[str, int]:
    host, _, number = text.partition(":")
    octets = bytes.fromhex(host)[::-1]
    return ".".join(str(octet) for octet in octets), int(number, 16)
