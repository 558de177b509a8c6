"""The session description in a body: alone, or as a part of a multipart body (RFC 3261 §7.4, RFC 5621)."""

import re
from collections.abc import Iterator

from gateway.errors import PeerError
from gateway.sip.message import SipRequest, SipResponse
from mappings.reasons import EndReason

SDP = "application/sdp"
ACCEPTED = "application/sdp, multipart/mixed, multipart/alternative"
"What we read, as an Accept header says it."

_ACTPASS = "a=setup:actpass"

MAX_PARTS = 32
MAX_DEPTH = 3

_BOUNDARY = re.compile(r""";\s*+boundary\s*+=\s*+(?:"([^"]{1,70})"|([^\s;"]{1,70}))""", re.IGNORECASE)
_HANDLING = re.compile(r";\s*+handling\s*+=\s*+\"?optional\b", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_FOLDED = re.compile(r"\r?\n[ \t]++")


def session_description(message: SipRequest | SipResponse) -> str | None:
    """The SDP that a message carries, or None.  PeerError 415: its body is something else that must be understood."""
    body = message.body
    if not body:
        return None
    encoding = (message.first("Content-Encoding") or "identity").strip().lower()
    if encoding != "identity":
        raise _unsupported(f"Content-Encoding: {encoding!r} is not understood")
    content_type = message.first("Content-Type")
    if content_type is None:
        if body.startswith(b"v="):  # COMPAT(old phones): the type is left out although the body can be nothing else
            return _text(body)
        raise _unsupported("Content-Type: missing, but there is a body")
    return _read(content_type, message.first("Content-Disposition") or "", body, 0)


def _read(content_type: str, disposition: str, body: bytes, depth: int) -> str | None:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == SDP:
        return _text(body)
    if kind in ("multipart/mixed", "multipart/alternative", "multipart/related") and depth < MAX_DEPTH:
        return _read_parts(kind, content_type, body, depth)
    if _HANDLING.search(disposition):
        return None
    raise _unsupported(f"Content-Type: {kind!r} is not understood")


def _read_parts(kind: str, content_type: str, body: bytes, depth: int) -> str | None:
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise PeerError("Content-Type: multipart without boundary")
    found: str | None = None
    refused: PeerError | None = None
    for part_type, disposition, content in _parts(body, (boundary[1] or boundary[2]).encode("utf-8", "replace")):
        try:
            text = _read(part_type, disposition, content, depth + 1)
        except PeerError as error:
            # Of alternatives one that is understood is enough (RFC 5621 §4.1); of a mixture all are required.
            if kind != "multipart/alternative":
                raise
            refused = error
            continue
        if text is not None and (found is None or kind == "multipart/alternative"):
            found = text  # the last alternative is the richest, the first of a mixture is the session's
    if found is None and refused is not None:
        raise refused
    return found


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Content-Type, Content-Disposition and content of each part (RFC 2046 §5.1)."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, MAX_PARTS + 1)[1:]
    if len(pieces) > MAX_PARTS:
        raise PeerError(f"multipart body: more than {MAX_PARTS} parts", status=413)
    for piece in pieces:
        if piece.startswith(b"--"):
            return
        head_end = _HEAD_END.search(piece)
        if head_end is None:
            raise PeerError("multipart body: a part without end of its headers")
        head = _FOLDED.sub(" ", piece[: head_end.start()].decode("utf-8", "replace"))
        headers = {
            name.strip().lower(): value.strip()
            for name, colon, value in (line.partition(":") for line in head.splitlines())
            if colon
        }
        yield (
            headers.get("content-type", headers.get("c", "text/plain")),
            headers.get("content-disposition", ""),
            piece[head_end.end() :],
        )


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _unsupported(text: str) -> PeerError:
    return PeerError(text, status=415, condition="not-acceptable", reason=EndReason.UNSUPPORTED_APPLICATIONS)


def agreement(offer: str, answer: str) -> str:
    """Our offer as an answer, once it was answered with this: what it says, but which side opens the DTLS association.

    An answer must decide that (RFC 8842 §5.3).
    """
    return offer.replace(_ACTPASS, "a=setup:passive" if "a=setup:active" in answer else "a=setup:active")
