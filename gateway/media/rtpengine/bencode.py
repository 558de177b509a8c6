"""Bencode, as the ng protocol writes it: integers, texts, lists, and dictionaries with texts for keys.

Texts are UTF-8; octets that are not stand as lone surrogates and are written back as they came.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Value: TypeAlias = "int | str | Sequence[Value] | Mapping[str, Value]"

LONGEST = 65_535
"Octets of a message: it comes as one datagram."

DEEPEST = 16
"Lists and dictionaries within each other."

MOST_DIGITS = 20
"Of an integer: what 64 bits take."


def encode(value: Value) -> bytes:
    """The octets of a value; keys in order."""
    match value:
        case int():
            return b"i%de" % value
        case str():
            octets = value.encode("utf-8", "surrogateescape")
            return b"%d:%s" % (len(octets), octets)
        case Mapping():
            pairs = sorted((encode(key).partition(b":")[2], encode(key), encode(item)) for key, item in value.items())
            return b"d" + b"".join(key + item for _, key, item in pairs) + b"e"
        case _:
            return b"l" + b"".join(map(encode, value)) + b"e"


def decode(data: bytes) -> Value:
    """The value; ValueError where the octets are none, or more than one, or beyond the bounds above."""
    if len(data) > LONGEST:
        raise ValueError(f"longer than {LONGEST} octets")
    value, end = _value(data, 0, DEEPEST)
    if end != len(data):
        raise ValueError(f"more than one value, at octet {end}")
    return value


def _value(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    if not depth:
        raise ValueError(f"deeper than {DEEPEST}")
    kind = data[at : at + 1]
    if kind == b"i":
        return _integer(data, at + 1, b"e")
    if kind == b"l":
        return _list(data, at + 1, depth)
    if kind == b"d":
        return _dictionary(data, at + 1, depth)
    return _text(data, at)


def _integer(data: bytes, at: int, end: bytes) -> tuple[int, int]:
    stop = data.find(end, at, at + MOST_DIGITS + 2)
    digits = data[at:stop] if stop >= 0 else b""
    if not digits.removeprefix(b"-").isdigit():
        raise ValueError(f"no integer at octet {at}")
    return int(digits), stop + 1


def _text(data: bytes, at: int) -> tuple[str, int]:
    length, start = _integer(data, at, b":")
    if not 0 <= length <= len(data) - start:
        raise ValueError(f"no text of {length} octets at octet {at}")
    return data[start : start + length].decode("utf-8", "surrogateescape"), start + length


def _list(data: bytes, at: int, depth: int) -> tuple[list[Value], int]:
    found: list[Value] = []
    while data[at : at + 1] != b"e":
        value, at = _value(data, at, depth - 1)
        found.append(value)
    return found, at + 1


def _dictionary(data: bytes, at: int, depth: int) -> tuple[dict[str, Value], int]:
    found: dict[str, Value] = {}
    while data[at : at + 1] != b"e":
        key, at = _text(data, at)
        found[key], at = _value(data, at, depth - 1)
    return found, at + 1
