"""rtpengine's daemon on loopback."""

import shutil
from pathlib import Path

from gateway.media.rtpengine import Node
from tests.peers import loopback
from tests.peers.program import Program


def missing() -> str:
    """Why it cannot be tried here; empty: it can."""
    return "" if shutil.which("rtpengine") else "rtpengine is not installed"


class Rtpengine:
    """Start it by `async with`."""

    def __init__(self, folder: Path, *options: str, name: str = "rtpengine") -> None:
        self.host = loopback.address()
        self.port = loopback.port(self.host)
        command = [
            "rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--table=-1",
            f"--interface={self.host}", f"--listen-ng={self.host}:{self.port}",
            "--port-min=46000", "--port-max=46999", "--num-threads=1", *options,
        ]  # fmt: skip
        self._program = Program(name, command, folder=folder)

    @property
    def node(self) -> Node:
        """What a back-end is told of it."""
        return Node(self.host, self.port)

    async def __aenter__(self) -> "Rtpengine":
        self._program.start()
        await self._program.ready(lambda: (self.host, self.port) in self._program.datagram_sockets(), "listens for ng")
        return self

    def kill(self) -> None:
        """End it without a word."""
        self._program.kill()

    async def __aexit__(self, *_: object) -> None:
        self._program.kill()
