"""Data forms as values: what is asked, what is filled in, what is reported (XEP-0004).

All texts are made fit for XML when they are written: what a SIP peer said may stand in a report, and one character that
XML cannot say would end the stream for everybody.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement

from gateway.errors import PeerError
from mappings.namespaces import DATA_FORM

TAG = f"{{{DATA_FORM}}}x"

_UNSAYABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"What XML 1.0 has no way to write (§2.2)."


class FieldType(StrEnum):
    """How a field is shown and filled in (XEP-0004 §3.3)."""

    BOOLEAN = "boolean"
    FIXED = "fixed"
    HIDDEN = "hidden"
    JID_MULTI = "jid-multi"
    JID_SINGLE = "jid-single"
    LIST_MULTI = "list-multi"
    LIST_SINGLE = "list-single"
    TEXT_MULTI = "text-multi"
    TEXT_PRIVATE = "text-private"
    TEXT_SINGLE = "text-single"


MANY = frozenset({FieldType.JID_MULTI, FieldType.LIST_MULTI, FieldType.TEXT_MULTI})
"The types whose fields have any number of values."


class Option(NamedTuple):
    """One of a list's choices."""

    value: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a form; one without `var` is of type fixed, a text between others."""

    var: str = ""
    type: FieldType = FieldType.TEXT_SINGLE
    label: str = ""
    values: tuple[str, ...] = ()
    "What stands in it at first; of a boolean: 0 or 1."

    options: tuple[Option, ...] = ()
    required: bool = False
    desc: str = ""
    "What is told beside it, for those who wonder."

    longest: int = 1024
    "Characters of a value."

    most: int = 64
    "Values, where there may be several."

    @property
    def called(self) -> str:
        """The name by which people know it."""
        return self.label or self.var


class Fault(PeerError):
    """Something that was filled in cannot be; the text tells whoever filled it in, and begins with the label."""


class Filled:
    """What was filled in, by the names of the fields; all fields of the form are there, an empty one without values.

    Not shown when printed: passwords are among it.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, tuple[str, ...]]) -> None:
        self._values = values

    def __repr__(self) -> str:
        return f"Filled({', '.join(self._values)})"

    def all(self, var: str) -> tuple[str, ...]:
        """All values of a field."""
        return self._values.get(var, ())

    def text(self, var: str) -> str:
        """The value of a field that has one; an empty text where nothing was filled in."""
        return next(iter(self.all(var)), "")

    def flag(self, var: str) -> bool:
        """Whether a boolean was set."""
        return self.text(var) == "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What is asked."""

    title: str
    instructions: tuple[str, ...] = ()
    "Paragraphs."

    fields: tuple[Field, ...] = ()

    def again(self, filled: Filled) -> "Form":
        """The same with what was filled in; what is private is asked anew."""
        kept = (
            each
            if each.type in (FieldType.FIXED, FieldType.HIDDEN, FieldType.TEXT_PRIVATE)
            else replace(each, values=filled.all(each.var))
            for each in self.fields
        )
        return replace(self, fields=tuple(kept))


class Table(NamedTuple):
    """Rows of a report (XEP-0004 §3.4)."""

    columns: tuple[Field, ...]
    rows: tuple[tuple[str, ...], ...]
    "As many texts in each as there are columns."


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is told, with nothing to fill in."""

    title: str
    instructions: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    table: Table | None = field(default=None)


def write(form: Form | Report) -> Element:
    """The <x/> that asks, or reports."""
    asks = isinstance(form, Form)
    x = Element(TAG, {"type": "form" if asks else "result"})
    _say(x, "title", form.title)
    for paragraph in form.instructions:
        _say(x, "instructions", paragraph)
    for each in form.fields:
        _write_field(x, each, asks=asks)
    if isinstance(form, Report) and form.table is not None:
        reported = SubElement(x, f"{{{DATA_FORM}}}reported")
        for column in form.table.columns:
            SubElement(
                reported,
                f"{{{DATA_FORM}}}field",
                {"var": column.var, "type": column.type, "label": sayable(column.label)},
            )
        for row in form.table.rows:
            item = SubElement(x, f"{{{DATA_FORM}}}item")
            for column, text in zip(form.table.columns, row, strict=True):
                _say(SubElement(item, f"{{{DATA_FORM}}}field", {"var": column.var}), "value", text)
    return x


def _write_field(x: Element, each: Field, *, asks: bool) -> None:
    element = SubElement(x, f"{{{DATA_FORM}}}field", {"type": each.type})
    if each.var:
        element.set("var", each.var)
    if each.label:
        element.set("label", sayable(each.label))
    if asks and each.desc:
        _say(element, "desc", each.desc)
    if asks and each.required:
        SubElement(element, f"{{{DATA_FORM}}}required")
    for value in each.values:
        _say(element, "value", value)
    if asks:
        for option in each.options:
            chosen = SubElement(
                element, f"{{{DATA_FORM}}}option", {"label": sayable(option.label)} if option.label else {}
            )
            _say(chosen, "value", option.value)


def _say(parent: Element, name: str, text: str) -> None:
    SubElement(parent, f"{{{DATA_FORM}}}{name}").text = sayable(text)


def sayable(text: str) -> str:
    """A text that XML can say."""
    return _UNSAYABLE.sub("\N{REPLACEMENT CHARACTER}", text)
