"""Addresses as values: URIs, name-addr, Via (RFC 3261 §19.1, §20.10, §20.42); tel: URIs are `gateway.sip.tel`'s.

Each is a frozen value with a `parse` that raises `PeerError` (400), and a ``str()`` that writes it.  What is escaped
stays escaped: whoever wants the meaning of a user part calls `unescape`, once.
"""

import re
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address
from typing import Final

from gateway.errors import PeerError
from gateway.sip.grammar import (
    BLANKS,
    HOST,
    NO_PARAMETERS,
    TOKEN_CHARS,
    Parameters,
    escape_parameter,
    escape_user,
    quote,
    shown,
    unescape,
)
from gateway.sip.tel import TelUri, same_number

__all__ = [
    "COOKIE",
    "NO_PARAMETERS",
    "NameAddr",
    "Parameters",
    "TelUri",
    "Uri",
    "Via",
    "escape_parameter",
    "escape_user",
    "hostport",
    "same_number",
    "unescape",
]

COOKIE: Final = "z9hG4bK"
"What a branch begins with that is unique over space and time (RFC 3261 §8.1.1.7)."

_NONE_OF: Final = r"\x00-\x20\x7f<>\""
_SIP_URI: Final = re.compile(
    rf"(sips?):(?:([^@:{_NONE_OF}]*+)(?::([^@{_NONE_OF}]*+))?@)?"
    rf"({HOST})(?::([0-9]{{1,5}}+))?(;[^?@{_NONE_OF}]*+)?(?:\?([^@{_NONE_OF}]*+))?",
    re.I,
)
_OPAQUE_URI: Final = re.compile(rf"([A-Za-z][A-Za-z0-9+.\-]*+):([^{_NONE_OF}]++)")
_NAME_ADDR: Final = re.compile(r'[ \t]*+(?:"((?:[^"\\]++|\\.)*+)"[ \t]*+|([^"<>,;]*+))<([^<>]*+)>[ \t]*+(;.*)?', re.S)
_PAIR: Final = re.compile(r"\\(.)", re.S)
_VIA: Final = re.compile(
    rf"SIP[ \t]*+/[ \t]*+([0-9.]++)[ \t]*+/[ \t]*+([{TOKEN_CHARS}]++)[ \t]++"
    rf"({HOST})[ \t]*+(?::[ \t]*+([0-9]{{1,5}}+)[ \t]*+)?(;.*)?",
    re.I | re.S,
)


def hostport(host: str, port: int | None = None) -> str:
    """``host:port`` as URIs and Via write it: IPv6 in brackets."""
    shown_host = f"[{host}]" if ":" in host else host
    return shown_host if port is None else f"{shown_host}:{port}"


def _host_and_port(host: str, port: str | None, where: str) -> tuple[str, int | None]:
    """The host in lower case without brackets, the port as a number."""
    host = host.lower()
    if host[0] == "[":
        host = host[1:-1]
        try:
            IPv6Address(host)
        except ValueError:
            raise PeerError(f"{where}: no IPv6 address {shown(host)}") from None
    if port is None:
        return host, None
    if (value := int(port)) > 65535:
        raise PeerError(f"{where}: no port {port}")
    return host, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Uri:
    """A SIP or SIPS URI, or, opaque, one of another scheme (RFC 3261 §19.1)."""

    scheme: str
    "Lower case."

    user: str | None = None
    "As written, so still escaped; None when there is no user part. `unescape` decodes, `escape_user` makes one."

    password: str | None = field(default=None, repr=False)
    host: str = ""
    "Lower case, IPv6 without brackets; empty for an opaque URI."

    port: int | None = None
    params: Parameters = NO_PARAMETERS
    headers: str | None = None
    "What follows the question mark, as written."

    opaque: str | None = None
    "What follows the colon, when the scheme is neither sip nor sips."

    @classmethod
    def parse(cls, text: str) -> "Uri":
        """Read a URI; raises `PeerError` (400). Whether the scheme is one that we serve is not decided here (416)."""
        match = _SIP_URI.fullmatch(text)
        if match is None:
            return cls._parse_opaque(text)
        scheme, user, password, raw_host, raw_port, params, headers = match.groups()
        host, port = _host_and_port(raw_host, raw_port, "URI")
        return cls(
            scheme=scheme.lower(),
            user=user,
            password=password,
            host=host,
            port=port,
            params=NO_PARAMETERS if params is None else Parameters.parse_uri(params),
            headers=headers,
        )

    @classmethod
    def _parse_opaque(cls, text: str) -> "Uri":
        match = _OPAQUE_URI.fullmatch(text)
        scheme = match[1].lower() if match else "sip"
        if match is None or scheme in ("sip", "sips"):
            raise PeerError(f"URI: cannot read {shown(text)}")
        return cls(scheme=scheme, opaque=match[2])

    @property
    def is_sip(self) -> bool:
        """Whether it is a SIP or SIPS URI, rather than an opaque one."""
        return self.opaque is None

    @property
    def hostport(self) -> str:
        """``host:port``, or the host alone when there is no port; IPv6 in brackets."""
        return hostport(self.host, self.port)

    def __str__(self) -> str:
        if self.opaque is not None:
            return f"{self.scheme}:{self.opaque}"
        password = "" if self.password is None else f":{self.password}"
        user = "" if self.user is None else f"{self.user}{password}@"
        headers = "" if self.headers is None else f"?{self.headers}"
        return f"{self.scheme}:{user}{self.hostport}{self.params}{headers}"


