"""The table [tls], and what [[trunk]] says of it, as what `gateway.net` works with."""

import ssl
from collections.abc import Iterable
from pathlib import Path

from gateway.config.house import Tls
from gateway.config.reading import refuse, row
from gateway.config.secrets import Secrets
from gateway.config.trunk_tables import Trunk
from gateway.keys import KeyPair, TlsPeer, TlsSettings
from gateway.rules import Trunk as TrunkRule

BARE = ("udp", "tcp")
"Transports of a trunk to which nothing here applies."


def tls_settings(
    tls: Tls, trunks: Iterable[Trunk], rules: Iterable[TrunkRule], files: Secrets, *, listens: bool
) -> TlsSettings:
    """The files, each tried; ConfigError when one cannot be used.  ``listens``: whether a listener needs ours."""
    own = _pair("[tls]", tls.certificate_file, tls.key_file, files)
    if own is None and listens:
        refuse("[tls]", "certificate_file", "missing — [sip] listen has tls or wss, which has to show one")
    if tls.client_required and tls.client_ca_file is None:
        refuse("[tls]", "client_ca_file", "missing — client_required is true")
    peers: dict[str, TlsPeer] = {}
    for index, (trunk, rule) in enumerate(zip(trunks, rules, strict=True)):
        where = row("trunk", index, trunk.name)
        peer = TlsPeer(
            ca_file=_authorities(where, "ca_file", trunk.ca_file, files),
            verify=trunk.tls_verify,
            own=_pair(where, trunk.certificate_file, trunk.key_file, files),
            path=trunk.websocket_path,
        )
        if trunk.transport in BARE or (trunk.transport == "auto" and peer == TlsPeer()):
            continue
        if peers.setdefault(rule.tls_domain, peer) != peer:
            refuse(where, "tls_domain", f"another trunk has {rule.tls_domain} with other certificates or another path")
    return TlsSettings(
        own=own,
        client_ca_file=_authorities("[tls]", "client_ca_file", tls.client_ca_file, files),
        clients_must=tls.client_required,
        peers=peers,
    )


def _pair(where: str, certificate: str | None, key: str | None, files: Secrets) -> KeyPair | None:
    if certificate is None and key is None:
        return None
    if certificate is None:
        refuse(where, "certificate_file", "missing beside key_file")
    if key is None:
        refuse(where, "key_file", "missing beside certificate_file")
    pair = KeyPair(files.path(certificate), files.path(key))
    for name, file in (("certificate_file", pair.certificate), ("key_file", pair.key)):
        _readable(where, name, file)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pair.certificate, pair.key, password="")
    except (OSError, ValueError) as error:
        refuse(where, "certificate_file", f"{pair.certificate} and {pair.key} are no certificate and its key, {error}")
    return pair


def _authorities(where: str, name: str, text: str | None, files: Secrets) -> Path | None:
    if text is None:
        return None
    file = files.path(text)
    _readable(where, name, file)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except (OSError, ValueError) as error:
        refuse(where, name, f"{file} holds no certificates of authorities, {error}")
    return file


def _readable(where: str, name: str, file: Path) -> None:
    try:
        file.open("rb").close()
    except OSError as error:
        refuse(where, name, f"cannot read {file}: {error.strerror}")
