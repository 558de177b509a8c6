"""TLS for SIP: what we show, what we want to be shown, and why a handshake failed (RFC 3261 §26.3, RFC 5922).

The contexts are made from files, and made again when a file has changed, at the next handshake or when `refresh` is
asked for; connections that stand keep what they began with.  OpenSSL checks the chain; whether the certificate is for
the SIP domain that is wanted is asked of `gateway.sip.certificate`.
"""

import ssl
from collections.abc import Callable
from pathlib import Path

import structlog

from gateway.errors import ConfigError
from gateway.keys import KeyPair, TlsPeer, TlsSettings
from gateway.sip import certificate

_EXPIRED, _EARLY = 10, 9
_UNTRUSTED = frozenset({2, 18, 19, 20, 21, 24})
"OpenSSL's numbers for certificates that no authority of ours has signed."

_NO_TLS = frozenset(
    {"HTTP_REQUEST", "WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG",
     "BAD_RECORD_TYPE", "UNSUPPORTED_RECORD_TYPE", "DATA_LENGTH_TOO_LONG"}
)  # fmt: skip


class Refused(Exception):
    """A handshake that failed; ``cause`` is one of a few words, the text is for people."""

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause
        self.text = text


class Tls:
    """The contexts of all listeners and connections."""

    def __init__(self, settings: TlsSettings, told: Callable[[str, float], None] | None = None) -> None:
        """ConfigError when a file cannot be used.

        ``told`` hears when certificates expire, seconds since 1970: ``ours``, and the first of those that the domains
        of trunks have ``shown`` last.
        """
        self._settings = settings
        self._told = told or (lambda whose, expires_at: None)
        self._log = structlog.get_logger().bind(protocol="sip")
        self._shown: dict[str, float] = {}
        self._server: ssl.SSLContext | None = None
        self._clients: dict[TlsPeer, ssl.SSLContext] = {}
        self.expires_at: float | None = None
        "When our own certificate expires, seconds since 1970."

        self._read_at: tuple[float, ...] = ()
        self.reload()

    def reload(self) -> None:
        """Read all files again; ConfigError when one cannot be used, and then everything stays as it was."""
        settings = self._settings
        marks = self._marks()
        server, expires_at = None, None
        if settings.own is not None:
            server = _server(settings.own, settings.client_ca_file, must=settings.clients_must)
            expires_at = expiry(settings.own.certificate)
        clients = {peer: _client(peer, settings.own) for peer in (TlsPeer(), *settings.peers.values())}
        self._server, self._clients, self.expires_at, self._read_at = server, clients, expires_at, marks
        if expires_at is not None:
            self._told("ours", expires_at)

    def refresh(self) -> None:
        """Read the files again if one has changed; what cannot be used is logged, and what was before is used on."""
        marks = self._marks()
        if marks == self._read_at:
            return
        self._read_at = marks  # a file that is bad is complained of once
        try:
            self.reload()
        except ConfigError as error:
            self._log.error("certificates_unusable", text=str(error))
        else:
            self._log.info("certificates_read")

    def shown(self, domain: str) -> float | None:
        """When the certificate expires that a trunk's domain has shown last; None: it has shown none."""
        return self._shown.get(domain)

    @property
    def server(self) -> ssl.SSLContext:
        """For a connection that came."""
        self.refresh()
        if self._server is None:
            raise ConfigError("[tls] certificate_file: missing — a listener for tls or wss has to show one")
        return self._server

    def client(self, domain: str) -> ssl.SSLContext:
        """For a connection to that domain."""
        self.refresh()
        return self._clients[self._peer(domain)]

    def path(self, domain: str) -> str:
        """The path of that domain's WebSocket."""
        return self._peer(domain).path

    def inspect(self, shown: certificate.Certificate | None, domain: str) -> None:
        """Look at what a server has shown on a connection of ours; Refused when it is not for the domain."""
        verify = self._peer(domain).verify
        if verify == "never":
            return
        if not shown or not certificate.speaks_for(shown, domain, wildcards=verify == "wildcard"):
            names = ", ".join(sorted(certificate.domains(shown or {}))[:5]) or "no domain"
            raise Refused("name", f"its certificate is for {names}, not for {domain}")
        if domain in self._settings.peers:
            self._shown[domain] = float(ssl.cert_time_to_seconds(shown["notAfter"]))
            self._told("shown", min(self._shown.values()))

    def _peer(self, domain: str) -> TlsPeer:
        return self._settings.peers.get(domain, TlsPeer())

    def _marks(self) -> tuple[float, ...]:
        """What changes when a file does."""
        peers = self._settings.peers.values()
        pairs = (self._settings.own, *(peer.own for peer in peers))
        files = [file for pair in pairs if pair is not None for file in (pair.certificate, pair.key)]
        files += [file for file in (self._settings.client_ca_file, *(peer.ca_file for peer in peers)) if file]
        return tuple(file.stat().st_mtime if file.exists() else 0.0 for file in files)


def refused(error: BaseException) -> Refused:
    """Why a handshake failed, in the words of whoever has to mend it."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        cause = "certificate"
        if error.verify_code in (_EXPIRED, _EARLY):
            cause = "expired" if error.verify_code == _EXPIRED else "not_yet_valid"
        elif error.verify_code in _UNTRUSTED:
            cause = "authority"
        return Refused(cause, f"its certificate is refused: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        reason = error.reason or "unknown"
        said = reason.lower().replace("_", " ")
        if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
            return Refused("missing", "it shows no certificate")
        if "_ALERT_" in reason:
            return Refused("theirs", f"it refuses us: {said.partition(' alert ')[2]}")
        if reason in _NO_TLS:
            return Refused("protocol", f"it speaks no TLS ({said})")
        return Refused("protocol", f"no TLS that both can: {said}")
    if isinstance(error, TimeoutError | ConnectionAbortedError):
        return Refused("timeout", "the TLS handshake does not end")
    return Refused("closed", "it closed during the TLS handshake")


def expiry(file: Path) -> float | None:
    """When the first certificate of a file expires, seconds since 1970; None when that cannot be read."""
    try:
        der = ssl.PEM_cert_to_DER_cert(_first(file.read_text(encoding="ascii")))
    except (OSError, ValueError):
        return None
    return certificate.expires_at(der)


def _first(text: str) -> str:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return begin + text.partition(begin)[2].partition(end)[0] + end


def _server(own: KeyPair, client_ca_file: Path | None, *, must: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    _show(context, own)
    if client_ca_file is not None:
        context.verify_mode = ssl.CERT_REQUIRED if must else ssl.CERT_OPTIONAL
        _trust(context, client_ca_file)
    return context


def _client(peer: TlsPeer, own: KeyPair | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    context.check_hostname = False  # wildcards, and names of hosts: SIP wants its domain (RFC 5922 §7.2)
    if peer.verify == "never":
        context.verify_mode = ssl.CERT_NONE
    elif peer.ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        _trust(context, peer.ca_file)
    if (shown := peer.own or own) is not None:
        _show(context, shown)
    return context


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION


def _show(context: ssl.SSLContext, own: KeyPair) -> None:
    try:
        context.load_cert_chain(own.certificate, own.key, password="")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{own.certificate} and {own.key}: no certificate with its key, {_said(error)}") from None


def _trust(context: ssl.SSLContext, file: Path) -> None:
    try:
        context.load_verify_locations(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: no certificates of authorities, {_said(error)}") from None


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
