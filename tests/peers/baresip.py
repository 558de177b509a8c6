"""A SIP phone that people use, without its screen and sound card: Debian's baresip 1.0.

It speaks a tone (module ausine), writes down what it hears (module sndfile) and plays it to nobody (module aubridge,
whose other end is not open).  It is told what to do, and tells what happens, over its control port (module ctrl_tcp).
"""

import asyncio
import json
import re
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import Certificate
from tests.peers import g711, loopback
from tests.peers.nat import Household
from tests.peers.program import PATIENCE_SECONDS, PeerFailure, Program, until
from tests.peers.sip_trace import Traced, once

NUMBER = "+15551230000"
"What it is called; it refuses calls for anybody else."

_CONFIGURATION = """\
sip_listen {host}:{port}
net_interface {host}
call_local_timeout 60
call_max_calls 16
audio_source ausine,{hertz}
audio_player aubridge,nobody
audio_alert aubridge,alert
ausrc_srate 48000
ausrc_channels 2
rtp_stats yes
rtp_ports 30000-32700
jitter_buffer_type off
module g711.so
module ausine.so
module aubridge.so
module sndfile.so
module srtp.so
module_tmp account.so
module_app contact.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control_port}
snd_path .
statmode_default off
ring_aufile none
ringback_aufile none
busy_aufile none
error_aufile none
notfound_aufile none
callwaiting_aufile none
"""
_MODULES = ("/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules", "/usr/local/lib/baresip/modules")

