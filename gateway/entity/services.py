"""STUN and TURN servers that an XMPP server tells, with credentials that last a while (XEP-0215): asked for, and read.

What is asked is our own server, but what it answers is read as from anybody: what cannot be used is left out, and there
is an end to all of it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from xml.etree.ElementTree import Element

from gateway.secret import Secret
from mappings.namespaces import SERVICES

TAG = f"{{{SERVICES}}}services"

MOST = 8
"Servers that are used; each is asked for every call."

LONGEST = 512
"Characters of a user's name or a password."

_SERVICE = f"{{{SERVICES}}}service"
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9])?|\[?[0-9A-Fa-f:]{2,39}\]?")
_PORT = re.compile(r"[0-9]{1,5}")
_PORTS = {"stun": 3478, "turn": 3478, "turns": 5349}
"The types that can be used, and the port of each where none is told (RFC 8489 §18.6, RFC 8656 §20)."

_TRANSPORTS: dict[tuple[str, str], Literal["udp", "tcp", "tls"]] = {
    ("stun", "udp"): "udp",
    ("turn", "udp"): "udp",
    ("turn", "tcp"): "tcp",
    ("turns", "tcp"): "tls",
    ("turns", "tls"): "tls",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A server."""

    kind: Literal["stun", "turn"]
    host: str
    port: int
    transport: Literal["udp", "tcp", "tls"]
    username: str | None = None
    password: Secret | None = None
    expires: float | None = None
    "Until when the credentials are good, in seconds since 1970; None: nobody says."


def query() -> Element:
    """The question for all of them."""
    return Element(TAG)


def read(services: Element, wall: float) -> tuple[Service, ...]:
    """Those of an answer that can be used now, in their order, each once.  ``wall``: seconds since 1970."""
    found: dict[tuple[str, str, int, str], Service] = {}
    for element in services:
        one = _service(element, wall) if element.tag == _SERVICE else None
        if one is not None and len(found) < MOST:
            found.setdefault((one.kind, one.host, one.port, one.transport), one)
    return tuple(found.values())


def _service(element: Element, wall: float) -> Service | None:
    kind = element.get("type", "").lower()
    usual = "tcp" if kind == "turns" else "udp"
    transport = _TRANSPORTS.get((kind, element.get("transport", usual).lower()))
    host = element.get("host", "")
    port = _port(element.get("port"), kind)
    username, password = element.get("username"), element.get("password")
    expires = _time(element.get("expires"))
    if transport is None or port is None or not _HOST.fullmatch(host):
        return None
    if expires is not None and expires <= wall:
        return None
    host = host.strip("[]").lower()
    if kind == "stun":
        return Service(kind="stun", host=host, port=port, transport=transport, expires=expires)
    if not username or not password or max(len(username), len(password)) > LONGEST:
        return None  # no TURN server relays for strangers
    return Service(
        kind="turn",
        host=host,
        port=port,
        transport=transport,
        username=username,
        password=Secret(password),
        expires=expires,
    )


def _port(text: str | None, kind: str) -> int | None:
    if text is None:
        return _PORTS.get(kind)
    port = int(text) if _PORT.fullmatch(text) else 0
    return port if 0 < port < 65536 else None


def _time(text: str | None) -> float | None:
    """A time of XEP-0082; what cannot be read is as if nobody had said it."""
    try:
        time = datetime.fromisoformat((text or "")[:40])
        return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