@dataclass(frozen=True, slots=True)
class NameAddr:
    """A URI with a name for people and parameters of the header it stands in (RFC 3261 §20.10, §20.20, §20.39)."""

    display: str
    "For people, unquoted; empty when there is none."

    uri: Uri
    params: Parameters = NO_PARAMETERS

    @classmethod
    def parse(cls, text: str) -> "NameAddr":
        """Read ``"name" <uri>;params`` or ``uri;params``; raises `PeerError` (400)."""
        match = _NAME_ADDR.fullmatch(text)
        if match is not None:
            quoted, plain, uri, params = match.groups()
            if quoted is not None:
                display = _PAIR.sub(r"\1", quoted) if "\\" in quoted else quoted
            else:
                display = plain.strip(BLANKS)
            return cls(display, Uri.parse(uri), NO_PARAMETERS if params is None else Parameters.parse(params))
        uri, semicolon, params = text.partition(";")
        uri = uri.strip(BLANKS)
        # Without brackets, commas and question marks belong to the header, where they have no meaning (§20).
        if "," in uri or "?" in uri:
            raise PeerError(f"address: needs angle brackets {shown(text)}")
        return cls("", Uri.parse(uri), Parameters.parse(semicolon + params) if semicolon else NO_PARAMETERS)

    @property
    def tag(self) -> str | None:
        """The tag that names this end of a dialog."""
        return self.params.get("tag")

    def with_tag(self, tag: str) -> "NameAddr":
        """With this tag."""
        return replace(self, params=self.params.adding("tag", tag))

    def __str__(self) -> str:
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{self.params}"


@dataclass(frozen=True, slots=True)
class Via:
    """One step of the way a request has come, which its responses go back (RFC 3261 §20.42)."""

    transport: str
    "Upper case: UDP, TCP, TLS, or one we do not know."

    host: str
    "Where the response is to go (sent-by); lower case, IPv6 without brackets."

    port: int | None = None
    params: Parameters = NO_PARAMETERS
    version: str = "2.0"

    @classmethod
    def parse(cls, text: str) -> "Via":
        """Read one value of a Via header; raises `PeerError` (400)."""
        match = _VIA.fullmatch(text)
        if match is None:
            raise PeerError(f"Via: cannot read {shown(text)}")
        version, transport, raw_host, raw_port, params = match.groups()
        host, port = _host_and_port(raw_host, raw_port, "Via")
        return cls(
            transport.upper(), host, port, NO_PARAMETERS if params is None else Parameters.parse(params), version
        )

    @property
    def branch(self) -> str | None:
        """What names the transaction, as written."""
        return self.params.get("branch")

    @property
    def has_cookie(self) -> bool:
        """Whether the branch alone names the transaction; otherwise RFC 3261 §17.2.3 matches as RFC 2543 did."""
        branch = self.branch
        return branch is not None and len(branch) > len(COOKIE) and branch[: len(COOKIE)].lower() == COOKIE.lower()

    @property
    def hostport(self) -> str:
        """The sent-by, as written in the header."""
        return hostport(self.host, self.port)

    def __str__(self) -> str:
        return f"SIP/{self.version}/{self.transport} {self.hostport}{self.params}"
