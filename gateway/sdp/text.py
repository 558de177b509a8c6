"""SDP text as sections of lines, and back (RFC 8866 §5).

Nothing is understood here but the m= line, nothing is lost, and no line can grow out of another: `join` is the last
wall against values that hold a line end.  Reading takes any line end, blanks at the end of lines and a missing last
line end; unknown lines are kept.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.errors import PeerError
from mappings.reasons import EndReason

LONGEST = 256 * 1024
"How many characters a description may have."
MOST_MEDIA = 64
"How many m= lines."

_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}")
_UNWRITABLE = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(slots=True)
class Section:
    """The head of a description, or one m= line with what follows it."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    "Everything but a= lines: the type letter and the value."

    attributes: dict[str, list[str]] = field(default_factory=dict)
    "Values by name, in order; a flag's value is ''."

    def line(self, letter: str) -> str | None:
        """The first line of that type."""
        return next((value for kind, value in self.lines if kind == letter), None)


@dataclass(slots=True)
class Medium(Section):
    """One m= line and what follows it."""

    kind: str = ""
    port: int = 0
    ports: int = 1
    proto: str = ""
    formats: tuple[str, ...] = ()


@dataclass(slots=True)
class Sdp:
    """A description: its head, and its media in order."""

    head: Section
    media: list[Medium]


def parse(text: str | bytes) -> Sdp:
    """Read a description; PeerError (400, 413, 488) says where it cannot be one."""
    sdp = cut(text)
    _check(sdp.head, sdp.media)
    return sdp


def cut(text: str | bytes) -> Sdp:
    """The sections of a description, or of a fragment of one, whose head may be empty.  PeerError as `parse`.

    Characters that no XML can hold become U+FFFD.
    """
    if len(text) > LONGEST:
        raise PeerError(f"sdp: longer than {LONGEST} characters — {len(text)}", status=413)
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if "\0" in text:
        raise PeerError("sdp: holds a NUL")
    current = head = Section()
    attributes = head.attributes
    media: list[Medium] = []
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.replace("\n", "").isprintable():
        text = _UNWRITABLE.sub("\ufffd", text)
    for number, line in enumerate(text.split("\n"), 1):
        if line[:2] == "a=":
            name, _, value = line.partition(":")
            name = name[2:].strip()
            if name in attributes:
                attributes[name].append(value.strip())
            else:
                attributes[name] = [value.strip()]
        elif line[:2] == "m=":
            if len(media) == MOST_MEDIA:
                raise PeerError(f"sdp line {number}: more than {MOST_MEDIA} m= lines", status=488, reason=_UNUSABLE)
            current = _medium(line[2:], number)
            attributes = current.attributes
            media.append(current)
        elif line[1:2] == "=" and line[0].isalpha():
            current.lines.append((line[0], line[2:].strip()))
        elif line.strip():
            raise PeerError(f"sdp line {number}: not a description's line — {line[:20]!r}")
    return Sdp(head, media)


_UNUSABLE = EndReason.INCOMPATIBLE_PARAMETERS


def _medium(value: str, number: int) -> Medium:
    words = value.split()
    port, slash, ports = words[1].partition("/") if len(words) > 2 else ("", "", "")
    if not _natural(port) or int(port) > 65535 or (slash and not _natural(ports)):
        raise PeerError(f"sdp line {number}: cannot read m={value[:40]!r}")
    return Medium(
        kind=words[0], port=int(port), ports=int(ports) if slash else 1, proto=words[2], formats=tuple(words[3:])
    )


def _natural(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5


def _check(head: Section, media: list[Medium]) -> None:
    if head.line("v") != "0":
        raise PeerError("sdp: no v=0 line")
    if head.line("o") is None:
        raise PeerError("sdp: no o= line")
    if not media:
        raise PeerError("sdp: no m= line", status=488, reason=_UNUSABLE)


def join(lines: Iterable[str]) -> str:
    """Lines, each of its own, as a text."""
    lines = list(lines)
    text = "\r\n".join(lines) + "\r\n"
    if text.count("\n") != len(lines) or text.count("\r") != len(lines) or "\0" in text:
        raise PeerError("description: a value holds a line end", status=488, reason=EndReason.GENERAL_ERROR)
    return text


def is_token(text: str) -> bool:
    """Whether it may stand where the grammar has a token (RFC 8866 §9)."""
    return _TOKEN.fullmatch(text) is not None
