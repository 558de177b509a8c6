"""The gateway as an operator runs it: its command, a configuration file, its HTTP port, its log."""

import asyncio
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.peers import loopback
from tests.peers.program import PATIENCE_SECONDS, Begin, PeerFailure, Program, until
from tests.peers.xmpp_server import COMPONENT, HOST, XmppServer

Table = Mapping[str, Any]


def _run(command: Sequence[str], typed: str, environment: Mapping[str, str]) -> tuple[int, str, str]:
    ran = subprocess.run(
        command, input=typed, capture_output=True, encoding="utf-8", env=environment, check=False, timeout=120
    )
    return ran.returncode, ran.stdout, ran.stderr


begin: Begin | None = None
"What starts gateways; None: their command, as an operator starts them."

run: Callable[[Sequence[str], str, Mapping[str, str]], tuple[int, str, str]] = _run
"What runs commands beside them: given what is typed, exit status, standard output and standard error."

PASSWORD = "sesame"
"What the file named password, beside the configuration, holds."
REPOSITORY = Path(__file__).resolve().parents[2]
_SAMPLE = re.compile(r"^(?P<name>[a-z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Gateway:
    """One gateway between an XMPP server and one trunk.

    What is dialled as a number, as `name\\40sip.example.org` or as `frontdesk` goes to the trunk; what the trunk calls
    by a user's name goes to that account, and +15550001000 to romeo.  `changes` overrides tables or adds to them: a
    mapping is merged, a list replaces what stands there; `trunk_keys` adds keys to the trunk.
    """

    def __init__(
        self,
        folder: Path,
        server: XmppServer,
        trunk: tuple[str, int],
        *,
        trunk_keys: Table | None = None,
        changes: Mapping[str, Table | Sequence[Table]] | None = None,
        name: str = "gateway",
        at: tuple[str, int] | None = None,
    ) -> None:
        self.address = at[0] if at else loopback.address()
        self.sip = at or (self.address, loopback.port(self.address))
        self.http = (self.address, loopback.port(self.address))
        self.domain = COMPONENT
        self._folder = folder / name
        self._folder.mkdir(parents=True)
        self._configuration = self._folder / "gateway.toml"
        for file, text in (("secret", server.secret), ("password", PASSWORD)):
            (self._folder / file).write_text(text)
            (self._folder / file).chmod(0o600)
        tables = _merged(self._tables(server, trunk, trunk_keys or {}), changes or {})
        self._configuration.write_text(toml(tables))
        path = {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])}
        self._environment = {**os.environ, **path}
        self.program = Program(
            name,
            [sys.executable, "-m", "gateway", "run", "--config", str(self._configuration)],
            folder=self._folder,
            environment=path,
            begin=begin,
        )

    def _tables(self, server: XmppServer, trunk: tuple[str, int], keys: Table) -> dict[str, Table | Sequence[Table]]:
        host, port = self.sip
        return {
            "xmpp": {
                "domain": COMPONENT,
                "host": server.address,
                "port": server.component_port,
                "secret_file": "secret",
                "reconnect_first_seconds": 0.1,
                "reconnect_most_seconds": 1.0,
            },
            "sip": {"listen": [f"udp:{host}:{port}", f"tcp:{host}:{port}"]},
            "log": {"level": "debug", "format": "json", "identities": "full"},
            "http": {"host": self.http[0], "port": self.http[1]},
            "policy": [{"name": "hasty", "who": ["*"], "calls_per_second": 100.0, "calls_per_minute": 1000.0}],
            "trunk": [{"name": "pbx", "host": trunk[0], "port": trunk[1], "allow": [HOST], "media": "direct", **keys}],
            "dial": [
                {"match": r"\+?[0-9]+", "trunk": "pbx"},
                {"match": r"[^@]+@sip\.example\.org", "trunk": "pbx"},
                {"match": "frontdesk", "trunk": "pbx", "rewrite": "7042"},
            ],
            "number": [
                {"number": "+15550001000", "jid": f"romeo@{HOST}"},
                {"match": "([a-z]+)", "jid": f"\\1@{HOST}"},
            ],
        }

    @property
    def folder(self) -> Path:
        """Where its configuration is, and what it keeps."""
        return self._folder

    @property
    def uri(self) -> str:
        """The gateway's SIP address without a user."""
        return f"{self.sip[0]}:{self.sip[1]}"

    def number(self, dialled: str) -> str:
        """The JID to call for what is to be dialled."""
        return f"{dialled}@{self.domain}"

    async def start(self, *, ready: bool = True) -> None:
        """Start it, and wait until it says that a call could be made (or, without `ready`, that it lives)."""
        self.program.start()
        path = "/readyz" if ready else "/healthz"
        await self.program.ready(lambda: self._get(path)[0] == 200, f"says 200 at {path}")

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; its exit status."""
        self.program.send_signal(number)
        return await self.program.ended(story=self.story)

    async def command(self, *words: str, typed: str = "") -> tuple[int, str, str]:
        """Run a command of the operator's on its configuration: exit status, standard output and standard error."""
        name, *others = words
        line = [sys.executable, "-m", "gateway", name, *others, "--config", str(self._configuration)]
        return await asyncio.to_thread(run, line, typed, self._environment)

    def kill(self) -> None:
        """End it, wherever it is."""
        self.program.kill()

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of its HTTP port; status 0: nobody answers there."""
        return await asyncio.to_thread(self._get, path)

    async def metrics(self) -> "Metrics":
        """What it counts now."""
        status, text = await self.get("/metrics")
        if status != 200:
            raise PeerFailure(f"gateway: /metrics says {status}\n{self.story()}")
        return Metrics(text)

    async def active(self, calls: int) -> None:
        """Wait until that many calls are open."""
        await until(
            lambda: Metrics(self._get("/metrics")[1]).total("jinglesip_calls_active") == calls,
            f"the gateway has {calls} calls open",
        )

    async def ready_is(self, status: int) -> str:
        """Wait until /readyz says that status; its text."""
        found = await until(
            lambda: answer if (answer := self._get("/readyz"))[0] == status else None, f"/readyz says {status}"
        )
        return found[1]

    def log(self, event: str = "") -> list[dict[str, Any]]:
        """Its log lines so far, those of one event if named."""
        lines = []
        for line in self.program.text().split("\n"):
            if event not in line:
                continue
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict) and (not event or found.get("event") == event):
                lines.append(found)
        return lines

    async def logged(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until it logged that event so many times; those lines."""
        return await until(
            lambda: lines if len(lines := self.log(event)) >= count else None, f"the gateway logs {count} {event}"
        )

    def story(self) -> str:
        """What it logged, for messages: every change of state, and the last messages on the wire."""
        lines = self.program.text().split("\n")
        return "\n".join(
            line for number, line in enumerate(lines, 30 - len(lines)) if number > 0 or '"debug"' not in line
        )

    def complaints(self) -> list[str]:
        """What no run should print: lines of level error, and anything that is not a log line (tracebacks)."""
        found = []
        for line in filter(None, self.program.text().split("\n")):
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            if not isinstance(entry, dict) or entry.get("level") in ("error", "critical"):
                found.append(line)
        return found

    def _get(self, path: str) -> tuple[int, str]:
        url = f"http://{self.http[0]}:{self.http[1]}{path}"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""  # it has gone, perhaps in the middle of what it said


