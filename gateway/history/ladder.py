"""A call as text: its facts in a line or two, and its trail as a ladder, XMPP on the left and SIP on the right.

::

    2f5c6f0f9f1a2b3c  juliet@example.org → +15550100  through pbx
    began 2026-11-26 01:02:03 UTC, answered after 3.2 s, lasted 61 s, ended by caller: success

              XMPP                       gateway                          SIP
         0.000 │── session-initiate ────────▶│                             │  audio
         0.001 │◀─ result ───────────────────│                             │
         0.002 │                             │── INVITE ──────────────────▶│  audio
         0.150 │                             │◀─ 180 Ringing ──────────────│  INVITE
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from gateway.history.record import CallRecord
from gateway.history.trail import Step
from gateway.sip.headers import PHRASES

_LANE = 29
"How wide the way between two of them is, in characters."


def heading(record: CallRecord, now: float) -> Iterator[str]:
    """What call it is, in lines; ``now`` in seconds since 1970."""
    sides = (record.user or "nobody", record.number)
    caller, callee = sides if record.outgoing else reversed(sides)
    yield f"{record.id}  {plain(caller)} → {plain(callee)}" + (f"  through {record.trunk}" if record.trunk else "")
    parts = [f"began {date(record.began)}"]
    if record.answered is not None:
        parts.append(f"answered after {record.answered - record.began:.1f} s")
        parts.append(
            f"lasted {length(record.duration or 0)}" if record.ended else f"for {length(now - record.answered)}"
        )
    if record.ended is None:
        parts.append(f"now {record.state}")
    else:
        parts.append(f"ended by {record.ended_by}: {why(record)}")
    yield ", ".join(parts)
    if record.codec:
        yield f"codec {plain(record.codec)}, anchor {record.anchor or 'none'}"


def why(record: CallRecord) -> str:
    """Why it ended: the reason, the status and the words that there are."""
    told = [record.reason, *([str(record.status)] if record.status is not None else [])]
    return " ".join(told) + (f" ({plain(record.text)})" if record.text else "")


def ladder(steps: Iterable[Step]) -> Iterator[str]:
    """The trail, a line a step, under the names of the three; times count from the first."""
    began: float | None = None
    for step in steps:
        if began is None:
            began = step.at
            yield f"{'XMPP':>13}{'gateway':^{2 * _LANE - 6}}{'SIP':>6}"
        yield f"{step.at - began:10.3f} {_lanes(step)}  {plain(step.remark)}".rstrip()


def _lanes(step: Step) -> str:
    empty = " " * _LANE
    match step.protocol:
        case "jingle":
            return f"│{_arrow(step.word, right=step.inward)}│{empty}│"
        case "sip":
            return f"│{empty}│{_arrow(step.word, right=not step.inward)}│"
        case _:
            return f"│{empty}●{f' {plain(str(step.word))} '[:_LANE]:<{_LANE}}│"


def _arrow(word: str | int, *, right: bool) -> str:
    name = f"{word} {PHRASES.get(word, '')}".rstrip() if isinstance(word, int) else plain(word)
    name = name[: _LANE - 6]
    return f"── {name} ".ljust(_LANE - 1, "─") + "▶" if right else f"◀─ {name} ".ljust(_LANE, "─")


def date(seconds: float) -> str:
    """A time for people, UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def length(seconds: float) -> str:
    """So long: 7 s, 3:05 min, 1:02:03 h."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02} h"


def plain(text: str) -> str:
    """What a peer wrote, without what would move a terminal's cursor."""
    return "".join([one if one.isprintable() else "�" for one in text])
