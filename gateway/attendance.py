"""Who is in a conference: what a SIP focus tells (RFC 4575) and a client is told (XEP-0298), in neither's words.

Only what clients show of it: people, the devices they are in with, and what these send.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

PAGE = 50
"So many people are told at a time: servers take stanzas of limited size."

LARGEST = 48_000
"And no more than so many octets of them: a server ends the stream of who sends more, and all calls with it."

_MARKUP = 128
"Octets of the elements of one part, at most."

_ESCAPED = "&<>\"'\n\r\t"
"What may take 5 characters more in XML."

GONE = frozenset({"disconnected", "disconnecting"})
"The states of an endpoint that is in the conference no more, or soon (RFC 4575 §5.7.3)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One medium of an endpoint."""

    id: str
    kind: str = ""
    "audio, video, text."

    status: str = ""
    "sendrecv, sendonly, recvonly, inactive."


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One device with which somebody is in it."""

    entity: str
    name: str = ""
    status: str = ""
    "connected, on-hold, alerting and so on (RFC 4575 §5.7.3); empty: it was not said."

    streams: tuple[Stream, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee:
    """One user of the conference."""

    entity: str
    "An address: a URI."

    name: str = ""
    endpoints: tuple[Endpoint, ...] = ()

    @property
    def present(self) -> bool:
        """Whether one endpoint is in it, as far as was said."""
        return not self.endpoints or any(endpoint.status not in GONE for endpoint in self.endpoints)

    @property
    def octets(self) -> int:
        """How many it takes to tell, at most."""
        streams = [stream for endpoint in self.endpoints for stream in endpoint.streams]
        texts = [self.entity, self.name]
        texts += [text for one in self.endpoints for text in (one.entity, one.name, one.status)]
        texts += [text for one in streams for text in (one.id, one.kind, one.status)]
        return sum(map(_octets, texts)) + _MARKUP * (1 + len(self.endpoints) + len(streams))

    @property
    def called(self) -> str:
        """How people call this one."""
        return self.name or next((one.name for one in self.endpoints if one.name), "") or self.entity


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What is new of a conference, or all there is of it."""

    entity: str
    "Its address: a URI."

    version: int
    "Of what has been told, counted from 1 without a gap."

    full: bool
    "Whether this is all there is; else what has changed since the version before."

    title: str = ""
    count: int | None = None
    "How many are in it, where that was said."

    came: tuple[Attendee, ...] = ()
    "Who has come, or is otherwise than before."

    left: tuple[str, ...] = ()
    "Who has gone, by their entities."


class Told:
    """What one listener has been told of a conference, and so what is news to it."""

    __slots__ = ("_count", "_title", "_version", "people")

    def __init__(self) -> None:
        self.people: dict[str, Attendee] = {}
        "Who was told to be there."

        self._title = ""
        self._count: int | None = None
        self._version = 0

    @property
    def begun(self) -> bool:
        """Whether anything was told."""
        return self._version > 0

    def news(self, entity: str, title: str, count: int | None, people: Mapping[str, Attendee]) -> list[News]:
        """What to tell now, in parts of limited size; nothing, where nothing is new."""
        came = [one for key, one in people.items() if self.people.get(key) != one]
        left = [key for key in self.people if key not in people]
        full = not self.begun
        if not (full or came or left or (title, count) != (self._title, self._count)):
            return []
        self.people, self._title, self._count = dict(people), title, count
        parts: list[News] = []
        for part in _parted(left, came):
            self._version += 1
            parts.append(
                News(
                    entity=entity,
                    version=self._version,
                    full=full and not parts,
                    title=title,
                    count=count,
                    came=tuple(one for one in part if isinstance(one, Attendee)),
                    left=tuple(one for one in part if isinstance(one, str)),
                )
            )
        return parts


def _parted(left: Iterable[str], came: Iterable[Attendee]) -> Iterator[list[str | Attendee]]:
    """Who has gone and who has come, in parts of limited size; one of nobody where there is nobody."""
    everybody: list[str | Attendee] = [*left, *came]
    part: list[str | Attendee] = []
    octets = 0
    for one in everybody:
        more = _MARKUP + _octets(one) if isinstance(one, str) else one.octets
        if part and (len(part) == PAGE or octets + more > LARGEST):
            yield part
            part, octets = [], 0
        part.append(one)
        octets += more
    yield part


def _octets(text: str) -> int:
    """Octets of a text in XML, at most."""
    return len(text.encode()) + 5 * sum(map(text.count, _ESCAPED))
