"""Declare a record once, with both of its spellings.

On the Jingle side a record is an element: attributes are the field names with ``-`` for ``_``, children are the fields
whose type is a record, and ``text`` names the field that is character data.  On the SDP side it is one attribute, said
by a template that both reads and writes.  The template language:

    {field}      a token                      {FIELD}    the same, written in upper case
    {field...}   the rest, with its blanks    <parent>   a token that names the parent: a payload type
    [...]        an optional part; ``[ keyword {field}]`` parts come in any order among keywords that nobody knows

A field's type says the rest: which texts are legal (`Number`, `Word`, an enumeration), and so what a reader refuses.
Everything that a declaration can get wrong by itself is found at import.
"""

import dataclasses
import re
from collections.abc import Callable
from typing import Annotated, TypeVar, dataclass_transform

T = TypeVar("T")

MOST = 128
"How many records of a kind a reader takes from one parent; the rest is dropped and reported."


@dataclasses.dataclass(frozen=True, slots=True)
class Number:
    """A whole number within these bounds."""

    least: int
    most: int


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """A text that matches the pattern, after the case is applied and `strip` (signs, and blanks) taken from its ends.

    Without a pattern: any text without blanks and control characters.
    """

    pattern: str = ""
    lower: bool = False
    upper: bool = False
    strip: str = ""
    blanks: bool = False
    "Blanks inside do not count and are taken out."


@dataclasses.dataclass(frozen=True, slots=True)
class Spelling:
    """How a record is written on each side; ``None`` where that side has no line or element of its own for it."""

    xml: str | None = None
    "The Clark name of the Jingle element, or a local name: then it is in its parent's namespace."

    sdp: str | None = None
    "The template of the SDP attribute: ``name`` for a flag, ``name:...`` for a value."

    text: str | None = None
    "The field carried as the element's character data."

    aliases: tuple[str, ...] = ()
    "Further Clark names that are read as this record."

    always: tuple[tuple[str, str], ...] = ()
    "Attributes that the element has even where the field is None, and what is written then."

    unique: str | None = None
    "The field that tells an element from its siblings; where it is empty, a value is made of the other attributes."

    lines: str | None = None
    "The SDP lines that say it where one template cannot; they are grouped in `gateway.sdp`. For readers only."


SPELLINGS: dict[type, Spelling] = {}

_FIELD = re.compile(r"\{(\w+)(?:\.\.\.)?\}")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(dataclasses.field,))
def record(
    xml: str | None = None,
    sdp: str | None = None,
    *,
    text: str | None = None,
    aliases: tuple[str, ...] = (),
    always: tuple[tuple[str, str], ...] = (),
    unique: str | None = None,
    lines: str | None = None,
) -> Callable[[type[T]], type[T]]:
    """Make a frozen dataclass of the class and remember how it is spelled."""

    def declare(cls: type[T]) -> type[T]:
        cls = dataclasses.dataclass(frozen=True, kw_only=True, slots=True)(cls)
        spelling = Spelling(xml, sdp, text, aliases, always, unique, lines)
        _check(cls, spelling)
        SPELLINGS[cls] = spelling
        return cls

    return declare


def _check(cls: type, spelling: Spelling) -> None:
    names = {field.name: field for field in dataclasses.fields(cls)}
    for field in (spelling.text, spelling.unique, *dict(spelling.always)):
        if field is not None and field not in names:
            raise TypeError(f"{cls.__name__}: no field {field!r}")
    for xml in (spelling.xml, *spelling.aliases):
        if xml is not None and xml.startswith("{") and any(xml == other.xml for other in SPELLINGS.values()):
            raise TypeError(f"{cls.__name__}: {xml} belongs to another record")
    if spelling.sdp is not None:
        said = {name.lower() for name in _FIELD.findall(spelling.sdp)}
        if unknown := said - names.keys():
            raise TypeError(f"{cls.__name__}: the template names {sorted(unknown)}, which are no fields")
        if missing := {name for name, field in names.items() if _required(field)} - said:
            raise TypeError(f"{cls.__name__}: the template leaves out {sorted(missing)}, which are required")
        if any(spelling.sdp == other.sdp for other in SPELLINGS.values()):
            raise TypeError(f"{cls.__name__}: {spelling.sdp!r} belongs to another record")


def _required(field: "dataclasses.Field[object]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


# The kinds of value that the specifications share.  fmt: off
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"

Token = Annotated[str, Word(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,255}")]
"RFC 8866's token."
LowerToken = Annotated[str, Word(r"[!#$%&'*+\-.0-9^_`a-z{|}~]{1,255}", lower=True)]
Opaque = Annotated[str, Word()]
"Any text without blanks."
Digits = Annotated[str, Word(r"[0-9]{1,10}")]
Hex = Annotated[str, Word(r"[0-9A-F:]{1,255}", upper=True, blanks=True)]
Ip = Annotated[str, Word(rf"{_OCTET}(?:\.{_OCTET}){{3}}|[0-9A-Fa-f]{{0,4}}:[0-9A-Fa-f:.]{{1,40}}", strip="[]")]
"An IPv4 or IPv6 address. A host name is none (RFC 8839 §5.1)."
Host = Annotated[str, Word(r"[0-9A-Za-z:._\-]{1,255}", strip="[]")]
"An address or a host name."
Port = Annotated[int, Number(0, 65535)]
PayloadId = Annotated[int, Number(0, 127)]
Component = Annotated[int, Number(1, 256)]
Priority = Annotated[int, Number(1, 2**31 - 1)]
Unsigned = Annotated[int, Number(0, 2**32 - 1)]
Positive = Annotated[int, Number(1, 2**32 - 1)]
ExtensionId = Annotated[int, Number(1, 4351)]
"RFC 8285 §4.1.1, §7: 1-14 or 1-255 in packets, 4096-4351 for alternatives in an offer."
# fmt: on
