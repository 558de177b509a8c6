"""A text in the body of a SIP MESSAGE, read and written (RFC 3428 §5, §6; CPIM: RFC 3862)."""

import re

from gateway.errors import PeerError
from gateway.sip.grammar import TOKEN
from gateway.sip.message import Header, SipRequest
from gateway.sip.uas import Verdict
from gateway.text.reading import Text, cleaned, one_line
from mappings.reasons import EndReason

PLAIN = "text/plain"
CPIM = "message/cpim"
ACCEPT: tuple[Header, ...] = (("Accept", f"{PLAIN}, {CPIM}"), ("Accept-Encoding", "identity"))
"What stands beside a 415."

LONGEST = 16 * 1024
"Octets of a body that is taken. As XML it may be six times as long, and some servers break a stream over a stanza."

CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "windows-1252", "utf-16"})
"The charsets that are read; phones send the first."

_CHARSET = re.compile(r""";\s*+charset\s*+=\s*+(?:"([^"]{1,40})"|([^\s;"]{1,40}))""", re.I)
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,64}")
_CALL_ID = re.compile(rf"{TOKEN.pattern}(?:@{TOKEN.pattern})?")


def read(request: SipRequest) -> Text:
    """The text of a MESSAGE.  PeerError 415 when its body is none, 400 when it says nothing, 513 when it has no end."""
    encoding = (request.first("Content-Encoding") or "identity").strip().lower()
    if encoding != "identity":
        raise _unsupported(f"Content-Encoding: {encoding[:64]!r} is not understood")
    if len(request.body) > LONGEST:
        raise PeerError(f"MESSAGE: more than {LONGEST} octets", status=513)
    said, subject = _said(request.first("Content-Type") or PLAIN, request.body)
    if not said.strip():
        raise PeerError("MESSAGE: no text in it")
    language = (request.first("Content-Language") or "").partition(",")[0].strip()
    return Text(
        body=cleaned(said).rstrip("\n"),  # many a phone ends its text like a line
        lang=language if _LANGUAGE.fullmatch(language) else "",
        subject=subject or one_line(_utf8(request.first("Subject") or "")),
        thread=one_line(_utf8(request.call_id)),
    )


def write(text: Text) -> tuple[tuple[Header, ...], bytes]:
    """The headers and the body that say a text."""
    headers: list[Header] = []
    if text.subject:
        headers.append(("Subject", text.subject))
    if _LANGUAGE.fullmatch(text.lang):
        headers.append(("Content-Language", text.lang))
    headers.append(("Content-Type", f"{PLAIN};charset=UTF-8"))
    return tuple(headers), text.body.encode("utf-8", "replace")


def call_id(thread: str) -> str | None:
    """A thread as Call-ID (RFC 7572 Table 1), where it has that form; others are no loss, nobody shows them."""
    return thread if _CALL_ID.fullmatch(thread) else None


def unsupported(error: PeerError) -> Verdict | None:
    """What a body that is no text is answered, with what would be one."""
    return (415, ACCEPT) if error.status == 415 else None


def _said(content_type: str, body: bytes) -> tuple[str, str]:
    """What a body says, and the subject that CPIM may give it."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == PLAIN:
        return _decoded(content_type, body), ""
    if kind == CPIM:
        return _cpim(body)
    raise _unsupported(f"Content-Type: {kind[:64]!r} is not understood")


def _cpim(body: bytes) -> tuple[str, str]:
    """A message in its envelope: headers about the message, headers about its content, content (RFC 3862 §2).

    Who it says that it is from is the envelope's own claim; who sends it is what SIP says.
    """
    parts = _EMPTY_LINE.split(body, 2)
    if len(parts) < 3:
        raise PeerError("CPIM: an empty line is missing behind the headers")
    envelope, content = _headers(parts[0]), _headers(parts[1])
    if "require" in envelope:
        raise _unsupported("CPIM: requires what is not understood")
    content_type = content.get("content-type", PLAIN)
    if content_type.partition(";")[0].strip().lower() != PLAIN:
        raise _unsupported("CPIM: the content is no plain text")
    return _decoded(content_type, parts[2]), one_line(envelope.get("subject", ""))


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("utf-8", "replace").splitlines())
    return {name.strip().lower(): value.strip() for name, colon, value in lines if colon}


def _decoded(content_type: str, body: bytes) -> str:
    named = _CHARSET.search(content_type)
    charset = (named[1] or named[2]).lower() if named else "utf-8"
    if charset not in CHARSETS:
        raise _unsupported(f"Content-Type: charset {charset!r} is not understood")
    return body.decode(charset, "replace")


def _utf8(text: str) -> str:
    """A header's text, in which bytes that are no UTF-8 were kept."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _unsupported(text: str) -> PeerError:
    return PeerError(text, status=415, condition="not-acceptable", reason=EndReason.UNSUPPORTED_APPLICATIONS)
