"""A private Prosody 0.12 on loopback: one host with accounts, one external component."""

from collections.abc import Mapping
from pathlib import Path

from tests.peers import loopback
from tests.peers.program import Program
from tests.peers.xmpp_server import ACCOUNTS, COMPONENT, HOST, SECRET

# Without `nagle = false`, a small stanza to a client waits for the acknowledgement of the one before it: 40 ms.
_CONFIGURATION = """\
run_as_root = true
daemonize = false
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
log = {{ {level} = "*console" }}
interfaces = {{ "{address}" }}
local_interfaces = {{ "{address}" }}
c2s_ports = {{ {client_port} }}
component_interfaces = {{ "{address}" }}
component_ports = {{ {component_port} }}
legacy_ssl_ports = {{ }}
c2s_direct_tls_ports = {{ }}
modules_enabled = {{ "roster", "saslauth", "disco", "carbons", "mam", "ping", "posix"{modules} }}
modules_disabled = {{ "s2s", "tls", "offline"{without} }}
authentication = "internal_plain"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
storage = "internal"
archive_expires_after = "1d"
network_settings = {{ nagle = false }}
http_ports = {{ {http_port} }}
http_interfaces = {{ "{address}" }}
https_ports = {{ }}
http_default_host = "{host}"
consider_websocket_secure = true
{more}
VirtualHost "{host}"
Component "{component}"
  component_secret = "{secret}"
"""


class Prosody:
    """One XMPP server; `restart` brings it back on the same ports with the same accounts and rosters.

    With `browsers` it takes clients over WebSocket too.
    """

    def __init__(
        self,
        folder: Path,
        *,
        accounts: Mapping[str, str] = ACCOUNTS,
        modules: tuple[str, ...] = (),
        level: str = "info",
        browsers: bool = False,
        more: str = "",
    ) -> None:
        """``more``: further lines of its configuration."""
        self.address = loopback.address()
        self.client_port = loopback.port(self.address)
        self.component_port = loopback.port(self.address)
        self._http_port = loopback.port(self.address) if browsers else 0
        self.secret = SECRET
        self.accounts = dict(accounts)
        self._folder = folder / "prosody"
        self._folder.mkdir(parents=True)
        self._write_configuration((*modules, "websocket") if browsers else modules, level, more)
        for user, password in self.accounts.items():
            self._write_account(user, password)
        self.program = Program(
            "prosody",
            ["prosody", "--config", str(self._folder / "prosody.cfg.lua"), "-F"],
            folder=self._folder,
        )

    @property
    def websocket(self) -> str:
        """Where it takes clients over WebSocket (RFC 7395); for `browsers` only."""
        return f"ws://{self.address}:{self._http_port}/xmpp-websocket"

    async def start(self) -> None:
        """Start it and wait until both ports answer."""
        self.program.start()
        await self.program.ready(self._listening, "listens for clients and components")

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

    def _write_configuration(self, modules: tuple[str, ...], level: str, more: str) -> None:
        text = _CONFIGURATION.format(
            folder=self._folder,
            address=self.address,
            client_port=self.client_port,
            component_port=self.component_port,
            host=HOST,
            component=COMPONENT,
            secret=self.secret,
            level=level,
            more=more,
            http_port=self._http_port or "",
            without="" if self._http_port else ', "http"',
            modules="".join(f', "{module}"' for module in modules),
        )
        (self._folder / "prosody.cfg.lua").write_text(text)

    def _write_account(self, user: str, password: str) -> None:
        accounts = self._folder / "data" / HOST.replace(".", "%2e") / "accounts"
        accounts.mkdir(parents=True, exist_ok=True)
        (accounts / f"{user}.dat").write_text(f'return {{\n\t["password"] = "{password}";\n}};\n')
