"""A private Kamailio 5.6 on loopback: Debian's, with a configuration of the test's own.

A template in the folder of the same name holds the modules and the routes; what every Kamailio here needs stands before
it: the sockets, the memory, the modules that nobody does without, and a log on standard error.  `@name@` in a template
stands for the parameter of that name, since `$` is Kamailio's own.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.peers import loopback
from tests.peers.program import PeerFailure, Program

TEMPLATES = Path(__file__).with_name("kamailio")

_HEAD = """\
#!KAMAILIO
debug={level}
log_stderror=yes
log_name="kamailio"
fork=yes
children=1
tcp_children=1
disable_tcp={no_tcp}
tcp_connection_lifetime=600
tcp_accept_no_cl=yes
tcp_source_ipv4={host}
enable_tls={tls}
auto_aliases=no
dns=no
rev_dns=no
server_signature=yes
maxbuffer=262144
{listen}
{aliases}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
modparam("rr", "enable_full_lr", 1)
"""
_TLS = """\
loadmodule "tls.so"
modparam("tls", "config", "{folder}/tls.cfg")
"""
_TLS_PROFILES = """\
[server:default]
method = TLSv1.2+
verify_certificate = {verify}
require_certificate = {verify}
private_key = {key}
certificate = {certificate}
{ca_list}
[client:default]
method = TLSv1.2+
verify_certificate = {verify_servers}
require_certificate = {verify_servers}
private_key = {key}
certificate = {certificate}
{ca_list}
"""
_MODULES = ("/usr/lib/x86_64-linux-gnu/kamailio/modules", "/usr/lib/aarch64-linux-gnu/kamailio/modules")
_PARAMETER = re.compile(r"@([a-z_]+)@")


class Kamailio:
    """One Kamailio that plays a template.

    Each of `transports` (udp, tcp, tls; ws is tcp, and wss is tls, with the module in the template) has a port of its
    own in `ports`; UDP and TCP share one.  For TLS there must be a `certificate` and `key` in PEM; with an
    `authority` it asks its clients for a certificate of that, and believes only servers that have one.  The template's
    parameters are `parameters`, and `address`, `udp`, `tcp` and `tls`: the ports; and `folder`, for files.
    """

    def __init__(
        self,
        folder: Path,
        template: str,
        *,
        transports: Sequence[str] = ("udp", "tcp"),
        at: tuple[str, int] | None = None,
        parameters: Mapping[str, str | int] | None = None,
        domains: Sequence[str] = (),
        certificate: Path | None = None,
        key: Path | None = None,
        authority: Path | None = None,
        asks_clients: bool = True,
        level: int = 2,
        name: str = "kamailio",
    ) -> None:
        """``at``: the address, and the port for UDP and TCP; ``domains``: what it takes for itself besides."""
        host = at[0] if at else loopback.address()
        plain = at[1] if at else loopback.port(host)
        self.address = host
        self.ports = {
            transport: loopback.port(host) if transport == "tls" else plain for transport in dict.fromkeys(transports)
        }
        self._folder = folder / name
        self._folder.mkdir(parents=True)
        tls = "tls" in self.ports
        head = _HEAD.format(
            level=level,
            host=host,
            tls="yes" if tls else "no",
            no_tcp="no" if set(self.ports) - {"udp"} else "yes",
            listen="\n".join(f"listen={transport}:{host}:{port}" for transport, port in self.ports.items()),
            aliases="\n".join(f'alias="{domain}"' for domain in domains),
        )
        if tls:
            if certificate is None or key is None:
                raise ValueError("TLS needs a certificate and its key")
            head += _TLS.format(folder=self._folder)
            (self._folder / "tls.cfg").write_text(
                _TLS_PROFILES.format(
                    verify="yes" if authority and asks_clients else "no",
                    verify_servers="yes" if authority else "no",
                    key=key,
                    certificate=certificate,
                    ca_list=f"ca_list = {authority}" if authority else "",
                )
            )
        known = {"address": host, "folder": self._folder, **self.ports, **(parameters or {})}
        body = (TEMPLATES / f"{template}.cfg").read_text()
        configuration = self._folder / "kamailio.cfg"
        configuration.write_text(head + _PARAMETER.sub(lambda found: str(known[found[1]]), body))
        modules = next((path for path in _MODULES if Path(path).is_dir()), _MODULES[0])
        self.program = Program(
            name,
            [
                "kamailio", "-f", str(configuration), "-L", modules, "-DD", "-E", "-m", "32", "-M", "8",
                "-Y", str(self._folder), "-w", str(self._folder), "-P", str(self._folder / "pid"),
            ],
            folder=self._folder,
        )  # fmt: skip

    def uri(self, transport: str = "udp", user: str = "") -> str:
        """Its address over a transport."""
        suffix = "" if transport == "udp" else f";transport={transport}"
        return f"sip:{user and user + '@'}{self.address}:{self.ports[transport]}{suffix}"

    async def start(self) -> Self:
        """Start it and wait until it listens."""
        self.program.start()
        try:
            await self.program.ready(self._listening, "listens")
        except PeerFailure:
            self.kill()
            raise
        return self

    async def stop(self) -> None:
        """Let it end in good order."""
        await self.program.stop()

    def kill(self) -> None:
        """Let it disappear without a word."""
        self.program.kill()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self.kill()

    def said(self, text: str) -> bool:
        """Whether its log holds that."""
        return text in self.program.text()

    def _listening(self) -> bool:
        streams = [port for transport, port in self.ports.items() if transport != "udp"]
        if "udp" in self.ports and (self.address, self.ports["udp"]) not in self.program.datagram_sockets():
            return False
        # TCP belongs to a process of its own, so only a connection shows that it listens.
        return all(loopback.answers(self.address, port) for port in streams)
