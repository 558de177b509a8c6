"""The state of a conference as its focus tells it: application/conference-info+xml, read and put together (RFC 4575).

A focus tells all there is once, and then what changes: each NOTIFY has a number, and each user, endpoint and medium in
it is whole (full), a change (partial) or gone (deleted), by §4.4 and §4.6.  Who has missed one must ask for everything
again: that is `Verdict.GAP`.

What comes is a stranger's XML: a document type, too deep a tree and too many elements are refused, and of too many
users, endpoints and media the first ones are kept.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeVar
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from gateway.attendance import Attendee, Endpoint, Stream
from gateway.errors import PeerError
from mappings.namespaces import CONFERENCE_INFO

EVENT: Final = "conference"
CONTENT: Final = "application/conference-info+xml"

MOST_USERS: Final = 500
MOST_PARTS: Final = 4
"Endpoints of a user, and media of an endpoint."

DEEPEST: Final = 16
MOST_ELEMENTS: Final = 50_000
LONGEST: Final = 256
"Characters of an address or a name; what is longer is cut, and an address that is longer is nobody's."

LONGEST_WORD: Final = 32
"Likewise of the name of a medium, and of what is a word of the schema."

LARGEST_VERSION: Final = 2**32 - 1

_NS: Final = f"{{{CONFERENCE_INFO}}}"
Part = TypeVar("Part", Attendee, Endpoint, Stream)


class Verdict(StrEnum):
    """What became of a document."""

    TAKEN = "taken"
    OLD = "old"
    "Told before, or by the one after it."

    GAP = "gap"
    "One before it is missing, or there was none."


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """A conference as it is known."""

    entity: str = ""
    title: str = ""
    count: int | None = None
    version: int | None = None
    "The focus's; None: nothing was told."

    users: Mapping[str, Attendee]
    "By their addresses."

    def take(self, root: Element, *, asked: bool) -> "tuple[Roster, Verdict]":
        """The roster after a document; ``asked``: everything was asked for again, and may have any number.

        PeerError (400) for a document without what it must have.
        """
        state, version, entity = root.get("state", "full"), _version(root), root.get("entity", "")[:LONGEST]
        known = self.version
        if state == "full":
            if known is not None and version <= known and not asked:
                return self, Verdict.OLD
            return _told(Roster(users={}), root, version, entity), Verdict.TAKEN
        if known is None or version > known + 1:
            return self, Verdict.GAP
        if version <= known:
            return self, Verdict.OLD
        if state == "deleted":
            return Roster(entity=self.entity, version=version, users={}), Verdict.TAKEN
        return _told(self, root, version, entity), Verdict.TAKEN


NOBODY: Final = Roster(users={})


def read(body: bytes) -> Element:
    """The <conference-info/> of a body.  PeerError (400) where it is none, or larger than any."""
    parser = XMLParser(target=_Careful())  # noqa: S314 - it takes no entities, and no more than it can hold
    try:
        parser.feed(body)
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        raise PeerError(f"conference-info: {error}") from None
    if root.tag != f"{_NS}conference-info":
        raise PeerError(f"conference-info: the root is {root.tag[:80]!r}")
    return root


class _Careful:
    """Builds a tree of limited size, and takes no document type: entities are declared there."""

    def __init__(self) -> None:
        self._builder = TreeBuilder()
        self._depth = 0
        self._left = MOST_ELEMENTS

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._left -= 1
        if self._depth > DEEPEST or self._left < 0:
            raise ValueError("more elements, or deeper, than any conference has")
        self._builder.start(tag, attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._builder.end(tag)

    def data(self, text: str) -> None:
        self._builder.data(text)

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise ValueError("a document type")

    def close(self) -> Element:
        return self._builder.close()


def _version(root: Element) -> int:
    written = root.get("version", "").strip()
    if not written.isdecimal() or not written.isascii() or int(written[:11]) > LARGEST_VERSION:
        raise PeerError(f"conference-info version: not a number, {written[:40]!r}")
    return int(written[:11])


def _told(roster: Roster, root: Element, version: int, entity: str) -> Roster:
    """What a document that is in its turn makes of a roster."""
    title = _text(root, "conference-description", "display-text") or _text(root, "conference-description", "subject")
    count = _text(root, "conference-state", "user-count")
    users = dict(roster.users)
    listed = root.find(f"{_NS}users")
    if listed is not None:
        if listed.get("state", "full") == "full":
            users = {}
        _merge(users, listed.iterfind(f"{_NS}user"), _attendee, MOST_USERS)
    return Roster(
        entity=entity or roster.entity,
        title=roster.title if title is None else title,
        count=int(count) if count and count.isascii() and count.isdecimal() and len(count) < 10 else roster.count,
        version=version,
        users=users,
    )


def _merge(
    known: dict[str, Part],
    elements: Iterable[Element],
    read: Callable[[Element, Part | None], Part],
    most: int,
    key: str = "entity",
) -> None:
    """Put parts of a document into what is known, by their keys."""
    longest = LONGEST if key == "entity" else LONGEST_WORD
    for element in elements:
        name, state = element.get(key, ""), element.get("state", "full")
        if not name or len(name) > longest:
            continue
        if state == "deleted":
            known.pop(name, None)
        elif name in known or len(known) < most:
            known[name] = read(element, known.get(name) if state == "partial" else None)


def _attendee(element: Element, before: Attendee | None) -> Attendee:
    made = before or Attendee(entity=element.get("entity", ""))
    endpoints = {endpoint.entity: endpoint for endpoint in made.endpoints}
    _merge(endpoints, element.iterfind(f"{_NS}endpoint"), _endpoint, MOST_PARTS)
    return replace(made, name=_said(element, "display-text", made.name), endpoints=tuple(endpoints.values()))


def _endpoint(element: Element, before: Endpoint | None) -> Endpoint:
    made = before or Endpoint(entity=element.get("entity", ""))
    streams = {stream.id: stream for stream in made.streams}
    _merge(streams, element.iterfind(f"{_NS}media"), _stream, MOST_PARTS, "id")
    return replace(
        made,
        name=_said(element, "display-text", made.name),
        status=_word(element, "status", made.status),
        streams=tuple(streams.values()),
    )


def _stream(element: Element, before: Stream | None) -> Stream:
    made = before or Stream(id=element.get("id", ""))
    return replace(made, kind=_word(element, "type", made.kind), status=_word(element, "status", made.status))


def _said(element: Element, name: str, otherwise: str) -> str:
    found = _text(element, name)
    return otherwise if found is None else found


def _word(element: Element, name: str, otherwise: str) -> str:
    return _said(element, name, otherwise)[:LONGEST_WORD]


def _text(element: Element, *path: str) -> str | None:
    found = element.findtext("/".join(f"{_NS}{name}" for name in path))
    return None if found is None else " ".join(found.split())[:LONGEST]
