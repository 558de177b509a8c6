"""The small words of SIP's grammar: tokens, numbers, quoted strings, lists and parameters (RFC 3261 §25.1).

Every pattern is made of possessive classes, so that reading takes time in proportion to the text, whatever the text is.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote as percent_quote
from urllib.parse import unquote as percent_unquote

from gateway.errors import PeerError

TOKEN_CHARS: Final = r"A-Za-z0-9\-.!%*_+`'~"  # noqa: S105
"The inside of a character class: what a token is made of."

BLANKS: Final = " \t"
"What may be stripped from a value; str.strip() alone would take Unicode's blanks too."

HOST: Final = r"\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9_.\-]++"
"A host name, an IPv4 address, or an IPv6 address in brackets. The underscore is not legal, and is used."

TOKEN: Final = re.compile(rf"[{TOKEN_CHARS}]++")
_QUOTED: Final = r'"(?:[^"\\]++|\\.)*+"'
_PARAMETER: Final = re.compile(
    rf"[ \t]*+;[ \t]*+([{TOKEN_CHARS}]++)[ \t]*+(?:=[ \t]*+({_QUOTED}|[^\x00-\x20\x7f;,\"<>]*+)[ \t]*+)?", re.S
)
_URI_PARAMETER: Final = re.compile(r";([^;=?]++)(?:=([^;?]*+))?")
_LIST_ITEM: Final = re.compile(rf'(?:[^,"<]++|{_QUOTED}|<[^>]*+>)*+(?:,|\Z)', re.S)
_PAIR: Final = re.compile(r"\\(.)", re.S)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SECRET: Final = re.compile(r":[^:@]*+@")


def shown(text: str) -> str:
    """A peer's text for an error message: short, printable, and without what stands between a colon and an @."""
    masked = _SECRET.sub(":***@", text)
    return ascii(masked if len(masked) <= 80 else masked[:77] + "...")


def number(text: str | None, limit: int) -> int | None:
    """A decimal number of 0 to `limit`, or None when the text is none or the number is beyond it."""
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    if len(text) > 18:  # int() of a long text takes quadratic time
        text = text.lstrip("0") or "0"
        if len(text) > 18:
            return None
    value = int(text)
    return value if value <= limit else None


def quote(text: str) -> str:
    """The text as a quoted-string; a line break cannot be written in one and becomes a blank."""
    if "\n" in text or "\r" in text:
        text = text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_CONTROL.sub(_escaped, text)}"'


def _escaped(match: re.Match[str]) -> str:
    return "\\" + match[0]


def unquote(text: str) -> str:
    """The inside of a quoted-string, its escapes resolved; other text as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return _PAIR.sub(r"\1", text[1:-1]) if "\\" in text else text[1:-1]


def split_list(text: str) -> list[str]:
    """The values of a comma-separated list; commas in quoted strings and in angle brackets do not separate.

    Raises `PeerError` for a quote or bracket that is not closed.
    """
    if "," not in text:
        item = text.strip(BLANKS)
        return [item] if item else []
    if '"' not in text and "<" not in text:
        return [item for raw in text.split(",") if (item := raw.strip(BLANKS))]
    found: list[str] = []
    position, end = 0, len(text)
    while position < end:
        match = _LIST_ITEM.match(text, position)
        if match is None:
            raise PeerError("list: unbalanced quote or bracket")
        position = match.end()
        item = match[0].removesuffix(",").strip(BLANKS)
        if item:
            found.append(item)
    return found


def unescape(text: str) -> str:
    """Percent-escapes decoded, once; a % without two hex digits stays, and bytes that are no UTF-8 are kept."""
    return percent_unquote(text, errors="surrogateescape") if "%" in text else text


def escape_user(text: str) -> str:
    """The text as the user part of a SIP URI: what may stand there does, all else is percent-escaped (§25.1 user)."""
    return percent_quote(text, safe="-_.!~*'()&=+$,;?/", errors="surrogateescape")


def escape_parameter(text: str) -> str:
    """The text as the value of a URI parameter (§25.1 pvalue)."""
    return percent_quote(text, safe="-_.!~*'()[]/:&+$", errors="surrogateescape")


class Parameters(Mapping[str, str | None]):
    """``;name=value;flag``: an immutable mapping of lower-case names to values as written, or None for a flag.

    Quoted values keep their quotes, escaped ones their escapes.  The order is kept for writing and means nothing.
    """

    __slots__ = ("_items",)

    _items: dict[str, str | None]

    def __init__(self, items: Mapping[str, str | None] | Iterable[tuple[str, str | None]] = ()) -> None:
        pairs = items.items() if isinstance(items, Mapping) else items
        self._items = {name.lower(): value for name, value in pairs}

    @classmethod
    def parse(cls, text: str) -> "Parameters":
        """Header parameters, each with its semicolon in front; `PeerError` for anything else."""
        found: dict[str, str | None] = {}
        position, end = 0, len(text)
        match_at = _PARAMETER.match
        while position < end:
            match = match_at(text, position)
            if match is None:
                # One semicolon too many at the end is a common slip; empty parameters in the middle are not (§25.1).
                if found and text[position:].strip(BLANKS) == ";":
                    break
                raise PeerError(f"parameters: cannot read {shown(text[position:])}")
            name, value = match.groups()
            name = name.lower()
            if name in found:
                raise PeerError(f"parameters: {name} stands twice")
            found[name] = value
            position = match.end()
        return cls._of(found)

    @classmethod
    def parse_uri(cls, text: str) -> "Parameters":
        """The parameters of a URI: no blanks, no quotes, and escapes even in the names (RFC 4475 §3.1.1.3)."""
        found: dict[str, str | None] = {}
        position, end = 0, len(text)
        while position < end:
            match = _URI_PARAMETER.match(text, position)
            if match is None:
                if found and text[position:] == ";":
                    break
                raise PeerError(f"URI parameters: cannot read {shown(text[position:])}")
            name, value = match.groups()
            if "%" in name:
                plain = percent_unquote(name)
                if TOKEN.fullmatch(plain) and "%" not in plain:
                    name = plain
            name = name.lower()
            if name in found:
                raise PeerError(f"URI parameters: {shown(name)} stands twice")
            found[name] = value
            position = match.end()
        return cls._of(found)

    @classmethod
    def _of(cls, items: dict[str, str | None]) -> "Parameters":
        if not items:
            return NO_PARAMETERS
        made = cls.__new__(cls)
        made._items = items
        return made

    def __getitem__(self, name: str) -> str | None:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __eq__(self, other: object) -> bool:
        return self._items == other._items if isinstance(other, Parameters) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __str__(self) -> str:
        return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in self._items.items()])

    def __repr__(self) -> str:
        return f"Parameters({str(self)!r})"

    def text(self, name: str) -> str | None:
        """The value without the quotes it may stand in; None for a flag, and for a parameter that is not there."""
        value = self._items.get(name)
        return unquote(value) if value is not None else None

    def adding(self, name: str, value: str | None = None) -> "Parameters":
        """With this parameter set; one that was there is replaced in its place."""
        return Parameters._of({**self._items, name.lower(): value})

    def without(self, *names: str) -> "Parameters":
        """Without these parameters."""
        return Parameters._of({name: value for name, value in self._items.items() if name not in names})


NO_PARAMETERS: Final = Parameters()
