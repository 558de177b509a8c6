"""What every table of gateway.toml is, and the kinds of values that stand in them."""

from typing import Annotated, Literal

import msgspec

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Interval = Annotated[int, msgspec.Meta(ge=0, le=86400)]
Word = Annotated[
    str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_.-]{1,64}\Z", description="at most 64 letters, digits, dots or hyphens")
]
Codec = Literal["opus", "G722", "PCMU", "PCMA", "G729", "GSM", "VP8", "H264"]
Transcoded = Literal["opus", "G722", "PCMU", "PCMA", "G729", "GSM"]
Algorithm = Literal["MD5", "SHA-256", "SHA-512-256"]
Transport = Literal["auto", "udp", "tcp", "tls", "ws", "wss"]
Product = Annotated[str, msgspec.Meta(pattern=r"\A[!-~][ -~]{0,127}\Z", description="a line of ASCII")]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class Login(Table, frozen=True, kw_only=True):
    """What a trunk and a user's own account say alike: how the gateway proves itself to the peer, and registers."""

    password_file: str | None = None
    "A file that holds the password."

    password_env: str | None = None
    "An environment variable that holds it instead."

    realm: str | None = None
    "The only realm that gets the password's digest; unset: whoever asks on the way, a callee too."

    register_expires_seconds: Annotated[int, msgspec.Meta(ge=60, le=604_800)] = 3600
    "How long a registration is to last; the registrar may make it shorter."
