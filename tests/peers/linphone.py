"""A second SIP phone that people use, without its screen and sound card: Debian's linphone-cli.

Told what to do on its standard input, and read on its output.  It knows Replaces, both as who transfers and as whom
somebody is transferred to.
"""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers import loopback
from tests.peers.program import Program

HOST = "127.0.0.1"
"Where it speaks from: it takes the address that the system gives it for the loopback."

_CONFIGURATION = """\
[sip]
sip_port={port}
sip_tcp_port=0
sip_tls_port=0
use_ipv6=0
guess_hostname=0
contact="{name}" <sip:{name}@{host}>
register_only_when_network_is_up=0
media_encryption=none

[rtp]
audio_rtp_port={media_port}-{last_media_port}

[net]
firewall_policy=0
"""


class Linphone:
    """One phone without a registrar, at `uri`; whoever calls it, by whatever name, is answered if `auto_answer`."""

    def __init__(self, folder: Path, name: str, *, auto_answer: bool = False) -> None:
        self.port = loopback.port(HOST)
        self._auto_answer = auto_answer
        self._folder = folder / name
        for needed in (".local/share/linphone", ".config/linphone"):  # it stops half-way where they are missing
            (self._folder / needed).mkdir(parents=True)
        media_port = loopback.port(HOST)
        (self._folder / "rc").write_text(
            _CONFIGURATION.format(
                name=name, host=HOST, port=self.port, media_port=media_port, last_media_port=media_port + 6
            )
        )
        self._pipe = self._folder / "told"
        os.mkfifo(self._pipe)
        self._told = -1
        self.program = Program(
            name,
            ["sh", "-c", f"exec stdbuf -oL linphonec -c {self._folder / 'rc'} < {self._pipe}"],
            folder=self._folder,
            environment={"HOME": str(self._folder)},
        )

    async def start(self) -> None:
        """Start it, and wait until it takes commands."""
        self._told = os.open(self._pipe, os.O_RDWR)  # both ways, so that neither end waits for the other
        self.program.start()
        await self.program.ready(lambda: "linphonec>" in self.program.text(), "is ready")
        self.tell("soundcard use files", "ipv6 disable")
        if self._auto_answer:
            self.tell("autoanswer enable")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"{self.program.name}:\n{self.program.tail(40)}")
        await self.stop()

    async def stop(self) -> None:
        """Hang up and end it."""
        if self.program.running:
            self.tell("terminate all", "quit")
        if self._told >= 0:
            os.close(self._told)
        await self.program.stop()

    def tell(self, *commands: str) -> None:
        """Type these."""
        os.write(self._told, "".join(f"{command}\n" for command in commands).encode())

    async def says(self, text: str, times: int = 1) -> None:
        """Wait until it has said that so often."""
        await self.program.ready(lambda: self.program.text().count(text) >= times, f"says {text!r}")
