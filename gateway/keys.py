"""The operator's certificates, as files: what we show over TLS, and what we want to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Verify = Literal["strict", "wildcard", "never"]
"How the name in a certificate is taken: as RFC 5922 §7.2 has it, with a wildcard for one label too, or not at all."


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate with its chain, and the key to it, in PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsPeer:
    """How we connect to the peers of one domain."""

    ca_file: Path | None = None
    "Who may have signed their certificates; None: whom the system trusts."

    verify: Verify = "strict"
    own: KeyPair | None = None
    "What we show when asked; None: what our listeners show, if anything."

    path: str = "/"
    "Of the WebSocket, where it is one."


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """What an operator may say of TLS."""

    own: KeyPair | None = None
    "What listeners show; they need it."

    client_ca_file: Path | None = None
    "Whose certificates clients may show; None: they are not asked."

    clients_must: bool = False
    "Whether clients that show none are refused."

    peers: Mapping[str, TlsPeer] = field(default_factory=dict)
    "By domain; others are verified strictly, against whom the system trusts."
