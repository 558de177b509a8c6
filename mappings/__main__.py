"""``python -m mappings`` prints the tables of the README, as Markdown."""

import sys
from collections.abc import Iterable, Sequence

from . import digits, namespaces, transfer  # noqa: F401 — digits and transfer declare records
from .description import Media
from .messages import ROWS as MESSAGES
from .messages import Word
from .reasons import CLASSES, EndReason, Row
from .reasons import ROWS as REASONS
from .record import SPELLINGS, Spelling
from .terms import Info, Initiation

_PREFIXES = {value: name.lower().replace("_", "-") for name, value in vars(namespaces).items() if name.isupper()}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def reasons() -> str:
    """Why a call ends: Jingle reason ↔ SIP status and Reason header."""

    def row(one: Row) -> list[str]:
        cause = one.bye
        warning = f" Warning {one.warning}" if one.warning is not None else ""
        also = [str(status) for status in one.statuses]
        classes = [f"other {first}xx" for first, reason in CLASSES.items() if reason is one.reason]
        return [
            "(none)" if one.reason is EndReason.UNSPECIFIED else f"`{one.reason}`",
            f"{one.refusal}{warning}",
            f"{cause.protocol};cause={cause.code}" if cause else "",
            ", ".join(also + classes),
            ", ".join(map(str, one.q850)),
        ]

    heads = ["Jingle reason", "refuses a call with", "Reason of a BYE", "read from status", "read from Q.850"]
    return table(heads, map(row, REASONS))


def messages() -> str:
    """What crosses, and how each side says it."""

    def spell(word: Word) -> str:
        match word:
            case Initiation():
                return f"message `<{word}/>`"
            case Info():
                return f"session-info `<{word}/>`"
            case _:
                return f"`{word}`"

    def words(said: tuple[Word, ...]) -> str:
        return ", ".join(map(spell, said))

    heads = ["Signal", "Leg", "Jingle", "SIP", "Where it is written", "Note"]
    rows = (
        [
            row.said or "–",
            row.state,
            words(row.jingle),
            words(row.sip),
            row.spec,
            row.note,
        ]
        for row in MESSAGES
    )
    return table(heads, rows)


def spellings() -> str:
    """Each record of a description: its element and its SDP lines."""

    def row(cls: type, spelling: Spelling) -> list[str]:
        sdp = f"`a={spelling.sdp}`" if spelling.sdp else ""
        also = spelling.lines or ""
        return [cls.__name__, _element(spelling.xml), ", ".join(filter(None, (sdp, also))), _summary(cls)]

    # By module, so that it is the same whichever was imported first.
    declared = sorted(SPELLINGS.items(), key=lambda item: item[0].__module__)
    rows = [row(cls, spelling) for cls, spelling in declared if spelling.xml is not None]
    rows.append([Media.__name__, "`<content>` in `jingle`", "m=, mid, direction", _summary(Media)])
    return table(["Record", "Jingle", "SDP", "What"], rows)


def _element(xml: str | None) -> str:
    if xml is None or xml[0] != "{":
        return f"`<{xml}>`"
    namespace, _, name = xml[1:].partition("}")
    return f"`<{name}>` in `{_PREFIXES[namespace]}`"


def _summary(cls: type) -> str:
    return (cls.__doc__ or "").partition("\n")[0]


TABLES = {"Messages": messages, "Reasons": reasons, "Records": spellings}


def main() -> None:
    """Print every table under its heading."""
    for heading, make in TABLES.items():
        sys.stdout.write(f"### {heading}\n\n{make()}\n\n")


if __name__ == "__main__":
    main()
