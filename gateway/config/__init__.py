"""The operator's settings: TOML in, frozen values out, or one line that names the key.

The modules named after tables hold the keys and their defaults, `reading` turns the file into them, `dialplan` makes of
them what `gateway.routing` works with; here all of it is put together, and secrets are fetched.  Unknown keys are
refused: a key that is misspelt must not be a key that is ignored.  A secret never stands in the file itself, only the
name of a file or environment variable that holds it.  A part of the gateway gets its own settings and not the whole.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

import msgspec

from gateway.accounts.account import SipAccount
from gateway.accounts.reading import AccountRules
from gateway.addressing import host
from gateway.config.account_tables import Registration
from gateway.config.accounts import account_rules, accounts, echo_number
from gateway.config.certificates import tls_settings
from gateway.config.dialplan import domain, routing_settings
from gateway.config.house import History, Http, Limits, Log, Media, Notices
from gateway.config.media import client_reach, embedded_settings, rtpengine_settings
from gateway.config.places import control_socket
from gateway.config.presence import Incoming, Presence
from gateway.config.reading import read, refuse
from gateway.config.secrets import Secrets
from gateway.config.store import StoreSettings, store_settings
from gateway.config.tables import Sip, Xmpp
from gateway.errors import ConfigError
from gateway.keys import TlsSettings
from gateway.media.embedded.settings import EmbeddedSettings
from gateway.media.rtpengine import RtpengineSettings
from gateway.reach import Reach
from gateway.rules import RoutingSettings
from gateway.secret import Secret
from gateway.sip.flow import SECURE

__all__ = ["Http", "Limits", "Listener", "Log", "Media", "Registration", "Settings", "Sip", "Xmpp", "load"]


_NAMESERVER = re.compile(
    r"(?:\[(?P<bracketed>[0-9A-Fa-f:.]+)\]|(?P<plain>[0-9.]+))(?::(?P<port>[0-9]{1,5}))?|(?P<six>[0-9A-Fa-f:.]+)"
)


LISTENING = ("udp", "tcp", "tls", "ws", "wss")
"What a listener's text may begin with."


@dataclass(frozen=True, slots=True)
class Listener:
    """One socket to listen on."""

    transport: str
    "UDP, TCP, TLS, WS or WSS."

    host: str
    "An address or name, IPv6 without brackets."

    port: int
    "0: any free one."

    @classmethod
    def parse(cls, text: str) -> "Listener":
        """Read udp:HOST:PORT, tcp:HOST:PORT and the like; ValueError for anything else."""
        transport, _, place = text.partition(":")
        name, _, port = place.rpartition(":")
        if transport not in LISTENING or not port.isdecimal() or int(port) > 65535:
            raise ValueError(text)
        return cls(transport.upper(), host(name), int(port))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the file says, checked and ready for use."""

    xmpp: Xmpp
    xmpp_secret: Secret
    sip: Sip
    tls: TlsSettings
    listeners: tuple[Listener, ...]
    nameservers: tuple[tuple[str, int], ...]
    "Addresses and ports."

    routing: RoutingSettings
    accounts: tuple[SipAccount, ...]
    own_accounts: AccountRules
    "Who may have others by themselves."

    echo_number: str
    "Whom their test calls go to; empty: nobody in particular."

    registration: Registration
    media: Media
    client_reach: Reach
    "Where clients' media may be sent."

    embedded: EmbeddedSettings | None
    "What the anchor in this process is told; None: there is none."

    rtpengine: RtpengineSettings | None
    "What the anchor at rtpengines is told; None: there is none."

    notices: Notices
    limits: Limits
    store: StoreSettings
    history: History
    control: Path | None
    "Where the control socket is; None: there is none."

    presence: Presence
    incoming: Incoming
    log: Log
    http: Http


def load(path: str | Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check the file; ConfigError with one line that names what is wrong."""
    path = Path(path)
    file = read(path)
    secrets = Secrets(path.parent, environ)
    xmpp = file.xmpp
    component = domain("[xmpp]", "domain", xmpp.domain)
    secret = secrets.fetch("[xmpp]", "secret", xmpp.secret_file, xmpp.secret_env)
    if secret is None:
        refuse("[xmpp]", "secret_file", "missing — the component shares a secret with its server")
    if xmpp.reconnect_first_seconds > xmpp.reconnect_most_seconds:
        refuse("[xmpp]", "reconnect_first_seconds", "longer than reconnect_most_seconds")
    if file.registration.retry_first_seconds > file.registration.retry_most_seconds:
        refuse("[registration]", "retry_first_seconds", "longer than retry_most_seconds")
    if file.sip.failover_seconds > file.sip.failover_total_seconds:
        refuse("[sip]", "failover_seconds", "longer than failover_total_seconds")
    listeners = _listeners(file.sip)
    routing = routing_settings(file, component, secrets)
    own = account_rules(file, component)
    listens = any(listener.transport in SECURE for listener in listeners)
    return Settings(
        xmpp=msgspec.structs.replace(xmpp, domain=component),
        xmpp_secret=secret,
        sip=file.sip,
        tls=tls_settings(file.tls, file.trunk, routing.trunks, secrets, listens=listens),
        listeners=listeners,
        nameservers=tuple(_nameserver(index, text) for index, text in enumerate(file.sip.nameservers)),
        routing=replace(routing, enlisting=own.users),
        accounts=accounts(file, routing.trunks, own, secrets),
        own_accounts=own,
        echo_number=echo_number(file),
        registration=file.registration,
        media=_media(file.media),
        client_reach=client_reach(file.media, (at.host for at in listeners)),
        embedded=embedded_settings(file.media, (at.host for at in listeners)),
        rtpengine=rtpengine_settings(file.media),
        notices=file.notices,
        limits=file.limits,
        store=store_settings(file.store, path.parent, secrets, environ),
        history=file.history,
        control=control_socket(file.control.socket, path.parent, environ),
        presence=file.presence,
        incoming=file.incoming,
        log=file.log,
        http=file.http,
    )


def _media(media: Media) -> Media:
    if not media.services_from:
        return media
    return msgspec.structs.replace(media, services_from=domain("[media]", "services_from", media.services_from))


def _nameserver(index: int, text: str) -> tuple[str, int]:
    match = _NAMESERVER.fullmatch(text)
    try:
        port = int(match["port"] or 53) if match else 0
        if match and 0 < port < 65536:
            return str(ip_address(match["bracketed"] or match["plain"] or match["six"])), port
    except ValueError:
        pass
    refuse("[sip]", f"nameservers[{index}]", f"expected ADDRESS or ADDRESS:PORT, IPv6 in brackets — got {text!r}")


def _listeners(sip: Sip) -> tuple[Listener, ...]:
    found: list[Listener] = []
    for index, text in enumerate(sip.listen):
        try:
            found.append(Listener.parse(text))
        except ValueError:
            refuse(
                "[sip]", f"listen[{index}]", f"expected TRANSPORT:HOST:PORT, such as udp:127.0.0.1:5060 — got {text!r}"
            )
    if not found:
        raise ConfigError("[sip] listen: nothing to listen on")
    if sip.advertised_host is not None:
        try:
            host(sip.advertised_host)
        except ValueError:
            refuse("[sip]", "advertised_host", f"expected a name or an address — got {sip.advertised_host!r}")
    return tuple(found)
