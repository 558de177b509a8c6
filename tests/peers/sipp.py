"""A scripted SIP endpoint: Debian's SIPp with one of the scenarios in the folder of the same name.

A scenario checks the order of messages; what they hold is checked by the test, in the trace (`messages`).  A parameter
`[name]` in a scenario is SIPp's own keyword; `$name` is put in here, for what SIPp fixes when it reads the file.
"""

import re
import string
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Self
from xml.etree import ElementTree

from tests.peers import loopback
from tests.peers.program import PeerFailure, Program
from tests.peers.sip_trace import Traced, ladder, once

SCENARIOS = Path(__file__).with_name("sipp")

KEYS = {
    "from": '"Alice" <sip:alice@sip.example>',
    "reason": 'Q.850;cause=16;text="Normal call clearing"',
    "extra": "X-Rig: none",
    "contact": "<sip:bob@127.0.0.1:9>",
    "refer_to": "sip:+15557777@127.0.0.1",
    "fragment": "200 OK",
    "challenge": 'WWW-Authenticate: Digest realm="sip.example", nonce="f00d", algorithm=MD5, qop="auth"',
    "second": 'WWW-Authenticate: Digest realm="sip.example", nonce="beef", algorithm=MD5, qop="auth", stale=true',
}
"What `[name]` stands for unless told otherwise."
PARAMETERS = {
    "milliseconds": "200",
    "status": "404",
    "body": "this is no SDP",
    "method": "OPTIONS",
    "to_tag": "",
    "max_forwards": "70",
    "linger": "1",
    "expires": "3600",
}
"What `$name` stands for unless told otherwise."

_TRANSPORTS = {"udp": "u1", "tcp": "t1"}
_TRACED = re.compile(
    rb"^-{5,} (?P<at>\d{4}-\d\d-\d\d[ \t][\d:.]+)[^\n]*\n"
    rb"[A-Z]+ message (?P<way>sent|received) [\[(](?P<bytes>\d+)\]? bytes[^\n]*:\n\n",
    re.MULTILINE,
)


class Sipp:
    """One run of one scenario, as a server (no `target`) or as a client."""

    def __init__(
        self,
        folder: Path,
        scenario: str,
        *,
        host: str = "",
        port: int = 0,
        target: tuple[str, int] | None = None,
        user: str = "juliet",
        transport: str = "udp",
        keys: Mapping[str, str] | None = None,
        parameters: Mapping[str, str | int] | None = None,
        credentials: tuple[str, str] | None = None,
        calls: int = 1,
        rate: float = 10,
        timeout_seconds: int = 150,
        echo: bool = True,
        options: tuple[str, ...] = (),
    ) -> None:
        self.host = host or loopback.address()
        self.port = port or loopback.port(self.host)
        self.media_port = loopback.port(self.host)
        self.scenario = scenario
        self._folder = _fresh(folder / scenario)
        self._messages = self._folder / "messages.log"
        self._server = target is None
        self._transport = transport
        scenario_file = self._folder / "scenario.xml"
        scenario_file.write_text(_scenario(scenario, {**PARAMETERS, **(parameters or {})}), encoding="latin-1")
        command = ["sipp", "-sf", str(scenario_file), "-i", self.host, "-p", str(self.port)]
        command += ["-mi", self.host, "-mp", str(self.media_port), "-t", _TRANSPORTS[transport], "-nostdin"]
        command += ["-m", str(calls), "-timeout", str(timeout_seconds), "-timeout_error", "-fd", "10"]
        command += ["-trace_msg", "-message_file", str(self._messages)]
        command += ["-trace_err", "-error_file", str(self._folder / "errors.log")]
        for name, value in {**KEYS, **(keys or {})}.items():
            command += ["-key", name, value]
        if echo:
            command += ["-rtp_echo"]
        if credentials is not None:
            command += ["-au", credentials[0], "-ap", credentials[1]]
        if target is not None:
            command += ["-r", str(rate), "-s", user, f"{target[0]}:{target[1]}"]
        self.program = Program("sipp", [*command, *options], folder=self._folder, environment={"TERM": "dumb"})

    async def start(self) -> Self:
        """Start it; a server listens when this returns."""
        self.program.start()
        if self._server:
            try:
                await self.program.ready(self._listening, "listens")
            except PeerFailure as failure:
                raise PeerFailure(f"{failure}\n{self._errors()}") from None
        return self

    async def done(self, within: float = 60.0) -> list[Traced]:
        """Wait until the scenario was played to its end; what went over the wire.  A failed one raises."""
        status = await self.program.ended(within)
        if status != 0:
            raise PeerFailure(f"SIPp {self.scenario}: status {status}\n{self._errors()}\n{self.ladder()}")
        return self.messages()

    def kill(self) -> None:
        """End it, wherever it is."""
        self.program.kill()

    @property
    def finished(self) -> bool:
        """Whether the run is over."""
        return self.program.status is not None

    def messages(self, *, copies: bool = False) -> list[Traced]:
        """Every SIP message so far; those that were repeated each time if ``copies`` count, else the first time."""
        found = traced(self._messages.read_bytes()) if self._messages.exists() else []
        return found if copies else once(found)

    def received(self, label: str, *, copies: bool = False) -> list[Traced]:
        """The messages that came, of that method or of that status (its phrase left out)."""
        return [message for message in self.messages(copies=copies) if not message.outgoing and message.is_(label)]

    def ladder(self) -> str:
        """What went over the wire, a line each."""
        return ladder(self.messages(copies=True), "sipp")

    def _listening(self) -> bool:
        if self._transport == "tcp":
            return loopback.listens(self.program.tcp_connections(), self.host, self.port)
        return (self.host, self.port) in self.program.datagram_sockets()

    def _errors(self) -> str:
        errors = self._folder / "errors.log"
        return errors.read_text(errors="replace")[-3000:] if errors.exists() else self.program.tail(10)


def traced(trace: bytes) -> list[Traced]:
    """The messages of a trace, without what SIPp is still writing: it says first how many bytes there will be."""
    found = []
    for mark in _TRACED.finditer(trace):
        text = trace[mark.end() : mark.end() + int(mark["bytes"])]
        if len(text) == int(mark["bytes"]):
            at = _seconds(mark["at"].decode())
            readable = text.decode("utf-8", "replace").rstrip("\n")
            found.append(Traced(at=at, outgoing=mark["way"] == b"sent", text=readable))
    return found


def _scenario(name: str, parameters: Mapping[str, str | int]) -> str:
    text = (SCENARIOS / f"{name}.xml").read_text(encoding="latin-1")
    return string.Template(text).safe_substitute({name: str(value) for name, value in parameters.items()})


def _fresh(folder: Path) -> Path:
    """That folder, or the same with a number, made now."""
    number = 1
    path = folder
    while path.exists():
        number += 1
        path = folder.with_name(f"{folder.name}-{number}")
    path.mkdir(parents=True)
    return path


def _seconds(text: str) -> float:
    return datetime.strptime(text.replace("\t", " "), "%Y-%m-%d %H:%M:%S.%f").timestamp()


def scenarios() -> list[str]:
    """The names of all scenarios; each file is well-formed."""
    names = sorted(path.stem for path in SCENARIOS.glob("*.xml"))
    for name in names:
        ElementTree.parse(SCENARIOS / f"{name}.xml")
    return names
