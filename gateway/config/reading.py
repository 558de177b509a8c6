"""TOML to the classes of `tables`, and msgspec's complaints in the operator's words."""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

import msgspec

from gateway.config.table import Table
from gateway.config.tables import File
from gateway.errors import ConfigError

_WHERE = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.S)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_KEY = re.compile(r"Object (?P<which>contains unknown|missing required) field `(?P<key>.*)`")
# fmt: off
_WORDS = {
    "int": "an integer", "float": "a number", "str": "a string", "bool": "true or false", "array": "a list",
    "object": "a table", "null": "nothing",
}
# fmt: on


def read(path: Path) -> File:
    """The file at this path; ConfigError when it cannot be read or its keys and types are not those of `tables`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error.strerror if isinstance(error, OSError) else 'not UTF-8'}") from None
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        return msgspec.convert(found, File)
    except msgspec.ValidationError as error:
        raise ConfigError(_complaint(str(error), found)) from None


def refuse(where: str, key: str, problem: str) -> NoReturn:
    """Say what is wrong with a key."""
    raise ConfigError(f"{where} {key}: {problem}" if key else f"{where}: {problem}")


def row(table: str, number: int, name: str | None = None) -> str:
    """How a row of an array of tables is called: by its name, or its place."""
    return f'[[{table}]] "{name}"' if name else f"[[{table}]] no. {number + 1}"


def _complaint(text: str, found: dict[str, Any]) -> str:
    match = _WHERE.fullmatch(text)
    assert match is not None
    what, steps = match["what"], _steps(match["path"] or "")
    if key := _KEY.fullmatch(what):
        steps.append(key["key"])
        if key["which"].startswith("missing"):
            return f"{_name(steps, found)}: missing"
        close = difflib.get_close_matches(key["key"], _class_at(steps[:-1]).__struct_fields__, 1)
        kind = "table" if len(steps) == 1 else "key"
        return f"{_name(steps, found)}: no such {kind}" + (f" — did you mean {close[0]}?" if close else "")
    if len(steps) == 1 and isinstance(found[str(steps[0])], dict | list):
        single, double = f"[{steps[0]}]", f"[[{steps[0]}]]"
        return f"{double}: write {single}" if isinstance(found[str(steps[0])], list) else f"{single}: write {double}"
    return f"{_name(steps, found)}: {_expectation(what, steps)}{_got(steps, found)}"


def _steps(path: str) -> list[str | int]:
    return [int(index) if index.isdigit() else key for key, index in _STEP.findall(path) if index != "..."]


def _name(steps: list[str | int], found: Any) -> str:
    """The key as the operator knows it: ``[sip] listen[0]``, ``[[trunk]] "carrier" port``."""
    table, keys = str(steps[0]), steps[1:]
    where = f"[{table}]"
    if keys and isinstance(index := keys[0], int):
        name = found[table][index].get("name") if isinstance(found[table][index], dict) else None
        where, keys = row(table, index, name if isinstance(name, str) else None), keys[1:]
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")
    return f"{where} {path}".rstrip()


def _class_at(steps: list[str | int]) -> type[Table]:
    """The class of the table that a path leads to, or into."""
    found: type[Table] = File
    for step in steps:
        hint = get_type_hints(found).get(str(step))
        inner = get_args(hint)[0] if get_origin(hint) is tuple else hint
        if isinstance(inner, type) and issubclass(inner, Table):
            found = inner
    return found


def _expectation(what: str, steps: list[str | int]) -> str:
    hint = _hint(steps)
    if what.startswith("Invalid enum value"):
        *others, last = map(str, get_args(hint))
        return f"expected {', '.join(others)} or {last}"
    if "matching regex" in what:
        annotated = next(kind for kind in (hint, *get_args(hint)) if hasattr(kind, "__metadata__"))  # or of a union
        return f"expected {next(meta.description for meta in annotated.__metadata__ if meta.description)}"
    what = what.partition(", got")[0].replace(" | null", "")
    return re.sub(r"`(\w+)`", lambda word: _WORDS[word[1]], what[:1].lower() + what[1:])


def _hint(steps: list[str | int]) -> Any:
    """The type of the key that a path leads to, or of one element of its list."""
    key = next(str(step) for step in reversed(steps) if isinstance(step, str))
    hint: Any = get_type_hints(_class_at(steps), include_extras=True).get(key)
    if isinstance(steps[-1], int):
        while get_origin(hint) is not tuple:
            hint = get_args(hint)[0]
        hint = get_args(hint)[0]
    return hint


def _got(steps: list[str | int], found: Any) -> str:
    for step in steps:
        found = found[step]
    return f" — got {found!r}" if isinstance(found, str | int | float) else ""
