"""A STUN and TURN server (coturn) on loopback."""

from pathlib import Path

from gateway.media.embedded import IceServer
from gateway.secret import Secret
from tests.peers import loopback
from tests.peers.program import Program

USER, PASSWORD = "gateway", "hush"


class Coturn:
    """Start it by `async with`."""

    def __init__(self, folder: Path, *, secret: str = "", host: str = "") -> None:
        """``secret``: shared with who hands out credentials that last a while; else there is one user."""
        self.host = host or loopback.address()
        self.port = loopback.port(self.host)
        command = [
            "turnserver", "-n", "--no-cli", "--no-tls", "--no-dtls", "--no-rfc5780", "--allow-loopback-peers",
            "--lt-cred-mech", "--realm", "bench.example",
            *(["--use-auth-secret", "--static-auth-secret", secret] if secret else ["--user", f"{USER}:{PASSWORD}"]),
            "--listening-ip", self.host, "--listening-port", str(self.port), "--relay-ip", self.host,
            "--log-file", "stdout", "--pidfile", str(folder / "turnserver.pid"), "--userdb", str(folder / "turn.db"),
        ]  # fmt: skip
        self._program = Program("coturn", command, folder=folder)

    def server(self, kind: str, password: str = PASSWORD) -> IceServer:
        """What a back-end is told of it."""
        if kind == "stun":
            return IceServer(kind="stun", host=self.host, port=self.port)
        return IceServer(kind="turn", host=self.host, port=self.port, username=USER, password=Secret(password))

    async def __aenter__(self) -> "Coturn":
        self._program.start()
        listening = (self.host, self.port)
        await self._program.ready(lambda: listening in self._program.datagram_sockets(), "listens")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._program.kill()
