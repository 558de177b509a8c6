"""A private ejabberd 23 on loopback, like `prosody`: no distribution, so no daemon of Erlang's stays behind."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.peers import loopback
from tests.peers.program import Program
from tests.peers.xmpp_server import ACCOUNTS, COMPONENT, HOST, SECRET

_CONFIGURATION = """\
hosts: ["{host}"]
loglevel: info
auth_method: internal
auth_password_format: plain
certfiles: []
acme: {{auto: false}}
listen:
  -
    port: {client_port}
    ip: "{address}"
    module: ejabberd_c2s
    access: all
  -
    port: {component_port}
    ip: "{address}"
    module: ejabberd_service
    hosts: {{"{component}": {{password: "{secret}"}}}}
{browsers}modules:
  mod_roster: {{}}
  mod_disco: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_mam: {{default: always}}
  mod_ping: {{}}
"""

_BROWSERS = """\
  -
    port: {port}
    ip: "{address}"
    module: ejabberd_http
    request_handlers: {{"/websocket": ejabberd_http_ws}}
"""

_SAY = 'io:format("accounts made~n")'


class Ejabberd:
    """One XMPP server; `restart` brings it back on the same ports with the same accounts and rosters.

    With `browsers` it takes clients over WebSocket too.
    """

    def __init__(self, folder: Path, *, accounts: Mapping[str, str] = ACCOUNTS, browsers: bool = False) -> None:
        self.address = loopback.address()
        self.client_port = loopback.port(self.address)
        self.component_port = loopback.port(self.address)
        self._http_port = loopback.port(self.address) if browsers else 0
        self.secret = SECRET
        folder = folder / "ejabberd"
        folder.mkdir(parents=True)
        (folder / "ejabberd.yml").write_text(
            _CONFIGURATION.format(
                host=HOST,
                component=COMPONENT,
                secret=SECRET,
                address=self.address,
                client_port=self.client_port,
                component_port=self.component_port,
                browsers=_BROWSERS.format(port=self._http_port, address=self.address) if browsers else "",
            )
        )
        register = ", ".join(
            f'ejabberd_auth:try_register(<<"{user}">>, <<"{HOST}">>, <<"{password}">>)'
            for user, password in accounts.items()
        )
        self.program = Program(
            "ejabberd",
            # Without a name the node is not distributed, and starts no port mapper.
            [
                "erl",
                "-noinput",
                "-mnesia",
                "dir",
                f'"{folder}/spool"',
                "-s",
                "ejabberd",
                "-eval",
                f"{register}, {_SAY}.",
            ],
            folder=folder,
            environment={
                "ERL_LIBS": str(_libraries()),
                "EJABBERD_CONFIG_PATH": str(folder / "ejabberd.yml"),
                "EJABBERD_LOG_PATH": str(folder / "server.log"),
                "ERL_CRASH_DUMP": str(folder / "crash.dump"),
                "HOME": str(folder),
            },
        )

    @property
    def websocket(self) -> str:
        """Where it takes clients over WebSocket (RFC 7395); for `browsers` only."""
        return f"ws://{self.address}:{self._http_port}/websocket"

    async def start(self) -> None:
        """Start it and wait until both ports answer."""
        before = self.program.text().count("accounts made")
        self.program.start()
        await self.program.ready(
            lambda: self.program.text().count("accounts made") > before and self._listening(),
            "listens for clients and components",
        )

    async def stop(self) -> None:
        """Let it say goodbye to its streams and end."""
        await self.program.stop()

    def kill(self) -> None:
        """Let it disappear without a word."""
        self.program.kill()

    async def restart(self) -> None:
        """Make it disappear, and come back at once."""
        self.kill()
        await self.start()

    def _listening(self) -> bool:
        ports = (self.client_port, self.component_port, self._http_port)
        return all(loopback.answers(self.address, port) for port in ports if port)


def _libraries() -> Path:
    """The folder that holds ejabberd's Erlang application."""
    found = sorted(Path("/usr/lib").glob("*/ejabberd-*/ebin/ejabberd_app.beam"))
    return found[-1].parents[2] if found else Path("/usr/lib")


def installed() -> bool:
    """Whether this machine has ejabberd."""
    return shutil.which("erl") is not None and shutil.which("ejabberdctl", path="/usr/sbin:/usr/bin") is not None