_TRACED = re.compile(
    r"#\n(?:UDP|TCP|TLS) [\d.:]+ -> (?P<target>[\d.:]+)\n"
    r"(?P<text>.*?)(?=\n?\x1b\[;m)",
    re.DOTALL,
)
_PACKETS = re.compile(r"^packets: +(\d+) +(\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the phone told."""

    at: float
    type: str
    "CALL_INCOMING, CALL_RINGING, CALL_ESTABLISHED, CALL_CLOSED …"
    peer: str
    text: str


_WAVE_HEADER = 44
"Octets before the samples; what they say is true only when the file is closed."


class Baresip:
    """One phone, at `uri`; answers by itself if `auto_answer`."""

    def __init__(
        self,
        folder: Path,
        *,
        at: tuple[str, int] | None = None,
        user: str = NUMBER,
        auto_answer: bool = False,
        hertz: int = 1000,
        name: str = "baresip",
        credentials: tuple[str, str] | None = None,
        account: str = "",
        certificate: Certificate | None = None,
        authority: Path | None = None,
        household: Household | None = None,
        encryption: str = "",
    ) -> None:
        """``account``: an address (without scheme) that it registers with the server that the address names.

        With a ``certificate`` it speaks TLS at the port after its own, and believes who has one of ``authority``.
        ``encryption``: of its media, in its own words: srtp-mand makes no call without SRTP.
        """
        host = loopback.address()
        self.host, self.port = at or (host, loopback.port(host))
        self.user = user
        self.hertz = hertz
        self.events: list[Event] = []
        self._unread: list[Event] = []
        self._news = asyncio.Event()
        self._control: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._replies: dict[str, asyncio.Future[str]] = {}
        self._control_port = loopback.port(self.host)
        self._folder = folder / name
        self._folder.mkdir(parents=True)
        self._write_configuration(auto_answer, credentials, account, encryption)
        if certificate is not None:
            both = self._folder / "both.pem"
            both.write_text(certificate.key.read_text() + certificate.file.read_text())
            with (self._folder / "config").open("a") as config:
                config.write(f"sip_certificate {both}\nsip_cafile {authority}\n")
        self.program = Program(
            name,
            [
                *(household.enter() if household else []),
                "stdbuf",
                "-oL",
                "-eL",
                "baresip",
                "-f",
                str(self._folder),
                "-v",
                "-s",
            ],
            folder=self._folder,
        )

    @property
    def uri(self) -> str:
        """Its address."""
        return f"sip:{self.user}@{self.host}:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it can be told things."""
        self.program.start()
        await self.program.ready(
            lambda: "baresip is ready." in self.program.text() and loopback.answers(self.host, self._control_port),
            "is ready",
        )
        self._control = await asyncio.open_connection(self.host, self._control_port)
        self._listener = asyncio.create_task(self._listen(self._control[0]))

    async def stop(self) -> None:
        """Hang up and end it."""
        if self._control is not None:
            self._control[1].close()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        await self.program.stop()

    async def dial(self, uri: str) -> None:
        """Start a call."""
        await self.command("dial", uri)

    async def accept(self) -> None:
        """Answer the call that rings."""
        await self.command("accept")

    async def transfer(self, uri: str) -> None:
        """Hand the other side of the call on, blindly."""
        await self.command("transfer", uri)

    async def hang_up(self) -> None:
        """End the call, refuse it, or give up dialling."""
        await self.command("hangup")

    async def command(self, name: str, parameters: str = "") -> str:
        """Tell it something; what it says to that."""
        if self._control is None:
            raise PeerFailure(f"{self.program.name} was not started")
        token = f"{len(self._replies)}-{name}"
        self._replies[token] = asyncio.get_running_loop().create_future()
        data = json.dumps({"command": name, "params": parameters, "token": token}).encode()
        self._control[1].write(b"%d:%s," % (len(data), data))
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._replies[token]

    async def expect(self, type: str, within: float = PATIENCE_SECONDS) -> Event:
        """The next event of that type; those before it stay for other expectations."""
        deadline = asyncio.get_running_loop().time() + within
        while True:
            for index, event in enumerate(self._unread):
                if event.type == type:
                    del self._unread[index]
                    return event
            self._news.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                raise PeerFailure(
                    f"{self.program.name}: no {type} within {within:g} s\n{self.program.tail(40)}"
                ) from None

    async def packets(self) -> tuple[int, int]:
        """How many RTP packets the last answered call sent and received; ask after CALL_CLOSED."""
        answered = sum(event.type == "CALL_ESTABLISHED" for event in self.events)
        return await until(
            lambda: found[-1] if len(found := _packets(self.program.text())) >= answered else None,
            f"{self.program.name}: statistics of {answered} answered calls",
        )

    @property
    def recorded(self) -> int:
        """How many octets it has written down of what it heard in its last call, which may go on."""
        dumps = sorted(self._folder.glob("dump-*-dec.wav"))
        return dumps[-1].stat().st_size if dumps else 0

    def heard(self) -> list[int]:
        """The last second that it heard, decoded by itself; ask after CALL_CLOSED."""
        dumps = sorted(self._folder.glob("dump-*-dec.wav"))
        if not dumps:
            return []
        with wave.open(str(dumps[-1])) as dump:
            data = dump.readframes(dump.getnframes())
        samples = memoryview(data).cast("h").tolist()
        return samples[-g711.RATE :]

    def hearing(self) -> list[int]:
        """The last second that it has written down of a call that goes on."""
        dumps = sorted(self._folder.glob("dump-*-dec.wav"))
        data = dumps[-1].read_bytes()[_WAVE_HEADER:] if dumps else b""
        return memoryview(data[: len(data) & ~1]).cast("h").tolist()[-g711.RATE :]

    def messages(self) -> list[Traced]:
        """Every SIP message so far, as it first went over the wire."""
        return once(traced(self.program.text(), self.host))

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                length = int((await reader.readuntil(b":"))[:-1])
                message = json.loads((await reader.readexactly(length + 1))[:-1])
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            if message.get("response"):
                waiting = self._replies[message["token"]]
                if not waiting.done():
                    waiting.set_result(message.get("data", ""))
                continue
            event = Event(
                time.monotonic(), message.get("type", ""), message.get("peeruri", ""), message.get("param", "")
            )
            self.events.append(event)
            self._unread.append(event)
            self._news.set()

    def _write_configuration(
        self, auto_answer: bool, credentials: tuple[str, str] | None, account: str, encryption: str
    ) -> None:
        text = _CONFIGURATION.format(
            host=self.host,
            port=self.port,
            control_port=self._control_port,
            hertz=self.hertz,
        )
        modules = next((path for path in _MODULES if Path(path).is_dir()), _MODULES[0])
        (self._folder / "config").write_text(f"module_path {modules}\n{text}")
        mode = "auto" if auto_answer else "manual"
        encrypted = f";mediaenc={encryption}" if encryption else ""
        password = f";auth_user={credentials[0]};auth_pass={credentials[1]}" if credentials else ""
        (self._folder / "accounts").write_text(
            f"<{f'sip:{account}' if account else self.uri}>;regint={60 if account else 0};answermode={mode}"
            f";audio_codecs=PCMU/8000/1,PCMA/8000/1{password}{encrypted}\n"
        )
        (self._folder / "contacts").write_text("")


def traced(text: str, host: str) -> Iterator[Traced]:
    """The SIP messages in the output of `baresip -s`, as the phone at that address sees them."""
    for found in _TRACED.finditer(text):
        yield Traced(outgoing=not found["target"].startswith(f"{host}:"), text=found["text"])


def _packets(text: str) -> list[tuple[int, int]]:
    return [(int(sent), int(received)) for sent, received in _PACKETS.findall(text)]