class Metrics:
    """One reading of /metrics."""

    def __init__(self, text: str) -> None:
        self.at = time.monotonic()
        self.samples = [
            (found["name"], dict(_LABEL.findall(found["labels"] or "")), float(found["value"]))
            for found in _SAMPLE.finditer(text)
        ]

    def total(self, name: str, **labels: str) -> float:
        """The sum over all samples of that name with those labels."""
        return sum(
            value
            for found, given, value in self.samples
            if found == name and all(given.get(key) == wanted for key, wanted in labels.items())
        )

    def by(self, name: str, label: str) -> dict[str, float]:
        """The samples of that name, by one label, those of 0 left out."""
        return {given.get(label, ""): value for found, given, value in self.samples if found == name and value}


def toml(tables: Mapping[str, Table | Sequence[Table]]) -> str:
    """Those tables as a TOML file."""
    parts = []
    for name, table in tables.items():
        if isinstance(table, Mapping):
            parts.append(f"[{name}]\n{_keys(table)}")
        else:
            parts.extend(f"[[{name}]]\n{_keys(entry)}" for entry in table)
    return "\n".join(parts)


def _keys(table: Table) -> str:
    # JSON's strings, numbers and booleans are TOML's too; a table inside is written inline.
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value)


def _merged(
    tables: Mapping[str, Table | Sequence[Table]], changes: Mapping[str, Table | Sequence[Table]]
) -> dict[str, Table | Sequence[Table]]:
    merged = dict(tables)
    for name, change in changes.items():
        before = merged.get(name)
        both = isinstance(change, Mapping) and isinstance(before, Mapping)
        merged[name] = {**before, **change} if both else change  # type: ignore[dict-item]
    return merged
