"""Declare a record once, with both of its spellings."""

import dataclasses
from collections.abc import Callable
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Spelling:
    """How a record is written on each side; ``None`` where that side has no line or element of its own for it."""

    xml: str | None = None
    "The Clark name of the Jingle element."

    sdp: str | None = None
    "The SDP attribute: ``name`` for a flag, ``name:{field} [optional {field}]`` for a value."

    text: str | None = None
    "The field carried as the element's character data."

    aliases: tuple[str, ...] = ()
    "Further Clark names that are read as this record."


SPELLINGS: dict[type, Spelling] = {}


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(
    xml: str | None = None, sdp: str | None = None, *, text: str | None = None, aliases: tuple[str, ...] = ()
) -> Callable[[type[T]], type[T]]:
    """Make a frozen dataclass of the class and remember how it is spelled."""

    def declare(cls: type[T]) -> type[T]:
        cls = dataclasses.dataclass(frozen=True, kw_only=True, slots=True)(cls)
        SPELLINGS[cls] = Spelling(xml, sdp, text, aliases)
        return cls

    return declare
