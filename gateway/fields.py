"""The fields of a record: which text each is, both ways, compiled once a class; and what was dropped."""

import dataclasses
import re
import types
import typing
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Any

from mappings.record import SPELLINGS, Number, Word

MOST_DROPPED = 64
"How many names a `Dropped` remembers; a peer chooses what is in there."
LONGEST_DROPPED = 48


class Dropped:
    """The names of what could not be carried across, each once, in the order met."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """Remember one name, as it is spelled on the side it was read from."""
        if len(self._names) < MOST_DROPPED:
            self._names[name[:LONGEST_DROPPED]] = None

    def names(self) -> tuple[str, ...]:
        """Everything so far."""
        return tuple(self._names)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a record, as both spellings see it."""

    name: str
    required: bool
    many: bool
    "A tuple: repeated children, or the tokens of the rest of a value."

    record: type | None
    "The record that it holds, or None for a scalar."

    kind: type
    "str, int, bool or an enumeration."

    read: Callable[[str], Any]
    "The text's value; ValueError or KeyError where the type forbids it."


@cache
def fields(cls: type) -> tuple[Field, ...]:
    """The record's fields, in the order declared."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return tuple(_field(field, hints[field.name]) for field in dataclasses.fields(cls))


def _field(field: "dataclasses.Field[Any]", hint: Any) -> Field:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        hint = next(arm for arm in typing.get_args(hint) if arm is not type(None))
    many = typing.get_origin(hint) is tuple
    if many:
        hint = typing.get_args(hint)[0]
    kind, *rules = typing.get_args(hint) if typing.get_origin(hint) is typing.Annotated else (hint,)
    return Field(
        name=field.name,
        required=field.default is dataclasses.MISSING,
        many=many,
        record=kind if kind in SPELLINGS else None,
        kind=kind,
        read=_reader(kind, rules[0] if rules else None),
    )


def _reader(kind: type, rule: Number | Word | None) -> Callable[[str], Any]:
    if isinstance(rule, Number):
        return _number(rule.least, rule.most)
    if isinstance(rule, Word):
        return _word(rule)
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.__getitem__
    if issubclass(kind, StrEnum):
        return {str(member): member for member in kind}.__getitem__
    return line


def line(text: str) -> str:
    """A text that may stand in a line: whatever could begin another one is refused (no injection across protocols)."""
    if not text.isprintable() and _CONTROL.search(text):
        raise ValueError("a control character")
    return text.strip()


_CONTROL = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")


def _number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        # int() alone takes '1_0', '+1', '１' and a megabyte of digits.
        if not text.isdigit():
            text = text.strip()
        if text.isdigit() and len(text) < 11 and text.isascii() and least <= (value := int(text)) <= most:
            return value
        raise ValueError("not a number that may stand here")

    return read


def _word(rule: Word) -> Callable[[str], str]:
    if rule == Word():
        return _opaque
    whole = re.compile(rule.pattern).fullmatch
    lower, upper, blanks, strip = rule.lower, rule.upper, rule.blanks, rule.strip

    def read(text: str) -> str:
        if lower:
            text = text.lower()
        elif upper:
            text = text.upper()
        if whole(text):
            return text
        text = "".join(text.split()) if blanks else text.strip().strip(strip)
        if whole(text):
            return text
        raise ValueError("not a word that may stand here")

    return read


def _opaque(text: str) -> str:
    if not text.isprintable() or " " in text:
        text = text.strip()
    if text and text.isprintable() and " " not in text:
        return text
    raise ValueError("not a word that may stand here")
