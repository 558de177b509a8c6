"""DTLS handshakes that make SRTP keys (RFC 5763, 5764), by OpenSSL over memory.

One certificate and one context serve every call.  What the certificate is worth says its fingerprint in the peer's
description, so that no chain is verified (RFC 8122 §6.2).  The records that OpenSSL writes are cut into datagrams here,
and its retransmission timer is run by the event loop.
"""

import asyncio
import contextlib
import datetime
from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from gateway.media.embedded.srtp import BY_DTLS, SUITES, Keys, derived
from mappings.description import Fingerprint
from mappings.reasons import EndReason
from mappings.terms import Setup

DATAGRAM = 1200
"Octets of handshake in one datagram, whatever the way there carries."

VALID_DAYS = 365
MOST_EARLY = 8
"Datagrams of a handshake that are kept before it may begin."

_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"
    b":ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
    b":ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
)
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha-1": hashes.SHA1,  # weak, and what old peers declare: it binds no less than the signalling does
    "sha-224": hashes.SHA224,
    "sha-256": hashes.SHA256,
    "sha-384": hashes.SHA384,
    "sha-512": hashes.SHA512,
}
_RECORD_HEADER = 13
_LABEL = b"EXTRACTOR-dtls_srtp"


class Identity:
    """Our certificate, made anew at every start, and the context that all handshakes share."""

    def __init__(self) -> None:
        self.key = key = ec.generate_private_key(ec.SECP256R1())
        # RFC 8827 §6.5: nothing in the certificate says who it is.
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "media")])
        now = datetime.datetime.now(datetime.UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
            .sign(key, hashes.SHA256())
        )
        self._value = self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.use_certificate(self.certificate)
        context.use_privatekey(key)
        context.set_cipher_list(_CIPHERS)
        context.set_tlsext_use_srtp(b":".join(suite.dtls for suite in SUITES if suite.dtls is not None))
        self.context = context

    def fingerprint(self, setup: Setup) -> Fingerprint:
        """What a description says of us."""
        return Fingerprint(hash="sha-256", value=self._value, setup=setup)


def fits(certificate: x509.Certificate, declared: Sequence[Fingerprint]) -> bool:
    """Whether it is the certificate that was announced: for every hash function that we know, and at least for one."""
    by_hash: dict[str, set[str]] = {}
    for one in declared:
        if one.hash in _HASHES:
            by_hash.setdefault(one.hash, set()).add(one.value.replace(":", "").lower())
    return bool(by_hash) and all(
        certificate.fingerprint(_HASHES[name]()).hex() in values for name, values in by_hash.items()
    )


class Handshake:
    """One DTLS association, from its beginning to its keys.

    ``ready`` gets the keys, ``failed`` the reason and a text; one of the two is called, once, if nobody closes it.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        client: bool,
        declared: Sequence[Fingerprint],
        seconds: float,
        send: Callable[[bytes], None],
        ready: Callable[[Keys], None],
        failed: Callable[[EndReason, str], None],
    ) -> None:
        self.declared = tuple(declared)
        self.client = client
        self._send = send
        self._ready = ready
        self._failed = failed
        self._done = False
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._limit: asyncio.TimerHandle | None = self._loop.call_later(seconds, self._expired, seconds)
        self._connection = SSL.Connection(identity.context, None)
        self._connection.set_ciphertext_mtu(DATAGRAM)
        if client:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()

    def begin(self) -> None:
        """Say hello, or wait for it."""
        self._step()

    def receive(self, data: bytes) -> None:
        """Take a datagram of the peer's."""
        if self._closed:
            return
        try:
            self._connection.bio_write(data)
            if not self._done:
                self._step()
                return
            while True:  # nothing is ever said in it; but it makes a lost last flight come again
                self._connection.recv(DATAGRAM)
        except SSL.Error:
            pass  # garbage, an alert, or that there is nothing to read
        self._flush()
        self._arm()

    def close(self) -> None:
        """Say goodbye and stop."""
        if self._closed:
            return
        if self._done:
            with contextlib.suppress(SSL.Error):
                self._connection.shutdown()
            self._flush()
        self._stop()

    def _stop(self) -> None:
        self._closed = True
        for timer in (self._timer, self._limit):
            if timer is not None:
                timer.cancel()
        self._timer = self._limit = None

    def _step(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            self._flush()
            self._arm()
            return
        except SSL.Error as error:
            self._flush()
            self._fail(EndReason.SECURITY_ERROR, f"DTLS: the handshake failed ({_said(error)})")
            return
        self._flush()
        self._finish()

    def _finish(self) -> None:
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        if certificate is None or not fits(certificate, self.declared):
            self._fail(EndReason.SECURITY_ERROR, "DTLS: not the certificate that was announced")
            return
        suite = BY_DTLS.get(self._connection.get_selected_srtp_profile())
        if suite is None:
            self._fail(EndReason.SECURITY_ERROR, "DTLS: no SRTP profile in common")
            return
        material = self._connection.export_keying_material(_LABEL, 2 * (suite.key + suite.salt))
        self._done = True
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        self._arm()  # DTLS 1.3: the last flight is repeated until it is acknowledged (RFC 9147 §5.8.1)
        self._ready(derived(suite, material, client=self.client))

    def _flush(self) -> None:
        try:
            data = self._connection.bio_read(65535)
        except SSL.Error:
            return
        for datagram in datagrams(data):
            self._send(datagram)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        seconds = self._connection.DTLSv1_get_timeout()
        self._timer = None if seconds is None else self._loop.call_later(seconds, self._again)

    def _again(self) -> None:
        self._timer = None
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error:
            return  # it has given up; the limit tells
        self._flush()
        self._arm()

    def _expired(self, seconds: float) -> None:
        self._fail(EndReason.CONNECTIVITY_ERROR, f"DTLS: no handshake within {seconds:g} seconds")

    def _fail(self, reason: EndReason, text: str) -> None:
        self._stop()
        self._failed(reason, text)


def datagrams(data: bytes) -> list[bytes]:
    """Whole records, as many as fit into each datagram."""
    found: list[bytes] = []
    start = end = 0
    while len(data) - end >= _RECORD_HEADER:
        following = end + _RECORD_HEADER + int.from_bytes(data[end + 11 : end + 13], "big")
        if following - start > DATAGRAM and end > start:
            found.append(data[start:end])
            start = end
        end = following
    if end > start:
        found.append(data[start:end])
    return found


def _said(error: SSL.Error) -> str:
    """OpenSSL's last reason, which holds no secret."""
    reasons = [reason for entry in error.args for item in entry for reason in item[2:3]] if error.args else []
    return str(reasons[-1]) if reasons else type(error).__name__
