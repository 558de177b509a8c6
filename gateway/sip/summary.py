"""What waits in a mailbox: the bodies of message-summary, read (RFC 3842 §5.2)."""

import re
from contextlib import suppress
from dataclasses import dataclass

from gateway.errors import PeerError
from gateway.sip.address import Uri

EVENT = "message-summary"
CONTENT = "application/simple-message-summary"
KINDS = ("voice", "fax", "pager", "multimedia", "text")
"The kinds of messages that are told, in this order; `none` is no kind."

_LINE = re.compile(r"([A-Za-z-]{1,40})[ \t]*+:[ \t]*+(.{0,400})")
_COUNTS = re.compile(
    r"(\d{1,6})[ \t]*+/[ \t]*+(\d{1,6})(?:[ \t]*+\([ \t]*+(\d{1,6})[ \t]*+/[ \t]*+(\d{1,6})[ \t]*+\))?"
)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many messages of one kind there are."""

    new: int
    old: int
    urgent: int = 0
    "Of the new ones."


@dataclass(frozen=True, slots=True)
class Summary:
    """What waits."""

    waiting: bool
    counts: tuple[tuple[str, Counts], ...] = ()
    "By kind, in the order of `KINDS`."

    account: Uri | None = None
    "What to call for them."


def read(body: bytes) -> Summary:
    """Read a body; PeerError (400) where it does not say whether something waits."""
    found: dict[str, str] = {}
    for raw in body[:8192].decode("utf-8", "replace").splitlines()[:64]:
        match = _LINE.match(raw.strip())
        if match:
            found.setdefault(match[1].lower(), match[2].strip())
    waiting = found.get("messages-waiting", "").lower()
    if waiting not in ("yes", "no"):
        raise PeerError("message-summary: Messages-Waiting is neither yes nor no")
    counts = []
    for kind in KINDS:
        if match := _COUNTS.match(found.get(f"{kind}-message", "")):
            counts.append((kind, Counts(int(match[1]), int(match[2]), int(match[3] or 0))))
    account = None
    with suppress(PeerError):
        account = Uri.parse(found.get("message-account", "").strip("<>"))
    return Summary(waiting == "yes", tuple(counts), account)


def spoken(summary: Summary) -> str:
    """The same for people: "2 new voice messages (1 urgent), 8 old"."""
    parts = []
    for kind, counts in summary.counts:
        if counts.new:
            urgent = f" ({counts.urgent} urgent)" if counts.urgent else ""
            old = f", {counts.old} old" if counts.old else ""
            parts.append(f"{counts.new} new {kind} {'message' if counts.new == 1 else 'messages'}{urgent}{old}")
    if parts:
        return "; ".join(parts)
    return "New messages are waiting" if summary.waiting else "No new messages"
