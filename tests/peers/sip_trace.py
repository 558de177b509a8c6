"""A SIP message as a peer's trace shows it: read just far enough to be judged by a test."""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """A SIP message that a peer sent or received."""

    at: float = 0.0
    "Seconds since the epoch; 0: the trace does not say."
    outgoing: bool
    text: str

    @property
    def first_line(self) -> str:
        """The request line or status line."""
        return self.text.partition("\n")[0].strip()

    @property
    def label(self) -> str:
        """The method, or the status and its phrase."""
        if self.first_line.startswith("SIP/2.0 "):
            return self.first_line.removeprefix("SIP/2.0 ")
        return self.first_line.partition(" ")[0]

    def is_(self, label: str) -> bool:
        """Whether it is of that method, or of that status."""
        return self.label.partition(" ")[0] == label

    @property
    def uri(self) -> str:
        """The Request-URI; empty: it is a response."""
        words = self.first_line.split(" ")
        return words[1] if len(words) == 3 and words[2] == "SIP/2.0" else ""

    def headers(self, name: str) -> list[str]:
        """A header's values, a line each."""
        head = re.split(r"\r?\n\r?\n", self.text, maxsplit=1)[0]
        return re.findall(rf"^{re.escape(name)}[ \t]*:[ \t]*(.*?)\r?$", head, re.MULTILINE | re.IGNORECASE)

    def header(self, name: str) -> str:
        """A header's first value; empty: there is none."""
        return next(iter(self.headers(name)), "")

    @property
    def body(self) -> str:
        """The body."""
        parts = re.split(r"\r?\n\r?\n", self.text, maxsplit=1)
        return parts[1] if len(parts) > 1 else ""


def once(messages: Iterable[Traced]) -> list[Traced]:
    """Those messages, each when it first went over the wire: what is repeated only tells how busy the machine is."""
    return list({(message.outgoing, message.text): message for message in reversed(list(messages))}.values())[::-1]


def ladder(messages: list[Traced], name: str) -> str:
    """Messages as text, a line each."""
    start = messages[0].at if messages else 0.0
    lines = [
        f"  {message.at - start:8.3f} {name} {'→' if message.outgoing else '←'} {message.first_line}"
        for message in messages
    ]
    return "\n".join(lines) or "  (no SIP messages)"
