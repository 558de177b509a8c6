"""What requests and responses have in common: header lines, as text and as values (RFC 3261 §7.3)."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, Self, TypeVar

from gateway.errors import PeerError
from gateway.sip.address import NameAddr, Via
from gateway.sip.flow import Flow
from gateway.sip.grammar import TOKEN, split_list
from gateway.sip.headers import SHORT, CSeq, canonical

Header = tuple[str, str]
"Name and unfolded value."

BARE_NUL: Final = re.compile(r"(?<!\\)\0")
"A NUL that no backslash makes part of a quoted string (RFC 3261 §25.1 quoted-pair)."

_T = TypeVar("_T")


def writable(name: str, value: str) -> Header:
    """The header, unless it would write something else than itself (ROB-01)."""
    if "\n" in value or "\r" in value or ("\0" in value and BARE_NUL.search(value)) or not TOKEN.fullmatch(name):
        raise ValueError(f"header {name!r}: a line break or NUL cannot be written")
    return canonical(name), value


class SipMessage:
    """What requests and responses have in common."""

    __slots__ = ()

    headers: tuple[Header, ...]
    body: bytes
    flow: Flow | None
    _cache: dict[str, Any]

    def _with(self, headers: tuple[Header, ...]) -> Self:
        raise NotImplementedError  # pragma: no cover

    def _start_line(self) -> str:
        raise NotImplementedError  # pragma: no cover

    # As text -----------------------------------------------------------------------------------------------------

    def _index(self) -> dict[str, list[str]]:
        """The values by lower-case name, made once."""
        found: dict[str, list[str]] | None = self._cache.get("")
        if found is None:
            found = self._cache[""] = {}
            for name, value in self.headers:
                found.setdefault(name.lower(), []).append(value)
        return found

    def first(self, name: str) -> str | None:
        """The first line's value, or None."""
        lines = self._index().get(name.lower())
        return lines[0] if lines else None

    def all(self, name: str) -> tuple[str, ...]:
        """The values as the lines stand."""
        return tuple(self._index().get(name.lower(), ()))

    def values(self, name: str) -> tuple[str, ...]:
        """The single values of a header whose lines are lists; raises `PeerError` for an unbalanced quote."""
        lines = self._index().get(name.lower())
        return tuple([value for line in lines for value in split_list(line)]) if lines else ()

    def tokens(self, name: str) -> frozenset[str]:
        """The values of a list of tokens, in lower case."""
        return frozenset([value.lower() for value in self.values(name)])

    # As values ---------------------------------------------------------------------------------------------------

    def _typed(self, key: str, read: Callable[[], _T]) -> _T:
        try:
            return self._cache[key]  # type: ignore[no-any-return]
        except KeyError:
            value = self._cache[key] = read()
            return value

    def _required(self, name: str) -> str:
        value = self.first(name)
        if not value:
            raise PeerError(f"no {name}")
        return value

    @property
    def call_id(self) -> str:
        """What all messages of a dialog have in common."""
        return self._required("Call-ID")

    @property
    def cseq(self) -> CSeq:
        """The request's number and method."""
        return self._typed("cseq", lambda: CSeq.parse(self._required("CSeq")))

    @property
    def from_(self) -> NameAddr:
        """Who asks."""
        return self._typed("from", lambda: NameAddr.parse(self._required("From")))

    @property
    def to(self) -> NameAddr:
        """Who is asked."""
        return self._typed("to", lambda: NameAddr.parse(self._required("To")))

    @property
    def via(self) -> Via:
        """The last step of the way, which is the first value."""
        return self._typed("via", lambda: Via.parse(next(iter(split_list(self._required("Via"))), "")))

    @property
    def branch(self) -> str | None:
        """The topmost Via's branch, which names the transaction."""
        return self.via.branch

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """Where to reach the sender; the asterisk of a REGISTER is left out."""
        return self._typed(
            "contact", lambda: tuple([NameAddr.parse(value) for value in self.values("Contact") if value != "*"])
        )

    # Changed -----------------------------------------------------------------------------------------------------

    def with_header(self, name: str, value: str) -> Self:
        """With this header behind the others."""
        return self._with((*self.headers, writable(name, value)))

    def with_headers(self, headers: Iterable[Header]) -> Self:
        """With these headers behind the others."""
        return self._with((*self.headers, *[writable(name, value) for name, value in headers]))

    def with_first(self, name: str, value: str) -> Self:
        """With this header before the others: how a Via is added."""
        return self._with((writable(name, value), *self.headers))

    def replace_header(self, name: str, value: str) -> Self:
        """With this header in place of the first of its name, and without the others of its name."""
        header, low = writable(name, value), canonical(name).lower()
        kept: list[Header] = []
        placed = False
        for line in self.headers:
            if line[0].lower() != low:
                kept.append(line)
            elif not placed:
                kept.append(header)
                placed = True
        return self._with((*kept, header) if not placed else tuple(kept))

    def without(self, name: str) -> Self:
        """Without the headers of this name."""
        low = canonical(name).lower()
        return self._with(tuple([line for line in self.headers if line[0].lower() != low]))

    def with_top_via(self, via: Via) -> Self:
        """With this in place of the topmost Via value; the others stay."""
        values = self.values("Via")
        lines = [line for line in self.headers if line[0] != "Via"]
        changed = self._with((("Via", str(via)), *[("Via", value) for value in values[1:]], *lines))
        changed._cache.update(self._cache)  # the rest was read already, and is the same
        del changed._cache[""]
        changed._cache["via"] = via
        return changed

    def encode(self, *, compact: bool = False) -> bytes:
        """The bytes to send; raises `ValueError` for what would be read as another message.

        ``compact``: with one-letter names, where there are such (RFC 3261 §7.3.3).
        """
        lines = [self._start_line()]
        if compact:
            lines += [f"{SHORT.get(name, name)}:{value}" for name, value in self.headers if name != "Content-Length"]
            lines.append(f"l:{len(self.body)}\r\n\r\n")
        else:
            lines += [f"{name}: {value}" for name, value in self.headers if name != "Content-Length"]
            lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        head = "\r\n".join(lines)
        breaks = len(lines) + 1
        if head.count("\n") != breaks or head.count("\r") != breaks or ("\0" in head and BARE_NUL.search(head)):
            raise ValueError("message: a line break or NUL inside a line cannot be written")
        return head.encode("utf-8", "surrogateescape") + self.body
