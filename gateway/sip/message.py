"""SIP requests and responses as values, read from bytes and written to them (RFC 3261 §7).

**Lossless where it matters.**  A message is its start line, a tuple of header lines in their order, and a body.  Values
stay as they came (unfolded, stripped of blanks at the ends), so that what is copied into a response is what was sent;
names are brought into one spelling.  Content-Length is not kept: it says how long the body is, which the body knows;
`encode` writes it.

**Typed access is lazy.**  `via`, `from_`, `cseq` and so on read their header when first asked and remember the result.
`parse` asks for those that every message must have, so afterwards they cannot fail; others raise `PeerError` when read.

**Lenient and strict.**  What RFC 4475 calls valid is read: folding anywhere, blanks around separators, compact names,
unknown schemes, methods and transports, RFC 2543's missing branch and tag; line feeds without carriage returns besides.
What it calls invalid is refused, not repaired, since two readers who repair differently disagree about who calls whom.

**No injection.**  A carriage return inside a line, and a NUL that is not escaped, cannot be read; none of them, nor a
line feed, can be written: `encode` raises `ValueError`, since by then it is our own fault.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import PeerError
from gateway.sip.address import Uri
from gateway.sip.flow import Flow
from gateway.sip.framer import END_OF_HEAD, Framer, Ping, Pong
from gateway.sip.grammar import BLANKS, TOKEN, number, quote, shown, unquote
from gateway.sip.headers import (
    ALLOW,
    CANONICAL,
    MAX_BODY,
    MAX_HEAD,
    MAX_HEADERS,
    METHODS,
    PHRASES,
    SINGLE,
    SUPPORTED,
    CSeq,
    canonical,
)
from gateway.sip.lines import BARE_NUL, Header, SipMessage, writable
from gateway.sip.malformed import Malformed

__all__ = [
    "ALLOW",
    "MAX_BODY",
    "MAX_HEAD",
    "MAX_HEADERS",
    "METHODS",
    "PHRASES",
    "SUPPORTED",
    "CSeq",
    "Framer",
    "Header",
    "Malformed",
    "Ping",
    "Pong",
    "SipMessage",
    "SipRequest",
    "SipResponse",
    "canonical",
    "number",
    "parse",
    "quote",
    "respond",
    "unquote",
]

_FOLD: Final = re.compile(r"\n[ \t]+")
_STATUS_LINE: Final = re.compile(r"SIP/2\.0 ([1-6][0-9][0-9])(?: (.*))?", re.I | re.S)
_VERSION: Final = re.compile(r"SIP/[0-9]++\.[0-9]++", re.I)
_TAGGED: Final = re.compile(r";[ \t]*+tag[ \t]*+=", re.I)
_LENGTH_LIMIT: Final = 2**32 - 1
_COPIED: Final = frozenset({"via", "from", "cseq"})
"What has been read of a request and is the same in its responses."

_TO_MANY: Final = frozenset({"INVITE", "REFER", "SUBSCRIBE"})
"The methods whose responses make dialogs."


@dataclass(frozen=True, slots=True, repr=False)
class SipRequest(SipMessage):
    """A request (RFC 3261 §7.1)."""

    method: str
    uri: str
    "The Request-URI as it stands in the start line."

    headers: tuple[Header, ...]
    body: bytes = b""
    flow: Flow | None = field(default=None, compare=False)
    "Where it came from, or is to go."

    _cache: dict[str, Any] = field(default_factory=dict, init=False, compare=False)

    def _with(self, headers: tuple[Header, ...]) -> "SipRequest":
        return SipRequest(self.method, self.uri, headers, self.body, self.flow)

    def _start_line(self) -> str:
        if " " in self.uri or " " in self.method:
            raise ValueError("request: a blank in method or Request-URI cannot be written")
        return f"{self.method} {self.uri} SIP/2.0"

    @property
    def request_uri(self) -> Uri:
        """The Request-URI, read."""
        return self._typed("uri", lambda: Uri.parse(self.uri))

    def __repr__(self) -> str:
        return f"<SipRequest {self.method}, {len(self.headers)} headers, {len(self.body)} octets>"


@dataclass(frozen=True, slots=True, repr=False)
class SipResponse(SipMessage):
    """A response (RFC 3261 §7.2)."""

    status: int
    phrase: str
    "For people; may be empty."

    headers: tuple[Header, ...]
    body: bytes = b""
    flow: Flow | None = field(default=None, compare=False)
    "Where it came from, or is to go."

    _cache: dict[str, Any] = field(default_factory=dict, init=False, compare=False)

    def _with(self, headers: tuple[Header, ...]) -> "SipResponse":
        return SipResponse(self.status, self.phrase, headers, self.body, self.flow)

    def _start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.phrase}"

    def __repr__(self) -> str:
        return f"<SipResponse {self.status}, {len(self.headers)} headers, {len(self.body)} octets>"


def respond(
    request: SipRequest,
    status: int,
    phrase: str | None = None,
    *,
    tag: str | None = None,
    headers: Iterable[Header] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> SipResponse:
    """A response to the request (RFC 3261 §8.2.6.2): what is to be copied is copied, To gets the tag if it has none.

    Works on a `Malformed.partial` too: what cannot be read is copied as it is, what is missing stays missing.
    """
    copied = [("Via", value) for value in request.all("Via")]
    if 100 < status < 300 and request.method in _TO_MANY:
        copied += [("Record-Route", value) for value in request.all("Record-Route")]
    copied += [("From", value) for value in request.all("From")[:1]]
    for value in request.all("To")[:1]:
        tagged = tag is None or status <= 100 or _tagged(request)
        copied.append(("To", value if tagged else f"{value.rstrip('; ')};tag={tag}"))
    for name in ("Call-ID", "CSeq"):
        copied += [(name, value) for value in request.all(name)[:1]]
    if status == 100:
        copied += [("Timestamp", value) for value in request.all("Timestamp")[:1]]  # §8.2.6.1
    copied += [writable(name, value) for name, value in headers]
    if content_type is not None:
        copied.append(writable("Content-Type", content_type))
    phrase = PHRASES.get(status, "") if phrase is None else phrase
    response = SipResponse(status, phrase, tuple(copied), body, request.flow)
    response._cache.update({name: value for name, value in request._cache.items() if name in _COPIED})
    return response


def _tagged(request: SipRequest) -> bool:
    try:
        return request.to.tag is not None
    except PeerError:  # a partial message's
        return _TAGGED.search(request.first("To") or "") is not None


def parse(data: bytes, flow: Flow | None = None) -> SipRequest | SipResponse:
    """Read one message: a datagram, or what a `Framer` cut out.

    Bytes behind the Content-Length are dropped (RFC 3261 §18.3), line breaks before the start line too (§7.5).
    Raises `Malformed`.
    """
    lines, body, fault = _lines(data)
    index: dict[str, list[str]] = {}
    headers, bad_line = _headers(lines, index)
    lengths = index.pop("content-length", [])
    if lengths and (length := number(lengths[0], _LENGTH_LIMIT)) is not None:
        body, missing = body[:length], length - len(body)
    else:
        missing = 0
    message, bad_start = _start(lines[0], tuple(headers), body, flow)
    message._cache[""] = index
    try:
        if fault := bad_start or fault or bad_line:
            raise fault
        _check_length(lengths, missing)
        _check(message, index)
    except PeerError as error:
        raise Malformed(error.text, status=error.status, partial=message) from None
    return message


def _lines(data: bytes) -> tuple[list[str], bytes, PeerError | None]:
    """The unfolded lines of the head, what follows the head, and what was wrong with either."""
    fault: PeerError | None = None
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")
    end = END_OF_HEAD.search(data)
    if end is None:
        head, body = data, b""
        fault = PeerError("message: no empty line behind the headers")
    else:
        head, body = data[: end.start()].removesuffix(b"\r"), data[end.end() :]
    if len(head) > MAX_HEAD:
        raise Malformed(f"message: head of more than {MAX_HEAD} octets", status=513)
    text = head.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if "\r" in text or ("\0" in text and BARE_NUL.search(text)):
        fault = fault or PeerError("message: a carriage return or NUL inside a line")
        text = BARE_NUL.sub(" ", text.replace("\r", " "))
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    return text.split("\n"), body, fault


def _headers(lines: list[str], index: dict[str, list[str]]) -> tuple[list[Header], PeerError | None]:
    """The header lines but Content-Length, all by lower-case name in `index`, and what was wrong with a line."""
    fault: PeerError | None = None
    headers: list[Header] = []
    for place, line in enumerate(lines[1 : MAX_HEADERS + 3], 2):
        name, colon, value = line.partition(":")
        known = CANONICAL.get(name)
        if known is None or not colon:
            name = name.rstrip(BLANKS)
            if not colon or not TOKEN.fullmatch(name):
                if line:  # not shown: it may be a stray line of a body, with a key in it
                    fault = PeerError(f"message: line {place} is no header")
                continue
            known = canonical(name)
        value = value.strip(BLANKS)
        index.setdefault(known.lower(), []).append(value)
        if known != "Content-Length":
            headers.append((known, value))
    if len(headers) > MAX_HEADERS:
        fault = PeerError(f"message: more than {MAX_HEADERS} headers", status=513)
    return headers, fault


def _start(
    line: str, headers: tuple[Header, ...], body: bytes, flow: Flow | None
) -> tuple[SipRequest | SipResponse, PeerError | None]:
    """The message with the start line read, and what was wrong with it."""
    if line[:4].upper() == "SIP/":
        status = _STATUS_LINE.fullmatch(line)
        if status is None:
            raise Malformed(f"message: no status line {shown(line)}")
        return SipResponse(int(status[1]), status[2] or "", headers, body, flow), None
    parts = line.split(" ")
    words = [part for part in parts if part]
    if len(words) < 3 or not _VERSION.fullmatch(words[-1]) or not TOKEN.fullmatch(words[0]):
        raise Malformed(f"message: no start line {shown(line)}")
    request = SipRequest(words[0], " ".join(words[1:-1]), headers, body, flow)
    if words[-1].upper() != "SIP/2.0":
        return request, PeerError(f"message: version {shown(words[-1])}", status=505)
    if len(parts) != 3:
        return request, PeerError("message: blanks in the request line")
    return request, None


def _check_length(lengths: list[str], missing: int) -> None:
    if len(lengths) > 1:
        raise PeerError("message: repeated Content-Length")
    if lengths and number(lengths[0], _LENGTH_LIMIT) is None:
        raise PeerError(f"Content-Length: cannot read {shown(lengths[0])}")
    if missing > 0:
        raise PeerError(f"message: {missing} octets of the body are missing")


def _check(message: SipRequest | SipResponse, index: dict[str, list[str]]) -> None:
    """What every message must have and hold to (RFC 3261 §8.1.1, §16.3); the typed values are read on the way."""
    for name, values in index.items():
        if len(values) > 1 and name in SINGLE:
            raise PeerError(f"message: repeated {canonical(name)}")
    _ = message.via, message.call_id, message.from_, message.to
    method = message.cseq.method
    if isinstance(message, SipResponse):
        return
    if method != message.method:
        status = 400 if message.method in METHODS else 501
        raise PeerError(f"CSeq: {shown(method)} in a request of {shown(message.method)}", status=status)
    uri = message.request_uri
    if uri.headers is not None:
        raise PeerError("Request-URI: headers are not allowed in it")  # RFC 3261 §19.1.1 table 1
    hops = message.first("Max-Forwards")
    if hops is not None and number(hops, 255) is None:
        raise PeerError(f"Max-Forwards: cannot read {shown(hops)}")
