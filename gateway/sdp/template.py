"""One template per SDP attribute: it both reads the value and writes it; `mappings.record` explains its language.

A template is compiled once for each author of an SDP (whose role turns directions into senders), into a regular
expression without backtracking (tokens exclude what follows them, repeats are possessive) and a list of pieces to
write.  Blanks between tokens may be several; keywords that nobody knows are passed over (RFC 8839 §5.1: extensions of a
candidate MUST be ignored) and reported.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, Generic, TypeVar

from gateway.fields import Dropped, Field, fields
from mappings.description import Parameter
from mappings.record import MOST, SPELLINGS
from mappings.terms import DIRECTIONS, SENDERS, Direction, Role, Senders

T = TypeVar("T")
Read = Callable[[str], Any]
Spell = Callable[[Any], str]

_PART = re.compile(r"\[(?P<optional>[^\]]*)\]|\{(?P<field>\w+(?:\.\.\.)?)\}|<(?P<parent>\w+)>|(?P<literal>[^\[{<]+)")
_KEYWORD = re.compile(r" (?P<keyword>[\w-]+) \{(?P<field>\w+)\}")
_PARENT = "<parent>"


@dataclass(frozen=True, slots=True)
class _Piece:
    """One piece of a value to write: text around at most one field."""

    form: str
    get: Callable[[Any], Any] | None = None
    spell: Spell | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Template(Generic[T]):
    """A compiled spelling of one record, in an SDP written by one role."""

    cls: type[T]
    name: str
    "The attribute's name."

    match: Callable[[str], re.Match[str] | None]
    groups: tuple[tuple[str, Read], ...]
    keywords: dict[str, tuple[str, Read]]
    spare: frozenset[str]
    "The fields that may be left out where they cannot be read."

    pieces: tuple[_Piece, ...]

    def values(self, value: str, dropped: Dropped) -> dict[str, Any] | None:
        """The fields that a value says, or None when it cannot be read."""
        match = self.match(value)
        if match is None:
            return None
        texts = match.groups()
        try:
            found = {
                field: read(text) for (field, read), text in zip(self.groups, texts, strict=False) if text is not None
            }
        except (ValueError, KeyError):
            return self._salvage(texts, dropped)
        if self.keywords and texts[-1]:
            # As the pattern does it: to str.split() further signs are blanks, and the pairs would not come out even.
            words = [word for word in texts[-1].replace("\t", " ").split(" ") if word]
            known = self.keywords
            for word, text in zip(words[::2], words[1::2], strict=True):
                if word in known:
                    field, read = known[word]
                    try:
                        found[field] = read(text)
                        continue
                    except (ValueError, KeyError):
                        pass
                dropped.add(f"{self.name} {word}")
        return found

    def _salvage(self, texts: tuple[str | None, ...], dropped: Dropped) -> dict[str, Any] | None:
        found: dict[str, Any] = {}
        for (field, read), text in zip(self.groups, texts, strict=False):
            if text is not None:
                try:
                    found[field] = read(text)
                except (ValueError, KeyError):
                    if field not in self.spare:
                        return None
                    dropped.add(f"{self.name} {field}")
        return found

    def read(self, value: str, dropped: Dropped) -> T | None:
        """The record that a value (what stands after the colon) says; None, and reported, when it cannot be read."""
        found = self.values(value, dropped)
        if found is None:
            dropped.add(self.name)
            return None
        return self.cls(**found)

    def read_of(self, value: str, dropped: Dropped) -> tuple[str, T] | None:
        """The same, for a template that begins with its parent: the parent's token, and the record."""
        found = self.values(value, dropped)
        if found is None:
            dropped.add(self.name)
            return None
        parent = found.pop(_PARENT)
        return parent, self.cls(**found)

    def write(self, record: T, parent: str = "") -> str:
        """The whole line, ``a=name:value``."""
        out = []
        for piece in self.pieces:
            if piece.get is None:
                out.append(piece.form or parent)
                continue
            value = piece.get(record)
            if piece.optional and (value is None or value == ()):
                continue
            out.append(piece.form % (value if piece.spell is None else piece.spell(value)))
        return "".join(out)


def template(cls: type[T], by: Role) -> Template[T]:
    """The record's template, for an SDP written by that role."""
    subject: Any = cls
    compiled: Template[T] = _compile(subject, by)
    return compiled


@cache
def _compile(cls: Any, by: Role) -> Any:
    spelled = SPELLINGS[cls].sdp
    assert spelled is not None, f"{cls.__name__} has no SDP spelling"
    name, colon, body = spelled.partition(":")
    kinds = {field.name: field for field in fields(cls)}
    pieces = [_Piece(f"a={name}{colon}")]
    groups: list[tuple[str, Read]] = []
    keywords: dict[str, tuple[str, Read]] = {}
    pattern = ""
    parts = [(str(found.lastgroup), found[str(found.lastgroup)]) for found in _PART.finditer(body)]
    for index, (kind, part) in enumerate(parts):
        after = parts[index + 1 :]
        match kind:
            case "literal":
                pattern += _literal(part)
                pieces.append(_Piece(part))
            case "parent":
                pattern += r"([^ \t]++)"
                groups.append((_PARENT, str))
                pieces.append(_Piece(""))
            case "field":
                field = kinds[part.removesuffix("...").lower()]
                pattern += _group(part, after)
                groups.append((field.name, _reader(field, by)))
                pieces.append(_Piece("%s", attrgetter(field.name), _speller(field, by, upper=part.isupper())))
            case _:
                before, _, rest = part.removesuffix("}").partition("{")
                field = kinds[rest.removesuffix("...")]
                if keyword := _KEYWORD.fullmatch(part):
                    keywords[keyword["keyword"]] = (field.name, _reader(field, by))
                else:
                    pattern += f"(?:{_literal(before)}{_group(rest, after)})?"
                    groups.append((field.name, _reader(field, by)))
                form = f"{before}%s"
                pieces.append(_Piece(form, attrgetter(field.name), _speller(field, by, upper=False), optional=True))
    if keywords:
        pattern += r"((?:[ \t]++[^ \t]++[ \t]++[^ \t]++)*+)"
    spare = frozenset(field.name for field in kinds.values() if not field.required)
    return Template(cls, name, re.compile(pattern).fullmatch, tuple(groups), keywords, spare, tuple(pieces))


def _literal(text: str) -> str:
    return "".join(r"[ \t]++" if char == " " else re.escape(char) for char in text)


def _group(part: str, after: list[tuple[str, str]]) -> str:
    if part.endswith("..."):
        return r"([^ \t].*+)"
    # A token ends at the first sign of what may follow it, where that is not a blank anyway.
    ends = "".join({text[0] for kind, text in after[:2] if kind in ("literal", "optional")} - {" "})
    return rf"([^ \t{re.escape(ends)}]++)"


def _reader(field: Field, by: Role) -> Read:
    if field.record is Parameter:
        return lambda text: tuple(map(_parameter, text.split(maxsplit=MOST)[:MOST]))
    if field.kind is Senders:
        return lambda text: DIRECTIONS[by, Direction(text)]
    return field.read


def _speller(field: Field, by: Role, *, upper: bool) -> Spell | None:
    if field.record is Parameter:
        return lambda parameters: " ".join(
            parameter.name if parameter.value is None else f"{parameter.name}={parameter.value}"
            for parameter in parameters
        )
    if field.kind is Senders:
        return lambda senders: SENDERS[by, senders]
    if upper:
        return str.upper
    return None


def _parameter(token: str) -> Parameter:
    name, equals, value = token.partition("=")
    return Parameter(name=name, value=value if equals else None)
