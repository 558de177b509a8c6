"""Any declared record ↔ its element, both ways: the generic walk over what `mappings` declares.

A class is compiled once into a plan.  Reading is liberal: children in any order, unknown and unreadable ones are left
out and reported by name, an unreadable attribute counts as absent; only a required one costs its record.  What is read
is settled into the form that compares (`gateway.canonical`).  Writing is exact and complete: candidates have all that
the schemas require, with an id made of the candidate itself where it has none.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar
from xml.etree.ElementTree import Element

from gateway import canonical
from gateway.errors import PeerError
from gateway.fields import Dropped, Field, fields
from mappings.description import Candidate, GatheringComplete
from mappings.namespaces import RTP
from mappings.record import MOST, SPELLINGS

T = TypeVar("T")
Get = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Reading:
    """How a class is read from an element in one namespace."""

    cls: Callable[..., Any]
    name: str
    attributes: dict[str, tuple[str, Callable[[str], Any]]]
    children: "dict[str, tuple[str, _Reading, int]]"
    "By Clark name: the field, how it is read, and how many of it are taken."

    many: frozenset[str]
    text: tuple[str, Callable[[str], Any]] | None
    required: frozenset[str]
    settle: Callable[[dict[str, Any], dict[str, Any]], bool] | None


@dataclass(frozen=True, slots=True)
class _Writing:
    """How a class is written into an element in one namespace."""

    tag: str
    namespace: str
    attributes: tuple[tuple[str, Get, Callable[[Any], str] | None, str | None], ...]
    "Name, where the value is, how it is spelled, and what stands for None."

    children: tuple[tuple[Get, bool], ...]
    text: Get | None
    unique: str | None


def read(cls: type[T], element: Element, dropped: Dropped | None = None) -> T:
    """The record that an element says.  PeerError where something required cannot be read."""
    subject: Any = cls
    reading = _reading(subject, _namespace(element.tag))
    try:
        record: T = _read(reading, element, {}, dropped if dropped is not None else Dropped())
    except ValueError as error:
        raise PeerError(f"<{reading.name}/>: {error}") from None
    return record


def _read(reading: _Reading, element: Element, parent: dict[str, Any], dropped: Dropped) -> Any:
    values: dict[str, Any] = {}
    for name, text in element.items():
        known = reading.attributes.get(name)
        if known is not None:
            try:
                values[known[0]] = known[1](text)
                continue
            except (ValueError, KeyError):
                pass
        if name[0] != "{":
            dropped.add(f"{reading.name}@{name}")
    if reading.text is not None:
        values[reading.text[0]] = reading.text[1](element.text or "")
    if len(element):
        _read_children(reading, element, values, dropped)
    if not reading.required <= values.keys():
        raise ValueError(f"cannot read {', '.join(sorted(reading.required - values.keys()))}")
    if reading.settle is not None and not reading.settle(values, parent):
        raise ValueError("says nothing that is known")
    return reading.cls(**values)


def _read_children(reading: _Reading, element: Element, values: dict[str, Any], dropped: Dropped) -> None:
    lists: dict[str, list[Any]] = {}
    for child in element:
        held = reading.children.get(child.tag)
        if held is None:
            dropped.add(local(child.tag))
            continue
        field, sub, most = held
        found = lists.setdefault(field, [])
        if len(found) < most:
            try:
                found.append(_read(sub, child, values, dropped))
                continue
            except ValueError:
                pass
        dropped.add(sub.name)
    for field, found in lists.items():
        if found:
            values[field] = tuple(found) if field in reading.many else found[0]


def write(record: object, *, exact: bool = False) -> Element:
    """The element that says a record.

    It is written as clients take it: foundations are numbers (COMPAT(TigaseSwift): it drops other candidates), and
    nothing is said that XEP-0176 does not know.  ``exact`` writes everything as it stands.
    """
    subject: Any = record
    return _write(subject, _writing(subject.__class__, "", exact), exact)


def _write(record: Any, writing: _Writing, exact: bool) -> Element:
    element = Element(writing.tag)
    attributes = element.attrib
    for name, get, spell, absent in writing.attributes:
        value = get(record)
        if value is None:
            if absent is None:
                continue
            value = absent
        attributes[name] = value if spell is None else spell(value)
    if writing.unique is not None and not attributes.get(writing.unique):
        # NCName, the same for the same candidate whenever it is written.
        said = "\0".join(map("=".join, attributes.items()))
        attributes[writing.unique] = f"c{zlib.crc32(said.encode()):08x}"
    if writing.text is not None:
        element.text = str(writing.text(record))
    for get, many in writing.children:
        value = get(record)
        if value is None or value == ():
            continue
        for one in value if many else (value,):
            if exact or not isinstance(one, GatheringComplete):
                element.append(_write(one, _writing(one.__class__, writing.namespace, exact), exact))
    return element


@cache
def _reading(cls: Any, namespace: str) -> _Reading:
    spelling = SPELLINGS[cls]
    assert spelling.xml is not None, f"{cls.__name__} has no element"
    children = {}
    attributes: dict[str, tuple[str, Callable[[str], Any]]] = {}
    text = None
    for field in fields(cls):
        if field.record is not None:
            for tag in _tags(field.record, namespace):
                sub = _reading(field.record, _namespace(tag))
                children[tag] = (field.name, sub, MOST if field.many else 1)
        elif field.name == spelling.text:
            text = (field.name, field.read)
        else:
            # COMPAT(Monal): rel_port.
            attributes[_attribute(field)] = attributes[field.name] = (field.name, field.read)
    return _Reading(
        cls=cls,
        name=local(spelling.xml),
        attributes=attributes,
        children=children,
        many=frozenset(field.name for field in fields(cls) if field.many),
        text=text,
        required=frozenset(field.name for field in fields(cls) if field.required),
        settle=canonical.SETTLE.get(cls),
    )


def _tags(cls: type, namespace: str) -> tuple[str, ...]:
    """The Clark names that a record is read from, below an element of that namespace."""
    spelling = SPELLINGS[cls]
    assert spelling.xml is not None
    if spelling.xml[0] == "{":
        return (spelling.xml, *spelling.aliases)
    # COMPAT: some write <parameter/> in the namespace of RTP wherever it stands.
    return tuple(dict.fromkeys((f"{{{namespace}}}{spelling.xml}", f"{{{RTP}}}{spelling.xml}")))


@cache
def _writing(cls: Any, namespace: str, exact: bool) -> _Writing:
    spelling = SPELLINGS[cls]
    assert spelling.xml is not None, f"{cls.__name__} has no element"
    tag = spelling.xml if spelling.xml[0] == "{" else f"{{{namespace}}}{spelling.xml}"
    absent = dict(spelling.always)
    scalars = [field for field in fields(cls) if field.record is None and not field.many]
    return _Writing(
        tag=tag,
        namespace=_namespace(tag),
        attributes=tuple(
            (_attribute(field), attrgetter(field.name), _speller(cls, field, exact), absent.get(field.name))
            for field in scalars
            if field.name != spelling.text
        ),
        children=tuple((attrgetter(field.name), field.many) for field in fields(cls) if field.record is not None),
        text=None if spelling.text is None else attrgetter(spelling.text),
        unique=spelling.unique,
    )


def _speller(cls: type, field: Field, exact: bool) -> Callable[[Any], str] | None:
    if cls is Candidate and field.name == "foundation":
        return None if exact else lambda said: canonical.foundation(said, decimal=True)
    if field.kind is str:
        return None
    if field.kind is bool:
        return lambda value: "true" if value else "false"
    return str


def _attribute(field: Field) -> str:
    return field.name.rstrip("_").replace("_", "-")  # a Python keyword has an underscore behind it


def _namespace(tag: str) -> str:
    return tag[1:].partition("}")[0] if tag[:1] == "{" else ""


def local(tag: object) -> str:
    """An element's name without its namespace; a comment has none."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else "comment"
