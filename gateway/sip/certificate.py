"""Whose SIP domain a certificate speaks for (RFC 5922 §7).

A certificate comes as Python's `ssl` tells it (`getpeercert`), so that nothing here has to do with connections.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from gateway.errors import PeerError
from gateway.sip.address import Uri
from gateway.sip.locating import is_numeric

Certificate = Mapping[str, Any]
"""``subjectAltName``: pairs of kind and value; ``subject``: relative names, each of pairs of attribute and value."""


def domains(certificate: Certificate) -> frozenset[str]:
    """The SIP domains that it is for, in lower case (§7.1).

    An address is no domain there, but a trunk may have nothing else: one in the certificate is taken too.
    """
    alternatives = tuple(certificate.get("subjectAltName", ()))
    if not alternatives:
        return frozenset(_names(value for kind, value in _subject(certificate) if kind == "commonName"))
    addresses = {_address(value) for kind, value in alternatives if kind == "IP Address"}
    named = [_domain_of(value) for kind, value in alternatives if kind == "URI"]
    found = set(_names(name for name in named if name is not None))
    if not found:  # only where no SIP URI names a domain
        found = set(_names(value for kind, value in alternatives if kind == "DNS"))
    return frozenset(found | addresses)


def speaks_for(certificate: Certificate, domain: str, *, wildcards: bool = False) -> bool:
    """Whether it is for that domain: the whole name, whatever its case (§7.2).

    A wildcard is none there; with ``wildcards`` it stands for one label, as on the web (RFC 6125 §6.4.3): many
    providers have no other certificate.
    """
    name = _address(domain.lower().rstrip("."))
    wanted = {name}
    if wildcards and not is_numeric(name):
        wanted.add(f"*.{name.partition('.')[2]}")
    return not wanted.isdisjoint(domains(certificate))


def _domain_of(text: str) -> str | None:
    """The domain of a SIP URI; None for another scheme, and for one that names a user."""
    try:
        uri = Uri.parse(text)
    except PeerError:
        return None
    return uri.host if uri.scheme == "sip" and uri.user is None else None


def _names(values: Iterable[str]) -> Iterable[str]:
    return (value.lower().rstrip(".") for value in values if value)


def _address(text: str) -> str:
    """An address in its one spelling; other text as it is."""
    try:
        return str(ip_address(text))
    except ValueError:
        return text


def _subject(certificate: Certificate) -> Iterable[tuple[str, str]]:
    return (pair for relative in certificate.get("subject", ()) for pair in relative)


_VERSION, _UTC_TIME, _LONG_TIME = 0xA0, 0x17, 0x18


def expires_at(der: bytes) -> float | None:
    """When a certificate expires, seconds since 1970 (RFC 5280 §4.1); None when it cannot be read.

    Python reads that only of certificates that it has verified, and nobody verifies our own.
    """
    try:
        _, body, _ = _element(der, 0)  # Certificate
        _, fields, _ = _element(body, 0)  # TBSCertificate
        place = _element(fields, 0)[2] if fields[0] == _VERSION else 0
        for _ in range(3):  # serialNumber, signature, issuer
            place = _element(fields, place)[2]
        _, validity, _ = _element(fields, place)
        tag, text, _ = _element(validity, _element(validity, 0)[2])
        shape = {_UTC_TIME: "%y%m%d%H%M%SZ", _LONG_TIME: "%Y%m%d%H%M%SZ"}[tag]
        return datetime.strptime(text.decode(), shape).replace(tzinfo=UTC).timestamp()
    except (IndexError, KeyError, ValueError):
        return None


def _element(data: bytes, place: int) -> tuple[int, bytes, int]:
    """The tag and content of a DER element, and where the next begins (X.690 §8.1)."""
    tag, length, place = data[place], data[place + 1], place + 2
    if length & 0x80:
        octets = length & 0x7F
        length, place = int.from_bytes(data[place : place + octets], "big"), place + octets
    if place + length > len(data):
        raise ValueError("element: too short")
    return tag, data[place : place + length], place + length
