"""What an ad-hoc command is: who may run it, and its stages, each of which asks, or is the last word (XEP-0050).

A stage is a coroutine: it gets what was filled in, and returns the next form or the end.  What it asks carries who
takes the answer (`Ask.then`): a command keeps nothing between its stages, and going back only shows a form again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from .form import Filled, Form, Report


class Severity(StrEnum):
    """How bad it is (XEP-0050 §4.3)."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence for whoever runs the command."""

    text: str
    severity: Severity = Severity.INFO


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The command wants something filled in."""

    form: Form
    then: Callable[[Filled], Awaitable["Outcome"]]
    "Takes what was filled in; Fault sends the same form again, with its text."

    last: bool = True
    "Nothing more is asked after this, so far as is known: the button says that it completes."

    back: bool = True
    "The form before this may be shown again."

    notes: tuple[Note, ...] = ()
    left: Callable[[], None] = _nothing
    "Called if nobody fills it in: cancelled, or given up."


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The command has ended; it failed if a note of severity error stands there (XEP-0050 §3.5)."""

    notes: tuple[Note, ...] = ()
    report: Report | None = None

    @property
    def failed(self) -> bool:
        """Whether what was wanted was not done."""
        return any(note.severity is Severity.ERROR for note in self.notes)


Outcome = Ask | Done


def done(text: str) -> Done:
    """The end of a command that did what was wanted."""
    return Done(notes=(Note(text),))


def failed(text: str) -> Done:
    """The end of a command that did not."""
    return Done(notes=(Note(text, Severity.ERROR),))


class Command(Protocol):
    """One command."""

    @property
    def node(self) -> str:
        """Its name for programs, unlike any other's here."""
        ...

    @property
    def name(self) -> str:
        """Its name for people."""
        ...

    def may(self, jid: str) -> bool:
        """Whether that user, a bare JID, may run it; who may not does not see it."""
        ...

    async def start(self, jid: str) -> Outcome:
        """The first stage, for a user, a full JID.  Fault ends it with that text."""
        ...
